"""What a prod stack's settings silence of the paging alarms breaks a rule, by the alarm's key."""

from datetime import date

import pytest
from pydantic import JsonValue

from policy.pack import StackPolicyPack
from policy.rules import RULES_BY_NAME
from policy.rules.model import PolicyResource, ResourceRule, StackRule
from tests.policy.test_stacks import list_aws_resources
from tests.world import run_whole_program

COMPOSITE_ALARM_TYPE = "aws:cloudwatch/compositeAlarm:CompositeAlarm"
WARN_TOPIC = "arn:aws:sns:eu-north-1:123456789012:bulwark-prod-warn"


def list_prod_violations(alarms: dict[str, JsonValue]) -> list[str]:
    graph = run_whole_program(
        "prod", {"alarms": {"noSubscriptionsReason": "a test wakes nobody", **alarms}}
    )
    pack = StackPolicyPack(date(2026, 11, 26), "prod", {})
    return [str(violation) for violation in pack.list_violations(list_aws_resources(graph))]


@pytest.mark.parametrize("severity", ["P2", "P3"])
def test_a_lower_severity_of_a_paging_alarm_is_a_violation(severity: str) -> None:
    overrides: JsonValue = {"database-cpu-critical": {"severity": severity}}
    (violation,) = list_prod_violations({"overrides": overrides})
    assert "alarms-database-cpu-critical-primary" in violation
    assert "the alarm is P0 by docs/alarms.md" in violation


def test_severities_that_still_page_are_no_violation() -> None:
    overrides: JsonValue = {
        "database-cpu-critical": {"severity": "P1"},
        "database-cpu-high": {"severity": "P0"},
        "database-load-high": {"severity": "P3"},
    }
    assert list_prod_violations({"overrides": overrides}) == []


def test_a_removed_paging_alarm_is_a_violation_of_what_it_watched() -> None:
    overrides: JsonValue = {"target-none-healthy": {"enabled": False}}
    (violation,) = list_prod_violations({"overrides": overrides})
    assert "the alarm target-none-healthy is missing" in violation


def test_severities_without_p1_are_violations() -> None:
    violations = list_prod_violations({"severities": ["P0"]})
    assert any("the alarm database-cpu-high is missing" in text for text in violations)
    assert not any("database-cpu-critical" in text for text in violations)


def test_a_composite_pages_too_and_what_is_inside_one_does_not() -> None:
    rule = RULES_BY_NAME["alarms-page"]
    assert isinstance(rule, ResourceRule)
    inputs = {"alarmActions": [WARN_TOPIC]}
    burn = PolicyResource(COMPOSITE_ALARM_TYPE, "alarms-slo-latency-fast-burn", inputs)
    assert len(rule.list_violations(burn)) == 1
    window = PolicyResource(
        "aws:cloudwatch/metricAlarm:MetricAlarm", "alarms-slo-latency-fast-long", {}
    )
    assert rule.list_violations(window) == []


def test_an_alarm_of_somebody_else_is_not_judged() -> None:
    rule = RULES_BY_NAME["alarms-page"]
    assert isinstance(rule, ResourceRule)
    other = PolicyResource(COMPOSITE_ALARM_TYPE, "orders-database-cpu-high", {})
    assert rule.list_violations(other) == []


def test_a_stack_without_a_database_needs_no_alarm_of_one() -> None:
    rule = RULES_BY_NAME["alarms-complete"]
    assert isinstance(rule, StackRule)
    assert rule.list_violations([]) == []
    database = PolicyResource("aws:rds/instance:Instance", "database", {})
    assert any("database-cpu-high" in text for _, text in rule.list_violations([database]))
