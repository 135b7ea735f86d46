"""The health check of the alarms."""

from typing import Any

import pytest

from ops.alarms.notifications import MUTE_RULE_API, MUTE_RULES_API, SUBSCRIPTIONS_API
from ops.core.checks import UnknownAnswerError
from tests.ops.health.test_case import HealthCaseTests
from tests.ops.health_answers import (
    DOWN_ALARM,
    SLOW_ALARM,
    AwsAnswers,
    build_alarm_answer,
)
from tests.ops.health_cases import REFRESH_COMMAND, HealthCase, run_health_check
from tests.ops.single_check import build_changed_outputs, format_time_ago, run_check


def answer_notifications(**fields: Any) -> AwsAnswers:
    """Alarms with these fields, no mute rule, and a subscriber."""
    alarms = [
        {**build_alarm_answer(name, "OK"), **fields}
        for name in (
            DOWN_ALARM,
            SLOW_ALARM,
            "of-another",
        )
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
                build_alarm_answer(DOWN_ALARM, "OK"),
                build_alarm_answer(SLOW_ALARM, "OK"),
                build_alarm_answer("of-another", "ALARM"),
            ]
        },
        [
            (
                {
                    "cloudwatch.describe_alarms": [
                        build_alarm_answer(DOWN_ALARM, "ALARM"),
                        build_alarm_answer(SLOW_ALARM, "OK"),
                    ]
                },
                "why",
                "ops health",
            ),
            (
                {"cloudwatch.describe_alarms": [build_alarm_answer(DOWN_ALARM, "OK")]},
                f"1 of 2 are missing: {SLOW_ALARM}",
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
                f"2 of 2 alarms are muted, so nobody hears them: {DOWN_ALARM}, {SLOW_ALARM}",
                "ops alarms unmute",
            ),
            (
                {
                    **answer_notifications(),
                    MUTE_RULES_API: [{"AlarmMuteRuleArn": "arn:aws:cloudwatch:a:1:mute:rule"}],
                    MUTE_RULE_API: [{"MuteTargets": {"AlarmNames": [SLOW_ALARM, "other"]}}],
                },
                f"1 of 2 alarms are muted, so nobody hears them: {SLOW_ALARM}",
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
        (
            {},
            "unknown",
            f"2 of 2 alarms have no data, so they cannot be raised: {DOWN_ALARM}",
        ),
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


def test_all_notification_faults_are_reported_despite_a_denied_topic() -> None:
    answers = {
        **answer_notifications(ActionsEnabled=False),
        SUBSCRIPTIONS_API: UnknownAnswerError("denied", "ops permissions"),
    }
    findings = run_health_check("alarms", "notifications", answers)
    assert [finding.state for finding in findings] == ["failing", "unknown", "unknown"]


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("bulwark-test-target-none-healthy-backend", "ops service events --service backend"),
        ("bulwark-test-target-none-healthy-fleet", "ops fleet instances"),
        ("bulwark-test-database-unhealthy", "ops db activity"),
        ("bulwark-test-balancer-5xxs", ""),
        ("bulwark-test-of-a-newer-registry", ""),
        ("bulwark-testing-balancer-5xx", ""),
        ("another-test-balancer-5xx", ""),
    ],
)
def test_the_command_of_an_alarm_is_that_of_its_key_whatever_its_description_says(
    name: str, command: str
) -> None:
    outputs = build_changed_outputs("alarms", names={"P0": (name,)})
    answers = {"cloudwatch.describe_alarms": [build_alarm_answer(name, "ALARM")]}
    (finding,) = run_check("alarms", "alarms", answers, outputs)
    assert (finding.state, finding.command) == ("failing", command)
