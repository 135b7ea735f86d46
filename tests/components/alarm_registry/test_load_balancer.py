"""Alarms of the load balancer and its targets."""

import pytest
from pydantic import JsonValue

from tests.components.monitored_stack import ALL, entry, expression, plan_of, planned
from tests.world import settings


@pytest.mark.parametrize(
    ("control", "severity", "compare", "threshold", "minutes"),
    [
        ("target-none-healthy", "P0", "<", 1, 2),
        ("target-unhealthy", "P2", ">", 0, 10),
        ("target-5xx-count", "P1", ">", 50, 5),
        ("target-5xx-rate", "P2", ">", 5, 10),
        ("target-latency-high", "P1", ">", 1.0, 10),
        ("target-latency-raised", "P2", ">", 0.5, 15),
        ("target-connection-errors", "P2", ">=", 10, 10),
    ],
)
def test_each_target_group_is_watched(
    control: str, severity: str, compare: str, threshold: float, minutes: int
) -> None:
    made = planned(control, ALL)
    assert [one.subject for one in made] == ["backend", "frontend", "fleet"]
    assert {one.threshold for one in made} == {threshold}
    one = entry(control)
    assert (one.severity, one.compare, one.seconds) == (severity, compare, minutes * 60)


@pytest.mark.parametrize(
    ("control", "severity", "compare", "threshold"),
    [
        ("balancer-5xx", "P1", ">=", 10),
        ("balancer-rejected", "P1", ">", 0),
        ("certificate-expiring", "P2", "<=", 44),
    ],
)
def test_the_load_balancer_itself_is_watched(
    control: str, severity: str, compare: str, threshold: float
) -> None:
    (one,) = planned(control, ALL)
    assert one.name == f"bulwark-test-{control}"
    assert (one.entry.severity, one.entry.compare, one.threshold) == (severity, compare, threshold)


def test_latency_follows_the_objective() -> None:
    given: dict[str, JsonValue] = {**ALL, "alarms": {"latencyObjectiveMs": 200}}
    assert {one.threshold for one in planned("target-latency-high", given)} == {0.4}
    assert {one.threshold for one in planned("target-latency-raised", given)} == {0.2}


def test_a_share_of_errors_is_not_judged_on_few_requests() -> None:
    given: dict[str, JsonValue] = {"alarms": {"minimumRequests": 20}}
    assert expression("target-5xx-rate", given) == (
        "IF(FILL(all, 0) >= 20, 100 * FILL(bad, 0) / all, 0)"
    )


def test_no_data_from_a_target_group_is_an_outage_unless_it_may_be_empty() -> None:
    services: dict[str, JsonValue] = {
        "backend": {"min": 0, "paths": ["/api/*"]},
        "frontend": {},
    }
    given: dict[str, JsonValue] = {**ALL, "services": services}
    found = plan_of(given)
    missing = {
        one.subject: one.entry.missing_for(settings(given), one.subject)
        for one in found.alarms
        if one.entry.key == "target-none-healthy"
    }
    assert missing == {"backend": "notBreaching", "frontend": "breaching", "fleet": "breaching"}


def test_a_stack_that_serves_nobody_has_none_of_them() -> None:
    keys = {one.entry.key for one in plan_of({"compute": "none"}).alarms}
    assert keys
    assert not {key for key in keys if key.startswith(("target-", "balancer-", "certificate-"))}
    assert not {key for key in keys if key.startswith(("slo-", "service-", "fleet-"))}
