"""A database restored beside the one that there is, with all of its settings.

RDS restores into its own defaults: the default groups, no standby, nothing watched. Whatever the
source has is told here, and then its password, which a backup has as it was then.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from ops.alarms.mute_state import format_time, parse_time
from ops.core.aws import Aws
from ops.core.errors import OpsError, UsageError
from ops.core.plan import Call, JsonObject, Plan, Sql, StartTime, Step, Wait
from ops.core.stack_plan import build_stack_plan
from ops.database import copied_settings as likeness
from ops.database import instance as database
from ops.database import replicas
from ops.database.instance import DATABASE_STATUS_PATH, DB_INSTANCE_NOT_FOUND, PENDING_CHANGES_PATH
from ops.database.snapshots import DATABASE_RUN_TAG, Snapshot
from ops.outputs import Outputs

LATEST_TIME: Final = "latest"
STORAGE_OPERATION_PATH: Final = "DBInstances[0].StorageOperationStatus"
# "Reset master credentials": RDS User Guide, "Amazon RDS event categories and event messages".
CREDENTIALS_RESET_EXPRESSION: Final = (
    "length(Events[?starts_with(Message, 'Reset master credentials')]) > `0`"
)
TYPICAL_RESTORE_SECONDS: Final = 20 * 60
UNDOCUMENTED_TIME_SOURCE: Final = "an assumption, AWS states none"
RESTORE_TIME_SOURCE: Final = (
    f"{UNDOCUMENTED_TIME_SOURCE}: the WAL of a day with many writes takes longer"
)
TYPICAL_CONFIGURE_SECONDS, TYPICAL_PASSWORD_RESET_SECONDS, TYPICAL_FIRST_QUERY_SECONDS = (
    3 * 60,
    60,
    30,
)
VOLUME_FILL_MIB_PER_SECOND: Final = 100  # MiB a second
VOLUME_FILL_RATE_SOURCE: Final = (
    "an assumption: the least rate of EBS User Guide, 'Initialize Amazon EBS volumes'; RDS states "
    "none"
)
INSTANCE_QUOTA_NAME: Final = "DBInstances"
NO_SQL: Final = (
    "no SQL reaches it from here, or --no-sql is set: only its status is checked; set --via, or "
    "run this from inside the network, and a query is tried as well"
)


@dataclass(frozen=True)
class RestorableWindow:
    """Between which times a restore is possible, UTC."""

    earliest: datetime
    latest: datetime

    def __str__(self) -> str:
        return f"{format_time(self.earliest)} to {format_time(self.latest)}"


@dataclass(frozen=True)
class RestoreRequest:
    """What the restored instance is to be, and how far it is looked at.

    `sql` says that there is a way to it, `via` which (`HOST:PORT`) where it is not its own
    address. One that is not to `last` is deleted by the end of its plan, and not protected.
    """

    identifier: str
    instance_class: str | None = None
    can_query: bool = False
    via: str | None = None
    is_permanent: bool = True
    tags: Mapping[str, str] = field(default_factory=dict)


def get_restorable_window(
    aws: Aws, outputs: Outputs, source: Mapping[str, Any]
) -> RestorableWindow:
    """Between which times the source can be restored. Raises OpsError where it cannot be."""
    name = source["DBInstanceIdentifier"]
    latest = source.get("LatestRestorableTime")
    params: JsonObject = {"DBInstanceIdentifier": name}
    api = "rds.describe_db_instance_automated_backups"
    restore_windows = [
        backup.get("RestoreWindow") or {}
        for backup in database.list_in_stack_region(
            aws, outputs, api, "DBInstanceAutomatedBackups", params
        )
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
            f"{name} keeps no automated backups, or none yet: there is no time to restore it to",
            "ops recover snapshot SNAPSHOT",
        )
    return RestorableWindow(parse_time(earliest), parse_time(latest))


def parse_restore_time(text: str, window: RestorableWindow) -> datetime | None:
    """The time that --to says, None for the latest. Raises UsageError, which names the window."""
    if text == LATEST_TIME:
        return None
    try:
        restore_time = parse_time(text)
    except ValueError:
        raise UsageError(
            f"--to is {text!r}, must be {LATEST_TIME} or a time like "
            f"{format_time(window.latest)}, from {window}"
        ) from None
    if not window.earliest <= restore_time <= window.latest:
        raise UsageError(f"--to is {text!r}, must be {LATEST_TIME} or from {window}")
    return restore_time


def get_restored_identifier(outputs: Outputs, requested_name: str | None, run: str) -> str:
    """The identifier of the restored instance: after --name, else after the run."""
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
            f"--name is {requested_name!r}, must be letters, digits and single hyphens, "
            "like before-the-drop"
        )
    return identifier


def require_instance_quota(
    aws: Aws, outputs: Outputs, request: RestoreRequest, *, option: str = "--name"
) -> None:
    """Raises where the instance is there already, or there may be no more instances."""
    if database.find_instance(aws, outputs, request.identifier) is not None:
        raise UsageError(
            f"{option} is {request.identifier!r}, which is there already: must be another name",
            "ops recover list",
        )
    response: Any = aws.call("rds.describe_account_attributes", {}, outputs.stack.region)
    for quota in response.get("AccountQuotas") or ():
        if quota["AccountQuotaName"] == INSTANCE_QUOTA_NAME and quota["Used"] >= quota["Max"]:
            raise OpsError(
                f"the account has {quota['Used']} DB instances in {outputs.stack.region}, which is "
                "all that its quota allows: delete one, or ask Service Quotas for more"
            )


def build_point_in_time_restore_plan(
    outputs: Outputs,
    source: Mapping[str, Any],
    restore_time: datetime | None,
    request: RestoreRequest,
    run: str,
    now: datetime,
) -> Plan:
    """The source as it was at that time, or as late as it can be, under another name."""
    name = str(source["DBInstanceIdentifier"])
    time_params: JsonObject = (
        {"UseLatestRestorableTime": True}
        if restore_time is None
        else {"RestoreTime": format_time(restore_time)}
    )
    source_params: JsonObject = {"SourceDBInstanceIdentifier": name, **time_params}
    call = database.rds_call(
        outputs,
        "rds.restore_db_instance_to_point_in_time",
        {
            **source_params,
            "TargetDBInstanceIdentifier": request.identifier,
            **_build_restore_params(source, request, run),
        },
        "DBInstanceAlreadyExists",
    )
    description = (
        f"restore {name} as of "
        f"{'the latest time' if restore_time is None else format_time(restore_time)} as "
        f"{request.identifier}"
    )
    steps = build_restore_steps(
        outputs, call, description, source, request, run, now, unsupported_settings=()
    )
    return build_stack_plan(
        outputs, run, "recover point-in-time", *steps, notes=list_restore_notes(outputs, request)
    ).with_times(now, SINCE=StartTime())


def build_snapshot_restore_plan(
    outputs: Outputs,
    source: Mapping[str, Any],
    snapshot: Snapshot,
    request: RestoreRequest,
    run: str,
    now: datetime,
) -> Plan:
    """What a snapshot holds, with the settings of the source."""
    settings = _build_restore_params(source, request, run)
    unsupported_settings = likeness.POINT_IN_TIME_ONLY_SETTINGS
    call = database.rds_call(
        outputs,
        "rds.restore_db_instance_from_db_snapshot",
        {
            "DBSnapshotIdentifier": snapshot.name,
            "DBInstanceIdentifier": request.identifier,
            **{name: value for name, value in settings.items() if name not in unsupported_settings},
        },
        "DBInstanceAlreadyExists",
    )
    description = f"restore the snapshot {snapshot.name} as {request.identifier}"
    steps = build_restore_steps(
        outputs,
        call,
        description,
        source,
        request,
        run,
        now,
        unsupported_settings=unsupported_settings,
    )
    return build_stack_plan(
        outputs, run, "recover snapshot", *steps, notes=list_restore_notes(outputs, request)
    ).with_times(now, SINCE=StartTime())


def build_restore_steps(
    outputs: Outputs,
    call: Call,
    description: str,
    source: Mapping[str, Any],
    request: RestoreRequest,
    run: str,
    now: datetime,
    *,
    unsupported_settings: Sequence[str],
) -> list[Step]:
    """The steps from a restore to a warm instance. Undone: it is deleted. `left` are settings
    that this restore does not take."""
    name = request.identifier
    read = _describe_restored_instance_call(outputs, name)
    settings = {**likeness.list_settings_to_copy(source, likeness.POST_RESTORE_SETTINGS)}
    if not unsupported_settings:  # they went along with the restore
        settings = {
            key: value
            for key, value in settings.items()
            if key not in likeness.POINT_IN_TIME_ONLY_SETTINGS
        }
    restore_step = Step(
        name="restore",
        description=description,
        action=call,
        goal=Wait(
            read=read,
            met={DATABASE_STATUS_PATH: "available", replicas.DATABASE_RUN_TAG_PATH: run},
            begun={replicas.DATABASE_RUN_TAG_PATH: run},
            failed={DATABASE_STATUS_PATH: list(database.FAILED_STATUSES)},
            every=10,
            within=12 * 3600,
            typical=TYPICAL_RESTORE_SECONDS,
            source=RESTORE_TIME_SOURCE,
        ),
        undo=replicas.build_instance_removal_steps(outputs, name, "undo_", run),
    )
    steps = [restore_step]
    if settings:
        steps.append(_build_configure_step(outputs, name, settings))
    steps.append(build_password_reset_step(outputs, name, now))
    if request.can_query:
        steps.append(build_first_query_step(name, request.via))
    steps.append(_build_volume_filled_step(outputs, name, int(source["AllocatedStorage"])))
    return steps


def list_restore_notes(outputs: Outputs, request: RestoreRequest) -> tuple[str, ...]:
    """What is to be known of a restored instance."""
    notes = [
        f"{outputs.database.identifier} is not touched; {request.identifier} costs as much "
        "until one of "
        "them is deleted",
        "its log groups are RDS's own, without the stack's key and retention, while it has this "
        "name",
    ]
    if not request.can_query:
        notes.append(NO_SQL)
    return tuple(notes)


def _build_restore_params(
    source: Mapping[str, Any], request: RestoreRequest, run: str
) -> JsonObject:
    tags = {**likeness.get_user_tags(source), **request.tags, DATABASE_RUN_TAG: run}
    params = likeness.list_settings_to_copy(source, likeness.RESTORE_SETTINGS)
    if request.instance_class:
        params["DBInstanceClass"] = request.instance_class
    deletion_protection = bool(source.get("DeletionProtection")) and request.is_permanent
    return {**params, "DeletionProtection": deletion_protection, "Tags": database.format_tags(tags)}


def _describe_restored_instance_call(outputs: Outputs, name: str) -> Call:
    return database.describe_instance_call(outputs, name).model_copy(
        update={"expected_errors": (DB_INSTANCE_NOT_FOUND,)}
    )


def _build_configure_step(outputs: Outputs, name: str, settings: JsonObject) -> Step:
    """What the restore does not take: it is watched as the source, in the source's window."""
    paths = likeness.POST_RESTORE_SETTINGS
    applied_condition = " && ".join(
        f"DBInstances[0].{paths[key]} == `{json.dumps(value)}`" for key, value in settings.items()
    )
    return Step(
        name="configure",
        description=f"give {name} what a restore does not take: how it is watched, its window",
        ready=database.available_with_nothing_pending(outputs, name),
        action=database.rds_call(
            outputs,
            "rds.modify_db_instance",
            {"DBInstanceIdentifier": name, "ApplyImmediately": True, **settings},
        ),
        goal=Wait(
            read=database.describe_instance_call(outputs, name),
            met={
                DATABASE_STATUS_PATH: "available",
                PENDING_CHANGES_PATH: {},
                applied_condition: True,
            },
            begun={applied_condition: True},
            failed={DATABASE_STATUS_PATH: list(database.FAILED_STATUSES)},
            every=10,
            within=2 * 3600,
            typical=TYPICAL_CONFIGURE_SECONDS,
            source=UNDOCUMENTED_TIME_SOURCE,
        ),
    )


