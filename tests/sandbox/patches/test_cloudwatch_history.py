"""CloudWatch in the sandbox: a state set by hand carries out the alarm's actions, and is kept."""

import json
from typing import Any

import pytest

from tests.sandbox.conftest import Clients

NAME = "window"


@pytest.fixture
def told(mended: Clients) -> Any:
    """An alarm that tells a topic of ALARM and OK; gives its client, and what a listener gets."""
    sns, sqs, cloudwatch = mended("sns"), mended("sqs"), mended("cloudwatch")
    topic = sns.create_topic(Name="warn")["TopicArn"]
    queue = sqs.create_queue(QueueName="listener")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn["QueueArn"])
    cloudwatch.put_metric_alarm(
        AlarmName=NAME,
        Namespace="x",
        MetricName="y",
        Statistic="Maximum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
        AlarmActions=[topic],
        OKActions=[topic],
        AlarmDescription="a window",
    )

    def messages() -> list[tuple[str, str]]:
        got = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", ())
        bodies = (json.loads(json.loads(one["Body"])["Message"]) for one in got)
        return [(body["NewStateValue"], body["NewStateReason"]) for body in bodies]

    return cloudwatch, messages


def summaries(cloudwatch: Any, **asked: Any) -> list[str]:
    found = cloudwatch.describe_alarm_history(AlarmName=NAME, **asked)["AlarmHistoryItems"]
    return [one["HistorySummary"].partition(" arn:")[0] for one in found]


def set_to(cloudwatch: Any, state: str, reason: str) -> None:
    cloudwatch.set_alarm_state(AlarmName=NAME, StateValue=state, StateReason=reason)


def test_a_change_of_state_tells_its_topic_once_and_is_kept(told: Any) -> None:
    cloudwatch, messages = told
    set_to(cloudwatch, "ALARM", "begins")
    set_to(cloudwatch, "ALARM", "begins again")
    assert messages() == [("ALARM", "begins")]
    set_to(cloudwatch, "OK", "is over")
    assert messages() == [("OK", "is over")]
    cloudwatch.delete_alarms(AlarmNames=[NAME])
    assert summaries(cloudwatch) == [
        "Successfully executed action",
        "Alarm updated from ALARM to OK",
        "Successfully executed action",
        "Alarm updated from INSUFFICIENT_DATA to ALARM",
    ]
    assert len(summaries(cloudwatch, HistoryItemType="Action", MaxRecords=1)) == 1


def test_a_state_without_an_action_and_actions_that_are_disabled_tell_nobody(told: Any) -> None:
    cloudwatch, messages = told
    set_to(cloudwatch, "ALARM", "one")
    set_to(cloudwatch, "INSUFFICIENT_DATA", "two")
    cloudwatch.disable_alarm_actions(AlarmNames=[NAME])
    set_to(cloudwatch, "ALARM", "three")
    assert messages() == [("ALARM", "one")]
    assert summaries(cloudwatch, ScanBy="TimestampAscending")[1] == "Successfully executed action"
    assert len(summaries(cloudwatch, HistoryItemType="Action")) == 1


def test_a_topic_that_is_gone_is_a_failed_action(mended: Clients) -> None:
    cloudwatch = mended("cloudwatch")
    cloudwatch.put_metric_alarm(
        AlarmName=NAME,
        Namespace="x",
        MetricName="y",
        Statistic="Maximum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
        AlarmActions=["arn:aws:sns:eu-north-1:123456789012:gone"],
    )
    set_to(cloudwatch, "ALARM", "begins")
    assert "Failed to execute action" in summaries(cloudwatch)[0]
