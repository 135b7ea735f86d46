"""`ops usage` and `ops alarms list` as a user types them, on prod in the in-memory AWS."""

import json
from datetime import UTC, datetime
from typing import Any
from unittest.mock import patch

import pytest

from ops.core.checks import CheckFacts
from ops.core.console_links import build_bucket_link, build_service_link
from ops.core.metrics import METRICS_PER_CALL, build_metric_query, build_metric_reads
from ops.prices.price_table import DEFAULT_PRICE_TABLE
from ops.usage.capacity import USAGE_AREAS, measure_usage
from ops.usage.storage_classes import STORAGE_CLASSES, compute_monthly_usd
from tests.ops.prod.deployed import DeployedProd, count_calls
from tests.ops.single_check import NOW
from tests.ops.stage import build_stack_outputs


def parse_items(kind: str, text: str) -> list[dict[str, Any]]:
    body = json.loads(text)
    assert (body["schema"], body["kind"]) == (1, kind)
    parsed_items: list[dict[str, Any]] = body["items"]
    return parsed_items


def test_usage_tells_every_figure_of_the_stack(
    prod: DeployedProd, capsys: pytest.CaptureFixture[str]
) -> None:
    assert prod.run_ops("usage", "--output", "json") == 0
    rows = {(r["subject"], r["what"]): r for r in parse_items("usage", capsys.readouterr().out)}
    name = prod.outputs.database.identifier
    assert rows[name, "free storage"]["now"] == 16
    assert rows[name, "allocated storage"]["now"] == 20
    assert rows[name, "allocated storage"]["note"] == "grows automatically up to 100 GiB"
    assert prod.outputs.services is not None
    assert rows["backend", "memory"] | {"note": ""} == {
        "area": "services",
        "subject": "backend",
        "what": "memory",
        "unit": "%",
        "now": 35,
        "mean": 35,
        "peak": 35,
        "note": "",
        "monthly_usd": None,
        "console": build_service_link(prod.outputs, prod.outputs.services.cluster, "backend"),
    }
    assert (prod.outputs.backups.operations_bucket, "size") in rows


def test_usage_as_a_table(prod: DeployedProd, capsys: pytest.CaptureFixture[str]) -> None:
    assert prod.run_ops("usage", "--only", "services") == 0
    head, *lines = capsys.readouterr().out.splitlines()
    assert head.split() == ["area", "subject", "what", "now", "mean", "peak", "unit", "note"]
    pages = [line for line in lines if line.startswith("https://")]
    assert len(pages) == 2
    assert [line.split()[:4] for line in lines if line not in pages] == [
        ["services", name, what, now]
        for name in ("backend", "frontend")
        for what, now in (("CPU", "12.0"), ("memory", "35.0"))
    ]


def test_mean_and_peak_are_of_the_last_hour(prod: DeployedProd) -> None:
    metric_data = [
        {
            "MetricName": "CPUUtilization",
            "Value": value,
            "Timestamp": datetime.fromtimestamp(datetime.now(UTC).timestamp() - ago, UTC),
            "Dimensions": [
                {"Name": "ClusterName", "Value": prod.outputs.services.cluster},  # type: ignore[union-attr]
                {"Name": "ServiceName", "Value": "backend"},
            ],
        }
        for value, ago in ((90, 7200), (60, 1800), (20, 120))
    ]
    prod.aws.client("cloudwatch").put_metric_data(Namespace="AWS/ECS", MetricData=metric_data)
    figures = measure_usage(prod.outputs, prod.aws, datetime.now(UTC), ["services"])
    (cpu,) = (u for u in figures if (u.subject, u.what) == ("backend", "CPU"))
    assert (cpu.now, cpu.mean, cpu.peak) == (20, 40, 60)


