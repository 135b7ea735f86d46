"""SSM Patch Manager: what instances lack, as scans and installations patched and left it.

An instance has what its AMI had and what was installed since. It lacks what was released after its
AMI, once its patch baseline approves that; the baseline is that of its patch group, else the
region's default. What is seen is as old as the last scan: by Run Command, or by an association that
names the instance. An instance with the tag `sandbox:managed` = `no` has no agent that answers.
Sources: Systems Manager User Guide, "Patch compliance state values" and "SSM Command document for
patching: AWS-RunPatchBaseline"; API reference, PatchComplianceData and InstancePatchState. The
default baseline approves critical and important security patches after 7 days ("Amazon Linux 2023
predefined patch baselines"). The times are assumptions.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from moto.ec2.models import EC2Backend, ec2_backends
from moto.ec2.models.instances import Instance
from moto.ssm.models import ssm_backends
from moto.ssm.responses import SimpleSystemManagerResponse

from sandbox.clock import get_sandbox_clock, is_in_future
from sandbox.patches.patching import AwsError, ServicePatch, backend_state
from sandbox.patches.ssm.associations import list_scan_times
from sandbox.patches.ssm.patch_catalogue import (
    PACKAGE_ARCHITECTURES,
    PATCHED_PRODUCT,
    ReleasedPatch,
    SecurityPatch,
    list_released_patches,
)

patch = ServicePatch()
ApiRecord = dict[str, Any]
DocumentParameters = dict[str, list[str]]
PATCH_GROUP_KEY: Final = "PatchGroup"
BASELINE_SYSTEM: Final = "AMAZON_LINUX_2023"
UNMANAGED_TAG: Final = ("sandbox:managed", "no")
DEFAULT_APPROVAL: Final = {"Critical": 7, "Important": 7}  # days by severity
PATCH_STATES_PER_CALL: Final = 50  # instance ids in one call. Source: API reference
SCAN_SECONDS: Final = 30
INSTALL_SECONDS: Final = 120
PATCH_REBOOT_SECONDS: Final = 60
EPOCH: Final = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True)
class PatchOperation:
    """One run of AWS-RunPatchBaseline on an instance; seen once it has ended."""

    kind: str  # Scan or Install
    ends_at: datetime
    reboot_option: str = "NoReboot"
    is_failed: bool = False


def list_operations(ec2: EC2Backend, instance_id: str) -> list[PatchOperation]:
    """The operations of an instance, in their order, also those that have not ended."""
    operations: dict[str, list[PatchOperation]] = backend_state(ec2, "patch_operations", dict)
    return operations.setdefault(instance_id, [])


def is_managed(instance: Instance) -> bool:
    """True if the instance runs an agent that answers."""
    tags = _get_tags(instance)
    return instance.state == "running" and tags.get(UNMANAGED_TAG[0]) != UNMANAGED_TAG[1]


def estimate_patch_seconds(
    ec2: EC2Backend, instance: Instance, parameters: DocumentParameters
) -> float:
    """How long AWS-RunPatchBaseline takes: it ends after the reboot, if one is needed."""
    if parameters["Operation"] == ["Scan"]:
        return SCAN_SECONDS
    lacking = _list_lacking(ec2, instance, get_sandbox_clock().now(), ())
    is_rebooted = _get_reboot_option(parameters) == "RebootIfNeeded" and any(
        released.patch.needs_reboot for released in lacking
    )
    return INSTALL_SECONDS + PATCH_REBOOT_SECONDS * is_rebooted


def record_patching(
    ec2: EC2Backend,
    instance: Instance,
    parameters: DocumentParameters,
    ends_at: datetime,
    *,
    is_failed: bool,
) -> None:
    """Records an operation that ends at a time."""
    (kind,) = parameters["Operation"]
    list_operations(ec2, instance.id).append(
        PatchOperation(kind, ends_at, _get_reboot_option(parameters), is_failed)
    )


def _get_reboot_option(parameters: DocumentParameters) -> str:
    """The document's own default is RebootIfNeeded."""
    return (parameters.get("RebootOption") or ["RebootIfNeeded"])[0]


def _list_ended_operations(ec2: EC2Backend, instance: Instance) -> list[PatchOperation]:
    """Those that have ended, with the scans of associations, in their order."""
    scans = [PatchOperation("Scan", time) for time in list_scan_times(ec2, instance)]
    sent = [o for o in list_operations(ec2, instance.id) if not is_in_future(o.ends_at)]
    return sorted([*scans, *sent], key=lambda operation: operation.ends_at)


