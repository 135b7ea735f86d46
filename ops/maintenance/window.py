"""A maintenance window: announced, muted, saved, acted, looked at, unmuted, announced again.

It is one plan, so that the stack's lock is the window's. What ends it stands in it twice: as its
last steps, and as what undoes its first ones. So a window whose act fails ends as well, with what
was muted unmuted and those who were told of its beginning told that it was broken off; and one
that is killed does so when it is resumed or undone.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from ops.alarms import announcement as announcing
from ops.alarms import mute as muting
from ops.alarms.mute import StackAlarm
from ops.alarms.mute_state import MuteData, MuteMethod
from ops.core import steps as verifying
from ops.core.aws import Aws
from ops.core.errors import OpsError, UsageError
from ops.core.plan import Plan, Step
from ops.core.stack_plan import build_stack_plan
from ops.database import failover, parameters, snapshots
from ops.database import instance as database
from ops.database import upgrade as upgrading
from ops.database.instance import DatabaseInstance
from ops.database.sql import vacuum as vacuuming
from ops.database.sql.connection import DatabaseClient
from ops.outputs import Outputs

MIN_WINDOW_MINUTES: Final = 15  # minutes of a window that nobody gave a length: an assumption
MAINTENANCE_RUN_KIND: Final = "maintenance"


@dataclass(frozen=True)
class MaintenanceRequest:
    """What is to be done in a window, as the options say."""

    parameters: Mapping[str, str] = field(default_factory=dict)
    patch: str | None = None
    reboot: bool = False
    tables: tuple[str, ...] = ()


@dataclass(frozen=True)
class MaintenanceObservation:
    """What acts are planned from. `on` is the way to the database, where there is one."""

    aws: Aws
    outputs: Outputs
    instance: DatabaseInstance
    request: MaintenanceRequest
    run: str
    now: datetime
    database_client: DatabaseClient | None = None


def parse_parameters_option(text: str | None) -> dict[str, str]:
    """NAME=VALUE,... of --parameters; a value may have commas. Raises UsageError."""
    assignments = re.split(r",(?=[a-z][\w.]*=)", text) if text is not None else []
    return parameters.parse_parameter_values(assignments, "--parameters")


def parse_vacuum_option(text: str | None) -> tuple[str, ...]:
    """TABLE,... of --vacuum. Raises UsageError."""
    names = tuple(name.strip() for name in text.split(",")) if text is not None else ()
    if not all(names):
        raise UsageError(
            f"--vacuum is {text!r}, must be tables with commas, like orders,public.log"
        )
    return names


def build_window_plans(observation: MaintenanceObservation) -> dict[str, Plan]:
    """What is wanted, by its option, in the order in which it is done. Raises UsageError."""
    plans = {
        name: plan
        for name, build_plan in WINDOW_PLAN_BUILDERS.items()
        if (plan := build_plan(observation)) is not None
    }
    if not plans:
        raise UsageError(
            f"none of {', '.join(f'--{name}' for name in WINDOW_PLAN_BUILDERS)} is set, "
            "must be one or more of them"
        )
    return plans


def _build_parameters_plan(observation: MaintenanceObservation) -> Plan | None:
    """Undone, static ones are in effect again as well: the server has been started with them."""
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
            f"--parameters is {static_names[0]!r}, which takes effect at a reboot: "
            "--reboot may be set "
            "as well"
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
    """A minor version; the window's snapshot is its own."""
    if observation.request.patch is None:
        return None
    instance = observation.instance
    minor_targets = [
        target
        for target in upgrading.list_database_upgrade_targets(
            observation.aws, observation.outputs, instance
        )
        if not target.is_major
    ]
    upgrade_target = upgrading.resolve_upgrade_target(
        instance, minor_targets, observation.request.patch, "--patch"
    )
    replicas = [
        database.get_primary_or_replica(observation.aws, observation.outputs, name)
        for name in instance.replicas
    ]
    plan = upgrading.build_database_upgrade_plan(
        observation.outputs, instance, replicas, upgrade_target, (), observation.run
    )
    return plan.model_copy(update={"steps": plan.steps[1:]})


def _build_reboot_plan(observation: MaintenanceObservation) -> Plan | None:
    """After a patch, which restarts the server, only where parameters wait for it still."""
    outputs, instance = observation.outputs, observation.instance
    if not observation.request.reboot:
        return None
    if observation.request.patch is not None:
        step = failover.build_pending_reboot_step(outputs, instance, "reboot")
        notes = ("the patch restarts the server: it is rebooted only if parameters wait still",)
        return build_stack_plan(outputs, observation.run, "db reboot", step, notes=notes)
    events_start = failover.get_reboot_events_start(
        observation.aws, outputs, instance.identifier, observation.now
    )
    return failover.build_database_reboot_plan(outputs, instance, events_start, observation.run)


