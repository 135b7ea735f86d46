"""What waits for maintenance: AWS's own, changes that are deferred, parameters, the next window."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from ops.alarms.mute_state import Mute, MuteData, format_time
from ops.core.aws import Aws
from ops.core.errors import OpsError
from ops.core.lock import LockRecord
from ops.core.plan import JsonObject
from ops.core.run import StackContext
from ops.database import instance as database
from ops.outputs import Outputs

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
# As RDS writes its windows: ddd:hh24:mi-ddd:hh24:mi, UTC. Source: API reference, DBInstance.
WINDOW: Final = re.compile(r"(\w{3}):(\d\d):(\d\d)-(\w{3}):(\d\d):(\d\d)")
DATES: Final = ("ForcedApplyDate", "AutoAppliedAfterDate", "CurrentApplyDate")


@dataclass(frozen=True)
class Line:
    """One thing that is open, waits, or is muted. Times are ISO 8601, UTC; None is not known."""

    about: str
    subject: str
    what: str
    when: str | None
    command: str = ""


COLUMNS: Final = ("about", "subject", "what", "when", "command")


def windows_of(of: StackContext, held: LockRecord | None) -> Iterator[Line]:
    """The window that is open, and those that were left before their end."""
    for name, journal in reversed(list(of.journals("maintenance run"))):
        plan = journal.plan
        if journal.end_record is not None or plan is None:
            continue
        done = [r.step for r in journal.records if r.event == "done"]
        way = "on its way back" if journal.is_undoing else "open"
        ours = held is not None and held.run == name
        who = f", by {held.holder}" if held is not None and ours else ", and nobody holds its lock"
        what = f"{way}{who}: {done[-1] if done else 'nothing'} is done last"
        yield Line("window", name, what, plan.read_data(MuteData).until, f"ops runs resume {name}")


def pending(aws: Aws, outputs: Outputs, now: datetime) -> Iterator[Line]:
    """What waits at AWS, of the primary and its replicas."""
    left = [outputs.database.identifier, *outputs.database.replicas]
    arns: dict[str, str] = {}
    for identifier in left:
        found = described(aws, outputs, identifier)
        arns[found["DBInstanceArn"]] = identifier
        left += [n for n in found.get("ReadReplicaDBInstanceIdentifiers") or () if n not in left]
        begins = next_window(str(found.get("PreferredMaintenanceWindow") or ""), now)
        yield Line(
            "database's window",
            identifier,
            str(found.get("PreferredMaintenanceWindow")),
            format_time(begins) if begins else None,
        )
        for name, value in (found.get("PendingModifiedValues") or {}).items():
            yield Line(
                "deferred change",
                identifier,
                f"{name}={value}",
                format_time(begins) if begins else None,
            )
        for group in found.get("DBParameterGroups") or ():
            if group["ParameterApplyStatus"] != "in-sync":
                what = f"{group['DBParameterGroupName']} is {group['ParameterApplyStatus']}"
                yield Line("parameters", identifier, what, None, "ops maintenance run --reboot")
    params: JsonObject = {}
    api = "rds.describe_pending_maintenance_actions"
    for one in database.list_in_stack_region(
        aws, outputs, api, "PendingMaintenanceActions", params
    ):
        if one["ResourceIdentifier"] in arns:
            yield from _actions(arns[one["ResourceIdentifier"]], one)


def _actions(identifier: str, one: Mapping[str, Any]) -> Iterator[Line]:
    for action in one.get("PendingMaintenanceActionDetails") or ():
        due = min(filter(None, (action.get(key) for key in DATES)), default=None)
        what = action["Action"]
        if action.get("Description"):
            what += f": {action['Description']}"
        if action.get("OptInStatus"):
            what += f" ({action['OptInStatus']})"
        yield Line("pending at AWS", identifier, what, due, "ops db upgrade")


def muted(mutes: list[Mute], now: datetime) -> Iterator[Line]:
    """What is muted until when."""
    for mute in mutes:
        what = f"{len(mute.alarm_names)} alarms ({mute.reason})"
        command = "ops alarms unmute" if mute.run is not None and mute.has_ended(now) else ""
        yield Line("muted", mute.run or str(mute.rule), what, mute.until, command)


def described(aws: Aws, outputs: Outputs, identifier: str) -> Mapping[str, Any]:
    """An instance as RDS describes it. Raises OpsError where it is not there."""
    params: JsonObject = {"DBInstanceIdentifier": identifier}
    api = "rds.describe_db_instances"
    for one in database.list_in_stack_region(aws, outputs, api, "DBInstances", params):
        found: Mapping[str, Any] = one
        return found
    raise OpsError(f"there is no DB instance {identifier}", "ops db status")


def next_window(text: str, now: datetime) -> datetime | None:
    """When a weekly window begins next, or now where it is open; None where it is none."""
    found = WINDOW.fullmatch(text)
    if found is None or not {found[1], found[4]} <= set(DAYS):
        return None
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    monday = midnight - timedelta(days=midnight.weekday())
    begin, end = (
        timedelta(days=DAYS.index(found[n]), hours=int(found[n + 1]), minutes=int(found[n + 2]))
        for n in (1, 4)
    )
    length = (end - begin) % timedelta(days=7)
    for week in (-1, 0, 1):
        begins = monday + begin + timedelta(days=7 * week)
        if now < begins + length:
            return max(begins, now)
    return None
