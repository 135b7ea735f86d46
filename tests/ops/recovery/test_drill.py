"""The recovery drill: what it measures, what it leaves behind (nothing), and its history."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from math import ceil
from pathlib import Path
from typing import Any
from unittest.mock import patch

import psycopg
import pytest

from ops.core import clock
from ops.core.journal import FolderJournalStore, Journal
from ops.core.plan import Call
from ops.core.run_context import StackContext
from ops.recovery.drill import _build_detection_steps, build_drill_plan
from ops.recovery.drill_history import (
    SERVICES_RESTART_SECONDS,
    SWITCH_SECONDS,
    DrillPhases,
    DrillRecord,
    RecoveryObjectives,
    _parse_drill_record,
    describe_regression,
    parse_drill_journal,
)
from ops.recovery.drill_identity import explain_wrong_server, find_detection_seconds
from ops.recovery.restore import list_restored_and_replaced_instances
from ops.recovery.restore_request import RestoreRequest
from sandbox.clients.http_client import step_clients
from sandbox.patches.rds.backups import LOG_UPLOAD_SECONDS
from sandbox.patches.rds.changes import MODIFY_SECONDS, PASSWORD_RESET_SECONDS
from sandbox.patches.rds.instances import BACKUP_SECONDS, STANDBY_SECONDS
from sandbox.patches.rds.restores import RESTORE_SECONDS
from tests.ops.command_line import OpsConsole
from tests.ops.sql_stage import DATABASE_NAME, DATABASE_USER
from tests.ops.stage import Stage, interrupt_at_sleep, open_stage
from tests.ops.writing_client import fetch_login, open_simulated_console

DRILL_LINE = "recover drill --yes --heartbeat beats.at"
CPU_ALARM = "bulwark-test-database-cpu-critical"
TARGETS_ALARM = "bulwark-test-target-none-healthy"
DETECTION_SECONDS = 2 * 60
BEGIN_SECONDS = 80  # after a whole five minutes


def put_paging_alarms(stage: Stage) -> None:
    """One that a lost database raises after two minutes, and a quicker one that it does not."""
    for name, namespace, metric, count in (
        (CPU_ALARM, "AWS/RDS", "CPUUtilization", 1),
        (TARGETS_ALARM, "AWS/ApplicationELB", "HealthyHostCount", 2),
    ):
        stage.client("cloudwatch").put_metric_alarm(
            AlarmName=name,
            Namespace=namespace,
            MetricName=metric,
            Statistic="Average",
            Period=60,
            EvaluationPeriods=count,
            Threshold=95,
            ComparisonOperator="GreaterThanThreshold",
        )
    part = stage.outputs.alarms.model_copy(update={"names": {"P0": (CPU_ALARM, TARGETS_ALARM)}})
    stage.outputs = stage.outputs.model_copy(update={"alarms": part})


@pytest.fixture
def ops(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[OpsConsole]:
    monitoring = {"MonitoringInterval": 60, "MonitoringRoleArn": "arn:aws:iam::123456789012:role/m"}
    with open_simulated_console(
        tmp_path, put_paging_alarms, AllocatedStorage=100, **monitoring
    ) as console:
        console.capture = capsys
        # The restorable time moves on every five minutes, a minute late: an RPO is met or missed by
        # where in these a test begins, so that each begins at the same place.
        now = console.stage.clock.held_clock.now().timestamp()
        console.stage.clock.sleep(3600 + (BEGIN_SECONDS - now) % LOG_UPLOAD_SECONDS)
        yield console


class HeartbeatWriter:
    """An application that writes the time all the time."""

    def __init__(self, ops: OpsConsole) -> None:
        self.ops = ops
        self.connection = psycopg.connect(
            host=ops.stage.outputs.database.endpoint,
            port=ops.stage.outputs.database.port,
            user=DATABASE_USER,
            password=fetch_login(ops)["password"],
            dbname=DATABASE_NAME,
            sslmode="disable",
            autocommit=True,
        )
        self.connection.execute("CREATE TABLE IF NOT EXISTS beats (at timestamptz)")
        self.times: list[datetime] = []

    def send_request(self) -> None:
        now = self.ops.stage.clock.held_clock.now()
        self.connection.execute("INSERT INTO beats VALUES (%s)", (now,))
        self.times.append(now)


def list_restored_instances(ops: OpsConsole) -> list[Any]:
    ops.stage.clock.sleep(3600)
    return list_restored_and_replaced_instances(ops.stage.aws, ops.stage.outputs)


def test_a_drill_measures_restore_time_and_data_loss(ops: OpsConsole, tmp_path: Path) -> None:
    client = HeartbeatWriter(ops)
    with step_clients(ops.stage.clock.held_clock, client, step_seconds=13):
        ops.stage.clock.sleep(640)
    began = ops.stage.clock.held_clock.now()
    page = tmp_path / "drill.html"
    made = ops.run_for_json(f"{DRILL_LINE} --to {page}")
    restorable = began.timestamp() - began.timestamp() % 300
    newest = max(t.timestamp() for t in client.times if t.timestamp() <= restorable)
    assert made["rpo_by"] == "heartbeat"
    assert made["rpo_seconds"] == pytest.approx(began.timestamp() - newest, abs=1)
    assert (made["tables"], made["rows"]) == (
        1,
        sum(t.timestamp() <= restorable for t in client.times),
    )
    # What AWS takes, as it is modelled: the restore, its settings, its password.
    takes = (
        RESTORE_SECONDS + STANDBY_SECONDS + BACKUP_SECONDS + MODIFY_SECONDS + PASSWORD_RESET_SECONDS
    )
    assert made["phases"]["detect"] == DETECTION_SECONDS
    assert made["phases"]["switch"] == SWITCH_SECONDS
    assert made["phases"]["services"] == SERVICES_RESTART_SECONDS
    ours = (
        made["rto_seconds"] - DETECTION_SECONDS - takes - SWITCH_SECONDS - SERVICES_RESTART_SECONDS
    )
    assert 0 <= ours <= 0.02 * takes, f"{ours:.0f} s of our own over {takes} s of AWS's"
    assert made["met"] is True
    assert made["phases"]["warm"] > 0
    text = page.read_text(encoding="utf-8")
    assert made["run"] in text
    assert text.count("<rect") == len(("detect", "restore", "configure", "switch", "services"))
    assert list_restored_instances(ops) == []


def test_a_tunnel_that_leads_to_the_primary_is_found_out(ops: OpsConsole) -> None:
    """Its certificate has another name. Its newest heartbeat would be an RPO of nothing."""
    HeartbeatWriter(ops).send_request()
    ops.stage.clock.sleep(900)
    database = ops.stage.outputs.database
    line = f"{DRILL_LINE} --via {database.endpoint}:{database.port}"
    said = ops(line, 5)[1]
    assert "could not be verified to be bulwark-test-database-drill-" in said
    assert "so no password was sent" in said
    (kept,) = ops.run_for_json("recover drills")["items"]
    assert (kept["met"], kept["rpo_by"]) == (False, "restorable time")
    assert list_restored_instances(ops) == []


def test_a_heartbeat_of_a_time_after_the_loss_is_an_error(ops: OpsConsole) -> None:
    client = HeartbeatWriter(ops)
    future = ops.stage.clock.held_clock.now() + timedelta(hours=3)
    client.connection.execute("INSERT INTO beats VALUES (%s)", (future,))
    ops.stage.clock.sleep(900)
    said = ops(DRILL_LINE, 3)[1]
    assert "after the loss: the clock that writes it is wrong, or another instance" in said
    assert "its RPO is unknown" in said
    (kept,) = ops.run_for_json("recover drills")["items"]
    assert (kept["met"], kept["rpo_seconds"]) == (False, None)


def test_without_a_paging_alarm_for_the_loss_the_rto_is_unknown(
    ops: OpsConsole,
) -> None:
    ops.stage.client("cloudwatch").delete_alarms(AlarmNames=[TARGETS_ALARM])
    said = ops("recover drill --yes --no-sql", 3)[1]
    assert "no paging alarm would be raised by the loss of the database" in said
    assert "its RTO is unknown" in said


def test_every_paging_alarm_is_read_however_many_there_are() -> None:
    """A page of DescribeAlarms has 50 unless it is told otherwise, and 100 at most."""
    with open_stage() as stage:
        names = tuple(f"alarm-{number:03}" for number in range(150))
        part = stage.outputs.alarms.model_copy(update={"names": {"P0": names}})
        steps = _build_detection_steps(stage.outputs.model_copy(update={"alarms": part}))
        calls = [step.action for step in steps]
        assert all(isinstance(call, Call) and call.params["MaxRecords"] == 100 for call in calls)
        read = [name for call in calls for name in call.params["AlarmNames"]]  # type: ignore[union-attr]
        assert read == list(names)
    alarm = {"MetricName": "HealthyHostCount", "Period": 60, "EvaluationPeriods": 2}
    results = {"detection": {"MetricAlarms": []}, "detection_2": {"MetricAlarms": [alarm]}}
    assert find_detection_seconds(results) == 120


def build_identity(**facts: Any) -> dict[str, Any]:
    row = {"address": "10.0.0.9", "port": 5432, "started": "a", "standby": False, "age": 60.0}
    return {"rows": [row | facts]}


@pytest.mark.parametrize(
    ("answers", "problem"),
    [
        ({"identity": build_identity()}, ""),
        ({"identity": build_identity(), "primary_identity": {"rows": []}}, ""),
        ({"identity": build_identity(), "primary_identity": build_identity(started="b")}, ""),
        (
            {"identity": build_identity(), "primary_identity": build_identity(age=61.0)},
            "the primary answered (10.0.0.9:5432), not the restored instance",
        ),
        ({"identity": build_identity(standby=True)}, "a standby answered (10.0.0.9:5432)"),
        ({"identity": build_identity(age=90_000.0)}, "had run for 90000 s, and the restore"),
        ({"identity": {"rows": [], "answer": "refused"}}, "not proved which server answered"),
    ],
)
def test_a_drill_proves_which_server_answered(
    tmp_path: Path, answers: dict[str, Any], problem: str
) -> None:
    journal = Journal(FolderJournalStore(tmp_path / "run"))
    journal.write_record("intent", "restore", 1000)
    for step, answer in answers.items():
        journal.write_record("done", step, 2500, answer)
    said = explain_wrong_server(journal, journal.get_step_results())
    assert said == problem if not problem else problem in said


@pytest.mark.exhaustive
def test_an_objective_that_is_missed_is_exit_code_3_and_kept(ops: OpsConsole) -> None:
    HeartbeatWriter(ops).send_request()
    ops.stage.clock.sleep(900)
    said = ops("recover drill --yes --rto 10 --rpo 1 --sql", 3)[1]
    assert "its RTO is 44 min, above the objective of 10 min" in said
    kept = ops.run_for_json("recover drills")["items"]
    assert [(one["met"], one["rpo_by"]) for one in kept] == [(False, "restorable time")]
    assert kept[0]["objectives"] == {"rto_seconds": 600, "rpo_seconds": 60}
    assert list_restored_instances(ops) == []


@pytest.mark.parametrize(
    ("way", "rto", "code", "reason"),
    [
        # Nobody watched a part of it, so that what was seen is a limit: within the objective.
        ("resume", 90, 0, ""),
        ("resume", 10, 3, "whether it is above the objective of 10 min is unknown"),
        pytest.param("undo", 90, 0, "it was undone", marks=pytest.mark.exhaustive),
    ],
)
def test_a_killed_drill_leaves_no_instance_and_is_recorded(
    ops: OpsConsole, way: str, rto: int, code: int, reason: str
) -> None:
    with interrupt_at_sleep(ops.stage.clock, 40):
        ops(f"recover drill --yes --no-sql --rto {rto}", 130)
    (one,) = list_restored_and_replaced_instances(ops.stage.aws, ops.stage.outputs)
    run = one["DBInstanceIdentifier"].removeprefix("bulwark-test-database-")
    before = ops.run_for_json("recover drills")["items"]
    assert [d["outcome"] for d in before] == ["unfinished"]
    # Resumed, it ends with the code of a drill in one go.
    _, said = ops(ops.add_plan_hash(f"runs {way} {run}"), code)
    assert ("its RTO is at most" in said) == (code == 3)
    assert list_restored_instances(ops) == []
    (kept,) = ops.run_for_json("recover drills")["items"]
    assert kept["outcome"] == {"resume": "done", "undo": "undone"}[way]
    assert (kept["met"], kept["is_rto_limit"]) == (not reason, way == "resume")
    assert reason in " ".join(kept["why"])
    assert ("at most" in ops("recover drills")[0]) == (way == "resume")
    keys = ops.stage.client("s3").list_objects_v2(
        Bucket=ops.stage.outputs.backups.operations_bucket, Prefix="drills/"
    )["Contents"]
    assert len(keys) == 1


@pytest.mark.exhaustive
@pytest.mark.exhaustive
def test_a_restore_that_never_answers_is_undone_and_reported(ops: OpsConsole) -> None:
    with patch(
        "ops.database.sql.connection.DatabaseClient.fetch_rows", side_effect=_raise_unreachable
    ):
        said = ops("recover drill --yes --sql", 5)[1]
    assert "failed and was undone" in said
    assert list_restored_instances(ops) == []
    (kept,) = ops.run_for_json("recover drills")["items"]
    assert kept["outcome"] == "undone"


def _raise_unreachable(*_: Any, **__: Any) -> Any:
    from ops.core.errors import UnreachableError

    raise UnreachableError("nobody answers")


@pytest.mark.parametrize(
    ("storage_gib", "hours", "limit"),
    [(100, 24, "38 h"), (4096, 24, "38 h"), (20_480, 117, "131 h"), (65_536, 373, "387 h")],
)
def test_the_limit_follows_the_databases_size(storage_gib: int, hours: int, limit: str) -> None:
    with open_stage() as stage:
        request = RestoreRequest("bulwark-test-database-drill", None, False, None, False)
        source = {
            "DBInstanceIdentifier": "bulwark-test-database",
            "AllocatedStorage": storage_gib,
            "MonitoringInterval": 60,
        }
        plan = build_drill_plan(
            stage.outputs,
            source,
            request,
            None,
            "drill-1",
            clock.now(),
            rto_minutes=60,
            rpo_minutes=5,
        )
    warm = next(step for step in plan.steps if step.name == "warm")
    assert ceil(warm.goal.within / 3600) == hours
    assert warm.goal.typical is not None
    assert warm.goal.within >= 2 * warm.goal.typical
    (note,) = [note for note in plan.notes if "take more than" in note]
    assert f"more than {limit}: {storage_gib} GiB, and an assumption" in note


def build_past_drill(number: int, rto: float, **overrides: Any) -> DrillRecord:
    fields = {
        "run": f"drill-{number}",
        "taken": f"2026-{number:02}-01T00:00:00Z",
        "stack": "test",
        "outcome": "done",
        "phases": DrillPhases(restore=rto),
        "rto_seconds": rto,
        "rpo_seconds": 60,
        "rpo_by": "restorable time",
        "objectives": RecoveryObjectives(),
        "tables": None,
        "rows": None,
        "met": True,
        **overrides,
    }
    return DrillRecord.model_validate(fields)


def test_a_regression_is_a_quarter_and_two_minutes_slower_than_the_last_five() -> None:
    before = [build_past_drill(n, 1200) for n in range(1, 6)]
    assert describe_regression(build_past_drill(7, 1700), before).startswith("its RTO is 28 min")
    assert describe_regression(build_past_drill(7, 1400), before) == ""
    assert describe_regression(build_past_drill(7, 1700), []) == ""
    quick = [build_past_drill(n, 100) for n in range(1, 6)]
    assert describe_regression(build_past_drill(7, 200), quick) == "", "less than two minutes"
    stopped = build_past_drill(
        7, 9000, why=("it was interrupted and resumed, so its times are not valid",)
    )
    assert describe_regression(stopped, before) == ""
    assert describe_regression(build_past_drill(7, 9000, is_rto_limit=True), before) == ""
    assert (
        describe_regression(
            build_past_drill(7, 1700), [*before[:4], build_past_drill(5, 99, outcome="undone")]
        )
        != ""
    )


def test_records_of_later_versions_and_damaged_ones(tmp_path: Path) -> None:
    assert (
        _parse_drill_record(json.dumps({**build_past_drill(1, 5).model_dump(), "later": 1})).run
        == "drill-1"
    )
    with pytest.raises(Exception, match="is not of a drill"):
        _parse_drill_record("{")
    journal = Journal(StackContext.get_journal_store(_FolderContext(tmp_path), "r"))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="the journal is not of a drill"):
        parse_drill_journal(journal)


class _FolderContext:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