def _list_lacking(
    ec2: EC2Backend, instance: Instance, time: datetime, installs: Iterable[datetime]
) -> list[ReleasedPatch]:
    """What the baseline approved by a time, that neither the AMI nor an installation brought."""
    image = ec2.amis.get(instance.image_id)
    built_at = image.creation_date.replace(tzinfo=UTC) if image else None
    approval_days = _get_approval_days(ec2, instance)

    def is_lacking(released: ReleasedPatch) -> bool:
        days = approval_days.get(released.patch.severity)
        if days is None or (built_at is not None and released.released_at <= built_at):
            return False
        approved_at = released.released_at + timedelta(days=days)
        return approved_at <= time and not any(approved_at <= install for install in installs)

    return [r for r in list_released_patches(ec2.account_id, ec2.region_name) if is_lacking(r)]


def _get_tags(instance: Instance) -> dict[str, str]:
    return {tag["key"]: tag["value"] for tag in instance.get_tags()}


def _get_baseline_id(ec2: EC2Backend, instance: Instance) -> str:
    group = _get_tags(instance).get(PATCH_GROUP_KEY, "")
    ssm = ssm_backends[ec2.account_id][ec2.region_name]
    return ssm.get_patch_baseline_for_patch_group(group, BASELINE_SYSTEM)[0]


def _get_approval_days(ec2: EC2Backend, instance: Instance) -> dict[str, int]:
    """Days until a patch must be there, by the severities that the baseline approves."""
    ssm = ssm_backends[ec2.account_id][ec2.region_name]
    baseline = ssm.baselines.get(_get_baseline_id(ec2, instance))
    if baseline is None or baseline.approval_rules is None:
        return dict(DEFAULT_APPROVAL)
    return {
        severity: int(rule["ApproveAfterDays"])
        for rule in baseline.approval_rules["PatchRules"]
        for patch_filter in rule["PatchFilterGroup"]["PatchFilters"]
        if patch_filter["Key"] == "SEVERITY"
        for severity in patch_filter["Values"]
    }


@dataclass(frozen=True)
class InstancePatches:
    """What the last operation of an instance left."""

    operation: PatchOperation
    patches: tuple[tuple[SecurityPatch, str, datetime | None], ...]  # each with its state

    def count(self, *states: str) -> int:
        """The number of patches in these states."""
        return sum(state in states for _, state, _ in self.patches)


def find_instance_patches(ec2: EC2Backend, instance: Instance) -> InstancePatches | None:
    """The patches of an instance as they were found last; None if it was never scanned."""
    operations = _list_ended_operations(ec2, instance)
    if not operations:
        return None
    last = operations[-1]
    installs = [o for o in operations if o.kind == "Install" and not o.is_failed]
    lacking = _list_lacking(ec2, instance, last.ends_at, [o.ends_at for o in installs])
    state = "Failed" if last.is_failed and last.kind == "Install" else "Missing"
    patches: list[tuple[SecurityPatch, str, datetime | None]] = [
        (released.patch, state, None) for released in lacking
    ]
    before_installs = _list_lacking(ec2, instance, last.ends_at, ())
    for released in before_installs:
        if released not in lacking:
            install = next(o for o in installs if o.ends_at >= released.released_at)
            is_pending = released.patch.needs_reboot and install.reboot_option == "NoReboot"
            installed_state = "InstalledPendingReboot" if is_pending else "Installed"
            patches.append((released.patch, installed_state, install.ends_at))
    return InstancePatches(last, tuple(patches))


def _build_state(ec2: EC2Backend, instance: Instance, patched: InstancePatches) -> ApiRecord:
    operation = patched.operation

    def count_lacking(severities: tuple[str, ...]) -> int:
        return sum(
            item.severity in severities and state != "Installed"
            for item, state, _ in patched.patches
        )

    return {
        "InstanceId": instance.id,
        "PatchGroup": _get_tags(instance).get(PATCH_GROUP_KEY, ""),
        "BaselineId": _get_baseline_id(ec2, instance),
        "InstalledCount": patched.count("Installed"),
        "InstalledOtherCount": 0,
        "InstalledPendingRebootCount": patched.count("InstalledPendingReboot"),
        "InstalledRejectedCount": 0,
        "MissingCount": patched.count("Missing"),
        "FailedCount": patched.count("Failed"),
        "NotApplicableCount": 0,
        "CriticalNonCompliantCount": count_lacking(("Critical",)),
        "SecurityNonCompliantCount": count_lacking(("Critical", "Important", "Medium", "Low")),
        "OtherNonCompliantCount": 0,
        "Operation": operation.kind,
        "OperationStartTime": operation.ends_at - timedelta(seconds=SCAN_SECONDS),
        "OperationEndTime": operation.ends_at,
        "RebootOption": operation.reboot_option,
    }


