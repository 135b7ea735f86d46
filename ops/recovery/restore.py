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

LATEST: Final = "latest"
FILLING: Final = "DBInstances[0].StorageOperationStatus"
# "Reset master credentials": RDS User Guide, "Amazon RDS event categories and event messages".
RESET: Final = "length(Events[?starts_with(Message, 'Reset master credentials')]) > `0`"
TYPICAL: Final = 20 * 60
ASSUMED: Final = "an assumption, AWS states none"
LONGER: Final = f"{ASSUMED}: the WAL of a day with many writes takes longer"
CONFIGURED, PASSWORD, FIRST = 3 * 60, 60, 30
FILLED: Final = 100  # MiB a second
FILLED_SOURCE: Final = (
    "an assumption: the least rate of EBS User Guide, 'Initialize Amazon EBS volumes'; RDS states "
    "none"
)
QUOTA: Final = "DBInstances"
NO_SQL: Final = (
    "no SQL reaches it from here, or --no-sql is set: only its status is checked; set --via, or "
    "run this from inside the network, and a query is tried as well"
)


@dataclass(frozen=True)
class Window:
    """Between which times a restore is possible, UTC."""

    earliest: datetime
    latest: datetime

    def __str__(self) -> str:
        return f"{format_time(self.earliest)} to {format_time(self.latest)}"


@dataclass(frozen=True)
class Wanted:
    """What the restored instance is to be, and how far it is looked at.

    `sql` says that there is a way to it, `via` which (`HOST:PORT`) where it is not its own
    address. One that is not to `last` is deleted by the end of its plan, and not protected.
    """

    name: str
    size: str | None = None
    sql: bool = False
    via: str | None = None
    lasts: bool = True
    tags: Mapping[str, str] = field(default_factory=dict)


def window(aws: Aws, outputs: Outputs, source: Mapping[str, Any]) -> Window:
    """Between which times the source can be restored. Raises OpsError where it cannot be."""
    name = source["DBInstanceIdentifier"]
    latest = source.get("LatestRestorableTime")
    params: JsonObject = {"DBInstanceIdentifier": name}
    api = "rds.describe_db_instance_automated_backups"
    kept = [
        one.get("RestoreWindow") or {}
        for one in database.list_in_stack_region(
            aws, outputs, api, "DBInstanceAutomatedBackups", params
        )
        if one.get("DbiResourceId") == source.get("DbiResourceId")
        and one.get("Region", outputs.stack.region) == outputs.stack.region
    ]
    earliest = min((w["EarliestTime"] for w in kept if w.get("EarliestTime")), default=None)
    if latest is None or earliest is None:
        raise OpsError(
            f"{name} keeps no automated backups, or none yet: there is no time to restore it to",
            "ops recover snapshot SNAPSHOT",
        )
    return Window(parse_time(earliest), parse_time(latest))


def moment(text: str, of: Window) -> datetime | None:
    """The time that --to says, None for the latest. Raises UsageError, which names the window."""
    if text == LATEST:
        return None
    try:
        at = parse_time(text)
    except ValueError:
        raise UsageError(
            f"--to is {text!r}, may be {LATEST} or a time like {format_time(of.latest)}, from {of}"
        ) from None
    if not of.earliest <= at <= of.latest:
        raise UsageError(f"--to is {text!r}, may be {LATEST} or from {of}")
    return at


def named(outputs: Outputs, given: str | None, run: str) -> str:
    """The identifier of the restored instance: after --name, else after the run."""
    own = outputs.database.identifier
    if given is None:
        return f"{own}-{run}"
    head = f"{own}-"
    whole = given if given.startswith(head) else f"{head}{given}"
    if (
        not replicas.REPLICA_NAME_PATTERN.fullmatch(given)
        or len(whole) > replicas.MAX_IDENTIFIER_CHARACTERS
    ):
        raise UsageError(
            f"--name is {given!r}, may be letters, digits and single hyphens, like before-the-drop"
        )
    return whole


