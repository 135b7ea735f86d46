"""The maintenance window: announce, mute, take a snapshot, change, check, unmute, announce the end.

A window is one plan, so it holds the stack's lock. Its end is both its last steps and the undo of
its first: a window with a failed change also unmutes the alarms and announces that it was
cancelled. A killed one does so when it is resumed or undone.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from ops.alarms.announcement import (
    AnnouncementLevel,
    build_announcement_steps,
    build_withdrawal_steps,
)
from ops.alarms.mute import (
    MAX_MUTE_MINUTES,
    StackAlarm,
    build_mute_plan,
    mute_times,
    parse_mute_end,
)
from ops.alarms.mute_state import MuteData, MuteMethod
from ops.core.aws import Aws
from ops.core.errors import OpsError, UsageError
from ops.core.plan import Plan, Step, sum_downtimes
from ops.core.stack_plan import NO_COST, build_stack_plan
from ops.core.steps import (
    DATABASE_ANSWERS,
    build_database_answers_step,
    build_instance_available_step,
    build_services_stable_steps,
)
from ops.database import failover, parameters, snapshots
from ops.database.instance import (
    DatabaseInstance,
    get_primary_or_replica,
    require_no_pending_changes,
    require_takes,
)
from ops.database.sql.connection import DatabaseClient
from ops.database.sql.vacuum import (
    build_table_vacuum_plan,
    fetch_table_statistics,
    select_tables_to_vacuum,
)
from ops.database.statuses import Change
from ops.database.upgrade import (
    build_database_upgrade_plan,
    list_database_upgrade_targets,
    resolve_upgrade_target,
)
from ops.outputs import Outputs

MIN_WINDOW_MINUTES: Final = 15  # minutes; the shortest default length, an assumption
MAINTENANCE_RUN_KIND: Final = "maintenance"


@dataclass(frozen=True)
class MaintenanceRequest:
    """The changes that the options ask for."""

    parameters: Mapping[str, str] = field(default_factory=dict)
    patch: str | None = None
    reboot: bool = False
    tables: tuple[str, ...] = ()


@dataclass(frozen=True)
class MaintenanceObservation:
    """What changes are planned from; `database_client` is None without SQL access."""

    aws: Aws
    outputs: Outputs
    instance: DatabaseInstance
    request: MaintenanceRequest
    run: str
    now: datetime
    database_client: DatabaseClient | None = None


def parse_parameters_option(text: str | None) -> dict[str, str]:
    """Parses NAME=VALUE,... of --parameters; values may contain commas. Raises UsageError."""
    assignments = re.split(r",(?=[a-z][\w.]*=)", text) if text is not None else []
    return parameters.parse_parameter_values(assignments, "--parameters")


def parse_vacuum_option(text: str | None) -> tuple[str, ...]:
    """Parses TABLE,... of --vacuum. Raises UsageError."""
    names = tuple(name.strip() for name in text.split(",")) if text is not None else ()
    if not all(names):
        raise UsageError(
            f"--vacuum must be table names with commas, like orders,public.log, not {text!r}"
        )
    return names


def build_window_plans(observation: MaintenanceObservation) -> dict[str, Plan]:
    """Builds the plans of the changes, by option, in the order in which they run.

    Raises UsageError if no change is asked for.
    """
    plans = {
        name: plan
        for name, build_plan in WINDOW_PLAN_BUILDERS.items()
        if (plan := build_plan(observation)) is not None
    }
    if not plans:
        raise UsageError(
            f"one or more of {', '.join(f'--{name}' for name in WINDOW_PLAN_BUILDERS)} must be set"
        )
    return plans


def _build_parameters_plan(observation: MaintenanceObservation) -> Plan | None:
    """Builds the parameter change; its undo also reboots for static parameters."""
    request = observation.request
    if not request.parameters:
        return None
    group_parameters = parameters.list_database_parameters(
        observation.aws, observation.outputs, str(observation.instance.parameter_group)
    )
    changes = parameters.resolve_parameter_changes(
        group_parameters, request.parameters, "--parameters"
    )
    static_names = [parameter.name for parameter, _ in changes if parameter.is_static]
    if static_names and not request.reboot:
        raise UsageError(
            f"--parameters: {static_names[0]} takes effect after a reboot, so --reboot must be set "
            "too"
        )
    plan = parameters.build_parameter_change_plan(
        observation.outputs, observation.instance, changes, observation.run
    )
    if not static_names:
        return plan
    first_step, *other_steps = plan.steps
    restart_step = failover.build_pending_reboot_step(
        observation.outputs, observation.instance, "restart"
    )
    first_step = first_step.model_copy(update={"undo": (*first_step.undo, restart_step)})
    return plan.model_copy(update={"steps": (first_step, *other_steps)})


def _build_patch_plan(observation: MaintenanceObservation) -> Plan | None:
    """Builds the minor upgrade without its snapshot: the window takes one."""
    if observation.request.patch is None:
        return None
    instance = observation.instance
    minor_targets = [
        target
        for target in list_database_upgrade_targets(observation.aws, observation.outputs, instance)
        if not target.is_major
    ]
    upgrade_target = resolve_upgrade_target(
        instance, minor_targets, observation.request.patch, "--patch"
    )
    replicas = [
        get_primary_or_replica(observation.aws, observation.outputs, name)
        for name in instance.replicas
    ]
    plan = build_database_upgrade_plan(
        observation.outputs, instance, replicas, upgrade_target, (), observation.run
    )
    return plan.model_copy(update={"steps": plan.steps[1:]})


def _build_reboot_plan(observation: MaintenanceObservation) -> Plan | None:
    """Builds the reboot; after a patch only if parameters are still pending."""
    outputs, instance = observation.outputs, observation.instance
    if not observation.request.reboot:
        return None
    if observation.request.patch is not None:
        step = failover.build_pending_reboot_step(outputs, instance, "reboot")
        notes = (
            "the patch reboots the server; a second reboot follows only if parameters need it",
        )
        return build_stack_plan(
            outputs,
            observation.run,
            "db reboot",
            step,
            changes=["parameters that wait for a reboot take effect"],
            losses=(),
            cost=NO_COST,
            notes=notes,
        )
    events_start = failover.get_reboot_events_start(
        observation.aws, outputs, instance.identifier, observation.now
    )
    return failover.build_database_reboot_plan(outputs, instance, events_start, observation.run)


def _build_vacuum_plan(observation: MaintenanceObservation) -> Plan | None:
    """Builds the vacuum, which starts once the database answers."""
    if not observation.request.tables:
        return None
    if observation.database_client is None:
        raise UsageError("--vacuum and --no-sql cannot both be set")
    tables = select_tables_to_vacuum(
        fetch_table_statistics(observation.database_client),
        observation.request.tables,
        "--vacuum",
    )
    plan = build_table_vacuum_plan(observation.outputs, tables, observation.run)
    steps = [step.model_copy(update={"ready": DATABASE_ANSWERS}) for step in plan.steps]
    return plan.model_copy(update={"steps": tuple(steps)})


WINDOW_PLAN_BUILDERS: Final[Mapping[str, Callable[[MaintenanceObservation], Plan | None]]] = {
    "parameters": _build_parameters_plan,
    "patch": _build_patch_plan,
    "reboot": _build_reboot_plan,
    "vacuum": _build_vacuum_plan,
}


def build_window_steps(
    observation: MaintenanceObservation, plans: Mapping[str, Plan]
) -> tuple[Step, ...]:
    """Builds the steps inside the window: snapshot, changes and checks.

    Raises OpsError unless the instance is available with nothing pending.
    """
    require_takes(observation.instance, "before maintenance", Change.SNAPSHOT, Change.MODIFY)
    require_no_pending_changes(observation.instance)
    has_pending_parameters = observation.instance.parameter_group_status != "in-sync"
    must_be_in_sync = observation.request.reboot or not has_pending_parameters
    name = observation.instance.identifier
    return (
        snapshots.build_snapshot_step(observation.outputs, observation.instance, observation.run),
        *(step for plan in plans.values() for step in plan.steps),
        build_instance_available_step(observation.outputs, name, in_sync=must_be_in_sync),
        *([build_database_answers_step(name)] if observation.database_client is not None else []),
        *build_services_stable_steps(observation.outputs),
    )


def parse_window_minutes(text: str | None, steps: Sequence[Step]) -> int:
    """Returns the length of a window: --for, or twice the usual time of its steps.

    Raises UsageError if --for is not a valid number of minutes.
    """
    if text is not None:
        if not text.isdecimal() or not 1 <= int(text) <= MAX_MUTE_MINUTES:
            raise UsageError(f"--for must be 1 to {MAX_MUTE_MINUTES} minutes, not {text!r}")
        return int(text)
    typical_seconds = sum(step.goal.typical or 0 for step in steps)
    return min(max(MIN_WINDOW_MINUTES, math.ceil(2 * typical_seconds / 60)), MAX_MUTE_MINUTES)


def list_alarms_to_mute(
    alarms: Sequence[StackAlarm], mute_method: MuteMethod, *, has_outage: bool
) -> list[StackAlarm]:
    """Lists the alarms to mute: all that do not scale, P0 only if an outage is planned."""
    return [
        alarm
        for alarm in alarms
        if not alarm.is_scaling
        and (has_outage or alarm.severity != "P0")
        and (alarm.has_enabled_actions or mute_method == "rules")
    ]


@dataclass(frozen=True)
class MaintenanceAnnouncement:
    """The announcement's topic and message, the mute method and the length in minutes."""

    level: AnnouncementLevel
    message: str
    mute_method: MuteMethod
    minutes: int


