"""Health checks of what makes an alarm useful: it has data, it is not muted, somebody hears it."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from ops.alarms.health import (
    ALARMS_AREA,
    MUTE_RULE_GONE_CODES,
    UNKNOWN_OPERATION_CODES,
    build_alarm_reads,
)
from ops.core.checks import (
    CheckFacts,
    CheckFinding,
    CheckRoutine,
    ReadAnswer,
    UnknownAnswerError,
    build_read,
    compute_age_seconds,
    get_answer_items,
)

MUTE_RULES_API: Final = "cloudwatch.list_alarm_mute_rules"
MUTE_RULE_API: Final = "cloudwatch.get_alarm_mute_rule"
SUBSCRIPTIONS_API: Final = "sns.list_subscriptions_by_topic"
# SNS API reference, ListSubscriptionsByTopic: instead of an ARN, until somebody confirms it.
PENDING_SUBSCRIPTION: Final = "PendingConfirmation"
DELETED_SUBSCRIPTION: Final = "Deleted"
# Seconds beyond an alarm's own periods after which it must have been evaluated: an assumption,
# metrics are minutes late and a new resource sends its first after a few.
DATA_GRACE_SECONDS: Final = 30 * 60
DEFAULT_PERIOD_SECONDS: Final = 300
SHOWN_NAMES: Final = 3


def check_alarm_data(facts: CheckFacts) -> CheckRoutine:
    """Every metric alarm that is old enough to have been evaluated has had data for it.

    CloudWatch leaves an alarm without data in INSUFFICIENT_DATA unless it treats missing data in
    another way (CloudWatch User Guide, "Configuring how CloudWatch alarms treat missing data").
    """
    answers = yield build_alarm_reads(facts.outputs)
    items = _select_contract_items(facts, answers)
    metric_items = [item for item in items if "AlarmRule" not in item]
    blind_items = [item for item in metric_items if item["StateValue"] == "INSUFFICIENT_DATA"]
    overdue_names = sorted(item["AlarmName"] for item in blind_items if _is_overdue(facts, item))
    if overdue_names:
        evidence = (
            f"{len(overdue_names)} of {len(metric_items)} alarms have no data, so they cannot be "
            f"raised: {_shorten(overdue_names)}"
        )
        return [CheckFinding("unknown", ALARMS_AREA, "alarm data", evidence, "ops alarms list")]
    evidence = f"{len(metric_items) - len(blind_items)} of {len(metric_items)} alarms have data"
    if blind_items:
        verb = "is" if len(blind_items) == 1 else "are"
        evidence += f"; {len(blind_items)} {verb} too young to have any"
    return [CheckFinding("ok", ALARMS_AREA, "alarm data", evidence)]


def _select_contract_items(facts: CheckFacts, answers: Sequence[ReadAnswer]) -> list[Any]:
    contract_names = {name for names in facts.outputs.alarms.names.values() for name in names}
    items_by_name = {
        item["AlarmName"]: item
        for answer in answers
        for item in get_answer_items(answer)
        if item["AlarmName"] in contract_names
    }
    return list(items_by_name.values())


def _is_overdue(facts: CheckFacts, item: dict[str, Any]) -> bool:
    """True if an alarm has been as it is for longer than it looks back, and the grace."""
    if "AlarmConfigurationUpdatedTimestamp" not in item:
        return True
    periods = [
        (query.get("MetricStat") or query).get("Period") for query in item.get("Metrics") or ()
    ]
    period = max((p for p in (item.get("Period"), *periods) if p), default=DEFAULT_PERIOD_SECONDS)
    lookback_seconds = int(period) * int(item.get("EvaluationPeriods", 1))
    age_seconds = compute_age_seconds(facts, item["AlarmConfigurationUpdatedTimestamp"])
    return age_seconds > lookback_seconds + DATA_GRACE_SECONDS


def check_alarm_notifications(facts: CheckFacts) -> CheckRoutine:
    """No alarm is muted, and each topic has a subscriber who has confirmed it."""
    alarms = facts.outputs.alarms
    topics = {"page": alarms.page_topic_arn, "warn": alarms.warn_topic_arn}
    alarm_reads = build_alarm_reads(facts.outputs)
    answers = yield [
        *alarm_reads,
        build_read(
            MUTE_RULES_API,
            "AlarmMuteRuleSummaries",
            Statuses=["ACTIVE"],
            MaxRecords=100,
            absent_codes=UNKNOWN_OPERATION_CODES,
        ),
        *(
            build_read(SUBSCRIPTIONS_API, "Subscriptions", TopicArn=arn, absent_codes=("NotFound",))
            for arn in topics.values()
        ),
    ]
    items = _select_contract_items(facts, answers[: len(alarm_reads)])
    rule_summaries = get_answer_items(answers[len(alarm_reads)])
    rule_answers = yield [
        build_read(
            MUTE_RULE_API,
            "",
            AlarmMuteRuleName=str(item["AlarmMuteRuleArn"]).rsplit(":", 1)[-1],
            absent_codes=MUTE_RULE_GONE_CODES,
        )
        for item in rule_summaries
    ]
    rules = [rule for answer in rule_answers for rule in get_answer_items(answer)]
    return [
        _build_muted_finding(items, rules),
        *(
            _build_topic_finding(level, answer)
            for level, answer in zip(topics, answers[len(alarm_reads) + 1 :], strict=True)
        ),
    ]


def _build_muted_finding(items: Sequence[Any], rules: Iterable[Any]) -> CheckFinding:
    by_rule = {
        name for rule in rules for name in (rule.get("MuteTargets") or {}).get("AlarmNames") or ()
    }
    muted_names = sorted(
        item["AlarmName"]
        for item in items
        if not item.get("ActionsEnabled", True) or item["AlarmName"] in by_rule
    )
    if not muted_names:
        return CheckFinding("ok", ALARMS_AREA, "muted alarms", f"none of {len(items)} is muted")
    evidence = (
        f"{len(muted_names)} of {len(items)} alarms are muted, so nobody hears them: "
        f"{_shorten(muted_names)}"
    )
    return CheckFinding("failing", ALARMS_AREA, "muted alarms", evidence, "ops alarms unmute")


def _build_topic_finding(level: str, answer: ReadAnswer) -> CheckFinding:
    subject = f"subscribers of {level}"
    if isinstance(answer, UnknownAnswerError):
        return CheckFinding("unknown", ALARMS_AREA, subject, str(answer), answer.advice)
    arns = [str(item["SubscriptionArn"]) for item in answer]
    pending_count = arns.count(PENDING_SUBSCRIPTION)
    confirmed_count = len(arns) - pending_count - arns.count(DELETED_SUBSCRIPTION)
    pending = f"{pending_count} not confirmed yet" if pending_count else ""
    if confirmed_count:
        evidence = f"{confirmed_count} confirmed" + (f", {pending}" if pending else "")
        return CheckFinding("ok", ALARMS_AREA, subject, evidence)
    evidence = (
        f"nobody hears the alarms of this topic: {pending or 'it has no subscription'}; "
        "alarms.subscriptions of the stack's settings makes them, and each must be confirmed"
    )
    return CheckFinding("failing", ALARMS_AREA, subject, evidence, "pulumi up")


def _shorten(names: Sequence[str]) -> str:
    return ", ".join(names[:SHOWN_NAMES]) + (", ..." if len(names) > SHOWN_NAMES else "")