def room(aws: Aws, outputs: Outputs, wanted: Wanted, *, option: str = "--name") -> None:
    """Raises where the instance is there already, or there may be no more instances."""
    if database.find_instance(aws, outputs, wanted.name) is not None:
        raise UsageError(
            f"{option} is {wanted.name!r}, which is there already: may be another name",
            "ops recover list",
        )
    answer: Any = aws.call("rds.describe_account_attributes", {}, outputs.stack.region)
    for quota in answer.get("AccountQuotas") or ():
        if quota["AccountQuotaName"] == QUOTA and quota["Used"] >= quota["Max"]:
            raise OpsError(
                f"the account has {quota['Used']} DB instances in {outputs.stack.region}, which is "
                "all that its quota allows: delete one, or ask Service Quotas for more"
            )


def to_time(
    outputs: Outputs,
    source: Mapping[str, Any],
    at: datetime | None,
    wanted: Wanted,
    run: str,
    now: datetime,
) -> Plan:
    """The source as it was at that time, or as late as it can be, under another name."""
    name = str(source["DBInstanceIdentifier"])
    when: JsonObject = (
        {"UseLatestRestorableTime": True} if at is None else {"RestoreTime": format_time(at)}
    )
    origin: JsonObject = {"SourceDBInstanceIdentifier": name, **when}
    call = database.rds_call(
        outputs,
        "rds.restore_db_instance_to_point_in_time",
        {**origin, "TargetDBInstanceIdentifier": wanted.name, **_settings(source, wanted, run)},
        "DBInstanceAlreadyExists",
    )
    says = f"restore {name} as of {'the latest time' if at is None else format_time(at)} as {wanted.name}"
    steps = restored(outputs, call, says, source, wanted, run, now, left=())
    return build_stack_plan(
        outputs, run, "recover point-in-time", *steps, notes=notes(outputs, wanted)
    ).with_times(now, SINCE=StartTime())


def from_snapshot(
    outputs: Outputs,
    source: Mapping[str, Any],
    snapshot: Snapshot,
    wanted: Wanted,
    run: str,
    now: datetime,
) -> Plan:
    """What a snapshot holds, with the settings of the source."""
    settings = _settings(source, wanted, run)
    left = likeness.POINT_IN_TIME_ONLY_SETTINGS
    call = database.rds_call(
        outputs,
        "rds.restore_db_instance_from_db_snapshot",
        {
            "DBSnapshotIdentifier": snapshot.name,
            "DBInstanceIdentifier": wanted.name,
            **{name: value for name, value in settings.items() if name not in left},
        },
        "DBInstanceAlreadyExists",
    )
    says = f"restore the snapshot {snapshot.name} as {wanted.name}"
    steps = restored(outputs, call, says, source, wanted, run, now, left=left)
    return build_stack_plan(
        outputs, run, "recover snapshot", *steps, notes=notes(outputs, wanted)
    ).with_times(now, SINCE=StartTime())


def restored(
    outputs: Outputs,
    call: Call,
    says: str,
    source: Mapping[str, Any],
    wanted: Wanted,
    run: str,
    now: datetime,
    *,
    left: Sequence[str],
) -> list[Step]:
    """The steps from a restore to a warm instance. Undone: it is deleted. `left` are settings
    that this restore does not take."""
    name = wanted.name
    read = _looking(outputs, name)
    settings = {**likeness.list_settings_to_copy(source, likeness.POST_RESTORE_SETTINGS)}
    if not left:  # they went along with the restore
        settings = {
            k: v for k, v in settings.items() if k not in likeness.POINT_IN_TIME_ONLY_SETTINGS
        }
    made = Step(
        name="restore",
        description=says,
        action=call,
        goal=Wait(
            read=read,
            met={DATABASE_STATUS_PATH: "available", replicas.DATABASE_RUN_TAG_PATH: run},
            begun={replicas.DATABASE_RUN_TAG_PATH: run},
            failed={DATABASE_STATUS_PATH: list(database.FAILED_STATUSES)},
            every=10,
            within=12 * 3600,
            typical=TYPICAL,
            source=LONGER,
        ),
        undo=replicas.build_instance_removal_steps(outputs, name, "undo_", run),
    )
    steps = [made]
    if settings:
        steps.append(_configured(outputs, name, settings))
    steps.append(given_password(outputs, name, now))
    if wanted.sql:
        steps.append(answering(name, wanted.via))
    steps.append(_warm(outputs, name, int(source["AllocatedStorage"])))
    return steps