def _build_vacuum_plan(observation: MaintenanceObservation) -> Plan | None:
    """Tables, once the database answers."""
    if not observation.request.tables:
        return None
    if observation.database_client is None:
        raise UsageError("--vacuum is set, and --no-sql as well: must be one of them")
    tables = vacuuming.select_tables_to_vacuum(
        vacuuming.fetch_table_statistics(observation.database_client),
        observation.request.tables,
        "--vacuum",
    )
    plan = vacuuming.build_table_vacuum_plan(observation.outputs, tables, observation.run)
    steps = [step.model_copy(update={"ready": verifying.DATABASE_ANSWERS}) for step in plan.steps]
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
    """What is done while the window is open: saved, acted, and looked at."""
    database.require_available(observation.instance, "for maintenance")
    database.require_no_pending_changes(observation.instance)
    has_pending_parameters = observation.instance.parameter_group_status != "in-sync"
    must_be_in_sync = observation.request.reboot or not has_pending_parameters
    name = observation.instance.identifier
    return (
        snapshots.build_snapshot_step(observation.outputs, observation.instance, observation.run),
        *(step for plan in plans.values() for step in plan.steps),
        verifying.build_instance_available_step(observation.outputs, name, in_sync=must_be_in_sync),
        *(
            [verifying.build_database_answers_step(name)]
            if observation.database_client is not None
            else []
        ),
        *verifying.build_services_stable_steps(observation.outputs),
    )


def parse_window_minutes(text: str | None, steps: Sequence[Step]) -> int:
    """How long a window is: as --for says, else twice as long as its steps usually take."""
    if text is not None:
        if not text.isdecimal() or not 1 <= int(text) <= muting.MAX_MUTE_MINUTES:
            raise UsageError(f"--for is {text!r}, must be 1 to {muting.MAX_MUTE_MINUTES} minutes")
        return int(text)
    typical_seconds = sum(step.goal.typical or 0 for step in steps)
    return min(
        max(MIN_WINDOW_MINUTES, math.ceil(2 * typical_seconds / 60)), muting.MAX_MUTE_MINUTES
    )


def list_alarms_to_mute(
    alarms: Sequence[StackAlarm], mute_method: MuteMethod, *, has_outage: bool
) -> list[StackAlarm]:
    """The alarms to mute: all that do not scale, and P0 only where an outage is planned."""
    return [
        alarm
        for alarm in alarms
        if not alarm.is_scaling
        and (has_outage or alarm.severity != "P0")
        and (alarm.has_enabled_actions or mute_method == "rules")
    ]


@dataclass(frozen=True)
class MaintenanceAnnouncement:
    """Who is told what, and what is muted how."""

    level: announcing.AnnouncementLevel
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
    """The whole window as one plan. `steps` are its body."""
    outputs, run = observation.outputs, observation.run
    end_time = muting.parse_mute_end(observation.now, str(announcement.minutes), None)
    downtime = sum(step.downtime for step in steps)
    subject = f"{', '.join(plans)} of {observation.instance.identifier}"
    subject += f" ({announcement.message})" if announcement.message else ""
    alarms_to_mute = list_alarms_to_mute(alarms, announcement.mute_method, has_outage=downtime > 0)
    mute_plan = (
        muting.build_mute_plan(
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
        raise OpsError("what is muted could not be unmuted")
    typical_seconds = sum(step.goal.typical or 0 for step in steps)
    notes = [
        f"the window is {announcement.minutes} minutes long; its steps usually take "
        f"{typical_seconds / 60:.0f}",
        *(mute_plan.notes[:1] if mute_plan else ["no alarm is muted"]),
        *[
            note
            for note in (mute_plan.notes if mute_plan else ())
            if "P0" in note or "by itself" in note
        ],
        *(["alarms of severity P0 act on: no outage is planned"] if not downtime else []),
        "when it is over it is not undone: its alarms act again, and the snapshot stays",
        *(note for plan in plans.values() for note in plan.notes),
    ]
    return build_stack_plan(
        outputs,
        run,
        "maintenance run",
        *announcing.build_announcement_steps(outputs, run, announcement.level, subject, "${UNTIL}"),
        *mute_steps,
        *steps,
        *unmute_steps,
        *announcing.build_withdrawal_steps(outputs, run, subject),
        notes=notes,
        arguments=" ".join(plans),
        data=MuteData(until="${UNTIL}"),
    ).with_times(observation.now, **muting.mute_times(announcement.minutes))
