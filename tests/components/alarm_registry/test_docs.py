"""docs/alarms.md and the commands that ops advises are what the registry says."""

from components.alarm_keys import ALARM_KEYS
from components.alarm_registry.docs import (
    ALARMS_PAGE_PATH,
    render_alarm_commands,
    render_alarm_numbers,
    render_alarms_page,
)
from components.alarm_registry.model import format_period
from components.facts.alarm_commands import ALARM_COMMANDS_PATH, find_alarm_command
from components.facts.alarm_numbers import ALARM_NUMBERS_PATH
from tests.components.monitored_stack import ALL_WATCHED_CONFIG, plan_stack_alarms

STACK_PREFIX = "bulwark-test"


def test_the_page_is_up_to_date() -> None:
    assert ALARMS_PAGE_PATH.read_text(encoding="utf-8") == render_alarms_page(), (
        "run python -m components.alarm_registry"
    )


def test_every_alarm_has_its_row() -> None:
    rows = [line for line in render_alarms_page().splitlines() if line.startswith("| P")]
    for key in ALARM_KEYS:
        assert [row for row in rows if row.split(" | ")[1] == f"`{key}`"], key
    assert len(rows) == len(ALARM_KEYS)


def test_durations_are_written_in_the_largest_whole_unit() -> None:
    durations = [format_period(s) for s in (60, 900, 3600, 21600, 86400, 30)]
    assert durations == ["1 min", "15 min", "1 h", "6 h", "1 d", "30 s"]


def test_the_commands_of_alarms_are_up_to_date() -> None:
    assert ALARM_COMMANDS_PATH.read_text(encoding="utf-8") == render_alarm_commands(), (
        "run python -m components.alarm_registry"
    )


def test_the_numbers_of_alarms_are_up_to_date() -> None:
    assert ALARM_NUMBERS_PATH.read_text(encoding="utf-8") == render_alarm_numbers(), (
        "run python -m components.alarm_registry"
    )


def test_an_alarm_of_a_stack_has_the_command_that_its_entry_says() -> None:
    alarm_plan = plan_stack_alarms(ALL_WATCHED_CONFIG)
    assert len(alarm_plan.alarms) > len(ALARM_KEYS) / 2
    for alarm in alarm_plan.alarms:
        command = alarm.entry.format_command(alarm.subject)
        assert find_alarm_command(alarm.name, STACK_PREFIX) == command, alarm.name
    for composite in alarm_plan.composites:
        command = composite.entry.command
        assert find_alarm_command(composite.name, STACK_PREFIX) == command, composite.name
