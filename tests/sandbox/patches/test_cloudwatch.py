"""CloudWatch in the sandbox: composite alarms follow their children, statistics are AWS's."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sandbox.patches.cloudwatch.alarm_rules import RuleError, is_rule_true, list_rule_alarms
from tests.sandbox.conftest import ClientFactory, RefusalGetter


def put_alarm_with_defaults(cloudwatch: Any, name: str, **parameters: Any) -> None:
    cloudwatch.put_metric_alarm(
        AlarmName=name,
        **{
            "Namespace": "AWS/RDS",
            "MetricName": "CPUUtilization",
            "Statistic": "Average",
            "Period": 60,
            "EvaluationPeriods": 1,
            "Threshold": 90,
            "ComparisonOperator": "GreaterThanThreshold",
            **parameters,
        },
    )


def get_composite_alarm(cloudwatch: Any, name: str) -> dict[str, Any]:
    response = cloudwatch.describe_alarms(AlarmNames=[name], AlarmTypes=["CompositeAlarm"])
    composite_alarm: dict[str, Any] = response["CompositeAlarms"][0]
    return composite_alarm


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("ALARM(a) AND ALARM(b)", False),
        ("ALARM(a) OR ALARM(b)", True),
        ("ALARM(a) AND NOT ALARM(b)", True),
        ('NOT (ALARM("a") OR OK("b"))', False),
        ("OK(a) OR TRUE AND FALSE", False),
        ("ALARM(arn:aws:cloudwatch:eu-north-1:123456789012:alarm:a)", True),
    ],
)
def test_a_rule_is_read_as_aws_reads_it(rule: str, expected: bool) -> None:
    assert is_rule_true(rule, {"a": "ALARM", "b": "OK"}) is expected


@pytest.mark.parametrize("rule", ["", "ALARM(a", "ALARM a", "a AND b", "ALARM(a) ALARM(b)"])
def test_a_rule_that_cannot_be_read_is_refused(rule: str) -> None:
    with pytest.raises(RuleError):
        list_rule_alarms(rule)


def test_a_composite_alarm_follows_its_children(aws_client: ClientFactory) -> None:
    cloudwatch = aws_client("cloudwatch")
    put_alarm_with_defaults(cloudwatch, "long")
    put_alarm_with_defaults(cloudwatch, "short")
    cloudwatch.put_composite_alarm(AlarmName="burn", AlarmRule="ALARM(long) AND ALARM(short)")
    assert get_composite_alarm(cloudwatch, "burn")["StateValue"] == "OK"
    for name in ("long", "short"):
        cloudwatch.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="test")
    assert get_composite_alarm(cloudwatch, "burn")["StateValue"] == "ALARM"


def test_composites_are_listed_only_when_asked_for(aws_client: ClientFactory) -> None:
    cloudwatch = aws_client("cloudwatch")
    put_alarm_with_defaults(cloudwatch, "a")
    cloudwatch.put_composite_alarm(AlarmName="c", AlarmRule="ALARM(a)")
    assert cloudwatch.describe_alarms()["CompositeAlarms"] == []
    both = cloudwatch.describe_alarms(AlarmTypes=["MetricAlarm", "CompositeAlarm"])
    assert [len(both[kind]) for kind in ("MetricAlarms", "CompositeAlarms")] == [1, 1]


def test_a_composite_of_an_unknown_alarm_is_refused(
    aws_client: ClientFactory, get_refusal: RefusalGetter
) -> None:
    code, message = get_refusal(
        aws_client("cloudwatch").put_composite_alarm, AlarmName="c", AlarmRule="ALARM(nobody)"
    )
    assert code in ("ValidationError", "ValidationException")
    assert "nobody" in message


def test_a_composite_names_at_most_a_hundred_alarms_in_ten_thousand_characters(
    aws_client: ClientFactory, get_refusal: RefusalGetter
) -> None:
    """CloudWatch API reference, PutCompositeAlarm."""
    cloudwatch = aws_client("cloudwatch")
    names = [f"alarm-{number}" for number in range(101)]
    for name in names:
        put_alarm_with_defaults(cloudwatch, name)
    rules = [f'ALARM("{name}")' for name in names]
    cloudwatch.put_composite_alarm(AlarmName="c", AlarmRule=" OR ".join(rules[:100]))
    _, message = get_refusal(
        cloudwatch.put_composite_alarm, AlarmName="c", AlarmRule=" OR ".join(rules)
    )
    assert "names 101 alarms" in message
    _, message = get_refusal(
        cloudwatch.put_composite_alarm, AlarmName="c", AlarmRule=" OR ".join(rules[:1] * 600)
    )
    assert "10240" in message


def test_an_alarm_that_a_composite_names_is_not_deleted(
    aws_client: ClientFactory, get_refusal: RefusalGetter
) -> None:
    cloudwatch = aws_client("cloudwatch")
    put_alarm_with_defaults(cloudwatch, "a")
    cloudwatch.put_composite_alarm(AlarmName="c", AlarmRule="ALARM(a)")
    _, message = get_refusal(cloudwatch.delete_alarms, AlarmNames=["a"])
    assert "composite alarm" in message
    cloudwatch.delete_alarms(AlarmNames=["a", "c"])
    assert cloudwatch.describe_alarms()["MetricAlarms"] == []


@pytest.mark.parametrize("statistic", ["p90", "p99.9", "tm90", "PR(0.5:)", "TM(10%:90%)", "IQM"])
def test_every_extended_statistic_is_taken(aws_client: ClientFactory, statistic: str) -> None:
    cloudwatch = aws_client("cloudwatch")
    cloudwatch.put_metric_alarm(
        AlarmName="a",
        Namespace="AWS/ApplicationELB",
        MetricName="TargetResponseTime",
        ExtendedStatistic=statistic,
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
    )
    metric_alarm = cloudwatch.describe_alarms()["MetricAlarms"][0]
    assert metric_alarm["ExtendedStatistic"] == statistic


def test_a_statistic_that_there_is_not_is_refused(
    aws_client: ClientFactory, get_refusal: RefusalGetter
) -> None:
    code, _ = get_refusal(
        aws_client("cloudwatch").put_metric_alarm,
        AlarmName="a",
        Namespace="n",
        MetricName="m",
        ExtendedStatistic="median",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
    )
    assert code.startswith("InvalidParameterValue")


def test_an_alarm_begins_without_data_and_keeps_its_state_when_changed(
    aws_client: ClientFactory,
) -> None:
    cloudwatch = aws_client("cloudwatch")
    put_alarm_with_defaults(cloudwatch, "a")
    assert cloudwatch.describe_alarms()["MetricAlarms"][0]["StateValue"] == "INSUFFICIENT_DATA"
    cloudwatch.set_alarm_state(AlarmName="a", StateValue="ALARM", StateReason="test")
    put_alarm_with_defaults(cloudwatch, "a", Threshold=80)
    metric_alarm = cloudwatch.describe_alarms()["MetricAlarms"][0]
    assert (metric_alarm["StateValue"], metric_alarm["Threshold"]) == ("ALARM", 80)


def test_alarms_come_in_pages(aws_client: ClientFactory) -> None:
    cloudwatch = aws_client("cloudwatch")
    for number in range(7):
        put_alarm_with_defaults(cloudwatch, f"a{number}")
    pages = cloudwatch.get_paginator("describe_alarms").paginate(PaginationConfig={"PageSize": 3})
    sizes = [len(page["MetricAlarms"]) for page in pages]
    assert sizes == [3, 3, 1]


@pytest.mark.parametrize(("stat", "value"), [("p50", 50.5), ("p99", 99.01), ("p100", 100)])
def test_percentiles_are_of_single_values(
    aws_client: ClientFactory, stat: str, value: float
) -> None:
    cloudwatch = aws_client("cloudwatch")
    time = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=10)
    data = [{"MetricName": "Took", "Value": n, "Timestamp": time} for n in range(1, 101)]
    cloudwatch.put_metric_data(Namespace="Test", MetricData=data)
    metric = {"Namespace": "Test", "MetricName": "Took"}
    query = {"Id": "a", "MetricStat": {"Metric": metric, "Period": 60, "Stat": stat}}
    response = cloudwatch.get_metric_data(
        MetricDataQueries=[query], StartTime=time, EndTime=time + timedelta(minutes=5)
    )
    assert response["MetricDataResults"][0]["Values"] == [pytest.approx(value)]


def test_alarm_history_is_of_a_span_and_of_types(aws_client: ClientFactory) -> None:
    cloudwatch = aws_client("cloudwatch")
    put_alarm_with_defaults(cloudwatch, "one")
    cloudwatch.set_alarm_state(AlarmName="one", StateValue="ALARM", StateReason="x")
    now = datetime.now(UTC)

    def count(**parameters: Any) -> int:
        return len(cloudwatch.describe_alarm_history(**parameters)["AlarmHistoryItems"])

    assert count(StartDate=now - timedelta(days=1), EndDate=now + timedelta(days=1)) == 1
    assert count(EndDate=now - timedelta(days=1)) == 0
    assert count(StartDate=now + timedelta(days=1)) == 0
    assert count(AlarmTypes=["CompositeAlarm"]) == 0
