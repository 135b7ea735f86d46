"""What a stack gets of the registry, and what its settings change."""

import pytest
from pydantic import JsonValue

from components.alarm_keys import ALARM_KEYS
from components.alarm_registry import REGISTRY_ALARMS, REGISTRY_COMPOSITES
from components.alarm_registry.model import format_condition
from components.alarm_registry.plan import MAX_RULE_ALARMS, PlannedComposite, PlannedPart
from components.facts.alarm_numbers import ALARM_NUMBERS
from sandbox.patches.cloudwatch.alarm_rules import is_rule_true
from tests.components.monitored_stack import (
    ALL_WATCHED_CONFIG,
    list_planned_alarms,
    plan_stack_alarms,
)
from tests.world import build_settings


def test_a_full_stack_has_every_alarm_of_the_registry() -> None:
    alarm_plan = plan_stack_alarms(ALL_WATCHED_CONFIG)
    assert {alarm.entry.key for alarm in alarm_plan.alarms} == {
        entry.key for entry in REGISTRY_ALARMS
    }
    assert {alarm.entry.key for alarm in alarm_plan.composites} == {
        entry.key for entry in REGISTRY_COMPOSITES
    }


def test_the_keys_that_settings_may_name_are_those_of_the_registry() -> None:
    composites = {entry.key for entry in REGISTRY_COMPOSITES}
    assert {*ALARM_KEYS} == {entry.key for entry in REGISTRY_ALARMS} | composites
    assert len(ALARM_KEYS) == len(REGISTRY_ALARMS) + len(REGISTRY_COMPOSITES)
    assert composites == {key for key, numbers in ALARM_NUMBERS.items() if numbers.metric is None}


def test_alarm_names_are_unique_and_short_enough() -> None:
    alarm_plan = plan_stack_alarms(ALL_WATCHED_CONFIG)
    names = [alarm.name for alarm in alarm_plan.alarms] + [
        alarm.name for alarm in alarm_plan.composites
    ]
    assert len(names) == len(set(names))
    assert max(map(len, names)) <= 255


def test_no_key_and_service_name_form_the_name_of_another_alarm() -> None:
    for key in ALARM_KEYS:
        assert not [other for other in ALARM_KEYS if other.startswith(f"{key}-")], key


def test_dev_has_alarms_of_the_highest_severity_only() -> None:
    alarm_plan = plan_stack_alarms(profile="dev")
    assert {alarm.entry.severity for alarm in alarm_plan.alarms} == {"P0"}
    assert alarm_plan.composites == ()


def test_a_threshold_can_be_overridden_by_key() -> None:
    overrides: dict[str, JsonValue] = {
        "alarms": {"overrides": {"database-cpu-high": {"threshold": 65}}}
    }
    assert [alarm.threshold for alarm in list_planned_alarms("database-cpu-high", overrides)] == [
        65
    ]
    assert [
        alarm.threshold for alarm in list_planned_alarms("database-cpu-critical", overrides)
    ] == [90]


def test_an_alarm_can_be_left_out_by_key() -> None:
    overrides: dict[str, JsonValue] = {
        "alarms": {"overrides": {"database-cpu-high": {"enabled": False}}}
    }
    assert list_planned_alarms("database-cpu-high", overrides) == []


@pytest.mark.parametrize("left_out", ["slo-availability-fast-burn", "slo-availability-fast-long"])
def test_excluding_a_composite_excludes_its_alarms(left_out: str) -> None:
    alarm_plan = plan_stack_alarms({"alarms": {"overrides": {left_out: {"enabled": False}}}})
    keys = {alarm.entry.key for alarm in alarm_plan.alarms} | {
        alarm.entry.key for alarm in alarm_plan.composites
    }
    assert not {key for key in keys if key.startswith("slo-availability-fast")}
    medium = [c for c in alarm_plan.composites if c.entry.key == "slo-availability-medium-burn"]
    assert [entry.suppressor for entry in medium] == [None]


def test_a_rule_asks_for_at_least_one_of_each_group_by_name() -> None:
    alarm_plan = next(
        c
        for c in plan_stack_alarms(ALL_WATCHED_CONFIG).composites
        if c.entry.key == "database-unhealthy"
    )
    cause, effect = alarm_plan.rule.split(" AND ")
    assert cause.startswith('(ALARM("bulwark-test-database-cpu-high-primary") OR ')
    assert 'ALARM("bulwark-test-target-latency-high-backend")' in effect
    alarm_names = {alarm.name for alarm in plan_stack_alarms(ALL_WATCHED_CONFIG).alarms}
    assert set(alarm_plan.alarm_names) <= alarm_names
    assert len(alarm_plan.rule) <= 10240


def list_asked_alarms(composite: PlannedComposite) -> list[str]:
    """The metric alarms that a composite asks about, itself or by a part."""
    parts = {part.name for part in composite.parts}
    return [name for name in composite.list_all_names() if name not in parts]