def notes(outputs: Outputs, wanted: Wanted) -> tuple[str, ...]:
    """What is to be known of a restored instance."""
    said = [
        f"{outputs.database.identifier} is not touched; {wanted.name} costs as much until one of "
        "them is deleted",
        "its log groups are RDS's own, without the stack's key and retention, while it has this "
        "name",
    ]
    if not wanted.sql:
        said.append(NO_SQL)
    return tuple(said)


def _settings(source: Mapping[str, Any], wanted: Wanted, run: str) -> JsonObject:
    tags = {**likeness.get_user_tags(source), **wanted.tags, DATABASE_RUN_TAG: run}
    told = likeness.list_settings_to_copy(source, likeness.RESTORE_SETTINGS)
    if wanted.size:
        told["DBInstanceClass"] = wanted.size
    protected = bool(source.get("DeletionProtection")) and wanted.lasts
    return {**told, "DeletionProtection": protected, "Tags": database.format_tags(tags)}


def _looking(outputs: Outputs, name: str) -> Call:
    return database.describe_instance_call(outputs, name).model_copy(
        update={"answers": (DB_INSTANCE_NOT_FOUND,)}
    )


def _configured(outputs: Outputs, name: str, settings: JsonObject) -> Step:
    """What the restore does not take: it is watched as the source, in the source's window."""
    table = likeness.POST_RESTORE_SETTINGS
    shown = " && ".join(
        f"DBInstances[0].{table[key]} == `{json.dumps(value)}`" for key, value in settings.items()
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
            met={DATABASE_STATUS_PATH: "available", PENDING_CHANGES_PATH: {}, shown: True},
            begun={shown: True},
            failed={DATABASE_STATUS_PATH: list(database.FAILED_STATUSES)},
            every=10,
            within=2 * 3600,
            typical=CONFIGURED,
            source=ASSUMED,
        ),
    )


def given_password(outputs: Outputs, name: str, now: datetime) -> Step:
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
            met={RESET: True},
            every=5,
            within=3600,
            typical=PASSWORD,
            source=ASSUMED,
        ),
    )


def answering(name: str, via: str | None) -> Step:
    """Available is not yet answering: its name must be known, its password taken."""
    ask = Sql(
        statement="SELECT 1 AS answers",
        identifier=name,
        other_instance=True,
        via=via,
        unreachable_is_answer=True,
    )
    return Step(
        name="answers",
        description=f"see {name} answer a query, with the password of the stack's secret",
        action=ask,
        goal=Wait(
            read=ask,
            met={"rows[0].answers": 1},
            every=5,
            within=1800,
            typical=FIRST,
            source=ASSUMED,
        ),
    )


def _warm(outputs: Outputs, name: str, storage: int) -> Step:
    """Available is not warm: a volume is filled from the backup while it serves."""
    read = database.describe_instance_call(outputs, name)
    return Step(
        name="warm",
        description=f"see the volume of {name} filled from its backup",
        action=read,
        goal=Wait(
            read=read,
            met={DATABASE_STATUS_PATH: "available", FILLING: None},
            failed={DATABASE_STATUS_PATH: list(database.FAILED_STATUSES)},
            every=20,
            within=24 * 3600,
            typical=storage * 1024 / FILLED,
            source=FILLED_SOURCE,
        ),
    )


def found(aws: Aws, outputs: Outputs) -> list[dict[str, Any]]:
    """The instances that restores have made beside the primary, as RDS describes them."""
    head = re.compile(re.escape(outputs.database.identifier) + "-.+")
    listed = database.list_in_stack_region(
        aws, outputs, "rds.describe_db_instances", "DBInstances", {}
    )
    return [
        one
        for one in listed
        if head.fullmatch(one["DBInstanceIdentifier"])
        and not one.get("ReadReplicaSourceDBInstanceIdentifier")
    ]
