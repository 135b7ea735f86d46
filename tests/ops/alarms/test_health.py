"""The health check of the alarms."""

from typing import Any

import pytest

from ops.alarms.notifications import MUTE_RULE_API, MUTE_RULES_API, SUBSCRIPTIONS_API
from ops.core.checks import UnknownAnswerError
from tests.ops.health.test_case import HealthCaseTests
from tests.ops.health_answers import (
    AwsAnswers,
    build_alarm_answer,
)
from tests.ops.health_cases import REFRESH_COMMAND, HealthCase, run_health_check
from tests.ops.single_check import format_time_ago


def answer_notifications(**fields: Any) -> AwsAnswers:
    """Alarms with these fields, no mute rule, and a subscriber."""
    alarms = [
        {**build_alarm_answer(name, "OK"), **fields}
        for name in ("test-down", "test-slow", "of-another")
    ]
    return {
        "cloudwatch.describe_alarms": alarms,
        MUTE_RULES_API: [],
        MUTE_RULE_API: [],
        SUBSCRIPTIONS_API: [{"SubscriptionArn": "arn:aws:sns:a:1:page:0b"}],
    }


ALARM_CASES: list[HealthCase] = [
    (
        "alarms",
        "alarms",
        {
            "cloudwatch.describe_alarms": [
                build_alarm_answer("test-down", "OK"),
                build_alarm_answer("test-slow", "OK"),
                build_alarm_answer("of-another", "ALARM"),
            ]
        },
        [
            (
                {
                    "cloudwatch.describe_alarms": [
                        build_alarm_answer("test-down", "ALARM"),
                        build_alarm_answer("test-slow", "OK"),
                    ]
                },
                "why",
                "ops health",
            ),
            (
                {"cloudwatch.describe_alarms": [build_alarm_answer("test-down", "OK")]},
                "1 of 2 are missing: test-slow",
                REFRESH_COMMAND,
            ),
        ],
    ),
    ("alarms", "alarm data", answer_notifications(), []),
    (
        "alarms",
        "notifications",
        answer_notifications(),
        [
            (
                answer_notifications(ActionsEnabled=False),
                "2 of 2 alarms are muted, so nobody hears them: test-down, test-slow",
                "ops alarms unmute",
            ),
            (
                {
                    **answer_notifications(),
                    MUTE_RULES_API: [{"AlarmMuteRuleArn": "arn:aws:cloudwatch:a:1:mute:rule"}],
                    MUTE_RULE_API: [{"MuteTargets": {"AlarmNames": ["test-slow", "other"]}}],
                },
                "1 of 2 alarms are muted, so nobody hears them: test-slow",
                "ops alarms unmute",
            ),
            (
                {**answer_notifications(), SUBSCRIPTIONS_API: []},
                "nobody hears the alarms of this topic: it has no subscription",
                "pulumi up",
            ),
            (
                {
                    **answer_notifications(),
                    SUBSCRIPTIONS_API: [
                        {"SubscriptionArn": "PendingConfirmation"},
                        {"SubscriptionArn": "Deleted"},
                    ],
                },
                "nobody hears the alarms of this topic: 1 not confirmed yet",
                "pulumi up",
            ),
        ],
    ),
]


class TestAlarmCases(HealthCaseTests):
    cases = ALARM_CASES


@pytest.mark.parametrize(
    ("fields", "state", "evidence"),
    [
        ({}, "unknown", "2 of 2 alarms have no data, so they cannot be raised: test-down"),
        (
            {"AlarmConfigurationUpdatedTimestamp": format_time_ago(minutes=20)},
            "ok",
            "0 of 2 alarms have data; 2 are too young to have any",
        ),
        (
            {
                "AlarmConfigurationUpdatedTimestamp": format_time_ago(hours=20),
                "Period": 86400,
                "EvaluationPeriods": 1,
            },
            "ok",
            "2 are too young",
        ),
        (
            {
                "AlarmConfigurationUpdatedTimestamp": format_time_ago(hours=2),
                "Metrics": [{"MetricStat": {"Period": 60}}, {"Expression": "a / b"}],
                "EvaluationPeriods": 5,
            },
            "unknown",
            "2 of 2 alarms have no data",
        ),
    ],
)
def test_an_alarm_without_data_is_unknown_once_it_must_have_some(
    fields: AwsAnswers, state: str, evidence: str
) -> None:
    answers = answer_notifications(StateValue="INSUFFICIENT_DATA", **fields)
    (finding,) = run_health_check("alarms", "alarm data", answers)
    assert finding.state == state
    assert evidence in finding.evidence


def test_all_is_said_at_once_and_a_denied_topic_hides_nothing() -> None:
    answers = {
        **answer_notifications(ActionsEnabled=False),
        SUBSCRIPTIONS_API: UnknownAnswerError("denied", "ops permissions"),
    }
    findings = run_health_check("alarms", "notifications", answers)
    assert [finding.state for finding in findings] == ["failing", "unknown", "unknown"]
