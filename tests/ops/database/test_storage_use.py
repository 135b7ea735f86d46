"""`ops db storage` without a size: how full it is, what a day takes, and when it is full."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from components.facts.units import GIB_BYTES
from ops.database.storage_use import compute_daily_growth
from tests.ops.command_line import OpsConsole
from tests.ops.db_stage import fail_operations, open_database_console
from tests.ops.stage import Stage

PRIMARY = "bulwark-test-database"


@pytest.fixture
def ops(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Iterator[OpsConsole]:
    with open_database_console(capsys, tmp_path, MaxAllocatedStorage=100) as console:
        yield console


def put_free_storage(stage: Stage, *gib_by_day: float, identifier: str = PRIMARY) -> None:
    """The free storage of today and of the days before."""
    now = datetime.now(UTC)
    data: list[Any] = [
        {
            "MetricName": "FreeStorageSpace",
            "Dimensions": [{"Name": "DBInstanceIdentifier", "Value": identifier}],
            "Timestamp": now - timedelta(days=day, minutes=2),
            "Value": gib * GIB_BYTES,
        }
        for day, gib in enumerate(gib_by_day)
    ]
    stage.client("cloudwatch").put_metric_data(Namespace="AWS/RDS", MetricData=data)


def get_row(ops: OpsConsole) -> dict[str, Any]:
    (row,) = ops.run_for_json("db storage")["items"]
    return dict(row)


def test_storage_that_fills_is_full_when_the_limit_is_reached(ops: OpsConsole) -> None:
    # It was cleared once, which is not the rule; 4 GiB are free and 80 more until the limit.
    put_free_storage(ops.stage, 4, 6, 8, 10, 1, 3, 5)
    row = get_row(ops)
    assert (row["instance"], row["allocated_gib"], row["limit_gib"]) == (PRIMARY, 20, 100)
    assert (row["free_gib"], row["used_gib"], row["growth_gib_per_day"]) == (4, 16, 2)
    end = datetime.now(UTC) + timedelta(days=42)
    assert row["full"] in {f"{end - timedelta(minutes=m):%Y-%m-%d}" for m in (0, 5)}
    out, _ = ops("db storage")
    assert "2.00 GiB" in out
    assert "in 41 days" in out or "in 42 days" in out


def test_storage_that_does_not_fill_or_of_which_too_little_is_known(ops: OpsConsole) -> None:
    put_free_storage(ops.stage, 10, 9, 8, 8)
    row = get_row(ops)
    assert (row["full"], row["growth_gib_per_day"]) == (None, -1)
    assert "not growing" in ops("db storage")[0]
    assert compute_daily_growth([(2.0, 5.0), (1.0, 6.0)]) is None, "two days are no trend"


def test_replicas_have_a_storage_of_their_own(ops: OpsConsole) -> None:
    name = f"{PRIMARY}-reader"
    ops.stage.client("rds").create_db_instance_read_replica(
        DBInstanceIdentifier=name, SourceDBInstanceIdentifier=PRIMARY
    )
    put_free_storage(ops.stage, 4, 6, 8)
    put_free_storage(ops.stage, 1, 2, 3, identifier=name)
    rows = ops.run_for_json("db storage")["items"]
    assert [(r["instance"], r["free_gib"], r["limit_gib"]) for r in rows] == [
        (PRIMARY, 4, 100),
        (name, 1, None),
    ]
    assert "no autoscaling" in ops("db storage")[0]


def test_metrics_that_are_denied_are_unknown_and_named(ops: OpsConsole) -> None:
    with fail_operations("AccessDenied", "get_metric_data"):
        row = get_row(ops)
        out, err = ops("db storage")
    assert (row["allocated_gib"], row["free_gib"], row["full"]) == (20, None, None)
    assert "free storage is unknown: cloudwatch.get_metric_data was denied" in err
    assert "unknown" in out
    with fail_operations("AccessDenied", "describe_db_instances"):
        _, err = ops("db storage", expected_code=1)
    assert "rds.describe_db_instances was denied" in err


def test_the_limit_is_moved_by_a_plan(ops: OpsConsole) -> None:
    plan = ops.run_for_json("db storage --limit 200 --dry-run")["plan"]
    assert plan["changes"] == ["limit of storage autoscaling: 100 GiB -> 200 GiB"]
    ops("db storage --limit 200 --yes")
    assert get_row(ops)["limit_gib"] == 200
