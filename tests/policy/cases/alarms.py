"""Cases of the rules of policy/rules/alarms.py: inputs alone."""

from typing import Final

from tests.policy.cases.model import RuleCase

PAGE_TOPIC = "arn:aws:sns:eu-north-1:123456789012:bulwark-prod-page"
WARN_TOPIC = "arn:aws:sns:eu-north-1:123456789012:bulwark-prod-warn"
ALARM_NAME = "alarms-database-cpu-high-primary"  # P1 by the registry
ALARM_CASES: Final[dict[str, RuleCase]] = {
    "alarms-page": RuleCase(
        "aws:cloudwatch/metricAlarm:MetricAlarm",
        {"alarmActions": [WARN_TOPIC, PAGE_TOPIC]},
        {
            f"alarmActions is ['{WARN_TOPIC}']": {"alarmActions": [WARN_TOPIC]},
            "alarmActions is not set, must be the topic that pages: the alarm is P1": {},
            "actionsEnabled is false": {"alarmActions": [PAGE_TOPIC], "actionsEnabled": False},
        },
        name=ALARM_NAME,
        bad_name=ALARM_NAME,
    ),
}
