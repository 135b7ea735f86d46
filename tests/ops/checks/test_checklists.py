"""Checklists: each item of the table well, failing for its reason and unknown; and as typed."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from components.alarm_registry.database import DATABASE_ALARMS
from ops.checks import deployment as deploying
from ops.checks import trends
from ops.checks import upkeep as keeping
from ops.checks.model import ChecklistFacts, ChecklistItem, ChecklistResult, run_checklist_items
from ops.checks.table import CHECKLIST_ITEMS, CHECKLISTS, evaluate_checklist, list_checklist_items
from ops.core.checks import DAY_SECONDS, HealthCheck, ReadAnswer, ReadRequest, UnknownAnswerError
from ops.core.lock import LockRecord
from ops.core.metrics import build_metric_query
from ops.health.registry import HEALTH_CHECKS
from ops.outputs import Outputs
from sandbox import clock as sandbox_clock
from tests.ops.command_line import OpsConsole
from tests.ops.db_stage import fail_operations, open_database_console
from tests.ops.health_answers import (
    DATABASE_IDENTIFIER,
    GIB,
    AwsAnswers,
    answer_deployment,
    answer_instance,
    answer_log_events,
    answer_refresh,
    answer_services,
)
from tests.ops.procedures.maintenance import put_maintainable_stack
from tests.ops.single_check import NOW, build_changed_outputs, format_time_ago
from tests.ops.stage import STACK_PREFIX, build_stack_outputs

METRIC_DATA_API, ALARMS_API = "cloudwatch.get_metric_data", "cloudwatch.describe_alarms"
OBJECT_API, OBJECT_LIST_API = "s3.get_object", "s3.list_objects_v2"
SECRET_API, ROLE_API = "secretsmanager.describe_secret", "iam.get_role"
FREE_STORAGE_METRIC = build_metric_query(
    "AWS/RDS",
    "FreeStorageSpace",
    "Minimum",
    period=DAY_SECONDS,
    DBInstanceIdentifier=DATABASE_IDENTIFIER,
)
CONNECTIONS_METRIC = build_metric_query(
    "AWS/RDS",
    "DatabaseConnections",
    "Maximum",
    period=DAY_SECONDS,
    DBInstanceIdentifier=DATABASE_IDENTIFIER,
)
DRILL_RECORD_KEY = "drills/20261101-120000-drill-1.json"
DRILL_RECORD = {
    "version": 1,
    "run": "drill-1",
    "taken": format_time_ago(days=20),
    "stack": "test",
    "outcome": "done",
    "phases": {},
    "rto_seconds": 1500.0,
    "rpo_seconds": 120.0,
    "rpo_by": "heartbeat",
    "objectives": {"rto_seconds": 3600.0, "rpo_seconds": 300.0},
    "tables": 1,
    "rows": 1,
    "met": True,
    "why": [],
    "more": "of a later version",
}


def answer_daily_metric(metric_id: str, *values: float) -> AwsAnswers:
    """A value a day, the newest first."""
    times = [format_time_ago(days=day) for day in range(len(values))]
    return {METRIC_DATA_API: [{"Id": metric_id, "Timestamps": times, "Values": list(values)}]}


def answer_daily_storage(*gib: float, **overrides: Any) -> AwsAnswers:
    return {
        **answer_instance(**overrides),
        **answer_daily_metric(FREE_STORAGE_METRIC.id, *(value * GIB for value in gib)),
    }


def answer_connections(*peaks: float) -> AwsAnswers:
    dimensions = [{"Name": "DBInstanceIdentifier", "Value": DATABASE_IDENTIFIER}]
    alarm = {"AlarmName": "a", "Threshold": 160.0, "Dimensions": dimensions}
    return {**answer_daily_metric(CONNECTIONS_METRIC.id, *peaks), ALARMS_API: [alarm]}


def answer_drill_record(**overrides: Any) -> AwsAnswers:
    text = json.dumps({**DRILL_RECORD, **overrides})
    return {
        OBJECT_LIST_API: [{"Key": "drills/20260101-a.json"}, {"Key": DRILL_RECORD_KEY}],
        OBJECT_API: [{"text": text}],
    }


def answer_secret(**overrides: Any) -> AwsAnswers:
    rules = {"RotationEnabled": True, "RotationRules": {"AutomaticallyAfterDays": 30}}
    return {SECRET_API: [{"CreatedDate": format_time_ago(days=400), **rules, **overrides}]}


def answer_snapshots(*days: int) -> AwsAnswers:
    snapshots = [
        {
            "SnapshotCreateTime": format_time_ago(days=age_days),
            "DBSnapshotIdentifier": f"s-{age_days}",
        }
        for age_days in days
    ]
    return {"rds.describe_db_snapshots": snapshots}


def answer_lock(**overrides: Any) -> AwsAnswers:
    now = NOW.timestamp()
    lock_record = LockRecord(
        holder="a@b", run="r-1", reason="a release", since=now - 60, until=now + 60
    )
    return {OBJECT_API: [{"text": lock_record.model_copy(update=overrides).model_dump_json()}]}


def build_alarm_item(
    name: str, state: str = "OK", since: str = format_time_ago(minutes=5)
) -> dict[str, Any]:
    text = "P0. The site is down. Run: ops health"
    return {
        "AlarmName": name,
        "StateValue": state,
        "AlarmDescription": text,
        "StateReason": "why",
        "StateUpdatedTimestamp": since,
    }


def answer_alarms(
    severe_state: str = "OK", mild_state: str = "OK", since: str = format_time_ago(minutes=5)
) -> AwsAnswers:
    return {
        ALARMS_API: [
            build_alarm_item("grave", severe_state, since),
            build_alarm_item("mild", mild_state, since),
        ]
    }


ALARM_OUTPUTS = build_changed_outputs("alarms", names={"P0": ("grave",), "P2": ("mild",)})
CONNECTION_ALARM_OUTPUTS = build_changed_outputs(
    "alarms", names={"P1": (f"{STACK_PREFIX}-database-connections-high-primary",)}
)
# A check, the outputs that it looks at, answers with which it is well, and with which it is not:
# state, what the evidence then says, and the command that helps.
ChecklistCase = tuple[
    HealthCheck, Outputs | None, AwsAnswers, list[tuple[AwsAnswers, str, str, str]]
]
CHECKLIST_CASES: list[ChecklistCase] = [
    (
        trends.STORAGE_TREND_CHECK,
        None,
        answer_daily_storage(50, 50.5, 51, 51.5),
        [
            (
                answer_daily_storage(10, 11, 12, 13),
                "failing",
                "full in 10 days",
                "ops db storage GIB",
            ),
            (
                answer_daily_storage(10, 11, 12, 80, 1, 2),
                "failing",
                "full in 10 days",
                "ops db storage GIB",
            ),
            (answer_daily_storage(50, 51), "unknown", "2 days of data in two weeks", "ops usage"),
            (
                {**answer_daily_storage(50, 51, 52), "rds.describe_db_instances": []},
                "failing",
                "is gone",
                "ops db status",
            ),
        ],
    ),
    (
        trends.CONNECTIONS_TREND_CHECK,
        CONNECTION_ALARM_OUTPUTS,
        answer_connections(20, 139, 10),
        [
            (
                answer_connections(20, 150),
                "failing",
                "150 at most in 2 days, of 200 (75%)",
                "ops db activity",
            ),
            (answer_connections(), "unknown", "no data", "ops usage"),
            (
                {**answer_connections(1), ALARMS_API: []},
                "unknown",
                "there is no alarm",
                "pulumi up",
            ),
        ],
    ),
    (
        keeping.DRILL_CHECK,
        None,
        answer_drill_record(),
        [
            (
                answer_drill_record(taken=format_time_ago(days=32)),
                "failing",
                "older than 31 days: drill-1",
                "ops recover",
            ),
            (
                answer_drill_record(met=False, why=["its RTO is 2 h"]),
                "failing",
                "not met (its RTO is 2 h)",
                "ops recover drill",
            ),
            (
                answer_drill_record(version=2),
                "unknown",
                "is no record of a drill: version",
                "ops recover drill",
            ),
            (
                {**answer_drill_record(), OBJECT_API: [{"text": "{}"}]},
                "unknown",
                "a drill: run, taken",
                "ops recover",
            ),
            (
                {**answer_drill_record(), OBJECT_API: [{"text": ""}]},
                "unknown",
                "is no record",
                "ops recover drill",
            ),
            (
                {**answer_drill_record(), OBJECT_API: []},
                "unknown",
                "is gone meanwhile",
                "ops recover drill",
            ),
            (
                {OBJECT_LIST_API: [{"Key": "drills/readme"}]},
                "failing",
                "there is no record",
                "ops recover",
            ),
        ],
    ),
    (
        keeping.PASSWORD_CHECK,
        None,
        answer_secret(LastRotatedDate=format_time_ago(days=31)),
        [
            (
                answer_secret(LastRotatedDate=format_time_ago(days=33)),
                "failing",
                "33 days old; rotated each 30 days",
                "ops db rotate-password",
            ),
            (
                answer_secret(RotationEnabled=False),
                "failing",
                "nothing rotates it",
                "ops db rotate-password",
            ),
            (
                answer_secret(CreatedDate=None),
                "unknown",
                "AWS does not say",
                "ops db rotate-password",
            ),
            ({SECRET_API: []}, "failing", "is gone", "pulumi up"),
        ],
    ),
    (
        keeping.OLD_SNAPSHOTS_CHECK,
        None,
        answer_snapshots(1, 89),
        [
            (
                answer_snapshots(1, 91, 100),
                "failing",
                "4 are older than 90 days: s-100",
                "ops db snapshot prune",
            ),
        ],
    ),
    (
        keeping.ROLES_CHECK,
        None,
        {ROLE_API: [{"Role": {}}]},
        [
            (
                {ROLE_API: []},
                "failing",
                f"no {STACK_PREFIX}-reader, no {STACK_PREFIX}-operator",
                "pulumi up",
            ),
        ],
    ),
    (
        deploying.LOCK_CHECK,
        None,
        {OBJECT_API: []},
        [
            (answer_lock(), "failing", "held by a@b for r-1: a release, until", "ops lock show"),
            ({OBJECT_API: [{"text": "{}"}]}, "unknown", "is no lock", "ops lock show"),
        ],
    ),
    (
        deploying.NO_DEPLOYMENT_CHECK,
        None,
        answer_services(),
        [
            (
                answer_deployment("IN_PROGRESS", format_time_ago(minutes=1)),
                "failing",
                "1 of them under way",
                "ops service events --service backend",
            ),
            (
                answer_services(deployments=[{}, {}]),
                "failing",
                "2 deployments",
                "ops service events",
            ),
            ({"ecs.describe_services": []}, "failing", "is gone", "pulumi up"),
        ],
    ),
    (
        deploying.NO_REFRESH_CHECK,
        None,
        answer_refresh("Failed"),
        [
            (answer_refresh("InProgress"), "failing", "is InProgress", "ops fleet refresh status"),
            (answer_refresh("Baking"), "failing", "is Baking", "ops fleet refresh status"),
        ],
    ),
    (
        deploying.GRAVE_ALARMS_CHECK,
        ALARM_OUTPUTS,
        answer_alarms(mild_state="ALARM"),
        [
            (answer_alarms(severe_state="ALARM"), "failing", "why", "ops health"),
            (
                {ALARMS_API: [build_alarm_item("mild")]},
                "unknown",
                "1 are not there: grave",
                "pulumi up",
            ),
        ],
    ),
    (
        deploying.RESTORABLE_CHECK,
        None,
        answer_instance(LatestRestorableTime=format_time_ago(minutes=9)),
        [
            (
                answer_instance(LatestRestorableTime=format_time_ago(minutes=11)),
                "failing",
                "11 min ago",
                "ops db snapshot create",
            ),
            (
                answer_instance(LatestRestorableTime=None),
                "failing",
                "no backup yet",
                "ops db snapshot create",
            ),
            ({"rds.describe_db_instances": []}, "failing", "is gone", "ops db snapshot create"),
        ],
    ),
    (
        deploying.NEW_ALARMS_CHECK,
        ALARM_OUTPUTS,
        answer_alarms("ALARM", since=format_time_ago(minutes=16)),
        [
            (answer_alarms("OK", "ALARM"), "failing", "why", "ops health"),
            (
                {ALARMS_API: [build_alarm_item("mild")]},
                "unknown",
                "1 are not there: grave",
                "pulumi up",
            ),
        ],
    ),
    (
        deploying.NEW_ERRORS_CHECK,
        None,
        answer_log_events(0),
        [
            (
                answer_log_events(1),
                "failing",
                "1 in the last 15 min, the newest at",
                "aws logs tail",
            ),
            ({"logs.filter_log_events": [{"cut": True}]}, "unknown", "more lines", "aws logs tail"),
        ],
    ),
]
CHECKLIST_CHECKS = {
    candidate
    for module in (trends, keeping, deploying)
    for candidate in vars(module).values()
    if isinstance(candidate, HealthCheck)
}


def run_single_check(
    tested_check: HealthCheck, answers: AwsAnswers, outputs: Outputs | None
) -> ChecklistResult:
    def answer_read(read: ReadRequest) -> ReadAnswer:
        answer = answers[read.api]
        return answer if isinstance(answer, UnknownAnswerError) else list(answer)

    facts = ChecklistFacts(outputs or build_stack_outputs(), NOW)
    (single_result,) = run_checklist_items(
        [ChecklistItem("item", "", (), (tested_check,))], facts, answer_read
    )
    return single_result


def test_every_check_of_the_lists_is_tested_and_stands_on_one() -> None:
    assert {one for one, *_ in CHECKLIST_CASES} == CHECKLIST_CHECKS
    assert {one for item in CHECKLIST_ITEMS for one in item.checks} >= CHECKLIST_CHECKS


def format_case_id(value: object) -> str:
    """What a case is called: by its check and by what is read, the same in every process."""
    if isinstance(value, HealthCheck):
        return f"{value.area} {value.subject}"
    return value if isinstance(value, str) else ""


@pytest.mark.parametrize(
    ("tested_check", "outputs", "well"), [case[:3] for case in CHECKLIST_CASES], ids=format_case_id
)
def test_where_it_is_well_it_is_ok_with_evidence(
    tested_check: HealthCheck, outputs: Outputs | None, well: AwsAnswers
) -> None:
    found = run_single_check(tested_check, well, outputs)
    assert (found.state, found.command) == ("ok", ""), found
    assert found.evidence


@pytest.mark.parametrize(
    ("tested_check", "outputs", "answers", "state", "evidence", "command"),
    [
        (tested_check, outputs, *candidate)
        for tested_check, outputs, _, cases in CHECKLIST_CASES
        for candidate in cases
    ],
)
def test_it_fails_or_is_unknown_for_its_reason(
    tested_check: HealthCheck,
    outputs: Outputs | None,
    answers: AwsAnswers,
    state: str,
    evidence: str,
    command: str,
) -> None:
    found = run_single_check(tested_check, answers, outputs)
    assert found.state == state, found
    assert evidence in found.evidence
    assert found.command.startswith(command)


@pytest.mark.parametrize(
    ("tested_check", "outputs", "well", "api"),
    [
        (tested_check, outputs, well, api)
        for tested_check, outputs, well, _ in CHECKLIST_CASES
        for api in tested_check.apis
    ],
    ids=format_case_id,
)
def test_without_an_answer_it_is_unknown(
    tested_check: HealthCheck, outputs: Outputs | None, well: AwsAnswers, api: str
) -> None:
    answers = {**well, api: UnknownAnswerError(f"{api} was denied", "ops permissions")}
    found = run_single_check(tested_check, answers, outputs)
    assert (found.state, found.command) == ("unknown", "ops permissions")


def test_a_young_database_has_no_trend_yet_and_storage_that_grows_has_room() -> None:
    assert (
        run_single_check(
            trends.STORAGE_TREND_CHECK,
            answer_daily_storage(50, InstanceCreateTime=format_time_ago(days=2)),
            None,
        ).state
        == "ok"
    )
    grows = run_single_check(
        trends.STORAGE_TREND_CHECK, answer_daily_storage(10, 11, 12, MaxAllocatedStorage=200), None
    )
    assert grows.state == "ok"
    assert "110.0 GiB left of 200 GiB" in grows.evidence


def test_a_lock_that_is_over_keeps_nobody_off() -> None:
    found = run_single_check(deploying.LOCK_CHECK, answer_lock(until=NOW.timestamp() - 1), None)
    assert found.state == "ok"
    assert "it was over at" in found.evidence


def test_the_alarm_of_connections_is_raised_at_the_share_that_is_counted_with() -> None:
    (own,) = (one for one in DATABASE_ALARMS if one.key == trends.CONNECTIONS_ALARM)
    assert (
        own.threshold.description
        == f"{trends.ALARM_THRESHOLD_RATIO:.0%} of max_connections".replace("%", " %", 1)
    )


def test_longer_lists_hold_the_shorter_ones_and_each_has_the_account() -> None:
    names = {name: [item.name for item in list_checklist_items(name)] for name in CHECKLISTS}
    assert set(names["daily"]) < set(names["weekly"]) < set(names["monthly"])
    assert all("account" in listed for listed in names.values())
    assert len({item.name for item in CHECKLIST_ITEMS}) == len(CHECKLIST_ITEMS)
    assert all(item.meaning and item.checklists for item in CHECKLIST_ITEMS)


def test_the_monthly_list_looks_at_all_that_health_looks_at() -> None:
    assert set(HEALTH_CHECKS) <= {
        one for item in list_checklist_items("monthly") for one in item.checks
    }


def test_what_does_not_apply_is_not_shown() -> None:
    outputs = build_stack_outputs().model_copy(
        update={"services": None, "fleet": None, "access": None}
    )
    shown = {
        item.name
        for item in list_checklist_items("monthly")
        if any(c.is_applicable(outputs) for c in item.checks)
    }
    found = run_checklist_items(
        list_checklist_items("monthly"),
        ChecklistFacts(outputs, NOW),
        lambda _: UnknownAnswerError("no answer"),
    )
    assert {one.item for one in found} == shown
    assert not {"services", "fleet", "cache", "roles"} & shown


def test_credentials_of_another_account_make_all_of_it_unknown() -> None:
    def sending(read: ReadRequest) -> ReadAnswer:
        return [{"Account": "999999999999"}] if read.api.startswith("sts.") else []

    found = run_checklist_items(
        list_checklist_items("pre-deploy"), ChecklistFacts(build_stack_outputs(), NOW), sending
    )
    states = {one.item: one.state for one in found}
    assert states.pop("account") == "failing"
    assert set(states.values()) == {"unknown"}


@pytest.fixture
def ops(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Iterator[OpsConsole]:
    elsewhere = {"DBInstanceIdentifier": "elsewhere"}
    with (
        open_database_console(capsys, tmp_path, **elsewhere) as console,
        patch("ops.core.clock.now") as now,
    ):
        now.side_effect = console.stage.clock.held_clock.now
        sandbox_clock.set_sandbox_clock(console.stage.clock.held_clock)
        put_maintainable_stack(console.stage)
        part = console.stage.outputs
        part = part.model_copy(update={"fleet": None, "load_balancer": None})
        part = part.model_copy(update={"backups": part.backups.model_copy(update={"vault": None})})
        console.stage.outputs = part
        console.file.write_text(part.model_dump_json(by_alias=True))
        yield console


def test_a_list_is_printed_for_a_person_and_for_a_program(ops: OpsConsole) -> None:
    out, err = ops("check pre-deploy", 3)
    assert out.splitlines()[0].split() == ["state", "item", "evidence", "command"]
    assert "failing, 0 unknown" in err
    found = ops.run_for_json("check pre-deploy", 3)
    assert (found["schema"], found["kind"], found["list"]) == (1, "check", "pre-deploy")
    assert found["state"] == "failing"
    assert [item["state"] for item in found["items"]] == sorted(
        (item["state"] for item in found["items"]), key=["failing", "unknown", "ok"].index
    )
    states = {item["item"]: item["state"] for item in found["items"]}
    assert states == {
        "account": "ok",
        "lock": "ok",
        "no deployment": "ok",
        "grave alarms": "ok",
        "restorable": "ok",
        "capacity": "failing",
    }
    capacity = found["items"][0]
    assert "automatic scaling is missing" in capacity["evidence"]
    assert capacity["means"].startswith("No service")
    assert {finding["area"] for finding in capacity["findings"]} == {"services"}


def test_whoever_holds_the_lock_is_seen_before_a_deployment(ops: OpsConsole) -> None:
    s3, bucket = ops.stage.client("s3"), ops.stage.outputs.backups.operations_bucket
    now = ops.stage.clock.held_clock.now()
    one = LockRecord(
        holder="a@b",
        run="r-1",
        reason="x",
        since=now.timestamp(),
        until=(now + timedelta(hours=1)).timestamp(),
    )
    s3.put_object(Bucket=bucket, Key="lock.json", Body=one.model_dump_json().encode())
    (lock,) = [i for i in ops.run_for_json("check pre-deploy", 3)["items"] if i["item"] == "lock"]
    assert lock["state"] == "failing"
    assert "held by a@b for r-1: x" in lock["evidence"]


@pytest.mark.parametrize(
    ("api", "name"), [("get_object", "lock"), ("describe_alarms", "grave alarms")]
)
def test_what_is_denied_is_unknown_and_never_well(ops: OpsConsole, api: str, name: str) -> None:
    with fail_operations("AccessDenied", api):
        found = ops.run_for_json("check pre-deploy", 3)
    (item,) = [i for i in found["items"] if i["item"] == name]
    assert item["state"] == "unknown"
    assert "was denied" in item["evidence"]
    assert item["command"] == "ops permissions"


def test_a_record_in_the_bucket_is_read(ops: OpsConsole) -> None:
    s3, bucket = ops.stage.client("s3"), ops.stage.outputs.backups.operations_bucket
    taken = ops.stage.clock.held_clock.now().isoformat()
    body = json.dumps({**DRILL_RECORD, "taken": taken}).encode()
    s3.put_object(Bucket=bucket, Key=DRILL_RECORD_KEY, Body=body)
    (drill,) = [i for i in ops.run_for_json("check monthly", 3)["items"] if i["item"] == "drill"]
    assert drill["state"] == "ok"
    assert "back after 25 min of 60 min, lost 2 min of 5 min" in drill["evidence"]


def test_after_a_deployment_it_is_looked_as_far_back_as_is_asked(ops: OpsConsole) -> None:
    name = ops.stage.outputs.alarms.names["P1"][0]
    ops.stage.client("cloudwatch").set_alarm_state(
        AlarmName=name, StateValue="ALARM", StateReason="test"
    )
    now = ops.stage.clock.held_clock.now()

    def state(minutes: float) -> str:
        found = evaluate_checklist(
            "post-deploy", ops.stage.outputs, ops.stage.aws, now, minutes * 60
        )
        (one,) = [r for r in found if r.item == "new alarms"]
        return one.state

    assert state(24 * 60) == "failing"
    ops.stage.clock.sleep(3600)
    now = ops.stage.clock.held_clock.now()
    assert state(15) == "ok"
    _, err = ops("check post-deploy --since 0", 2)
    assert "--since" in err
