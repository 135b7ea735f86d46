"""Alarms of the NAT devices."""

import pytest

from tests.components.monitored_stack import get_alarm_entry, get_metric_math, list_planned_alarms


@pytest.mark.parametrize(
    ("control", "severity", "threshold", "minutes"),
    [("nat-ports-exhausted", "P1", 0, 15), ("nat-packets-dropped", "P2", 0.01, 5)],
)
def test_the_gateway_of_each_zone_is_watched(
    control: str, severity: str, threshold: float, minutes: int
) -> None:
    planned_alarms = list_planned_alarms(control)
    assert [alarm.subject for alarm in planned_alarms] == ["a", "b", "c"]
    assert {(alarm.threshold, alarm.entry.comparison) for alarm in planned_alarms} == {
        (threshold, ">")
    }
    assert (get_alarm_entry(control).severity, get_alarm_entry(control).duration_seconds) == (
        severity,
        minutes * 60,
    )


def test_dropped_packets_are_a_percentage_of_packets_of_both_directions() -> None:
    sent = "(FILL(out, 0) + FILL(back, 0))"
    assert get_metric_math("nat-packets-dropped") == (
        f"IF({sent} > 0, 100 * FILL(dropped, 0) / {sent}, 0)"
    )


def test_a_nat_instance_that_is_down_or_gone_pages_also_in_dev() -> None:
    alarm = get_alarm_entry("nat-instance-failing")
    assert (alarm.severity, alarm.missing_data) == ("P0", "breaching")
    planned_alarms = list_planned_alarms("nat-instance-failing", profile="dev")
    assert [p.name for p in planned_alarms] == [
        "bulwark-test-nat-instance-failing-a",
        "bulwark-test-nat-instance-failing-b",
    ]
