"""Alarms of the NAT devices."""

import pytest

from tests.components.monitored_stack import entry, expression, planned


@pytest.mark.parametrize(
    ("control", "severity", "threshold", "minutes"),
    [("nat-ports-exhausted", "P1", 0, 15), ("nat-packets-dropped", "P2", 0.01, 5)],
)
def test_the_gateway_of_each_zone_is_watched(
    control: str, severity: str, threshold: float, minutes: int
) -> None:
    made = planned(control)
    assert [one.subject for one in made] == ["a", "b", "c"]
    assert {(one.threshold, one.entry.compare) for one in made} == {(threshold, ">")}
    assert (entry(control).severity, entry(control).seconds) == (severity, minutes * 60)


def test_drops_are_a_share_of_what_came_in_from_both_sides() -> None:
    sent = "(FILL(out, 0) + FILL(back, 0))"
    assert expression("nat-packets-dropped") == (
        f"IF({sent} > 0, 100 * FILL(dropped, 0) / {sent}, 0)"
    )


def test_a_nat_instance_that_is_down_or_gone_pages_also_in_dev() -> None:
    one = entry("nat-instance-failing")
    assert (one.severity, one.missing) == ("P0", "breaching")
    made = planned("nat-instance-failing", profile="dev")
    assert [p.name for p in made] == [
        "bulwark-test-nat-instance-failing-a",
        "bulwark-test-nat-instance-failing-b",
    ]
