"""Log groups that are kept for ever, topics and queues that are open or not encrypted."""

import json
from typing import Any

import pytest

from ops.audit.open_policies import close_policy, list_open_actions
from tests.ops.audit.looks import mend, read_open
from tests.ops.every_command import open_command_line
from tests.ops.stage import ACCOUNT, REGION, STACK_PREFIX, Stage

LOGS_KEY, TOPICS_KEY = "log-groups", "topics-and-queues"
GROUP = "/bulwark/test/app"
TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:{STACK_PREFIX}-page"


def put_logs_key(stage: Stage) -> None:
    key = stage.client("kms").create_key()["KeyMetadata"]["Arn"]
    part = stage.outputs.stack.model_copy(update={"logs_key_arn": key})
    stage.outputs = stage.outputs.model_copy(update={"stack": part})
    stage.client("logs").create_log_group(logGroupName=GROUP, kmsKeyId=key)
    stage.client("logs").put_retention_policy(logGroupName=GROUP, retentionInDays=90)
    stage.client("sns").create_topic(
        Name=f"{STACK_PREFIX}-page",
        Attributes={"KmsMasterKeyId": key, "Policy": build_policy(TOPIC, "sns:Publish", ACCOUNT)},
    )


def build_policy(resource: str, action: str, account: str = "*") -> str:
    statement: dict[str, Any] = {
        "Sid": "x",
        "Effect": "Allow",
        "Principal": {"AWS": account},
        "Action": action,
        "Resource": resource,
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def test_log_groups_get_a_time_and_the_key(capsys: pytest.CaptureFixture[str]) -> None:
    with open_command_line(put_logs_key) as (stage, run_line):
        assert read_open(run_line, capsys, LOGS_KEY) == {}
        name = f"/aws/rds/instance/{STACK_PREFIX}-database-old/postgresql"
        stage.client("logs").create_log_group(logGroupName=name)
        stage.client("logs").create_log_group(logGroupName="/somebody")
        findings = read_open(run_line, capsys, LOGS_KEY)
        assert set(findings) == {f"{LOGS_KEY}/{name}/retention", f"{LOGS_KEY}/{name}/key"}
        for finding in findings.values():
            mend(stage, finding)
        assert read_open(run_line, capsys, LOGS_KEY) == {}


def open_topic(stage: Stage) -> str:
    policy = build_policy(TOPIC, "sns:Publish")
    stage.client("sns").set_topic_attributes(
        TopicArn=TOPIC, AttributeName="Policy", AttributeValue=policy
    )
    return f"{STACK_PREFIX}-page/policy"


def unset_topic_key(stage: Stage) -> str:
    stage.client("sns").set_topic_attributes(
        TopicArn=TOPIC, AttributeName="KmsMasterKeyId", AttributeValue=""
    )
    return f"{STACK_PREFIX}-page/key"


def put_open_queue(stage: Stage) -> str:
    name = f"{STACK_PREFIX}-jobs"
    policy = build_policy(f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}", "sqs:SendMessage")
    attributes = {"Policy": policy, "SqsManagedSseEnabled": "true"}
    stage.client("sqs").create_queue(QueueName=name, Attributes=attributes)
    return f"{name}/policy"


def put_plain_queue(stage: Stage) -> str:
    name = f"{STACK_PREFIX}-jobs"
    stage.client("sqs").create_queue(QueueName=name, Attributes={"SqsManagedSseEnabled": "false"})
    return f"{name}/key"


@pytest.mark.parametrize(
    ("change", "control"),
    [
        (open_topic, "SNS.4"),
        (unset_topic_key, "SNS.1"),
        (put_open_queue, "SQS.3"),
        (put_plain_queue, "SQS.1"),
    ],
)
def test_a_topic_or_a_queue_is_closed_and_encrypted(
    change: Any, control: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with open_command_line(put_logs_key) as (stage, run_line):
        assert read_open(run_line, capsys, TOPICS_KEY) == {}
        name = change(stage)
        (finding,) = read_open(run_line, capsys, TOPICS_KEY).values()
        assert finding["id"] == f"{TOPICS_KEY}/{name}"
        assert control in finding["reason"]
        mend(stage, finding)
        assert read_open(run_line, capsys, TOPICS_KEY) == {}


ALLOW = {"Effect": "Allow", "Action": ["sns:Publish", "sns:Subscribe"], "Resource": "x"}


@pytest.mark.parametrize(
    ("statement", "is_open"),
    [
        ({"Principal": "*"}, True),
        ({"Principal": {"AWS": ["*"]}}, True),
        ({"NotPrincipal": {"AWS": ACCOUNT}}, True),
        ({"Principal": "*", "Condition": {"Bool": {"aws:SecureTransport": "true"}}}, True),
        ({"Principal": "*", "Condition": {"StringLike": {"aws:SourceArn": "*"}}}, True),
        ({"Principal": "*", "Condition": {"StringNotEquals": {"aws:SourceAccount": "1"}}}, True),
        ({"Principal": "*", "Condition": {"StringEquals": {"AWS:SourceOwner": ACCOUNT}}}, False),
        ({"Principal": "*", "Condition": {"StringEquals": {"kms:CallerAccount": "1"}}}, False),
        ({"Principal": {"Service": "events.amazonaws.com"}}, False),
        ({"Principal": {"AWS": ACCOUNT}}, False),
        ({"Principal": "*", "Effect": "Deny"}, False),
    ],
)
def test_who_is_everybody(statement: dict[str, Any], is_open: bool) -> None:
    policy = json.dumps({"Statement": [{**ALLOW, **statement}]})
    assert list_open_actions(policy) == (["sns:Publish", "sns:Subscribe"] if is_open else [])
    closed = close_policy(policy, ACCOUNT)
    assert list_open_actions(closed) == []
    assert (json.loads(closed) == json.loads(policy)) is not is_open
