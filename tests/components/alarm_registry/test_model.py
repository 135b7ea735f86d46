"""Entries of the registry: what each must say."""

import subprocess
import sys

import pytest

from components.alarm_registry import REGISTRY_ALARMS, REGISTRY_COMPOSITES
from components.alarm_registry.model import (
    MetricMath,
    build_fixed_threshold,
    format_alarm_description,
)

# The runbook's commands, as far as alarms name them.
KNOWN_COMMANDS = (
    "ops alarms list",
    "ops certificate check",
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
    "ops logs errors service/{name}",
    "ops service events --service {name}",
    "ops service limits",
    "ops service tasks --service {name}",
    "ops metrics cache",
    "ops metrics database",
    "ops metrics load-balancer",
    "ops metrics nat",
)


@pytest.mark.parametrize(
    "entry", [*REGISTRY_ALARMS, *REGISTRY_COMPOSITES], ids=lambda alarm: alarm.key
)
def test_an_entry_has_a_meaning_and_a_command(entry: object) -> None:
    command, description = getattr(entry, "command", ""), getattr(entry, "description", "")
    assert command in KNOWN_COMMANDS
    assert (getattr(entry, "fleet_command", None) or command) in KNOWN_COMMANDS
    assert description.endswith(".")
    assert len(description) <= 80


@pytest.mark.parametrize("entry", REGISTRY_ALARMS, ids=lambda alarm: alarm.key)
def test_each_alarm_is_valid_for_cloudwatch(entry: object) -> None:
    alarm = next(a for a in REGISTRY_ALARMS if a is entry)
    assert alarm.period_seconds % 60 == 0
    assert alarm.duration_seconds <= (86400 if alarm.period_seconds < 3600 else 7 * 86400)
    assert alarm.duration_seconds != 600 or alarm.evaluation_periods > 1, (
        "one point of ten minutes is not an alarm"
    )
    if isinstance(alarm.metric, MetricMath):
        assert all(id_[0].islower() for id_ in alarm.metric.metrics)


def test_keys_are_unique() -> None:
    keys = [alarm.key for alarm in REGISTRY_ALARMS] + [alarm.key for alarm in REGISTRY_COMPOSITES]
    assert len(keys) == len(set(keys))


def test_composites_name_existing_alarms_and_hold_each_composite_only_alarm() -> None:
    alarm_keys = {alarm.key for alarm in REGISTRY_ALARMS}
    composite_parts = {
        key for alarm in REGISTRY_COMPOSITES for group in alarm.alarm_groups for key in group
    }
    assert composite_parts <= alarm_keys
    assert {alarm.key for alarm in REGISTRY_ALARMS if alarm.composite_only} <= composite_parts
    assert {c.suppressed_by for c in REGISTRY_COMPOSITES} - {None} <= {
        c.key for c in REGISTRY_COMPOSITES
    }


def test_a_target_alarms_command_names_the_service_or_the_fleet() -> None:
    entry = next(alarm for alarm in REGISTRY_ALARMS if alarm.key == "target-none-healthy")
    assert entry.format_command("backend") == "ops service events --service backend"
    assert entry.format_command("fleet") == "ops fleet instances"


def test_a_description_leads_with_the_severity_and_ends_with_the_command() -> None:
    assert (
        format_alarm_description("P1", meaning="Bad.", command="ops health")
        == "P1. Bad. Run: ops health"
    )


def test_thresholds_are_written_with_their_units() -> None:
    threshold_texts = [
        build_fixed_threshold(0.02, "Seconds").description,
        build_fixed_threshold(60, "Seconds").description,
        build_fixed_threshold(0.01, "Percent").description,
    ]
    assert threshold_texts == ["20 ms", "60 s", "0.01 %"]
    assert build_fixed_threshold(1_000_000_000).description == "1,000,000,000"


def test_the_registry_is_plain_data_that_loads_without_pulumi() -> None:
    code = "import sys, components.alarm_registry; sys.exit('pulumi' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
