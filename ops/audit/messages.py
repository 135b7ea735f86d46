"""Log groups, topics and queues of the stack: who may read and write them, kept how long."""

import json
import shlex
from typing import Any, Final

from ops.audit.model import AuditReport, close_report, get_stack_prefix
from ops.audit.open_policies import close_policy, list_open_actions
from ops.audit.rules import AuditRule, add_broken, build_absence_test
from ops.core.checks import CheckFacts, CheckRoutine, build_read
from ops.core.counts import format_count
from ops.outputs import Outputs, StackPart

_LOG_GROUPS_API: Final = "logs.describe_log_groups"
_TOPICS_API: Final = "sns.list_topics"
_TOPIC_API: Final = "sns.get_topic_attributes"
_QUEUES_API: Final = "sqs.list_queues"
_QUEUE_API: Final = "sqs.get_queue_attributes"
LOG_GROUPS_KEY: Final = "log-groups"
TOPICS_KEY: Final = "topics-and-queues"
_GONE_TOPIC_CODES: Final = ("NotFound", "NotFoundException")
_GONE_QUEUE_CODES: Final = (
    "AWS.SimpleQueueService.NonExistentQueue",
    "QueueDoesNotExist",
)
# FSBP CloudWatch.16: its default. The line of a group that keeps its lines for ever sets it.
LEAST_LOG_DAYS: Final = 365
_RETENTION_RULE: Final = AuditRule(
    "retention",
    build_absence_test("retentionInDays"),
    "low",
    "FSBP CloudWatch.16: a set time, 365 days by default",
    "its lines are kept for ever: nobody said how long",
    "aws logs put-retention-policy --region {region} --log-group-name {name} "
    f"--retention-in-days {LEAST_LOG_DAYS}",
)
_LOG_KEY_RULE: Final = AuditRule(
    "key",
    build_absence_test("kmsKeyId"),
    "low",
    "NIST 800-53 AU-9, SC-28; Well-Architected SEC08-BP02",
    "its lines are not encrypted with the stack's key, as others' are",
    "aws logs associate-kms-key --region {region} --log-group-name {name} --kms-key-id {key}",
)
_TOPIC_KEY_RULE: Final = AuditRule(
    "key",
    build_absence_test("KmsMasterKeyId"),
    "medium",
    "FSBP SNS.1",
    "its messages are not encrypted with the stack's key",
    "aws sns set-topic-attributes --region {region} --topic-arn {resource_name} "
    "--attribute-name KmsMasterKeyId --attribute-value {key}",
)
_QUEUE_KEY_RULE: Final = AuditRule(
    "key",
    lambda queue: not queue.get("KmsMasterKeyId") and queue.get("SqsManagedSseEnabled") != "true",
    "medium",
    "FSBP SQS.1",
    "its messages are not encrypted",
    "aws sqs set-queue-attributes --region {region} --queue-url {resource_name} "
    "--attributes SqsManagedSseEnabled=true",
)
_OPEN_REASONS: Final = {"sns": "FSBP SNS.4", "sqs": "FSBP SQS.3"}


def check_log_groups(facts: CheckFacts) -> CheckRoutine:
    """Judges the stack's log groups: a time that lines are kept, and the key if it has one."""
    report, outputs = AuditReport(facts, LOG_GROUPS_KEY, "log groups"), facts.outputs
    key = outputs.stack.logs_key_arn
    prefixes = list_log_prefixes(outputs)
    answers = yield [
        build_read(_LOG_GROUPS_API, "logGroups", logGroupNamePrefix=prefix) for prefix in prefixes
    ]
    groups = [item for answer in answers for item in report.get_items(answer)]
    for group in groups:
        name = str(group["logGroupName"])
        add_broken(
            report,
            [_RETENTION_RULE, *([_LOG_KEY_RULE] if key else [])],
            group,
            name,
            region=outputs.stack.region,
            name=shlex.quote(name),
            key=key,
        )
    looked_at = f"{format_count(len(groups), 'log group')}: kept for a set time"
    return (
        yield from close_report(report, f"{looked_at}, under the stack's key" if key else looked_at)
    )


