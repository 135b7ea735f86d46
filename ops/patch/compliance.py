"""The check of the fleet's patches: what instances lack by their baseline, and how old that is."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from ops.core.checks import (
    CheckFacts,
    CheckFinding,
    CheckRoutine,
    ReadAnswer,
    build_read,
    get_answer_items,
    split_into_chunks,
)
from ops.core.counts import format_count
from ops.core.times import format_aws_minute, format_utc_minute
from ops.findings.model import ResourceFinding, build_finding_id, summarize_findings
from ops.findings.waivers import apply_waivers
from ops.fleet.health import build_fleet_group_read, get_fleet_contract
from ops.outputs import FleetPart
from ops.patch.apis import (
    APPLY_COMMAND_LINE,
    IN_PLACE_COMMAND,
    INSTANCE_INFORMATION_API,
    INSTANCE_PATCHES_API,
    INSTANCES_PER_READ,
    PATCH_STATES_API,
    SCAN_COMMAND,
)
from ops.patch.check_records import PATCH_AREA
from ops.patch.instance_patches import (
    ONLINE,
    InstancePatches,
    build_instance_patches,
    build_state_filter,
    has_open_patches,
)

_COMPLIANCE_KEY: Final = "patch-compliance"
# EC2 instances that Systems Manager manages must be compliant after patches are installed
# (AWS Foundational Security Best Practices).
PATCH_CONTROL: Final = "FSBP SSM.2"
# The scan of the stack comes every day: an older one has failed at least once.
MAX_SCAN_AGE: Final = timedelta(days=2)
REPLACE_COMMAND: Final = "ops fleet refresh start"


def check_compliance(facts: CheckFacts) -> CheckRoutine:
    """Checks that each instance was scanned lately and lacks nothing of the stack's baseline."""
    fleet = get_fleet_contract(facts)
    (group_answer,) = yield [build_fleet_group_read(fleet)]
    group = next(iter(get_answer_items(group_answer)), None)
    if group is None:
        return [CheckFinding("failing", PATCH_AREA, fleet.group, "is gone", "pulumi up --refresh")]
    ids = sorted(str(instance["InstanceId"]) for instance in group["Instances"])
    if not ids:
        return [CheckFinding("ok", PATCH_AREA, fleet.group, "has no instances")]
    chunks = split_into_chunks(ids, INSTANCES_PER_READ)
    answers = yield [
        *(build_read(PATCH_STATES_API, "InstancePatchStates", InstanceIds=c) for c in chunks),
        *(
            build_read(
                INSTANCE_INFORMATION_API,
                "InstanceInformationList",
                Filters=[{"Key": "InstanceIds", "Values": chunk}],
            )
            for chunk in chunks
        ),
    ]
    states, agents = (
        _index_instances(answers[: len(chunks)]),
        _index_instances(answers[len(chunks) :]),
    )
    open_ids = [id_ for id_ in ids if id_ in states and has_open_patches(states[id_])]
    patch_answers = (
        (
            yield [
                build_read(
                    INSTANCE_PATCHES_API, "Patches", InstanceId=id_, Filters=build_state_filter()
                )
                for id_ in open_ids
            ]
        )
        if open_ids
        else []
    )
    patches = {
        id_: get_answer_items(answer) for id_, answer in zip(open_ids, patch_answers, strict=True)
    }
    findings: list[CheckFinding] = []
    for id_ in ids:
        agent = agents.get(id_)
        instance = build_instance_patches(
            id_,
            states.get(id_),
            patches.get(id_, ()),
            is_managed=agent is not None and agent.get("PingStatus") == ONLINE,
        )
        findings += _judge_instance(facts, fleet, instance, agent)
    if not findings:
        scanned = format_aws_minute(min(str(states[id_]["OperationEndTime"]) for id_ in ids))
        looked_at = f"{format_count(len(ids), 'instance')} lack nothing; scanned {scanned} or later"
        findings = summarize_findings(PATCH_AREA, fleet.group, (), looked_at)
    return (yield from apply_waivers(facts, findings))


def _index_instances(answers: Sequence[ReadAnswer]) -> dict[str, Mapping[str, Any]]:
    """The items of answers by their instance."""
    return {
        str(item["InstanceId"]): item for answer in answers for item in get_answer_items(answer)
    }


def _judge_instance(
    facts: CheckFacts, fleet: FleetPart, instance: InstancePatches, agent: Mapping[str, Any] | None
) -> list[CheckFinding]:
    """What is open of an instance, and what is not known of it."""
    findings: list[CheckFinding] = []
    if not instance.is_managed:
        seen = agent.get("LastPingDateTime") if agent else None
        evidence = (
            f"its agent last answered at {format_aws_minute(seen)}"
            if seen
            else "Systems Manager has no agent"
        )
        findings.append(_build_unknown(instance, evidence, REPLACE_COMMAND))
    if instance.scanned_at is None:
        if instance.is_managed:
            findings.append(_build_unknown(instance, "was never scanned", SCAN_COMMAND))
        return findings
    if facts.now - instance.scanned_at > MAX_SCAN_AGE and instance.is_managed:
        scanned = format_utc_minute(instance.scanned_at.timestamp())
        findings.append(_build_unknown(instance, f"was last scanned at {scanned}", SCAN_COMMAND))
    if instance.is_open:
        is_lacking = bool(instance.missing or instance.failed)
        findings.append(
            ResourceFinding(
                "failing",
                PATCH_AREA,
                instance.instance_id,
                instance.describe(),
                APPLY_COMMAND_LINE if is_lacking else IN_PLACE_COMMAND,
                id=build_finding_id(_COMPLIANCE_KEY, instance.instance_id),
                severity=instance.severity,
                reason=PATCH_CONTROL,
            )
        )
    elif fleet.patch_baseline_id and instance.baseline_id != fleet.patch_baseline_id:
        findings.append(
            ResourceFinding(
                "failing",
                PATCH_AREA,
                instance.instance_id,
                f"was compared with the baseline {instance.baseline_id}, not with the stack's "
                f"({fleet.patch_baseline_id}): it has no patch group, or another one",
                REPLACE_COMMAND,
                id=build_finding_id(_COMPLIANCE_KEY, f"{instance.instance_id}/baseline"),
                severity="low",
                reason=PATCH_CONTROL,
            )
        )
    return findings


def _build_unknown(instance: InstancePatches, evidence: str, command: str) -> CheckFinding:
    return CheckFinding("unknown", PATCH_AREA, instance.instance_id, evidence, command)
