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

SHORTEST: Final = 15  # minutes of a window that nobody gave a length: an assumption
VERB: Final = "maintenance"


@dataclass(frozen=True)
class Wanted:
    """What is to be done in a window, as the options say."""

    parameters: Mapping[str, str] = field(default_factory=dict)
    patch: str | None = None
    reboot: bool = False
    tables: tuple[str, ...] = ()


@dataclass(frozen=True)
class Seen:
    """What acts are planned from. `on` is the way to the database, where there is one."""

    aws: Aws
    outputs: Outputs
    found: DatabaseInstance
    wanted: Wanted
    run: str
    now: datetime
    on: DatabaseClient | None = None


def asked(text: str | None) -> dict[str, str]:
    """NAME=VALUE,... of --parameters; a value may have commas. Raises UsageError."""
    given = re.split(r",(?=[a-z][\w.]*=)", text) if text is not None else []
    return parameters.parse_parameter_values(given, "--parameters")


def listed(text: str | None) -> tuple[str, ...]:
    """TABLE,... of --vacuum. Raises UsageError."""
    names = tuple(name.strip() for name in text.split(",")) if text is not None else ()
    if not all(names):
        raise UsageError(f"--vacuum is {text!r}, may be tables with commas, like orders,public.log")
    return names


def acts(seen: Seen) -> dict[str, Plan]:
    """What is wanted, by its option, in the order in which it is done. Raises UsageError."""
    made = {name: plan for name, make in ACTS.items() if (plan := make(seen)) is not None}
    if not made:
        raise UsageError(
            f"none of {', '.join(f'--{name}' for name in ACTS)} is set, may be one or more of them"
        )
    return made


def _parameters(seen: Seen) -> Plan | None:
    """Undone, static ones are in effect again as well: the server has been started with them."""
    wanted = seen.wanted
    if not wanted.parameters:
        return None
    known = parameters.list_database_parameters(
        seen.aws, seen.outputs, str(seen.found.parameter_group)
    )
    chosen = parameters.resolve_parameter_changes(known, wanted.parameters, "--parameters")
    static = [one.name for one, _ in chosen if one.is_static]
    if static and not wanted.reboot:
        raise UsageError(
            f"--parameters is {static[0]!r}, which takes effect at a reboot: --reboot may be set "
            "as well"
        )
    plan = parameters.build_parameter_change_plan(seen.outputs, seen.found, chosen, seen.run)
    if not static:
        return plan
    first, *rest = plan.steps
    restart = failover.build_pending_reboot_step(seen.outputs, seen.found, "restart")
    first = first.model_copy(update={"undo": (*first.undo, restart)})
    return plan.model_copy(update={"steps": (first, *rest)})


def _patch(seen: Seen) -> Plan | None:
    """A minor version; the window's snapshot is its own."""
    if seen.wanted.patch is None:
        return None
    found = seen.found
    minor = [
        t
        for t in upgrading.list_database_upgrade_targets(seen.aws, seen.outputs, found)
        if not t.is_major
    ]
    to = upgrading.resolve_upgrade_target(found, minor, seen.wanted.patch, "--patch")
    replicas = [
        database.get_primary_or_replica(seen.aws, seen.outputs, name) for name in found.replicas
    ]
    plan = upgrading.build_database_upgrade_plan(seen.outputs, found, replicas, to, (), seen.run)
    return plan.model_copy(update={"steps": plan.steps[1:]})


def _reboot(seen: Seen) -> Plan | None:
    """After a patch, which restarts the server, only where parameters wait for it still."""
    outputs, found = seen.outputs, seen.found
    if not seen.wanted.reboot:
        return None
    if seen.wanted.patch is not None:
        step = failover.build_pending_reboot_step(outputs, found, "reboot")
        notes = ("the patch restarts the server: it is rebooted only if parameters wait still",)
        return build_stack_plan(outputs, seen.run, "db reboot", step, notes=notes)
    since = failover.get_reboot_events_start(seen.aws, outputs, found.identifier, seen.now)
    return failover.build_database_reboot_plan(outputs, found, since, seen.run)


def _vacuum(seen: Seen) -> Plan | None:
    """Tables, once the database answers."""
    if not seen.wanted.tables:
        return None
    if seen.on is None:
        raise UsageError("--vacuum is set, and --no-sql as well: may be one of them")
    tables = vacuuming.select_tables_to_vacuum(
        vacuuming.fetch_table_statistics(seen.on), seen.wanted.tables, "--vacuum"
    )
    plan = vacuuming.build_table_vacuum_plan(seen.outputs, tables, seen.run)
    steps = [step.model_copy(update={"ready": verifying.DATABASE_ANSWERS}) for step in plan.steps]
    return plan.model_copy(update={"steps": tuple(steps)})


