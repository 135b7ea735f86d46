"""`ops metrics` as it is typed."""

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest

from components.facts.metrics import EC2_NAMESPACE, METRIC_FACTS, RDS_NAMESPACE
from ops.core.aws import Aws
from tests.ops.call_recorder import record_calls
from tests.ops.db_stage import fail_operations
from tests.ops.every_command import open_command_line
from tests.ops.metric_stage import BACKEND_TARGETS, put_cache, put_values
from tests.ops.stage import STACK_PREFIX, Stage

Typed = tuple[Stage, Callable[[str], int]]


@pytest.fixture
def typed() -> Iterator[Typed]:
    with open_command_line(lambda _: None) as (stage, run_line):
        yield stage, run_line


def read_items(typed: Typed, capsys: pytest.CaptureFixture[str], line: str) -> Any:
    capsys.readouterr()
    assert typed[1](f"{line} --output json") == 0
    return json.loads(capsys.readouterr().out)["items"]


def test_counts_are_added_up_and_compared_with_the_same_hours(
    typed: Typed, capsys: pytest.CaptureFixture[str]
) -> None:
    stage, run_line = typed
    put_values(stage, "RequestCount", [10] * 60)
    put_values(stage, "RequestCount", [5] * 60, minutes_ago=60 + 1440)
    put_values(stage, "RequestCount", [20] * 60, minutes_ago=60 + 7 * 1440)
    (item, *_) = read_items(typed, capsys, "metrics load-balancer requests")
    # The last five minutes are not added up: their values may still come.
    assert (item["overall"], item["overallIs"]) == (550, "total")
    assert (item["yesterday"], item["lastWeek"]) == (275, 1100)
    assert len(item["values"]) == 60
    assert run_line("metrics load-balancer requests") == 0
    out, err = capsys.readouterr()
    assert "550 total" in out
    assert "275 (+100 %)" in out
    assert "1,100 (-50 %)" in out
    assert "the last 5 of 60 periods are in the chart and in `latest` alone" in out
    assert "load-balancer, " in err


def test_the_latest_value_is_shown_before_its_period_is_settled(
    typed: Typed, capsys: pytest.CaptureFixture[str]
) -> None:
    stage, _ = typed
    put_values(stage, "RequestCount", [10] * 58 + [500], minutes_ago=60)
    (item, *_) = read_items(typed, capsys, "metrics load-balancer requests")
    assert (item["latest"], item["high"], item["overall"]) == (500, 10, 550)


def test_a_gap_is_unknown_and_never_zero(typed: Typed, capsys: pytest.CaptureFixture[str]) -> None:
    stage, run_line = typed
    put_values(stage, "HTTPCode_Target_5XX_Count", [4, None, 2], minutes_ago=20)
    (item, *others) = read_items(typed, capsys, "metrics load-balancer 5xx --since 20m")
    values = [value["value"] for value in item["values"]]
    assert values == [4, None, 2, *[None] * 17]
    assert (item["low"], item["overall"], item["yesterday"]) == (2, 6, None)
    assert {other["overall"] for other in others} == {None}
    assert run_line("metrics load-balancer 5xx --since 20m") == 0
    out, _ = capsys.readouterr()
    row = out.splitlines()[1]
    assert row.endswith("8.1" + "." * 17)
    assert "no data" in row
    assert " 0 " not in row
    assert "no data of 5xx: AWS sends these only if there was at least one" in out


def test_percentiles_of_latency_are_milliseconds(
    typed: Typed, capsys: pytest.CaptureFixture[str]
) -> None:
    stage, run_line = typed
    put_values(
        stage,
        "TargetResponseTime",
        [n / 1000 for n in range(1, 101)],
        apart_minutes=0.005,
        minutes_ago=10,
        dimensions=BACKEND_TARGETS,
    )
    items = read_items(typed, capsys, "metrics backend latency --since 30m")
    assert [(item["stat"], round(item["overall"], 4)) for item in items] == [
        ("p50", 0.0505),
        ("p95", 0.095),
        ("p99", 0.099),
    ]
    assert run_line("metrics backend latency --since 30m --no-compare") == 0
    out, _ = capsys.readouterr()
    assert "95 ms median" in out
    assert "yesterday" not in out


def test_bytes_are_a_second_and_connections_are_a_mean(
    typed: Typed, capsys: pytest.CaptureFixture[str]
) -> None:
    stage, _ = typed
    group = {"AutoScalingGroupName": f"{STACK_PREFIX}-fleet"}
    put_values(
        stage, "NetworkIn", [6000] * 30, namespace=EC2_NAMESPACE, dimensions=group, minutes_ago=30
    )
    put_values(stage, "ActiveConnectionCount", [40] * 30, minutes_ago=30)
    (network,) = read_items(typed, capsys, "metrics fleet network-in --since 20m --period 5m")
    assert (network["overall"], network["unit"]) == (100, "bytes/s")
    connections = read_items(
        typed, capsys, "metrics load-balancer ActiveConnectionCount --since 20m --period 5m"
    )
    assert [item["overall"] for item in connections] == [40]