@patch.add_operation(SimpleSystemManagerResponse, "DescribeInstancePatchStates")
def describe_instance_patch_states(
    response: SimpleSystemManagerResponse, params: ApiRecord
) -> ApiRecord:
    """Those of the instances that were ever scanned."""
    if len(params["InstanceIds"]) > PATCH_STATES_PER_CALL:
        raise AwsError("ValidationException", "InstanceIds may be 50 at most.")
    ec2 = ec2_backends[response.current_account][response.region]
    return {
        "InstancePatchStates": [
            _build_state(ec2, instance, patched)
            for instance in _list_instances(ec2, params["InstanceIds"])
            if (patched := find_instance_patches(ec2, instance)) is not None
        ]
    }


def _list_instances(ec2: EC2Backend, ids: Iterable[str]) -> Iterator[Instance]:
    for id_ in ids:
        instance = ec2.get_instance_by_id(id_)
        if instance is not None and instance.state != "terminated":
            yield instance


@patch.add_operation(SimpleSystemManagerResponse, "DescribeInstancePatches")
def describe_instance_patches(
    response: SimpleSystemManagerResponse, params: ApiRecord
) -> ApiRecord:
    """CVEs only of what is missing or failed (API reference, PatchComplianceData)."""
    ec2 = ec2_backends[response.current_account][response.region]
    states = {
        value
        for criterion in params.get("Filters") or ()
        if criterion["Key"] == "State"
        for value in criterion["Values"]
    }
    records = []
    for instance in _list_instances(ec2, [params["InstanceId"]]):
        patched = find_instance_patches(ec2, instance)
        for item, state, installed_at in patched.patches if patched else ():
            if states and state not in states:
                continue
            architecture = PACKAGE_ARCHITECTURES.get(str(instance.architecture), "noarch")
            closes = {"CVEIds": ",".join(item.cve_ids)} if state in ("Missing", "Failed") else {}
            records.append(
                {
                    "Title": f"{item.package}.{architecture}:0:{item.version}.amzn2023",
                    "KBId": f"{item.package}.{architecture}",
                    "Classification": "Security",
                    "Severity": item.severity,
                    "State": state,
                    "InstalledTime": installed_at or EPOCH,
                    **closes,
                }
            )
    return {"Patches": records}


@patch.add_operation(SimpleSystemManagerResponse, "DescribeAvailablePatches")
def describe_available_patches(
    response: SimpleSystemManagerResponse, params: ApiRecord
) -> ApiRecord:
    """Filters of Linux must name a product (API reference)."""
    filters = {item["Key"]: item["Values"] for item in params.get("Filters") or ()}
    if "PRODUCT" not in filters:
        raise AwsError("ValidationException", "A filter of PRODUCT is required.")
    return {
        "Patches": [
            {
                "Name": released.patch.package,
                "Version": released.patch.version,
                "Severity": released.patch.severity,
                "Classification": "Security",
                "Product": PATCHED_PRODUCT,
                "ReleaseDate": released.released_at,
                "CVEIds": list(released.patch.cve_ids),
            }
            for released in list_released_patches(response.current_account, response.region)
            if PATCHED_PRODUCT in filters["PRODUCT"]
            and not ("CVE_ID" in filters and not {*filters["CVE_ID"]} & {*released.patch.cve_ids})
        ]
    }


@patch.add_operation(SimpleSystemManagerResponse, "DescribeInstanceInformation")
def describe_instance_information(
    response: SimpleSystemManagerResponse, params: ApiRecord
) -> ApiRecord:
    """Every instance that runs is managed, unless its tag says no."""
    ec2 = ec2_backends[response.current_account][response.region]
    ids = {
        value
        for criterion in params.get("Filters") or ()
        if criterion["Key"] == "InstanceIds"
        for value in criterion["Values"]
    }
    now = get_sandbox_clock().now()
    return {
        "InstanceInformationList": [
            {
                "InstanceId": instance.id,
                "PingStatus": "Online",
                "LastPingDateTime": now,
                "AgentVersion": "3.3.2299.0",
                "PlatformType": "Linux",
                "PlatformName": "Amazon Linux",
                "PlatformVersion": "2023",
                "ResourceType": "EC2Instance",
            }
            for instance in ec2.all_instances()
            if (not ids or instance.id in ids) and is_managed(instance)
        ]
    }
