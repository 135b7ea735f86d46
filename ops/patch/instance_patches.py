"""What Systems Manager knows of the patches of instances: their state, what is open, the CVEs."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from ops.core.aws import Aws
from ops.core.checks import split_into_chunks
from ops.core.counts import format_count
from ops.core.times import parse_aws_time
from ops.findings.model import FINDING_SEVERITIES, FindingSeverity
from ops.fleet.model import list_read_items
from ops.patch.apis import (
    INSTANCE_INFORMATION_API,
    INSTANCE_PATCHES_API,
    INSTANCES_PER_READ,
    MISSING_STATES,
    OPEN_STATES,
    PATCH_STATES_API,
    PENDING_REBOOT_STATE,
)

# Amazon Linux's severities as a finding's.
PATCH_SEVERITIES: Final[Mapping[str, FindingSeverity]] = {
    "Critical": "critical",
    "Important": "high",
    "Medium": "medium",
    "Low": "low",
}
SHOWN_PATCHES: Final = 4  # patches that an evidence names
ONLINE: Final = "Online"


@dataclass(frozen=True)
class OpenPatch:
    """A patch that is not in effect on an instance."""

    package: str
    severity: str
    state: str
    cve_ids: tuple[str, ...]

    @property
    def is_missing(self) -> bool:
        """True if it is not installed; False if it only waits for a reboot."""
        return self.state in MISSING_STATES

    def describe(self) -> str:
        """The package with its severity and what it closes."""
        details = ", ".join((self.severity or "no severity", *self.cve_ids))
        return f"{self.package} ({details})"


@dataclass(frozen=True)
class InstancePatches:
    """The patches of an instance. `scanned_at` is None if it was never scanned."""

    instance_id: str
    is_managed: bool
    scanned_at: datetime | None = None
    baseline_id: str = ""
    missing: int = 0
    failed: int = 0
    pending_reboot: int = 0
    open_patches: tuple[OpenPatch, ...] = ()

    @property
    def is_open(self) -> bool:
        """True if a patch is known not to be in effect."""
        return bool(self.missing or self.failed or self.pending_reboot)

    @property
    def severity(self) -> FindingSeverity:
        """The worst severity of what is open; medium if AWS names none."""
        severities = (PATCH_SEVERITIES.get(patch.severity) for patch in self.open_patches)
        known = [severity for severity in severities if severity is not None]
        return min(known, key=FINDING_SEVERITIES.index, default="medium")

    def describe(self) -> str:
        """The numbers, and the gravest of what is open."""
        counts = [
            f"{count} {word}"
            for count, word in (
                (self.missing, "missing"),
                (self.failed, "failed"),
                (self.pending_reboot, "waiting for a reboot"),
            )
            if count
        ]
        patches = sorted(self.open_patches, key=_get_rank)
        names = [patch.describe() for patch in patches[:SHOWN_PATCHES]]
        if more := len(patches) - SHOWN_PATCHES:
            names += [f"{more} more"] if more > 0 else []
        return ", ".join(counts) + (f": {', '.join(names)}" if names else "")


def _get_rank(patch: OpenPatch) -> tuple[int, str]:
    severity = PATCH_SEVERITIES.get(patch.severity)
    rank = len(FINDING_SEVERITIES) if severity is None else FINDING_SEVERITIES.index(severity)
    return rank, patch.package


def parse_open_patches(items: Iterable[Mapping[str, Any]]) -> tuple[OpenPatch, ...]:
    """The patches of DescribeInstancePatches that are not in effect, the gravest first."""
    patches = [
        OpenPatch(
            str(item.get("KBId") or item.get("Title")),
            str(item.get("Severity") or ""),
            str(item["State"]),
            tuple(filter(None, (item.get("CVEIds") or "").replace(" ", "").split(","))),
        )
        for item in items
        if item["State"] in OPEN_STATES
    ]
    return tuple(sorted(patches, key=_get_rank))


def build_instance_patches(
    instance_id: str,
    state: Mapping[str, Any] | None,
    patches: Iterable[Mapping[str, Any]],
    *,
    is_managed: bool,
) -> InstancePatches:
    """Builds the patches of an instance from what DescribeInstancePatchStates has of it, if any."""
    if state is None:
        return InstancePatches(instance_id, is_managed)
    return InstancePatches(
        instance_id,
        is_managed,
        parse_aws_time(state["OperationEndTime"]),
        str(state.get("BaselineId") or ""),
        int(state.get("MissingCount") or 0),
        int(state.get("FailedCount") or 0),
        int(state.get("InstalledPendingRebootCount") or 0),
        parse_open_patches(patches),
    )


def has_open_patches(state: Mapping[str, Any]) -> bool:
    """True if a state of DescribeInstancePatchStates counts a patch that is not in effect."""
    names = ("MissingCount", "FailedCount", "InstalledPendingRebootCount")
    return any(state.get(name) for name in names)


def build_state_filter() -> list[dict[str, Any]]:
    """The filter of DescribeInstancePatches for what is not in effect."""
    return [{"Key": "State", "Values": [*MISSING_STATES, PENDING_REBOOT_STATE]}]


def read_instance_patches(aws: Aws, instance_ids: Sequence[str]) -> list[InstancePatches]:
    """Reads the patches of instances, in their order. Raises RefusedError if AWS refuses."""
    states: dict[str, Mapping[str, Any]] = {}
    managed: set[str] = set()
    for chunk in split_into_chunks(instance_ids, INSTANCES_PER_READ):
        for state in list_read_items(
            aws, PATCH_STATES_API, "InstancePatchStates", {"InstanceIds": chunk}
        ):
            states[state["InstanceId"]] = state
        filters = [{"Key": "InstanceIds", "Values": chunk}]
        managed |= {
            item["InstanceId"]
            for item in list_read_items(
                aws, INSTANCE_INFORMATION_API, "InstanceInformationList", {"Filters": filters}
            )
            if item.get("PingStatus") == ONLINE
        }
    return [
        build_instance_patches(
            instance_id,
            state := states.get(instance_id),
            list_read_items(
                aws,
                INSTANCE_PATCHES_API,
                "Patches",
                {"InstanceId": instance_id, "Filters": build_state_filter()},
            )
            if state is not None and has_open_patches(state)
            else (),
            is_managed=instance_id in managed,
        )
        for instance_id in instance_ids
    ]


def list_missing_cves(instances: Iterable[InstancePatches]) -> list[str]:
    """The CVEs of what is missing on any of the instances, sorted."""
    return sorted(
        {
            cve
            for instance in instances
            for patch in instance.open_patches
            if patch.is_missing
            for cve in patch.cve_ids
        }
    )


def build_patch_row(instance: InstancePatches) -> dict[str, object]:
    """The row of an instance after a scan or an installation."""
    is_known = instance.scanned_at is not None
    return {
        "instance": instance.instance_id,
        "scanned": instance.scanned_at.isoformat(timespec="seconds")
        if instance.scanned_at
        else None,
        "missing": instance.missing if is_known else None,
        "failed": instance.failed if is_known else None,
        "pending reboot": instance.pending_reboot if is_known else None,
        "open": [patch.describe() for patch in instance.open_patches],
    }


PATCH_COLUMNS: Final = ("instance", "scanned", "missing", "failed", "pending reboot", "open")


def describe_missing(instances: Sequence[InstancePatches]) -> str:
    """How many instances lack how many patches."""
    packages = {p.package for i in instances for p in i.open_patches if p.is_missing}
    lacking = sum(bool(instance.missing or instance.failed) for instance in instances)
    return f"{format_count(lacking, 'instance')} of {len(instances)} lack {len(packages)} packages"
