"""`ops maintenance run`: windows that come to their end, and one that is broken off."""

import json
from dataclasses import asdict
from typing import Any, Final, Literal, cast

from pydantic import JsonValue

from ops.alarms import announcement as announcing
from ops.alarms import mute as muting
from ops.core.errors import RefusedError
from ops.core.plan import Plan, Sql
from ops.core.steps import ANSWER_QUERY
from ops.database import instance as database
from ops.database import parameters
from ops.database.sql.connection import DatabaseClient
from ops.database.sql.vacuum import (
    TABLE_STATISTICS_STATEMENT,
    VACUUM_CHECK_STATEMENT,
    TableStatistics,
)
from ops.maintenance import window as windows
from ops.maintenance.window import Told, Wanted
from tests.ops import service_stage
from tests.ops.db_stage import seen
from tests.ops.procedures import Procedure, alarms
from tests.ops.procedures.db_parameters import GROUP
from tests.ops.procedures.db_parameters import put as put_group
from tests.ops.stage import PREFIX, Stage

RUN: Final = "maintenance-1"
QUEUE: Final = "listener"
ORDERS: Final = TableStatistics(1, "public", "orders", 5000, 10, 0, 100, 1 << 20, 1.0, ours=True)
LOCKED: Final = TableStatistics(2, "public", "locked", 5000, 10, 0, 101, 1 << 20, 1.0, ours=True)
REBOOTED: Final = Wanted({"work_mem": "8192", "max_connections": "200"}, reboot=True)
PATCHED: Final = Wanted(patch="16.11", reboot=True, tables=("orders",))
BROKEN_OFF: Final = Wanted({"work_mem": "8192"}, tables=("locked",))


class Pretended:
    """A PostgreSQL of two tables, one of which somebody has locked."""

    def __init__(self) -> None:
        self.vacuumed: set[int] = set()

    def fetch_rows(self, statement: str) -> list[dict[str, JsonValue]]:
        """What the tables are when a window is planned."""
        assert statement == TABLE_STATISTICS_STATEMENT
        return [asdict(table) for table in (ORDERS, LOCKED)]

    def __call__(self, sql: Sql) -> list[dict[str, JsonValue]]:
        if sql.statement == ANSWER_QUERY.statement:
            return [{"answers": 1}]
        if sql.statement == f"VACUUM {ORDERS.quoted_name}":
            self.vacuumed.add(ORDERS.oid)
            return []
        if sql.statement == f"VACUUM {LOCKED.quoted_name}":
            raise RefusedError("no lock within 10 s")
        assert sql.statement == VACUUM_CHECK_STATEMENT
        return [{"vacuumed": sql.params["oid"] in self.vacuumed, "running": False}]


def put(on: Stage) -> None:
    """A stack that runs: the database, its secret, services, alarms; and who listens."""
    put_group(on)
    service_stage.put(on, ("backend", "frontend"))
    alarms.put(on)
    word = '{"dbname": "app", "username": "bulwark_admin", "password": "x"}'
    made = on.client("secretsmanager").create_secret(Name=f"{PREFIX}-database-1", SecretString=word)
    part = on.outputs.database.model_copy(update={"secret_arn": made["ARN"]})
    on.outputs = on.outputs.model_copy(update={"database": part})
    sns, sqs = on.client("sns"), on.client("sqs")
    queue = sqs.create_queue(QueueName=QUEUE)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]
    for level in ("warn", "page"):
        topic = sns.create_topic(Name=f"{PREFIX}-{level}")["TopicArn"]
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn["QueueArn"])
    vars(on)["pretended"] = Pretended()


def pretended(on: Stage) -> Pretended:
    """What stands behind the primary."""
    found: Pretended = vars(on)["pretended"]
    return found


def planned(
    on: Stage, wanted: Wanted, how: Literal["rules", "actions"] = "rules", *, sql: bool = True
) -> Plan:
    """A window as the command plans it."""
    found = database.get_primary(on.aws, on.outputs)
    way = cast(DatabaseClient, pretended(on)) if sql else None
    it = windows.Seen(on.aws, on.outputs, found, wanted, RUN, on.clock.held.now(), way)
    made = windows.acts(it)
    steps = windows.body(it, made)
    told = Told("warn", "planned", how, windows.minutes("600", steps))
    return windows.window(it, made, steps, muting.list_stack_alarms(on.aws, on.outputs), told)


def messages(on: Stage) -> list[tuple[str, str]]:
    """What people were told, in order: the state of the alarm and the beginning of the reason."""
    sqs = on.client("sqs")
    url = sqs.get_queue_url(QueueName=QUEUE)["QueueUrl"]
    told: list[tuple[str, str]] = []
    while got := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        for one in got:
            body: Any = json.loads(json.loads(one["Body"])["Message"])
            told.append((body["NewStateValue"], body["NewStateReason"].partition(" ")[0]))
            sqs.delete_message(QueueUrl=url, ReceiptHandle=one["ReceiptHandle"])
    return told


def facts(on: Stage) -> tuple[object, ...]:
    """What people were told, what tells them, and how the database is."""
    on.clock.sleep(600)
    own = parameters.list_database_parameters(on.aws, on.outputs, GROUP, user_only=True)
    events = on.client("rds").describe_events(
        SourceIdentifier=on.outputs.database.identifier, SourceType="db-instance", Duration=1440
    )["Events"]
    snapshots = on.client("rds").describe_db_snapshots(SnapshotType="manual")["DBSnapshots"]
    found = seen(on)
    return (
        messages(on),
        alarms.facts(on),
        [(one.name, one.value) for one in own],
        found["DBParameterGroups"][0]["ParameterApplyStatus"],
        found["EngineVersion"],
        [e["Message"] for e in events if "availability" in e["EventCategories"]],
        len(snapshots),
        sorted(pretended(on).vacuumed),
    )


def returned(on: Stage) -> tuple[object, ...]:
    """What is as it was, however far a window had come."""
    return alarms.facts(on), facts(on)[2], ring(on)


def ring(on: Stage) -> list[str]:
    """The alarms that tell of windows, which must not stay."""
    name = announcing.format_announcement_name(on.outputs, RUN)
    found = on.client("cloudwatch").describe_alarms(AlarmNames=[name])
    return [one["AlarmName"] for one in found["MetricAlarms"]]


ASKED: Final = "--for 600 --message planned"
BACK: Final = frozenset({"back_1", "broken_off", "unbell"})  # a window that is over has ended them
PROCEDURES: Final = (
    Procedure(
        "maintenance run",
        f"--parameters work_mem=8192,max_connections=200 --reboot --no-sql {ASKED}",
        put,
        lambda on: planned(on, REBOOTED, sql=False),
        facts,
        undone=returned,
        doubts=frozenset({"reboot", "restart"}),
        already=BACK | {"restart"},
        long=True,
    ),
    Procedure(
        "maintenance run",
        f"--patch 16.11 --reboot --vacuum orders --sql --by actions {ASKED}",
        put,
        lambda on: planned(on, PATCHED, "actions"),
        facts,
        undone=returned,
        sql=pretended,
        already=BACK | {"reboot"},
        long=True,
        doubts=frozenset({"reboot"}),
    ),
    Procedure(
        "maintenance run",
        f"--parameters work_mem=8192 --vacuum locked --sql {ASKED}",
        put,
        lambda on: planned(on, BROKEN_OFF),
        facts,
        undone=returned,
        sql=pretended,
        outcome="undone",
        already=BACK,
        long=True,
    ),
)
