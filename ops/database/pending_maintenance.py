"""Maintenance that AWS has pending for the database: what it is, what it stops, and its plan.

Sources: RDS User Guide, "Maintaining a DB instance"; API reference, PendingMaintenanceAction and
ApplyPendingMaintenanceAction. The list of pending actions lags behind ("eventually consistent"),
and events may be missing, so an action counts as applied once AWS no longer lists it and the
instance is available; events say that it failed.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from ops.core.aws import Aws
from ops.core.errors import OpsError, UsageError
from ops.core.plan import UNDOCUMENTED_TIME_SOURCE, JsonObject, Plan, Step, Wait
from ops.core.stack_plan import NO_COST, build_stack_plan
from ops.database.events import UPGRADE_FAILURES, build_failure_reports
from ops.database.failover import (
    FAILOVER_TIME_SOURCE,
    TYPICAL_FAILOVER_SECONDS,
    TYPICAL_REBOOT_SECONDS,
)
from ops.database.instance import (
    DatabaseInstance,
    describe_instance_call,
    list_in_stack_region,
    rds_call,
    require_takes,
)
from ops.database.pending_actions import PENDING_ACTIONS_API, PENDING_COMMAND, get_due_date
from ops.database.snapshots import build_snapshot_step
from ops.database.statuses import (
    STEADY,
    Change,
    build_failed_conditions,
    build_status_condition,
    list_statuses_taking,
)
from ops.outputs import Outputs

ENGINE_UPGRADE: Final = "db-upgrade"
CERTIFICATE_ROTATION: Final = "ca-certificate-rotation"
OptIn: TypeAlias = Literal["immediate", "next-maintenance", "undo-opt-in"]
IMMEDIATE: Final = "immediate"
NEXT_WINDOW: Final = "next-maintenance"
UNDO_OPT_IN: Final = "undo-opt-in"
TYPICAL_MAINTENANCE_SECONDS: Final = 15 * 60
PENDING_COLUMNS: Final = ("instance", "action", "description", "due", "opted in", "outage")


@dataclass(frozen=True)
class Outage:
    """What an action stops: `seconds` without service, None if AWS gives no figure."""

    seconds: float | None
    text: str


@dataclass(frozen=True)
class PendingAction:
    """One action that AWS has pending for an instance. `due` is ISO 8601; None: when applied."""

    instance: DatabaseInstance
    arn: str
    action: str
    description: str
    due: str | None
    opt_in: str | None

    @property
    def outage(self) -> Outage:
        """What applying it stops."""
        return describe_outage(self.action, multi_az=self.instance.multi_az)

    def row(self) -> dict[str, object]:
        """Returns the table row."""
        return {
            "instance": self.instance.identifier,
            "action": self.action,
            "description": self.description,
            "due": self.due,
            "opted in": self.opt_in,
            "outage": self.outage.text,
        }


def describe_outage(action: str, *, multi_az: bool) -> Outage:
    """Describes what an action stops, of a Multi-AZ instance or one without a standby.

    Sources: RDS User Guide, "Maintaining a DB instance" (the system is updated on the standby, then
    by a failover; the engine on both at once), and re:Post, "How do I minimize downtime during
    required Amazon RDS maintenance?".
    """
    if action == ENGINE_UPGRADE:
        both = "; a standby does not help, both are upgraded at once" if multi_az else ""
        return Outage(None, f"until the upgrade is complete, often some minutes{both}")
    if action == CERTIFICATE_ROTATION:
        return Outage(
            TYPICAL_REBOOT_SECONDS,
            "a restart, unless this version takes a certificate without one",
        )
    if action not in ("os-upgrade", "system-update", "hardware-maintenance"):
        return Outage(None, "unknown: AWS describes no such action")
    if not multi_az:
        return Outage(None, "some minutes, AWS gives no figure: there is no standby")
    if action == "hardware-maintenance":
        return Outage(
            TYPICAL_FAILOVER_SECONDS, "a failover of one to two minutes, none if only the standby's"
        )
    return Outage(TYPICAL_FAILOVER_SECONDS, "a failover of one to two minutes")


def list_pending_actions(
    aws: Aws, outputs: Outputs, instances: Mapping[str, DatabaseInstance]
) -> list[PendingAction]:
    """Lists what is pending for the instances, by ARN: replicas first, as RDS upgrades them."""
    resources = list_in_stack_region(
        aws, outputs, PENDING_ACTIONS_API, "PendingMaintenanceActions", {}
    )
    actions = [
        action
        for resource in resources
        if resource["ResourceIdentifier"] in instances
        for action in _parse_actions(instances[resource["ResourceIdentifier"]], resource)
    ]
    return sorted(
        actions, key=lambda item: (item.instance.role == "primary", item.instance.identifier)
    )


def _parse_actions(
    instance: DatabaseInstance, resource: Mapping[str, Any]
) -> Iterator[PendingAction]:
    for action in resource.get("PendingMaintenanceActionDetails") or ():
        yield PendingAction(
            instance,
            resource["ResourceIdentifier"],
            action["Action"],
            action.get("Description") or "",
            get_due_date(action),
            action.get("OptInStatus"),
        )


def select_actions(
    actions: Sequence[PendingAction], names: Iterable[str], instance: str | None
) -> list[PendingAction]:
    """Selects the pending actions of these names, or all; `instance` if only one instance's.

    Raises UsageError if a name is not pending.
    """
    candidates = [a for a in actions if instance in (None, a.instance.identifier)]
    pending_names = sorted({action.action for action in candidates})
    wanted_names = list(names)
    for name in wanted_names:
        if name not in pending_names:
            choices = " or ".join(map(repr, pending_names))
            raise UsageError(
                f"ACTION must be {choices}, not {name!r}"
                if choices
                else f"ACTION is {name!r}, but AWS has nothing pending"
                + (f" for {instance}" if instance else ""),
                PENDING_COMMAND,
            )
    return [a for a in candidates if not wanted_names or a.action in wanted_names]


def build_maintenance_plan(
    outputs: Outputs,
    actions: Sequence[PendingAction],
    primary: DatabaseInstance,
    opt_in: OptIn,
    run: str,
    *,
    arguments: str,
) -> Plan:
    """Builds the plan that applies actions now, lets the next window do it, or takes that back.

    Before an engine upgrade of the primary a snapshot is taken. Raises OpsError if an instance
    takes no change now, UsageError if an opt-in cannot be taken back.
    """
    steps: list[Step] = []
    notes: list[str] = []
    if opt_in == IMMEDIATE:
        for action in actions:
            require_takes(action.instance, "before maintenance is applied", Change.MODIFY)
        if any(_is_upgrade_of(action, primary) for action in actions):
            require_takes(primary, "before the snapshot", Change.SNAPSHOT)
            steps.append(build_snapshot_step(outputs, primary, run))
            notes.append(
                "the engine's version changes: change engineVersion in the stack's settings too"
            )
        notes += [
            "applying maintenance now cannot be undone",
            *(
                f"{action.action} of {action.instance.identifier} stops it: {action.outage.text}"
                for action in actions
            ),
        ]
    for number, action in enumerate(actions, 1):
        steps += _build_steps(outputs, number, action, opt_in)
    return build_stack_plan(
        outputs,
        run,
        "db maintenance apply",
        *steps,
        changes=[_describe_change(action, opt_in) for action in actions],
        losses=(),
        cost=NO_COST,
        notes=notes,
        arguments=arguments,
    )


def _is_upgrade_of(action: PendingAction, primary: DatabaseInstance) -> bool:
    return action.action == ENGINE_UPGRADE and action.instance.identifier == primary.identifier


def _describe_change(action: PendingAction, opt_in: OptIn) -> str:
    when = {
        IMMEDIATE: "applied now",
        NEXT_WINDOW: "applied in the next maintenance window",
        UNDO_OPT_IN: "no longer applied in the next maintenance window",
    }[opt_in]
    return f"{action.action} of {action.instance.identifier}: {when}"


def _build_steps(
    outputs: Outputs, number: int, action: PendingAction, opt_in: OptIn
) -> Iterator[Step]:
    if opt_in == IMMEDIATE:
        yield _build_apply_step(outputs, number, action)
        yield _build_available_step(outputs, number, action)
        return
    if action.opt_in == IMMEDIATE:
        raise UsageError(
            f"{action.action} of {action.instance.identifier} is being applied: AWS takes back "
            "only what waits for the next window",
            PENDING_COMMAND,
        )
    if opt_in == UNDO_OPT_IN and action.opt_in is None:
        raise UsageError(
            f"{action.action} of {action.instance.identifier} was not chosen for the next window, "
            "so --undo has nothing to take back",
            PENDING_COMMAND,
        )
    if opt_in == NEXT_WINDOW and action.opt_in == NEXT_WINDOW:
        raise UsageError(
            f"{action.action} of {action.instance.identifier} is chosen for the next window "
            "already",
            PENDING_COMMAND,
        )
    other: OptIn = NEXT_WINDOW if opt_in == UNDO_OPT_IN else UNDO_OPT_IN
    yield _build_opt_in_step(outputs, f"choose_{number}", action, opt_in).model_copy(
        update={"undo": (_build_opt_in_step(outputs, f"undo_{number}", action, other),)}
    )


def _build_params(action: PendingAction, opt_in: OptIn) -> JsonObject:
    return {
        "ResourceIdentifier": action.arn,
        "ApplyAction": action.action,
        "OptInType": opt_in,
    }


def _build_details_path(action: PendingAction) -> str:
    """Builds the path of what is pending of this action: empty once it is applied."""
    return (
        "(PendingMaintenanceActions[].PendingMaintenanceActionDetails[] || `[]`) | "
        f"[?Action == '{action.action}']"
    )


def _build_status_path(action: PendingAction) -> str:
    """Builds the path of this action's opt-ins: empty if it is not pending or not chosen."""
    return f"{_build_details_path(action)}.OptInStatus"