def build_password_reset_step(outputs: Outputs, name: str, now: datetime) -> Step:
    """A backup has the password of its time. That it is another shows in nothing but an event."""
    return Step(
        name="credentials",
        description=f"give {name} the password of the stack's secret",
        ready=database.available_with_nothing_pending(outputs, name),
        action=Call(
            api="rds.modify_db_instance",
            params={"DBInstanceIdentifier": name, "ApplyImmediately": True},
            secrets={"MasterUserPassword": f"{outputs.database.secret_arn}#password"},
            region=outputs.stack.region,
        ),
        goal=Wait(
            read=database.rds_call(
                outputs,
                "rds.describe_events",
                {"SourceType": "db-instance", "SourceIdentifier": name, "StartTime": "${SINCE}"},
            ),
            met={CREDENTIALS_RESET_EXPRESSION: True},
            every=5,
            within=3600,
            typical=TYPICAL_PASSWORD_RESET_SECONDS,
            source=UNDOCUMENTED_TIME_SOURCE,
        ),
    )


def build_first_query_step(name: str, via: str | None) -> Step:
    """Available is not yet answering: its name must be known, its password taken."""
    query = Sql(
        statement="SELECT 1 AS answers",
        identifier=name,
        other_instance=True,
        via=via,
        unreachable_is_answer=True,
    )
    return Step(
        name="answers",
        description=f"see {name} answer a query, with the password of the stack's secret",
        action=query,
        goal=Wait(
            read=query,
            met={"rows[0].answers": 1},
            every=5,
            within=1800,
            typical=TYPICAL_FIRST_QUERY_SECONDS,
            source=UNDOCUMENTED_TIME_SOURCE,
        ),
    )


