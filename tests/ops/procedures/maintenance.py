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
from ops.maintenance.window import MaintenanceAnnouncement, MaintenanceRequest
from tests.ops import service_stage
from tests.ops.db_stage import describe_database
from tests.ops.procedures import Procedure, alarms
from tests.ops.procedures.db_parameters import PARAMETER_GROUP
from tests.ops.procedures.db_parameters import put_database_with_group as put_group
from tests.ops.stage import STACK_PREFIX, Stage

MAINTENANCE_RUN: Final = "maintenance-1"
LISTENER_QUEUE: Final = "listener"
ORDERS_TABLE: Final = TableStatistics(
    1, "public", "orders", 5000, 10, 0, 100, 1 << 20, 1.0, ours=True
)
LOCKED_TABLE: Final = TableStatistics(
    2, "public", "locked", 5000, 10, 0, 101, 1 << 20, 1.0, ours=True
)
REBOOT_REQUEST: Final = MaintenanceRequest(
    {"work_mem": "8192", "max_connections": "200"}, reboot=True
)
PATCH_REQUEST: Final = MaintenanceRequest(patch="16.11", reboot=True, tables=("orders",))
FAILING_REQUEST: Final = MaintenanceRequest({"work_mem": "8192"}, tables=("locked",))


class FakeVacuumPostgres:
    """A PostgreSQL of two tables, one of which somebody has locked."""

    def __init__(self) -> None:
        self.vacuumed_oids: set[int] = set()

    def fetch_rows(self, statement: str) -> list[dict[str, JsonValue]]:
        """What the tables are when a window is planned."""
        assert statement == TABLE_STATISTICS_STATEMENT
        return [asdict(table) for table in (ORDERS_TABLE, LOCKED_TABLE)]

    def __call__(self, sql: Sql) -> list[dict[str, JsonValue]]:
        if sql.statement == ANSWER_QUERY.statement:
            return [{"answers": 1}]
        if sql.statement == f"VACUUM {ORDERS_TABLE.quoted_name}":
            self.vacuumed_oids.add(ORDERS_TABLE.oid)
            return []
        if sql.statement == f"VACUUM {LOCKED_TABLE.quoted_name}":
            raise RefusedError("no lock within 10 s")
        assert sql.statement == VACUUM_CHECK_STATEMENT
        return [{"vacuumed": sql.params["oid"] in self.vacuumed_oids, "running": False}]


def put_maintainable_stack(stage: Stage) -> None:
    """A stack that runs: the database, its secret, services, alarms; and who listens."""
    put_group(stage)
    service_stage.put_services(stage, ("backend", "frontend"))
    alarms.put_alarms(stage)
    secret_value = '{"dbname": "app", "username": "bulwark_admin", "password": "x"}'
    secret = stage.client("secretsmanager").create_secret(
        Name=f"{STACK_PREFIX}-database-1", SecretString=secret_value
    )
    part = stage.outputs.database.model_copy(update={"secret_arn": secret["ARN"]})
    stage.outputs = stage.outputs.model_copy(update={"database": part})
    sns, sqs = stage.client("sns"), stage.client("sqs")
    queue = sqs.create_queue(QueueName=LISTENER_QUEUE)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]
    for level in ("warn", "page"):
        topic = sns.create_topic(Name=f"{STACK_PREFIX}-{level}")["TopicArn"]
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn["QueueArn"])
    vars(stage)["pretended"] = FakeVacuumPostgres()


def get_fake_vacuum_postgres(stage: Stage) -> FakeVacuumPostgres:
    """What stands behind the primary."""
    postgres: FakeVacuumPostgres = vars(stage)["pretended"]
    return postgres


def plan_window(
    stage: Stage,
    request: MaintenanceRequest,
    mute_method: Literal["rules", "actions"] = "rules",
    *,
    sql: bool = True,
) -> Plan:
    """A window as the command plans it."""
    instance = database.get_primary(stage.aws, stage.outputs)
    database_connection = cast(DatabaseClient, get_fake_vacuum_postgres(stage)) if sql else None
    observation = windows.MaintenanceObservation(
        stage.aws,
        stage.outputs,
        instance,
        request,
        MAINTENANCE_RUN,
        stage.clock.held_clock.now(),
        database_connection,
    )
    window_actions = windows.build_window_plans(observation)
    steps = windows.build_window_steps(observation, window_actions)
    announcement = MaintenanceAnnouncement(
        "warn", "planned", mute_method, windows.parse_window_minutes("600", steps)
    )
    return windows.build_maintenance_window_plan(
        observation,
        window_actions,
        steps,
        muting.list_stack_alarms(stage.aws, stage.outputs),
        announcement,
    )


