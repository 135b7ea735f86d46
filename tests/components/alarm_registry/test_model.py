"""Entries of the registry: what each must say."""

import subprocess
import sys

import pytest

from components.alarm_registry import ALARMS, COMPOSITES
from components.alarm_registry.model import Math, description, fixed

# The runbook's commands, as far as alarms name them.
KNOWN_COMMANDS = (
    "ops alarms list",
    "ops db activity",
    "ops db kill-idle",
    "ops db locks",
    "ops db resize CLASS",
    "ops db rotate-password",
    "ops db slow",
    "ops db snapshot list",
    "ops db storage GIB",
    "ops db vacuum",
    "ops fleet activities",
    "ops fleet instances",
    "ops fleet limits",
    "ops fleet refresh status",
    "ops health",
    "ops service events --service {name}",
    "ops service limits",
    "ops service tasks --service {name}",
    "ops usage",
)


@pytest.mark.parametrize("entry", [*ALARMS, *COMPOSITES], ids=lambda alarm: alarm.key)
def test_an_entry_says_what_it_means_and_which_command_to_run(entry: object) -> None:
    run, says = getattr(entry, "run", ""), getattr(entry, "says", "")
    assert run in KNOWN_COMMANDS
    assert (getattr(entry, "run_fleet", None) or run) in KNOWN_COMMANDS
    assert says.endswith(".")
    assert len(says) <= 80


@pytest.mark.parametrize("entry", ALARMS, ids=lambda alarm: alarm.key)
def test_an_alarm_is_one_that_cloudwatch_takes(entry: object) -> None:
    alarm = next(a for a in ALARMS if a is entry)
    assert alarm.period % 60 == 0
    assert alarm.seconds <= (86400 if alarm.period < 3600 else 7 * 86400)
    assert alarm.seconds != 600 or alarm.periods > 1, "one point of ten minutes is not an alarm"
    if isinstance(alarm.watch, Math):
        assert all(id_[0].islower() for id_ in alarm.watch.metrics)


def test_keys_are_unique() -> None:
    keys = [alarm.key for alarm in ALARMS] + [alarm.key for alarm in COMPOSITES]
    assert len(keys) == len(set(keys))


def test_what_only_a_composite_acts_on_is_in_one_and_the_composites_know_their_parts() -> None:
    alarm_keys = {alarm.key for alarm in ALARMS}
    composite_parts = {key for alarm in COMPOSITES for group in alarm.all_of for key in group}
    assert composite_parts <= alarm_keys
    assert {alarm.key for alarm in ALARMS if alarm.child} <= composite_parts
    assert {c.suppressed_by for c in COMPOSITES} - {None} <= {c.key for c in COMPOSITES}


def test_a_command_names_the_service_and_the_fleet_has_its_own() -> None:
    entry = next(alarm for alarm in ALARMS if alarm.key == "target-none-healthy")
    assert entry.command("backend") == "ops service events --service backend"
    assert entry.command("fleet") == "ops fleet instances"


def test_a_description_leads_with_the_severity_and_ends_with_the_command() -> None:
    assert description("P1", "Bad.", "ops health") == "P1. Bad. Run: ops health"


def test_thresholds_are_written_with_their_units() -> None:
    shown = [fixed(0.02, "Seconds").says, fixed(60, "Seconds").says, fixed(0.01, "Percent").says]
    assert shown == ["20 ms", "60 s", "0.01 %"]
    assert fixed(1_000_000_000).says == "1,000,000,000"


def test_the_registry_is_plain_data_that_loads_without_pulumi() -> None:
    code = "import sys, components.alarm_registry; sys.exit('pulumi' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