@pytest.mark.parametrize("service_count", [2, 47, 48, 50])
def test_a_composite_of_many_services_is_divided_into_what_cloudwatch_takes(
    service_count: int,
) -> None:
    """CloudWatch API reference, PutCompositeAlarm: 100 alarms and 10,240 characters a rule."""
    services: dict[str, JsonValue] = {
        f"service-{number:02}-{'x' * 9}": {"paths": [f"/{number}/*"]}
        for number in range(service_count)
    }
    alarm_plan = plan_stack_alarms(ALL_WATCHED_CONFIG | {"services": services})
    (composite,) = (
        item for item in alarm_plan.composites if item.entry.key == "database-unhealthy"
    )
    rules: list[PlannedComposite | PlannedPart] = [composite, *composite.parts]
    for rule in rules:
        assert len(rule.alarm_names) <= MAX_RULE_ALARMS == 100
        assert len(rule.rule) <= 10_240
        assert all(f'ALARM("{name}")' in rule.rule for name in rule.alarm_names)
    keys = {key for group in composite.entry.alarm_groups for key in group}
    expected = [alarm.name for alarm in alarm_plan.alarms if alarm.entry.key in keys]
    assert sorted(list_asked_alarms(composite)) == sorted(expected)
    assert bool(composite.parts) is (len(expected) > 100)


def test_an_alarm_in_a_part_counts_as_one_of_the_composite() -> None:
    """Its rule is true if one alarm of each group is, whichever part it is in."""
    services: dict[str, JsonValue] = {f"s{n}": {"paths": [f"/{n}/*"]} for n in range(50)}
    (composite,) = (
        item
        for item in plan_stack_alarms({"services": services}).composites
        if item.entry.key == "database-unhealthy"
    )
    assert composite.parts
    for alarm in ("target-5xx-count-s0", "target-latency-high-s49", "balancer-5xx"):
        states = dict.fromkeys(list_asked_alarms(composite), "OK")
        states |= {f"bulwark-test-{alarm}": "ALARM"}
        for database_state, raised in (("OK", False), ("ALARM", True)):
            states |= {"bulwark-test-database-cpu-high-primary": database_state}
            part_states = {
                part.name: "ALARM" if is_rule_true(part.rule, states) else "OK"
                for part in composite.parts
            }
            assert is_rule_true(composite.rule, states | part_states) is raised


def test_every_number_of_an_alarm_can_be_overridden_by_key() -> None:
    override: JsonValue = {
        "threshold": 70,
        "periodMinutes": 5,
        "periods": 4,
        "datapoints": 3,
        "severity": "P2",
        "missingData": "ignore",
    }
    values: dict[str, JsonValue] = {"alarms": {"overrides": {"database-cpu-high": override}}}
    (alarm,) = list_planned_alarms("database-cpu-high", values)
    entry = alarm.entry
    assert (alarm.threshold, entry.severity, entry.period_seconds) == (70, "P2", 300)
    assert (entry.evaluation_periods, entry.datapoints_to_alarm) == (4, 3)
    assert entry.get_missing_data(build_settings(values), alarm.subject) == "ignore"
    assert format_condition(entry, alarm.threshold) == "> 70 % in 3 of 4 periods of 5 min"
    (other,) = list_planned_alarms("database-cpu-critical", values)
    assert (other.entry.severity, other.entry.evaluation_periods) == ("P0", 15)


def test_overridden_periods_must_all_breach_unless_the_settings_set_fewer() -> None:
    values: dict[str, JsonValue] = {"alarms": {"overrides": {"database-cpu-high": {"periods": 2}}}}
    (alarm,) = list_planned_alarms("database-cpu-high", values)
    assert alarm.entry.datapoints_to_alarm == 2
    assert format_condition(alarm.entry, alarm.threshold) == "> 80 % for 2 min"


def test_an_override_of_missing_data_also_applies_to_idle_services() -> None:
    override: JsonValue = {"missingData": "breaching"}
    values: dict[str, JsonValue] = {
        "services": {"web": {"min": 0}},
        "alarms": {"overrides": {"service-cpu-high": override}},
    }
    (alarm,) = list_planned_alarms("service-cpu-high", values)
    assert alarm.entry.get_missing_data(build_settings(values), "web") == "breaching"


def test_composite_only_alarms_take_the_severity_of_their_composite() -> None:
    values: dict[str, JsonValue] = {
        "alarms": {
            "severities": ["P0", "P1"],
            "overrides": {"slo-availability-slow-burn": {"severity": "P1"}},
        }
    }
    plan = plan_stack_alarms(values)
    assert "slo-availability-slow-burn" in {item.entry.key for item in plan.composites}
    (window,) = list_planned_alarms("slo-availability-slow-long", values)
    assert window.entry.severity == "P1"
    assert not list_planned_alarms("slo-latency-slow-long", values)


def test_an_alarm_that_notifies_nobody_does_not_silence_one_that_pages() -> None:
    values: dict[str, JsonValue] = {
        "alarms": {"overrides": {"slo-availability-fast-burn": {"severity": "P3"}}}
    }
    suppressors = {
        item.entry.key: item.suppressor
        for item in plan_stack_alarms(values).composites
        if item.entry.suppressed_by
    }
    assert suppressors["slo-availability-medium-burn"] is None
    assert suppressors["slo-latency-medium-burn"] == "bulwark-test-slo-latency-fast-burn"