@pytest.mark.parametrize("code", ["Throttling", "AccessDenied"])
def test_usage_that_cannot_be_read_says_so_and_exits_3(
    prod: DeployedProd, code: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with count_calls(lambda name: code if name == "GetMetricData" else None):
        assert prod.run_ops("usage", "--output", "json") == 3
    captured = capsys.readouterr()
    rows = parse_items("usage", captured.out)
    unread = [r for r in rows if r["now"] is None]
    assert len(unread) == len(rows) - 1  # but for what is allocated
    assert all("cloudwatch.get_metric_data" in r["note"] for r in unread)
    assert "figures could not be read" in captured.err


def test_a_metric_that_nobody_reports_has_no_data(prod: DeployedProd) -> None:
    with patch("sandbox.patches.cloudwatch.metrics.MODELLED_METRICS", {}):
        figures = measure_usage(prod.outputs, prod.aws, datetime.now(UTC), ["buckets"])
    assert {(u.now, u.note) for u in figures} == {(None, "no data")}


def test_a_fleet_and_a_cache_are_asked_for_where_there_are_any(prod: DeployedProd) -> None:
    figures = measure_usage(build_stack_outputs(), prod.aws, NOW, ["fleet", "cache"])
    assert [(u.area, u.what) for u in figures] == [("fleet", "CPU")]


@pytest.mark.parametrize("only", ["dtabase", "buckets,", ""])
def test_an_unknown_area_is_refused_before_any_call(
    prod: DeployedProd, only: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with count_calls() as call_counts:
        assert prod.run_ops("usage", "--only", only) == 2
    assert not call_counts
    expected = f"ops: --only must be some of {', '.join(USAGE_AREAS)}, not {only!r}\n"
    assert capsys.readouterr().err == expected


def test_five_hundred_metrics_are_one_call() -> None:
    metrics = [
        build_metric_query("AWS/ECS", "CPUUtilization", "Average", ServiceName=str(n))
        for n in range(1001)
    ]
    reads = build_metric_reads(metrics, CheckFacts(build_stack_outputs(), NOW))
    sizes = [len(json.loads(read.params)["MetricDataQueries"]) for read in reads]
    assert sizes == [METRICS_PER_CALL, METRICS_PER_CALL, 1]


def test_alarms_are_listed_the_raised_first(
    prod: DeployedProd, capsys: pytest.CaptureFixture[str]
) -> None:
    client, name = prod.aws.client("cloudwatch"), prod.outputs.alarms.names["P2"][0]
    client.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="it burns")
    client.disable_alarm_actions(AlarmNames=[name])
    assert prod.run_ops("alarms", "list", "--output", "json") == 0
    rows = parse_items("alarms", capsys.readouterr().out)
    assert len(rows) == sum(map(len, prod.outputs.alarms.names.values()))
    first = rows[0]
    assert (first["name"], first["severity"], first["state"]) == (name, "P2", "ALARM")
    assert first["muted"] is True
    assert first["reason"] == "it burns"
    assert first["command"].startswith("ops ")
    assert [r["severity"] for r in rows if r["state"] == "OK"] == sorted(
        r["severity"] for r in rows if r["state"] == "OK"
    )
    assert prod.run_ops("alarms", "list", "--state", "ALARM") == 0
    head, line, link = capsys.readouterr().out.splitlines()
    assert head.split()[:3] == ["severity", "state", "name"]
    assert line.split()[:3] == ["P2", "ALARM", name]
    assert "muted" in line
    assert link == first["console"]
    assert prod.run_ops("alarms", "list", "--state", "OK") == 0
    assert "https://" not in capsys.readouterr().out
    client.set_alarm_state(AlarmName=name, StateValue="OK", StateReason="over")
    client.enable_alarm_actions(AlarmNames=[name])


def test_alarms_of_a_severity(prod: DeployedProd, capsys: pytest.CaptureFixture[str]) -> None:
    assert prod.run_ops("alarms", "list", "--severity", "P0", "--output", "json") == 0
    rows = parse_items("alarms", capsys.readouterr().out)
    assert sorted(r["name"] for r in rows) == sorted(prod.outputs.alarms.names["P0"])


@pytest.mark.parametrize("code", ["Throttling", "AccessDenied"])
def test_alarms_that_cannot_be_read_are_an_error_and_not_an_empty_list(
    prod: DeployedProd, code: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with count_calls(lambda _: code):
        assert prod.run_ops("alarms", "list") == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("ops: cloudwatch.describe_alarms")


@pytest.mark.parametrize(("option", "value"), [("--state", "RAISED"), ("--severity", "P4")])
def test_a_wrong_state_or_severity_is_refused_before_any_call(
    prod: DeployedProd, option: str, value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with count_calls() as call_counts:
        assert prod.run_ops("alarms", "list", option, value) == 2
    assert not call_counts
    err = capsys.readouterr().err
    assert option in err
    assert value in err


def test_buckets_are_shown_by_storage_class_with_what_that_costs(
    prod: DeployedProd, capsys: pytest.CaptureFixture[str]
) -> None:
    bucket, body = prod.outputs.backups.operations_bucket, b"x" * 2**20
    s3 = prod.aws.client("s3")
    s3.put_object(Bucket=bucket, Key="exports/old", Body=body, StorageClass="DEEP_ARCHIVE")
    try:
        assert prod.run_ops("usage", "--only", "buckets", "--output", "json") == 0
        items = parse_items("usage", capsys.readouterr().out)
        rows = {item["what"]: item for item in items if item["subject"] == bucket}
        archived = rows["size in Deep Archive"]
        assert (archived["now"], archived["unit"]) == (1, "MiB")
        assert archived["monthly_usd"] == round(0.00099 / 1024, 4)
        assert archived["console"] == build_bucket_link(prod.outputs, bucket)
        assert rows["size"]["monthly_usd"] is not None
        assert not any("Intelligent" in what for what in rows), "what a bucket has not is left out"
        assert prod.run_ops("usage", "--only", "buckets") == 0
        text = capsys.readouterr().out
        assert text.splitlines()[0].split()[-1] == "usd/month"
        assert "usd/month: list prices of us-east-1, 2026-11, without requests" in text
        assert build_bucket_link(prod.outputs, bucket) in text.splitlines()
    finally:
        s3.delete_object(Bucket=bucket, Key="exports/old")


def test_each_storage_class_has_a_price_and_an_unknown_one_has_none() -> None:
    assert set(STORAGE_CLASSES) <= set(DEFAULT_PRICE_TABLE.s3_gb)
    assert compute_monthly_usd("DeepArchiveStorage", 1000 * 2**30) == pytest.approx(0.99)
    assert compute_monthly_usd("OfTomorrow", 1) is None