def receive_messages(stage: Stage) -> list[tuple[str, str]]:
    """What people were told, in order: the state of the alarm and the beginning of the reason."""
    sqs = stage.client("sqs")
    url = sqs.get_queue_url(QueueName=LISTENER_QUEUE)["QueueUrl"]
    announced: list[tuple[str, str]] = []
    while batch := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        for message in batch:
            body: Any = json.loads(json.loads(message["Body"])["Message"])
            announced.append((body["NewStateValue"], body["NewStateReason"].partition(" ")[0]))
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return announced


def collect_window_facts(stage: Stage) -> tuple[object, ...]:
    """What people were told, what tells them, and how the database is."""
    stage.clock.sleep(600)
    user_parameters = parameters.list_database_parameters(
        stage.aws, stage.outputs, PARAMETER_GROUP, user_only=True
    )
    events = stage.client("rds").describe_events(
        SourceIdentifier=stage.outputs.database.identifier, SourceType="db-instance", Duration=1440
    )["Events"]
    snapshots = stage.client("rds").describe_db_snapshots(SnapshotType="manual")["DBSnapshots"]
    instance = describe_database(stage)
    return (
        receive_messages(stage),
        alarms.collect_alarm_facts(stage),
        [(parameter.name, parameter.value) for parameter in user_parameters],
        instance["DBParameterGroups"][0]["ParameterApplyStatus"],
        instance["EngineVersion"],
        [event["Message"] for event in events if "availability" in event["EventCategories"]],
        len(snapshots),
        sorted(get_fake_vacuum_postgres(stage).vacuumed_oids),
    )


def collect_undone_window_facts(stage: Stage) -> tuple[object, ...]:
    """What is as it was, however far a window had come."""
    return (
        alarms.collect_alarm_facts(stage),
        collect_window_facts(stage)[2],
        list_announcement_alarms(stage),
    )


def list_announcement_alarms(stage: Stage) -> list[str]:
    """The alarms that tell of windows, which must not stay."""
    name = announcing.format_announcement_name(stage.outputs, MAINTENANCE_RUN)
    response = stage.client("cloudwatch").describe_alarms(AlarmNames=[name])
    return [alarm["AlarmName"] for alarm in response["MetricAlarms"]]


ANNOUNCE_OPTIONS: Final = "--for 600 --message planned"
ENDING_STEPS: Final = frozenset(
    {"back_1", "broken_off", "unbell"}
)  # a window that is over has ended them
PROCEDURES: Final = (
    Procedure(
        "maintenance run",
        f"--parameters work_mem=8192,max_connections=200 --reboot --no-sql {ANNOUNCE_OPTIONS}",
        put_maintainable_stack,
        lambda stage: plan_window(stage, REBOOT_REQUEST, sql=False),
        collect_window_facts,
        collect_undone_facts=collect_undone_window_facts,
        doubtful_steps=frozenset({"reboot", "restart"}),
        steps_maybe_done=ENDING_STEPS | {"restart"},
        is_long=True,
        pair_interval=31,
    ),
    Procedure(
        "maintenance run",
        f"--patch 16.11 --reboot --vacuum orders --sql --by actions {ANNOUNCE_OPTIONS}",
        put_maintainable_stack,
        lambda stage: plan_window(stage, PATCH_REQUEST, "actions"),
        collect_window_facts,
        collect_undone_facts=collect_undone_window_facts,
        build_sql_runner=get_fake_vacuum_postgres,
        steps_maybe_done=ENDING_STEPS | {"reboot"},
        is_long=True,
        pair_interval=31,
        doubtful_steps=frozenset({"reboot"}),
    ),
    Procedure(
        "maintenance run",
        f"--parameters work_mem=8192 --vacuum locked --sql {ANNOUNCE_OPTIONS}",
        put_maintainable_stack,
        lambda stage: plan_window(stage, FAILING_REQUEST),
        collect_window_facts,
        collect_undone_facts=collect_undone_window_facts,
        build_sql_runner=get_fake_vacuum_postgres,
        outcome="undone",
        steps_maybe_done=ENDING_STEPS,
        is_long=True,
        pair_interval=31,
    ),
)