def build_maintenance_window_plan(
    observation: MaintenanceObservation,
    plans: Mapping[str, Plan],
    steps: Sequence[Step],
    alarms: Sequence[StackAlarm],
    announcement: MaintenanceAnnouncement,
) -> Plan:
    """Builds the window as one plan around `steps`.

    Raises OpsError if a mute has no undo.
    """
    outputs, run = observation.outputs, observation.run
    end_time = parse_mute_end(observation.now, str(announcement.minutes), None)
    has_outage = sum_downtimes(steps) != 0
    subject = f"{', '.join(plans)} of {observation.instance.identifier}"
    subject += f" ({announcement.message})" if announcement.message else ""
    alarms_to_mute = list_alarms_to_mute(alarms, announcement.mute_method, has_outage=has_outage)
    mute_plan = (
        build_mute_plan(
            outputs,
            alarms_to_mute,
            observation.now,
            end_time,
            subject,
            run,
            announcement.mute_method,
            announcement.minutes,
        )
        if alarms_to_mute
        else None
    )
    mute_steps = mute_plan.steps if mute_plan else ()
    unmute_steps = [
        step.undo[0].model_copy(update={"name": f"unmute_{number}"})
        for number, step in enumerate(mute_steps, 1)
    ]
    if any(not step.undo for step in mute_steps):
        raise OpsError("the mutes of this window could not be undone")
    typical_seconds = sum(step.goal.typical or 0 for step in steps)
    notes = [
        f"the window lasts {announcement.minutes} minutes; its steps usually take "
        f"{typical_seconds / 60:.0f}",
        *([] if mute_plan else ["no alarm is muted"]),
        *[
            note
            for note in (mute_plan.notes if mute_plan else ())
            if "P0" in note or "by itself" in note
        ],
        *(["P0 alarms stay active: no outage is planned"] if not has_outage else []),
        "a completed window cannot be undone; the snapshot stays",
        *(note for plan in plans.values() for note in plan.notes),
    ]
    return build_stack_plan(
        outputs,
        run,
        "maintenance run",
        *build_announcement_steps(outputs, run, announcement.level, subject, "${UNTIL}"),
        *mute_steps,
        *steps,
        *unmute_steps,
        *build_withdrawal_steps(outputs, run, subject),
        changes=[
            change
            for plan in (*plans.values(), *([mute_plan] if mute_plan else []))
            for change in plan.changes
        ],
        losses=[loss for plan in plans.values() for loss in plan.losses],
        cost="; ".join(plan.cost for plan in plans.values() if plan.cost),
        notes=notes,
        arguments=" ".join(plans),
        data=MuteData(until="${UNTIL}"),
    ).with_times(observation.now, **mute_times(announcement.minutes))