def _build_volume_filled_step(outputs: Outputs, name: str, storage_gib: int) -> Step:
    """Available is not warm: a volume is filled from the backup while it serves."""
    read = database.describe_instance_call(outputs, name)
    return Step(
        name="warm",
        description=f"see the volume of {name} filled from its backup",
        action=read,
        goal=Wait(
            read=read,
            met={DATABASE_STATUS_PATH: "available", STORAGE_OPERATION_PATH: None},
            failed={DATABASE_STATUS_PATH: list(database.FAILED_STATUSES)},
            every=20,
            within=24 * 3600,
            typical=storage_gib * 1024 / VOLUME_FILL_MIB_PER_SECOND,
            source=VOLUME_FILL_RATE_SOURCE,
        ),
    )


def list_restored_and_replaced_instances(aws: Aws, outputs: Outputs) -> list[dict[str, Any]]:
    """The instances that restores have made beside the primary, as RDS describes them."""
    identifier_pattern = re.compile(re.escape(outputs.database.identifier) + "-.+")
    instances = database.list_in_stack_region(
        aws, outputs, "rds.describe_db_instances", "DBInstances", {}
    )
    return [
        instance
        for instance in instances
        if identifier_pattern.fullmatch(instance["DBInstanceIdentifier"])
        and not instance.get("ReadReplicaSourceDBInstanceIdentifier")
    ]