def list_log_prefixes(outputs: Outputs) -> list[str]:
    """What the names of the stack's log groups begin with: its own, and those of AWS's services."""
    stack, prefix = outputs.stack, get_stack_prefix(outputs)
    return [
        f"/{stack.project}/{stack.stack}/",
        f"/aws/rds/instance/{prefix}",
        f"/aws/lambda/{prefix}",
        f"/aws/ecs/containerinsights/{prefix.removesuffix('-')}/",
        f"aws-waf-logs-{prefix}",
    ]


def check_topics_and_queues(facts: CheckFacts) -> CheckRoutine:
    """Judges the stack's topics and queues: encrypted, and open to nobody outside."""
    report, outputs = AuditReport(facts, TOPICS_KEY, "topics and queues"), facts.outputs
    prefix = get_stack_prefix(outputs)
    topics_answer, queues_answer = yield [
        build_read(_TOPICS_API, "Topics"),
        build_read(_QUEUES_API, "QueueUrls", QueueNamePrefix=prefix),
    ]
    topics = [
        str(item["TopicArn"])
        for item in report.get_items(topics_answer, "topics")
        if str(item["TopicArn"]).rpartition(":")[2].startswith(prefix)
    ]
    queues = [str(item) for item in report.get_items(queues_answer, "queues")]
    answers = yield [
        *(
            build_read(_TOPIC_API, "", TopicArn=topic, absent_codes=_GONE_TOPIC_CODES)
            for topic in topics
        ),
        *(
            build_read(
                _QUEUE_API,
                "",
                QueueUrl=queue,
                AttributeNames=["All"],
                absent_codes=_GONE_QUEUE_CODES,
            )
            for queue in queues
        ),
    ]
    for resource, answer in zip([*topics, *queues], answers, strict=True):
        name = resource.rpartition(":")[2].rpartition("/")[2]
        for item in report.get_items(answer, name):
            _judge_messages(
                report, resource, name, item.get("Attributes", {}), is_topic=resource in topics
            )
    looked_at = f"{format_count(len(topics), 'topic')}, {format_count(len(queues), 'queue')}"
    return (yield from close_report(report, f"{looked_at}: encrypted, and open to nobody outside"))


def _judge_messages(
    report: AuditReport, resource: str, name: str, attributes: dict[str, Any], *, is_topic: bool
) -> None:
    stack = report.facts.outputs.stack
    # Without a key of the stack, alarms could not publish to an encrypted topic (docs/decisions).
    key_rules = ([_TOPIC_KEY_RULE] if stack.logs_key_arn else []) if is_topic else [_QUEUE_KEY_RULE]
    add_broken(
        report,
        key_rules,
        attributes,
        name,
        region=stack.region,
        resource_name=resource,
        key=stack.logs_key_arn,
    )
    policy = str(attributes.get("Policy") or "{}")
    if actions := list_open_actions(policy):
        service = "sns" if is_topic else "sqs"
        report.add(
            f"{name}/policy",
            f"its policy lets everybody {', '.join(actions)}",
            _build_close_line(stack, resource, policy, is_topic=is_topic),
            severity="critical",
            reason=_OPEN_REASONS[service],
            subject=name,
        )


def _build_close_line(stack: StackPart, resource: str, policy: str, *, is_topic: bool) -> str:
    """The line that sets the policy with the own account in the place of everybody."""
    closed = close_policy(policy, stack.account)
    if is_topic:
        return (
            f"aws sns set-topic-attributes --region {stack.region} --topic-arn {resource} "
            f"--attribute-name Policy --attribute-value {shlex.quote(closed)}"
        )
    return (
        f"aws sqs set-queue-attributes --region {stack.region} --queue-url {resource} "
        f"--attributes {shlex.quote(json.dumps({'Policy': closed}))}"
    )
