"""`ops slo report` as it is typed."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from moto.rds.models import rds_backends

from ops.incident.model import IncidentClosing, IncidentOpening
from ops.incident.object_keys import get_closing_key, get_opening_key
from tests.ops.change_stage import put_raised_alarm
from tests.ops.db_stage import fail_operations, put_database
from tests.ops.every_command import open_command_line
from tests.ops.service_stage import BACKEND_IMAGE, describe_service
from tests.ops.slo_stage import (
    ERRORS_ALARM,
    OBJECTIVES,
    STEPS,
    end_silent_alarm,
    move_to_march,
    put_database_minutes,
    put_day_values,
    put_measured_stack,
    raise_silent_alarm,
    sleep_to_end_of_day,
)
from tests.ops.stage import ACCOUNT, REGION, STACK_PREFIX, Stage

Typed = tuple[Stage, Callable[[str], int]]


@pytest.fixture
def typed() -> Iterator[Typed]:
    with (
        open_command_line(put_measured_stack) as (stage, run_line),
        patch("ops.cli.execution.get_clock_rate", lambda: stage.clock),  # of the ids of runs
    ):
        yield stage, run_line


def read_levels(
    typed: Typed, capsys: pytest.CaptureFixture[str], code: int = 0
) -> dict[str, dict[str, Any]]:
    capsys.readouterr()
    assert typed[1]("slo report --output json") == code, capsys.readouterr().err
    return {level["level"]: level for level in json.loads(capsys.readouterr().out)["items"]}


def put_good_day(stage: Stage) -> None:
    """A day on which all was seen, and all was good."""
    sleep_to_end_of_day(stage)
    put_day_values(stage, "ConsumedLCUs", [0.1] * STEPS)
    put_day_values(stage, "RequestCount", [100] * STEPS)
    put_day_values(stage, "TargetResponseTime", [0.1] * STEPS)
    put_database_minutes(stage)


def test_a_good_day_meets_every_objective(typed: Typed, capsys: pytest.CaptureFixture[str]) -> None:
    put_good_day(typed[0])
    levels = read_levels(typed, capsys)
    assert {name: level["verdict"] for name, level in levels.items()} == {
        "availability": "met",
        "errors": "met",
        "latency": "met",
        "database availability": "met",
        "statements": "not measured",
        "deployments": "nothing to judge",
        "backups": "met",
    }
    assert {level["seen"] for name, level in levels.items() if name != "statements"} == {1}
    assert levels["statements"]["percent"] is None
    (note,) = levels["statements"]["notes"]
    assert "not how many were within a limit" in note
    assert "ops db insights" in note
    assert levels["availability"]["good"] == 100 * STEPS
    assert levels["database availability"]["good"] == 24 * 60
    assert (levels["backups"]["good"], levels["backups"]["bad"]) == (1, 0)


def test_a_month_without_data_is_unknown_and_never_good(
    typed: Typed, capsys: pytest.CaptureFixture[str]
) -> None:
    stage, run_line = typed
    sleep_to_end_of_day(stage)
    rds_backends[ACCOUNT][REGION].databases.clear()  # which the sandbox has values of
    levels = read_levels(typed, capsys, code=3)
    for name in ("availability", "errors", "latency", "database availability"):
        assert (levels[name]["percent"], levels[name]["verdict"]) == (None, "unknown")
        assert (levels[name]["seen"], levels[name]["budgetSpent"]) == (0, None)
        assert (levels[name]["atLeastPercent"], levels[name]["atMostPercent"]) == (0, 100)
    assert run_line("slo report") == 3
    out, err = capsys.readouterr()
    rows = [line for line in out.splitlines() if line.endswith("unknown")]
    assert len(rows) == 4
    assert not any("100.0" in row for row in rows)
    assert "not known: availability, errors, latency, database availability" in err


def test_half_a_day_that_was_not_seen_leaves_an_objective_unknown(
    typed: Typed, capsys: pytest.CaptureFixture[str]
) -> None:
    stage, _ = typed
    put_good_day(stage)
    sleep_to_end_of_day(stage)
    levels = read_levels(typed, capsys)
    assert levels["availability"]["verdict"] == "met"
    for name in ("ConsumedLCUs", "RequestCount"):
        delete_values(name, since_step=STEPS // 2)
    levels = read_levels(typed, capsys, code=3)
    assert levels["availability"]["percent"] == 100
    assert levels["availability"]["seen"] == 0.5
    assert levels["availability"]["atLeastPercent"] == 50
    assert levels["availability"]["verdict"] == "unknown"


def delete_values(name: str, since_step: int) -> None:
    """CloudWatch has no values of a metric after so many steps of the day."""
    from moto.cloudwatch.models import cloudwatch_backends

    backend = cloudwatch_backends[ACCOUNT][REGION]
    kept = sorted(
        (datum for datum in backend.metric_data if datum.name == name),
        key=lambda datum: datum.timestamp,
    )[:since_step]
    backend.metric_data = [
        datum for datum in backend.metric_data if datum.name != name or datum in kept
    ]


def test_an_hour_of_errors_spends_the_budget_and_is_shown_with_its_alarm(
    typed: Typed, capsys: pytest.CaptureFixture[str]
) -> None:
    stage, run_line = typed
    stage.clock.sleep(10 * 3600 + 60)
    put_raised_alarm(stage, ERRORS_ALARM)
    put_good_day(stage)
    bad_steps = range(10 * 12, 11 * 12)
    put_day_values(
        stage, "HTTPCode_Target_5XX_Count", [50 if n in bad_steps else None for n in range(STEPS)]
    )
    put_day_values(
        stage, "HTTPCode_ELB_5XX_Count", [10 if n in bad_steps else None for n in range(STEPS)]
    )
    levels = read_levels(typed, capsys)
    level = levels["availability"]
    total, bad = 100 * STEPS + 120, 720
    assert (level["good"], level["bad"]) == (total - bad, bad)
    assert level["percent"] == pytest.approx(100 * (total - bad) / total)
    # A day is a 31st of the month, and a thousandth of its requests are the budget.
    assert level["budgetSpent"] == pytest.approx(bad / total / 0.001 / 31)
    assert level["verdict"] == "met"  # so far: 80 % of the month's budget
    (spending,) = level["spentOn"]
    assert spending["since"].endswith("-03-01T10:00:00Z")
    assert spending["what"] == "720 of 1,320 requests failed"
    (evidence,) = spending["evidence"]
    assert "target-5xx-count-backend: Alarm updated from INSUFFICIENT_DATA to ALARM" in evidence
    assert levels["errors"]["bad"] == 600
    put_day_values(
        stage, "HTTPCode_ELB_5XX_Count", [30 if n in bad_steps else None for n in range(STEPS)]
    )
    level = read_levels(typed, capsys, code=3)["availability"]
    # What was put twice at a time adds up, as in CloudWatch.
    assert (level["bad"], level["verdict"]) == (1080, "missed")
    assert run_line("slo report") == 3
    out, err = capsys.readouterr()
    assert "availability: " in out
    assert "missed: availability" in err


def test_slow_responses_are_those_above_the_objective(
    typed: Typed, capsys: pytest.CaptureFixture[str]
) -> None:
    stage, _ = typed
    put_good_day(stage)
    # The objective itself is quick enough: a percentile rank includes its upper bound.
    put_day_values(stage, "TargetResponseTime", [0.5] * STEPS)
    put_day_values(stage, "TargetResponseTime", [2.0] * (STEPS // 2) + [None] * (STEPS // 2))
    level = read_levels(typed, capsys)["latency"]
    assert (level["good"], level["bad"]) == (2 * STEPS, STEPS / 2)
    assert level["objectivePercent"] == 95


def test_a_reboot_and_a_silent_database_are_downtime(
    typed: Typed, capsys: pytest.CaptureFixture[str]
) -> None:
    stage, run_line = typed
    assert run_line("db reboot --reason parameters --yes") == 0
    stage.clock.sleep(6 * 3600)
    raise_silent_alarm(stage)
    stage.clock.sleep(20 * 60)
    end_silent_alarm(stage)
    put_good_day(stage)
    level = read_levels(typed, capsys)["database availability"]
    reboot, silence = level["spentOn"]
    assert silence["bad"] == 20
    assert reboot["what"] == "DB instance shutdown"
    assert any("ops db reboot began: parameters" in text for text in reboot["evidence"])
    assert level["bad"] == pytest.approx(20 + reboot["bad"], abs=0.02)
    assert 0 < reboot["bad"] < 10
    assert level["good"] + level["bad"] == pytest.approx(24 * 60)
    assert level["budgetSpent"] == pytest.approx(level["bad"] / (31 * 24 * 60) / 0.0005)


def test_deployments_are_counted_once_and_failed_ones_named(
    typed: Typed, capsys: pytest.CaptureFixture[str]
) -> None:
    stage, run_line = typed
    line = f"service deploy {BACKEND_IMAGE}:{{}} --service backend --reason release --yes"
    assert run_line(line.format("v2")) == 0
    put_good_day(stage)
    level = read_levels(typed, capsys)["deployments"]
    assert (level["good"], level["bad"], level["verdict"]) == (1, 0, "met")


def test_a_failed_deployment_is_named_with_its_run(
    typed: Typed, capsys: pytest.CaptureFixture[str]
) -> None:
    stage, run_line = typed
    line = f"service deploy {BACKEND_IMAGE}:v4-crash --service backend --yes"
    assert run_line(line) == 5
    put_good_day(stage)
    level = read_levels(typed, capsys, code=3)["deployments"]
    assert (level["good"], level["bad"], level["verdict"]) == (0, 1, "missed")
    assert level["spentOn"][0]["what"].startswith(
        f"ops service deploy {BACKEND_IMAGE}:v4-crash --service backend ended as undone: deploy-"
    )


def test_a_deployment_beside_ops_counts(typed: Typed, capsys: pytest.CaptureFixture[str]) -> None:
    stage, _ = typed
    service = describe_service(stage)
    stage.client("ecs").update_service(
        cluster=STACK_PREFIX, service=service["serviceName"], forceNewDeployment=True
    )
    stage.clock.sleep(3600)
    put_good_day(stage)
    level = read_levels(typed, capsys)["deployments"]
    assert (level["good"], level["bad"]) == (1, 0)


def test_a_day_without_a_backup_is_missing_and_one_that_expired_unknown(
    typed: Typed, capsys: pytest.CaptureFixture[str]
) -> None:
    from moto.backup.models import backup_backends

    from sandbox.patches.backup.plans import get_recovery_points

    stage, _ = typed
    put_good_day(stage)
    points = get_recovery_points(backup_backends[ACCOUNT][REGION], str(stage.outputs.backups.vault))
    points[0]["Status"] = "PARTIAL"
    level = read_levels(typed, capsys, code=3)["backups"]
    assert (level["good"], level["bad"], level["verdict"]) == (0, 1, "missed")
    assert level["spentOn"][0]["what"].startswith("no backup of ")


def test_a_denied_source_leaves_its_level_unknown_and_names_the_permission(
    typed: Typed, capsys: pytest.CaptureFixture[str]
) -> None:
    put_good_day(typed[0])
    with fail_operations("AccessDeniedException", "describe_events"):
        levels = read_levels(typed, capsys, code=3)
    assert levels["database availability"]["verdict"] == "unknown"
    (gap,) = levels["database availability"]["gaps"]
    assert "rds.describe_events" in gap
    assert levels["availability"]["verdict"] == "met"
    with fail_operations("AccessDeniedException", "get_metric_data"):
        levels = read_levels(typed, capsys, code=3)
    unknown = {name for name, level in levels.items() if level["verdict"] == "unknown"}
    assert unknown == {"availability", "errors", "latency", "database availability"}


def test_a_stack_with_a_database_alone(capsys: pytest.CaptureFixture[str]) -> None:
    def put_database_only(stage: Stage) -> None:
        put_database(stage)
        outputs = stage.outputs
        backups = outputs.backups.model_copy(update={"vault": None})
        stage.outputs = outputs.model_copy(
            update={"services": None, "fleet": None, "load_balancer": None, "backups": backups}
        )
        move_to_march(stage)
        stage.clock.sleep(24 * 3600 + 300)

    with open_command_line(put_database_only) as typed:
        levels = read_levels(typed, capsys, code=3)
        assert typed[1]("slo report") == 3
    # Its objectives are not published yet: what was measured is shown all the same.
    assert set(levels) == {"database availability", "statements", "deployments", "backups"}
    assert levels["database availability"]["percent"] == 100
    assert levels["database availability"]["verdict"] == "unknown"
    assert "does not publish its objectives yet" in capsys.readouterr().out


def test_the_page_shows_every_level_and_what_spent_it(
    typed: Typed, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stage, run_line = typed
    raise_silent_alarm(stage)
    stage.clock.sleep(3600)
    end_silent_alarm(stage)
    put_good_day(stage)
    page = tmp_path / "slo.html"
    assert run_line(f"slo report --to {page}") == 3
    text = page.read_text()
    for name in ("availability", "errors", "latency", "database availability", "backups"):
        assert f"<b>{name}</b>" in text
    assert "bulwark test" in text
    assert "Alarm updated from INSUFFICIENT_DATA to ALARM" in text
    assert "http" not in text.replace("https://app.example.com", "")


def test_incidents_of_the_month_are_named_beside_what_was_spent_in_them(
    typed: Typed, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stage, run_line = typed
    march = datetime.fromtimestamp(stage.clock.now(), UTC)
    put_incident(stage, "incident-20200101-000000-aaaa", march - timedelta(days=300), closed=True)
    put_incident(stage, "incident-20200102-000000-bbbb", march - timedelta(days=2), closed=True)
    name = f"incident-{march:%Y%m%d}-000100-1a2b"
    put_incident(stage, name, march + timedelta(minutes=1), closed=False)
    raise_silent_alarm(stage)
    stage.clock.sleep(1200)
    end_silent_alarm(stage)
    put_good_day(stage)
    capsys.readouterr()
    assert run_line(f"slo report --output json --to {tmp_path / 'slo.html'}") == 0
    body = json.loads(capsys.readouterr().out)
    (incident,) = body["incidents"]
    assert incident["command"] == f"ops incident report {name}"
    assert (incident["title"], incident["severity"], incident["until"]) == ("gone", "P0", None)
    (level,) = [item for item in body["items"] if item["level"] == "database availability"]
    assert f"incident {name}: gone" in level["spentOn"][0]["evidence"]
    assert f"ops incident report {name}" in (tmp_path / "slo.html").read_text()


def put_incident(stage: Stage, name: str, time: datetime, *, closed: bool) -> None:
    """An incident in the bucket, closed an hour later or open."""
    s3, bucket = stage.client("s3"), stage.outputs.backups.operations_bucket
    opening = IncidentOpening(time=time, by="ada", severity="P0", title="gone", commander="ada")
    s3.put_object(Bucket=bucket, Key=get_opening_key(name), Body=opening.model_dump_json().encode())
    if closed:
        closing = IncidentClosing(time=time + timedelta(hours=1), by="ada", cause="a disk")
        s3.put_object(
            Bucket=bucket, Key=get_closing_key(name), Body=closing.model_dump_json().encode()
        )


def test_a_stack_that_was_deployed_in_the_month_is_judged_since_then(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def put_new_database(stage: Stage) -> None:
        march = move_to_march(stage)
        stage.clock.sleep(20 * 3600)
        put_database(stage)  # which takes an hour
        (instance,) = rds_backends[ACCOUNT][REGION].databases.values()
        instance.instance_create_time = march + timedelta(hours=20)
        alarms = stage.outputs.alarms.model_copy(update={"objectives": OBJECTIVES})
        stage.outputs = stage.outputs.model_copy(update={"load_balancer": None, "alarms": alarms})
        assert stage.clock.now() == march.timestamp() + 21 * 3600
        stage.clock.sleep(300)

    with open_command_line(put_new_database) as typed:
        level = read_levels(typed, capsys, code=3)["database availability"]
    assert (level["good"], level["bad"], level["seen"], level["verdict"]) == (60, 0, 1, "met")
