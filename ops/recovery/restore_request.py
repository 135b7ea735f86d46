"""What a restore is asked for: a time within the window, a name, and room for the instance."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from ops.alarms.mute_state import format_time, parse_time
from ops.core.aws import Aws
from ops.core.errors import OpsError, UsageError
from ops.core.plan import JsonObject
from ops.core.times import AmbiguousTimeError, format_local_and_utc, parse_typed_time
from ops.database import replicas
from ops.database.instance import (
    find_instance,
    list_in_stack_region,
)
from ops.outputs import Outputs
from ops.recovery.instance_room import read_room_notes

LATEST_TIME: Final = "latest"


@dataclass(frozen=True)
class RestorableWindow:
    """The times to which a restore is possible, UTC."""

    earliest: datetime
    latest: datetime

    def __str__(self) -> str:
        return f"{format_time(self.earliest)} to {format_time(self.latest)}"


@dataclass(frozen=True)
class RestoreRequest:
    """The instance to restore and how to check it.

    `can_query` if it can be reached by SQL, through `via` (`HOST:PORT`) or its own address. Unless
    `is_permanent`, its plan deletes it at the end and it has no deletion protection.
    """

    identifier: str
    instance_class: str | None = None
    can_query: bool = False
    via: str | None = None
    is_permanent: bool = True
    tags: Mapping[str, str] = field(default_factory=dict)
    room_notes: tuple[str, ...] = ()


def get_restorable_window(
    aws: Aws, outputs: Outputs, source: Mapping[str, Any]
) -> RestorableWindow:
    """Returns the times to which the source can be restored. Raises OpsError if there are none."""
    name = source["DBInstanceIdentifier"]
    latest = source.get("LatestRestorableTime")
    params: JsonObject = {"DBInstanceIdentifier": name}
    api = "rds.describe_db_instance_automated_backups"
    restore_windows = [
        backup.get("RestoreWindow") or {}
        for backup in list_in_stack_region(aws, outputs, api, "DBInstanceAutomatedBackups", params)
        if backup.get("DbiResourceId") == source.get("DbiResourceId")
        and backup.get("Region", outputs.stack.region) == outputs.stack.region
    ]
    earliest = min(
        (
            restore_window["EarliestTime"]
            for restore_window in restore_windows
            if restore_window.get("EarliestTime")
        ),
        default=None,
    )
    if latest is None or earliest is None:
        raise OpsError(
            f"{name} has no automated backups yet, so it cannot be restored to a time",
            "ops recover snapshot SNAPSHOT",
        )
    return RestorableWindow(parse_time(earliest), parse_time(latest))


def parse_restore_time(text: str, window: RestorableWindow) -> datetime | None:
    """Parses --to; None is the latest time. Raises UsageError, which names the window."""
    if text == LATEST_TIME:
        return None
    try:
        restore_time = parse_typed_time(text)
    except AmbiguousTimeError as error:
        raise UsageError(f"--to must be one time: {error}") from None
    except ValueError:
        raise UsageError(
            f"--to must be {LATEST_TIME} or a time like {format_time(window.latest)}, from "
            f"{window} (the restorable window), not {text!r}"
        ) from None
    if not window.earliest <= restore_time <= window.latest:
        raise UsageError(
            f"--to must be {LATEST_TIME} or from {window} (the restorable window), not {text!r}, "
            f"which is {format_local_and_utc(restore_time)}"
        )
    return restore_time


def get_restored_identifier(outputs: Outputs, requested_name: str | None, run: str) -> str:
    """Returns the identifier of the restored instance, from --name or the run.

    Raises UsageError if --name is invalid.
    """
    primary_identifier = outputs.database.identifier
    if requested_name is None:
        return f"{primary_identifier}-{run}"
    prefix = f"{primary_identifier}-"
    identifier = (
        requested_name if requested_name.startswith(prefix) else f"{prefix}{requested_name}"
    )
    if (
        not replicas.REPLICA_NAME_PATTERN.fullmatch(requested_name)
        or len(identifier) > replicas.MAX_IDENTIFIER_CHARACTERS
    ):
        raise UsageError(
            "--name must be lowercase letters, digits and single hyphens, like before-the-drop, at "
            f"most {replicas.MAX_IDENTIFIER_CHARACTERS - len(prefix)} characters, not "
            f"{requested_name!r}"
        )
    return identifier


def require_instance_quota(
    aws: Aws,
    outputs: Outputs,
    request: RestoreRequest,
    storage_gib: float | None,
    *,
    option: str = "--name",
) -> RestoreRequest:
    """The request with what its plan says of RDS's quotas, if the instance is new and fits.

    Raises UsageError, naming the option, if it exists, OpsError if it certainly does not fit.
    """
    if find_instance(aws, outputs, request.identifier) is not None:
        raise UsageError(
            f"{option} must be a new name, not {request.identifier!r}: it exists already",
            "ops recover list",
        )
    return replace(request, room_notes=read_room_notes(aws, outputs.stack.region, storage_gib))
