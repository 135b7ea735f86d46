"""CloudWatch in the sandbox: a state set by hand carries out the alarm's actions, and is kept."""

import json
from typing import Any

import pytest

from tests.sandbox.conftest import ClientFactory

ALARM_NAME = "window"


@pytest.fixture
def notified_alarm(aws_client: ClientFactory) -> Any:
    """An alarm that tells a topic of ALARM and OK; gives its client, and what a listener gets."""
    sns, sqs, cloudwatch = aws_client("sns"), aws_client("sqs"), aws_client("cloudwatch")
    topic = sns.create_topic(Name="warn")["TopicArn"]
    queue = sqs.create_queue(QueueName="listener")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn["QueueArn"])
    cloudwatch.put_metric_alarm(
        AlarmName=ALARM_NAME,
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

    def receive_messages() -> list[tuple[str, str]]:
        received = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", ())
        bodies = (json.loads(json.loads(message["Body"])["Message"]) for message in received)
        return [(body["NewStateValue"], body["NewStateReason"]) for body in bodies]

    return cloudwatch, receive_messages


def list_history_summaries(cloudwatch: Any, **parameters: Any) -> list[str]:
    items = cloudwatch.describe_alarm_history(AlarmName=ALARM_NAME, **parameters)[
        "AlarmHistoryItems"
    ]
    return [item["HistorySummary"].partition(" arn:")[0] for item in items]


def set_alarm_state(cloudwatch: Any, state: str, reason: str) -> None:
    cloudwatch.set_alarm_state(AlarmName=ALARM_NAME, StateValue=state, StateReason=reason)


def test_a_change_of_state_tells_its_topic_once_and_is_kept(notified_alarm: Any) -> None:
    cloudwatch, messages = notified_alarm
    set_alarm_state(cloudwatch, "ALARM", "begins")
    set_alarm_state(cloudwatch, "ALARM", "begins again")
    assert messages() == [("ALARM", "begins")]
    set_alarm_state(cloudwatch, "OK", "is over")
    assert messages() == [("OK", "is over")]
    cloudwatch.delete_alarms(AlarmNames=[ALARM_NAME])
    assert list_history_summaries(cloudwatch) == [
        "Successfully executed action",
        "Alarm updated from ALARM to OK",
        "Successfully executed action",
        "Alarm updated from INSUFFICIENT_DATA to ALARM",
    ]
    assert len(list_history_summaries(cloudwatch, HistoryItemType="Action", MaxRecords=1)) == 1


def test_a_state_without_an_action_and_actions_that_are_disabled_tell_nobody(
    notified_alarm: Any,
) -> None:
    cloudwatch, messages = notified_alarm
    set_alarm_state(cloudwatch, "ALARM", "one")
    set_alarm_state(cloudwatch, "INSUFFICIENT_DATA", "two")
    cloudwatch.disable_alarm_actions(AlarmNames=[ALARM_NAME])
    set_alarm_state(cloudwatch, "ALARM", "three")
    assert messages() == [("ALARM", "one")]
    assert (
        list_history_summaries(cloudwatch, ScanBy="TimestampAscending")[1]
        == "Successfully executed action"
    )
    assert len(list_history_summaries(cloudwatch, HistoryItemType="Action")) == 1


def test_a_topic_that_is_gone_is_a_failed_action(aws_client: ClientFactory) -> None:
    cloudwatch = aws_client("cloudwatch")
    cloudwatch.put_metric_alarm(
        AlarmName=ALARM_NAME,
        Namespace="x",
        MetricName="y",
        Statistic="Maximum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
        AlarmActions=["arn:aws:sns:eu-north-1:123456789012:gone"],
    )
    set_alarm_state(cloudwatch, "ALARM", "begins")
    assert "Failed to execute action" in list_history_summaries(cloudwatch)[0]