def _count_path(action: PendingAction) -> str:
    return f"length({_build_details_path(action)})"


def _build_opt_in_step(outputs: Outputs, name: str, action: PendingAction, opt_in: OptIn) -> Step:
    expected: list[Any] = [NEXT_WINDOW] if opt_in == NEXT_WINDOW else []
    verb = "choose the next window for" if opt_in == NEXT_WINDOW else "take back the choice of"
    return Step(
        name=name,
        description=f"{verb} {action.action} of {action.instance.identifier}",
        action=rds_call(
            outputs, "rds.apply_pending_maintenance_action", _build_params(action, opt_in)
        ),
        goal=Wait(
            read=rds_call(outputs, PENDING_ACTIONS_API, {"ResourceIdentifier": action.arn}),
            met={_build_status_path(action): expected, _count_path(action): 1},
            every=10,
            within=900,
        ),
    )


def _build_apply_step(outputs: Outputs, number: int, action: PendingAction) -> Step:
    identifier = action.instance.identifier
    return Step(
        name=f"apply_{number}",
        description=f"apply {action.action} to {identifier}",
        action=rds_call(
            outputs, "rds.apply_pending_maintenance_action", _build_params(action, IMMEDIATE)
        ),
        ready=Wait(
            read=describe_instance_call(outputs, identifier),
            met=build_status_condition(list_statuses_taking(Change.MODIFY), "ready"),
            failed=build_failed_conditions(),
        ),
        goal=Wait(
            read=rds_call(outputs, PENDING_ACTIONS_API, {"ResourceIdentifier": action.arn}),
            met={_count_path(action): 0},
            begun={f"{_build_status_path(action)} | [0]": IMMEDIATE},
            every=30,
            within=6 * 3600,
            typical=TYPICAL_MAINTENANCE_SECONDS,
            source=UNDOCUMENTED_TIME_SOURCE
            if action.outage.seconds is None
            else f"the outage: {FAILOVER_TIME_SOURCE}; the whole: {UNDOCUMENTED_TIME_SOURCE}",
            reports=build_failure_reports(outputs, identifier, UPGRADE_FAILURES),
        ),
        downtime=action.outage.seconds,
    )


def _build_available_step(outputs: Outputs, number: int, action: PendingAction) -> Step:
    identifier = action.instance.identifier
    read = describe_instance_call(outputs, identifier)
    return Step(
        name=f"available_{number}",
        description=f"see {identifier} available",
        action=read,
        goal=Wait(
            read=read,
            met={**STEADY},
            failed=build_failed_conditions(),
            every=15,
            within=3600,
            reports=build_failure_reports(outputs, identifier, UPGRADE_FAILURES),
        ),
    )


def require_pending(actions: Sequence[PendingAction], instance: str | None) -> None:
    """Raises OpsError if nothing is pending."""
    if not actions:
        raise OpsError(
            f"AWS has no maintenance pending for {instance or 'the database'}", PENDING_COMMAND
        )
