"""Pending maintenance: open windows, AWS's own, deferred changes, parameters, mutes."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from components.facts.units import WEEKDAYS
from ops.alarms.mute_state import Mute, MuteData, format_time
from ops.core.aws import Aws
from ops.core.errors import OpsError
from ops.core.lock import LockRecord
from ops.core.plan import JsonObject
from ops.core.run_context import StackContext
from ops.database.instance import list_in_stack_region
from ops.database.pending_actions import APPLY_COMMAND, PENDING_ACTIONS_API, get_due_date
from ops.outputs import Outputs

# Format of RDS's windows: ddd:hh24:mi-ddd:hh24:mi, UTC. Source: API reference, DBInstance.
RDS_WINDOW_PATTERN: Final = re.compile(r"(\w{3}):(\d\d):(\d\d)-(\w{3}):(\d\d):(\d\d)")


@dataclass(frozen=True)
class MaintenanceStatusLine:
    """One row of the status. `when` is ISO 8601, UTC; None if unknown."""

    about: str
    subject: str
    what: str
    when: str | None
    command: str = ""


MAINTENANCE_STATUS_COLUMNS: Final = ("about", "subject", "what", "when", "command")


def list_unfinished_windows(
    context: StackContext, lock_record: LockRecord | None
) -> Iterator[MaintenanceStatusLine]:
    """Yields the open window and those that were interrupted."""
    for run, journal in reversed(list(context.journals("maintenance run"))):
        plan = journal.plan
        if journal.end_record is not None or plan is None:
            continue
        done_steps = [record.step for record in journal.records if record.event == "done"]
        direction = "being undone" if journal.is_undoing else "open"
        is_lock_held = lock_record is not None and lock_record.run == run
        holder = (
            f", by {lock_record.holder}"
            if lock_record is not None and is_lock_held
            else ", nobody holds the lock"
        )
        description = (
            f"{direction}{holder}; last step done: {done_steps[-1] if done_steps else 'none'}"
        )
        yield MaintenanceStatusLine(
            "window", run, description, plan.read_data(MuteData).until, f"ops runs resume {run}"
        )


def list_pending_maintenance(
    aws: Aws, outputs: Outputs, now: datetime
) -> Iterator[MaintenanceStatusLine]:
    """Yields pending maintenance of the primary and its replicas."""
    identifiers = [outputs.database.identifier, *outputs.database.replicas]
    arns: dict[str, str] = {}
    for identifier in identifiers:
        instance = get_instance_details(aws, outputs, identifier)
        arns[instance["DBInstanceArn"]] = identifier
        identifiers += [
            replica
            for replica in instance.get("ReadReplicaDBInstanceIdentifiers") or ()
            if replica not in identifiers
        ]
        window_start = find_next_window_start(
            str(instance.get("PreferredMaintenanceWindow") or ""), now
        )
        yield MaintenanceStatusLine(
            "database's window",
            identifier,
            str(instance.get("PreferredMaintenanceWindow")),
            format_time(window_start) if window_start else None,
        )
        for name, value in (instance.get("PendingModifiedValues") or {}).items():
            yield MaintenanceStatusLine(
                "deferred change",
                identifier,
                f"{name}={value}",
                format_time(window_start) if window_start else None,
            )
        for group in instance.get("DBParameterGroups") or ():
            if group["ParameterApplyStatus"] != "in-sync":
                description = f"{group['DBParameterGroupName']} is {group['ParameterApplyStatus']}"
                yield MaintenanceStatusLine(
                    "parameters", identifier, description, None, "ops maintenance run --reboot"
                )
    params: JsonObject = {}
    for resource in list_in_stack_region(
        aws, outputs, PENDING_ACTIONS_API, "PendingMaintenanceActions", params
    ):
        if resource["ResourceIdentifier"] in arns:
            yield from _list_pending_actions(arns[resource["ResourceIdentifier"]], resource)


def _list_pending_actions(
    identifier: str, resource: Mapping[str, Any]
) -> Iterator[MaintenanceStatusLine]:
    for action in resource.get("PendingMaintenanceActionDetails") or ():
        due_date = get_due_date(action)
        description = action["Action"]
        if action.get("Description"):
            description += f": {action['Description']}"
        if action.get("OptInStatus"):
            description += f" ({action['OptInStatus']})"
        yield MaintenanceStatusLine(
            "pending at AWS", identifier, description, due_date, APPLY_COMMAND
        )


def list_muted_alarms(mutes: list[Mute], now: datetime) -> Iterator[MaintenanceStatusLine]:
    """Yields the mutes with their ends."""
    for mute in mutes:
        description = f"{len(mute.alarm_names)} alarms ({mute.reason})"
        command = "ops alarms unmute" if mute.run is not None and mute.has_ended(now) else ""
        yield MaintenanceStatusLine(
            "muted", mute.run or str(mute.rule), description, mute.until, command
        )


def get_instance_details(aws: Aws, outputs: Outputs, identifier: str) -> Mapping[str, Any]:
    """Returns RDS's description of an instance. Raises OpsError if it does not exist."""
    params: JsonObject = {"DBInstanceIdentifier": identifier}
    api = "rds.describe_db_instances"
    for item in list_in_stack_region(aws, outputs, api, "DBInstances", params):
        instance: Mapping[str, Any] = item
        return instance
    raise OpsError(f"there is no DB instance {identifier}", "ops db status")


def find_next_window_start(text: str, now: datetime) -> datetime | None:
    """Returns when a weekly window opens next, `now` if it is open; None if it is malformed."""
    match = RDS_WINDOW_PATTERN.fullmatch(text)
    if match is None or not {match[1], match[4]} <= set(WEEKDAYS):
        return None
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    monday = midnight - timedelta(days=midnight.weekday())
    begin, end = (
        timedelta(
            days=WEEKDAYS.index(match[first_group]),
            hours=int(match[first_group + 1]),
            minutes=int(match[first_group + 2]),
        )
        for first_group in (1, 4)
    )
    length = (end - begin) % timedelta(days=7)
    for week in (-1, 0, 1):
        window_start = monday + begin + timedelta(days=7 * week)
        if now < window_start + length:
            return max(window_start, now)
    return None
