"""The recovery drill: what it measures, what it leaves behind (nothing), and its history."""

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch

import psycopg
import pytest

from ops.core.journal import Journal
from ops.core.run import StackContext
from ops.recovery.drill_history import (
    DrillPhases,
    DrillRecord,
    RecoveryObjectives,
    _parse_drill_record,
    describe_regression,
    parse_drill_journal,
)
from ops.recovery.restore import list_restored_and_replaced_instances
from sandbox.clients.http_client import step_clients
from sandbox.patches.rds.changes import MODIFY_SECONDS, PASSWORD_RESET_SECONDS
from sandbox.patches.rds.instances import BACKUP_SECONDS, STANDBY_SECONDS
from sandbox.patches.rds.restores import RESTORE_SECONDS
from tests.ops.command_line import OpsConsole
from tests.ops.sql_stage import DATABASE_NAME, DATABASE_USER
from tests.ops.stage import Stage, interrupt_at_sleep
from tests.ops.writing_client import fetch_login, open_simulated_console

DRILL_LINE = "recover drill --yes --heartbeat beats.at"
CPU_ALARM = "bulwark-test-database-cpu-critical"
DETECTION_SECONDS = 5 * 60


def put_cpu_alarm(stage: Stage) -> None:
    """An alarm that pages after five minutes."""
    stage.client("cloudwatch").put_metric_alarm(
        AlarmName=CPU_ALARM,
        Namespace="AWS/RDS",
        MetricName="CPUUtilization",
        Statistic="Average",
        Period=60,
        EvaluationPeriods=5,
        Threshold=95,
        ComparisonOperator="GreaterThanThreshold",
    )
    part = stage.outputs.alarms.model_copy(update={"names": {"P0": (CPU_ALARM,)}})
    stage.outputs = stage.outputs.model_copy(update={"alarms": part})


@pytest.fixture
def ops(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[OpsConsole]:
    monitoring = {"MonitoringInterval": 60, "MonitoringRoleArn": "arn:aws:iam::123456789012:role/m"}
    with open_simulated_console(
        tmp_path, put_cpu_alarm, AllocatedStorage=100, **monitoring
    ) as console:
        console.capture = capsys
        console.stage.clock.sleep(3600)
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


def test_it_measures_what_the_restore_took_and_what_would_have_been_lost(
    ops: OpsConsole, tmp_path: Path
) -> None:
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
    ours = made["rto_seconds"] - DETECTION_SECONDS - takes
    assert 0 <= ours <= 0.02 * takes, f"{ours:.0f} s of our own over {takes} s of AWS's"
    assert made["met"] is True
    assert made["phases"]["warm"] > 0
    text = page.read_text(encoding="utf-8")
    assert made["run"] in text
    assert text.count("<rect") == len([p for p in ("detect", "restore", "configure") if p])
    assert list_restored_instances(ops) == []


@pytest.mark.exhaustive
def test_an_objective_that_is_missed_is_exit_code_3_and_kept(ops: OpsConsole) -> None:
    HeartbeatWriter(ops).send_request()
    ops.stage.clock.sleep(900)
    said = ops("recover drill --yes --rto 10 --rpo 1 --sql", 3)[1]
    assert "its RTO is 24 min, above the objective of 10 min" in said
    kept = ops.run_for_json("recover drills")["items"]
    assert [(one["met"], one["rpo_by"]) for one in kept] == [(False, "restorable time")]
    assert kept[0]["objectives"] == {"rto_seconds": 600, "rpo_seconds": 60}
    assert list_restored_instances(ops) == []


@pytest.mark.parametrize("way", ["resume", pytest.param("undo", marks=pytest.mark.exhaustive)])
def test_killed_and_carried_on_or_undone_it_leaves_nothing_and_is_recorded(
    ops: OpsConsole, way: str
) -> None:
    with interrupt_at_sleep(ops.stage.clock, 40):
        ops("recover drill --yes --no-sql", 130)
    (one,) = list_restored_and_replaced_instances(ops.stage.aws, ops.stage.outputs)
    run = one["DBInstanceIdentifier"].removeprefix("bulwark-test-database-")
    before = ops.run_for_json("recover drills")["items"]
    assert [d["outcome"] for d in before] == ["unfinished"]
    ops(f"runs {way} {run} --yes")
    assert list_restored_instances(ops) == []
    (kept,) = ops.run_for_json("recover drills")["items"]
    assert kept["outcome"] == {"resume": "done", "undo": "undone"}[way]
    assert kept["met"] is False
    assert any("interrupted" in reason for reason in kept["why"])
    keys = ops.stage.client("s3").list_objects_v2(
        Bucket=ops.stage.outputs.backups.operations_bucket, Prefix="drills/"
    )["Contents"]
    assert len(keys) == 1


@pytest.mark.exhaustive
@pytest.mark.exhaustive
def test_one_that_never_answers_is_undone_and_that_is_what_is_said(ops: OpsConsole) -> None:
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