def test_one_call_for_each_span_has_every_metric(
    typed: Typed, capsys: pytest.CaptureFixture[str]
) -> None:
    _, run_line = typed
    with record_calls() as calls:
        assert run_line("metrics all") == 0
    reads = [call for call in calls if call.api == "cloudwatch.get_metric_data"]
    assert len(reads) == 3
    assert {len(read.params["MetricDataQueries"]) for read in reads} == {
        len(reads[0].params["MetricDataQueries"])
    }
    with record_calls() as calls:
        assert run_line("metrics all --no-compare") == 0
    assert [call.api for call in calls].count("cloudwatch.get_metric_data") == 1


def test_values_of_several_pages_are_one_row(
    typed: Typed, capsys: pytest.CaptureFixture[str]
) -> None:
    stage, _ = typed
    now = stage.clock.held_clock.now().replace(second=0, microsecond=0)

    def answer(_: Aws, api: str, params: Any, region: str | None = None) -> Any:
        assert api == "cloudwatch.get_metric_data"
        name = params["MetricDataQueries"][0]["Id"]
        pages = [
            {
                "Id": name,
                "Timestamps": [(now - timedelta(minutes=m)).isoformat()],
                "Values": [m],
                "StatusCode": status,
            }
            for m, status in ((20, "PartialData"), (10, "Complete"))
        ]
        return {"MetricDataResults": pages}

    with patch.object(Aws, "call", answer):
        (item,) = read_items(typed, capsys, "metrics database cpu --since 30m --no-compare")
    assert (item["low"], item["high"]) == (10, 20)


def test_metrics_that_cloudwatch_failed_to_give_are_an_error(
    typed: Typed, capsys: pytest.CaptureFixture[str]
) -> None:
    def answer(_: Aws, api: str, params: Any, region: str | None = None) -> Any:
        name = params["MetricDataQueries"][0]["Id"]
        result = {"Id": name, "Timestamps": [], "Values": [], "StatusCode": "InternalError"}
        return {"MetricDataResults": [result]}

    with patch.object(Aws, "call", answer):
        assert typed[1]("metrics database cpu") == 1
    assert "CPUUtilization: InternalError" in capsys.readouterr().err


def test_cache_nodes_are_those_that_aws_has(capsys: pytest.CaptureFixture[str]) -> None:
    with open_command_line(put_cache) as typed:
        items = read_items(typed, capsys, "metrics cache hits")
        assert [item["of"] for item in items] == ["cache 001", "cache 002"]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("metrics cache", "PART must be one of backend, database, fleet, frontend, functions"),
        ("metrics load-balancr", "did you mean 'load-balancer'?"),
        ("metrics database latenc", "did you mean"),
        ("metrics load-balancer TargetResponseTim", "did you mean 'latency'?"),
        ("metrics load-balancer requests --stat p95", "--stat must be one of Sum"),
        ("metrics database --stat Sum", "--stat must be one of Average"),
        ("metrics database --period 1m --since 20d", "keeps values of 1m for 15 days"),
        ("metrics database --period 5m --since 70d", "keeps values of 5m for 63 days"),
        ("metrics database --since 500d", "--since must be within 455 days"),
        ("metrics database --period 2h --since 30m --until 10m", "--period must fit in the span"),
    ],
)
def test_wrong_input_is_one_line_before_any_call(
    typed: Typed, capsys: pytest.CaptureFixture[str], line: str, words: str
) -> None:
    with record_calls() as calls:
        assert typed[1](line) == 2
    (error,) = capsys.readouterr().err.splitlines()
    assert words in error
    assert calls == []


def test_a_statistic_shows_only_metrics_it_is_valid_for(
    typed: Typed, capsys: pytest.CaptureFixture[str]
) -> None:
    items = read_items(typed, capsys, "metrics load-balancer --stat p90 --no-compare")
    assert {item["metric"] for item in items} == {"latency"}


def test_a_comparison_beyond_metric_retention_is_reported(
    typed: Typed, capsys: pytest.CaptureFixture[str]
) -> None:
    stage, run_line = typed
    dimensions = {"DBInstanceIdentifier": stage.outputs.database.identifier}
    put_values(stage, "DBLoad", [1], namespace=RDS_NAMESPACE, dimensions=dimensions)
    assert run_line("metrics database load --since 10d --until 9d --period 1m") == 0
    out, _ = capsys.readouterr()
    assert "last week has no values of 1m any more: set a longer --period" in out
    assert "yesterday has" not in out


def test_metric_names_are_unique_for_each_kind() -> None:
    for facts in METRIC_FACTS.values():
        names = [fact.name for fact in facts]
        assert len(names) == len(set(names))
        assert all(set(fact.stats) <= {*fact.valid_stats, "p50", "p95", "p99"} for fact in facts)


def test_denied_metrics_are_an_error_and_never_no_data(
    typed: Typed, capsys: pytest.CaptureFixture[str]
) -> None:
    with fail_operations("AccessDenied", "get_metric_data"):
        assert typed[1]("metrics database") == 1
    out, err = capsys.readouterr()
    assert "no data" not in out
    assert "cloudwatch.get_metric_data was denied" in err