ACTS: Final[Mapping[str, Callable[[Seen], Plan | None]]] = {
    "parameters": _parameters,
    "patch": _patch,
    "reboot": _reboot,
    "vacuum": _vacuum,
}


def body(seen: Seen, made: Mapping[str, Plan]) -> tuple[Step, ...]:
    """What is done while the window is open: saved, acted, and looked at."""
    database.require_available(seen.found, "for maintenance")
    database.require_no_pending_changes(seen.found)
    waits = seen.found.parameter_group_status != "in-sync"
    synced = seen.wanted.reboot or not waits
    name = seen.found.identifier
    return (
        snapshots.build_snapshot_step(seen.outputs, seen.found, seen.run),
        *(step for plan in made.values() for step in plan.steps),
        verifying.build_instance_available_step(seen.outputs, name, in_sync=synced),
        *([verifying.build_database_answers_step(name)] if seen.on is not None else []),
        *verifying.build_services_stable_steps(seen.outputs),
    )


def minutes(given: str | None, steps: Sequence[Step]) -> int:
    """How long a window is: as --for says, else twice as long as its steps usually take."""
    if given is not None:
        if not given.isdecimal() or not 1 <= int(given) <= muting.MAX_MUTE_MINUTES:
            raise UsageError(f"--for is {given!r}, may be 1 to {muting.MAX_MUTE_MINUTES} minutes")
        return int(given)
    usual = sum(step.goal.typical or 0 for step in steps)
    return min(max(SHORTEST, math.ceil(2 * usual / 60)), muting.MAX_MUTE_MINUTES)


def in_the_way(alarms: Sequence[StackAlarm], how: MuteMethod, *, outage: bool) -> list[StackAlarm]:
    """The alarms to mute: all that do not scale, and P0 only where an outage is planned."""
    return [
        alarm
        for alarm in alarms
        if not alarm.is_scaling
        and (outage or alarm.severity != "P0")
        and (alarm.has_enabled_actions or how == "rules")
    ]


@dataclass(frozen=True)
class Told:
    """Who is told what, and what is muted how."""

    level: announcing.AnnouncementLevel
    message: str
    how: MuteMethod
    length: int


def window(
    seen: Seen,
    made: Mapping[str, Plan],
    steps: Sequence[Step],
    alarms: Sequence[StackAlarm],
    told: Told,
) -> Plan:
    """The whole window as one plan. `steps` are its body."""
    outputs, run = seen.outputs, seen.run
    until = muting.parse_mute_end(seen.now, str(told.length), None)
    outage = sum(step.downtime for step in steps)
    about = f"{', '.join(made)} of {seen.found.identifier}"
    about += f" ({told.message})" if told.message else ""
    quiet = in_the_way(alarms, told.how, outage=outage > 0)
    muted = (
        muting.build_mute_plan(outputs, quiet, seen.now, until, about, run, told.how, told.length)
        if quiet
        else None
    )
    mutes = muted.steps if muted else ()
    loud = [
        step.undo[0].model_copy(update={"name": f"unmute_{n}"}) for n, step in enumerate(mutes, 1)
    ]
    if any(not step.undo for step in mutes):
        raise OpsError("what is muted could not be unmuted")
    usual = sum(step.goal.typical or 0 for step in steps)
    notes = [
        f"the window is {told.length} minutes long; its steps usually take {usual / 60:.0f}",
        *(muted.notes[:1] if muted else ["no alarm is muted"]),
        *[note for note in (muted.notes if muted else ()) if "P0" in note or "by itself" in note],
        *(["alarms of severity P0 act on: no outage is planned"] if not outage else []),
        "when it is over it is not undone: its alarms act again, and the snapshot stays",
        *(note for plan in made.values() for note in plan.notes),
    ]
    return build_stack_plan(
        outputs,
        run,
        "maintenance run",
        *announcing.build_announcement_steps(outputs, run, told.level, about, "${UNTIL}"),
        *mutes,
        *steps,
        *loud,
        *announcing.build_withdrawal_steps(outputs, run, about),
        notes=notes,
        arguments=" ".join(made),
        data=MuteData(until="${UNTIL}"),
    ).with_times(seen.now, **muting.mute_times(told.length))
