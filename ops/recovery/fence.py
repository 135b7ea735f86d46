"""Fences an instance that a promotion replaces: nobody can connect to it, so it takes no writes.

Its security groups are replaced by the stack's group without rules. That stops new connections
only: security groups let tracked connections go on (EC2 User Guide, "Amazon EC2 security group
connection tracking"), so that a rename or a reboot, which follows, ends the sessions.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from pydantic import JsonValue

from ops.core.aws import Aws
from ops.core.plan import UNDOCUMENTED_TIME_SOURCE, JsonObject, Step, Wait
from ops.database.events import build_failure_reports
from ops.database.failover import build_reboot_step, get_reboot_events_start
from ops.database.instance import rds_call
from ops.database.statuses import (
    STEADY,
    Change,
    build_failed_conditions,
    build_status_condition,
    get_status_meaning,
    list_statuses_taking,
)
from ops.outputs import Outputs

GROUPS_EXPRESSION: Final = (
    "sort(DBInstances[0].VpcSecurityGroups[].join(' ', [VpcSecurityGroupId, Status]))"
)
TYPICAL_GROUPS_SECONDS: Final = 2 * 60


def is_fenceable(outputs: Outputs, instance: Mapping[str, Any]) -> bool:
    """True if the stack has a fence and the instance serves, or may be changed, now."""
    meaning = get_status_meaning(str(instance["DBInstanceStatus"]))
    can_fence = meaning.serves or Change.MODIFY in meaning.takes
    return outputs.database.fence_security_group_id is not None and can_fence


def build_fence_step(outputs: Outputs, instance: Mapping[str, Any], name: str = "fence") -> Step:
    """Builds the step that lets nobody connect to an instance. Undo restores its groups.

    The stack must have a fence.
    """
    identifier = str(instance["DBInstanceIdentifier"])
    undo_step = _build_groups_step(
        outputs,
        f"{name}_off",
        f"let clients connect to {identifier} again",
        instance,
        list_security_group_ids(instance) or [outputs.database.security_group_id],
    )
    return _build_groups_step(
        outputs,
        name,
        f"let nobody connect to {identifier}: replace its security groups by "
        f"{outputs.database.fence_security_group_id}, which has no rules",
        instance,
        [str(outputs.database.fence_security_group_id)],
        undo=(undo_step,),
        downtime=TYPICAL_GROUPS_SECONDS,
    )


def build_fence_steps(
    aws: Aws, outputs: Outputs, instance: Mapping[str, Any], now: datetime, *, is_primary: bool
) -> list[Step]:
    """Builds the steps that fence an instance and reboot it, which ends its sessions.

    None if it cannot be fenced. Reads the time of its last restart.
    """
    if not is_fenceable(outputs, instance):
        return []
    identifier, suffix = str(instance["DBInstanceIdentifier"]), "" if is_primary else "_serving"
    events_start = get_reboot_events_start(aws, outputs, identifier, now)
    description = f"reboot {identifier}, which ends its sessions"
    reboot_step = build_reboot_step(
        outputs, identifier, events_start, f"reboot{suffix}", description
    )
    # Nobody is connected after the first reboot, so that a second one does no harm.
    repeatable_call = reboot_step.action.model_copy(update={"repeatable": True})
    return [
        build_fence_step(outputs, instance, f"fence{suffix}"),
        reboot_step.model_copy(update={"action": repeatable_call}),
    ]


def build_admission_steps(outputs: Outputs, instance: Mapping[str, Any]) -> list[Step]:
    """Builds the step that lets the stack's clients connect to an instance fenced before.

    None if it is not fenced. Undo fences it again.
    """
    fence = outputs.database.fence_security_group_id
    groups = list_security_group_ids(instance)
    if fence is None or fence not in groups:
        return []
    identifier = str(instance["DBInstanceIdentifier"])
    undo_step = _build_groups_step(
        outputs, "admit_off", f"let nobody connect to {identifier} again", instance, groups
    )
    return [
        _build_groups_step(
            outputs,
            "admit",
            f"let the stack's clients connect to {identifier}",
            instance,
            [outputs.database.security_group_id],
            undo=(undo_step,),
        )
    ]


def list_fence_notes(
    outputs: Outputs, instance: Mapping[str, Any], identifier: str, *, is_open_long: bool
) -> list[str]:
    """Says what happens to the old instance, `identifier` from then on.

    With `is_open_long` an instance that is not fenced takes writes for as long as anybody has its
    address, else until nobody has its address for the stack's name in a cache.
    """
    if is_fenceable(outputs, instance):
        groups = " ".join(list_security_group_ids(instance) or [outputs.database.security_group_id])
        return [
            f"nobody can connect to the old instance, so that it takes no writes; to read it: `aws "
            f"rds modify-db-instance --db-instance-identifier {identifier} "
            f"--vpc-security-group-ids {groups}`",
            "a `pulumi up` before `ops recover reconcile` would let clients connect to it again",
        ]
    status = str(instance["DBInstanceStatus"])
    if outputs.database.fence_security_group_id is None:
        until = (
            "until no client has its address any more"
            if is_open_long
            else "for some minutes, from clients that have its address in a cache"
        )
        return [
            f"the old instance is not fenced and takes writes {until}, which the new one does not "
            "have: this stack was deployed before it had a security group for that (`pulumi up` "
            "creates it)"
        ]
    return [
        f"the old instance is {status} and cannot be fenced: if it serves again, it takes writes "
        "from clients that still have its address"
    ]


def list_security_group_ids(instance: Mapping[str, Any]) -> list[str]:
    """Lists the ids of an instance's security groups."""
    return sorted(group["VpcSecurityGroupId"] for group in instance.get("VpcSecurityGroups") or ())


def _build_groups_step(
    outputs: Outputs,
    name: str,
    description: str,
    instance: Mapping[str, Any],
    group_ids: Sequence[str],
    *,
    undo: tuple[Step, ...] = (),
    downtime: float = 0,
) -> Step:
    """Builds a change of security groups, which RDS applies at once and without an outage.

    It is seen by the resource id, which a rename does not change. Without ApplyImmediately no
    pending change is applied with it. Source: RDS User Guide, "Settings for DB instances", security
    group.
    """
    resource_filter: JsonValue = {
        "Name": "dbi-resource-id",
        "Values": [str(instance["DbiResourceId"])],
    }
    read = rds_call(outputs, "rds.describe_db_instances", {"Filters": [resource_filter]})
    ready_statuses = list_statuses_taking(Change.MODIFY)
    active_groups: list[JsonValue] = [f"{group} active" for group in sorted(group_ids)]
    params: JsonObject = {
        "DBInstanceIdentifier": str(instance["DBInstanceIdentifier"]),
        "VpcSecurityGroupIds": [*group_ids],
    }
    return Step(
        name=name,
        description=description,
        ready=Wait(
            read=read,
            met=build_status_condition(ready_statuses, "ready"),
            failed=build_failed_conditions(*ready_statuses),
        ),
        action=rds_call(outputs, "rds.modify_db_instance", params),
        goal=Wait(
            read=read,
            met={GROUPS_EXPRESSION: active_groups, **STEADY},
            begun={GROUPS_EXPRESSION: active_groups},
            failed=build_failed_conditions(),
            reports=build_failure_reports(outputs, str(instance["DBInstanceIdentifier"])),
            every=5,
            within=1800,
            typical=TYPICAL_GROUPS_SECONDS,
            source=UNDOCUMENTED_TIME_SOURCE,
        ),
        undo=undo,
        downtime=downtime,
    )
