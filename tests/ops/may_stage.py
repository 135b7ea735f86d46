"""A stage for `ops audit may`: the role of a service, and what has policies of its own."""

import json
from collections.abc import Mapping
from typing import Any, Final

from tests.ops.stage import ACCOUNT, REGION, STACK_PREFIX, Stage
from tests.ops.typed_line import TypedLine

KEY_POLICY: Final[Mapping[str, Any]] = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
            "Action": "kms:*",
            "Resource": "*",
        }
    ],
}
QUEUE_NAME: Final = f"{STACK_PREFIX}-jobs"


def put_may_stage(stage: Stage) -> None:
    """The task role of the backend, which may nothing; a bucket, key, secret, topic and queue."""
    trust = {"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}}
    stage.client("iam").create_role(
        RoleName=f"{STACK_PREFIX}-backend-task",
        AssumeRolePolicyDocument=json.dumps({"Statement": trust | {"Action": "sts:AssumeRole"}}),
    )
    stage.client("s3").create_bucket(
        Bucket=stage.outputs.backups.operations_bucket,
        CreateBucketConfiguration={"LocationConstraint": REGION},
    )
    key = stage.client("kms").create_key(Policy=json.dumps(KEY_POLICY))["KeyMetadata"]["Arn"]
    secret = stage.client("secretsmanager").create_secret(
        Name=f"{STACK_PREFIX}-database", SecretString="{}"
    )["ARN"]
    topic = stage.client("sns").create_topic(Name=f"{STACK_PREFIX}-page")["TopicArn"]
    stage.client("sqs").create_queue(QueueName=QUEUE_NAME)
    outputs = stage.outputs
    stage.outputs = outputs.model_copy(
        update={
            "stack": outputs.stack.model_copy(update={"data_key_arn": key}),
            "database": outputs.database.model_copy(update={"secret_arn": secret}),
            "alarms": outputs.alarms.model_copy(update={"page_topic_arn": topic}),
        }
    )


def put_task_policy(stage: Stage, *statements: Mapping[str, Any]) -> None:
    """The only policy of the backend's role."""
    stage.client("iam").put_role_policy(
        RoleName=f"{STACK_PREFIX}-backend-task",
        PolicyName="test",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": statements}, indent=1),
    )


def put_bucket_policy(stage: Stage, *statements: Mapping[str, Any]) -> None:
    """The policy of the operations bucket."""
    stage.client("s3").put_bucket_policy(
        Bucket=stage.outputs.backups.operations_bucket,
        Policy=json.dumps({"Version": "2012-10-17", "Statement": statements}),
    )


MAY_LINES: Final[Mapping[str, tuple[TypedLine, ...]]] = {
    "audit may": tuple(
        TypedLine(f"audit may backend {action} {resource}", put_may_stage, 3)
        for action, resource in (
            ("s3:GetObject", "bucket"),
            ("kms:Decrypt", "key"),
            ("secretsmanager:GetSecretValue", "secret"),
            ("sns:Publish", "page-topic"),
            ("sqs:SendMessage", f"arn:aws:sqs:{REGION}:{ACCOUNT}:{QUEUE_NAME}"),
        )
    )
}
