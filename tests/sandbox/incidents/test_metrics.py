"""The metrics of a world, and the alarms that follow from them."""

from datetime import UTC, datetime

import pytest

from sandbox.incidents.metric_levels import ERROR_SHARE
from sandbox.incidents.metric_math import evaluate_expression
from sandbox.incidents.metric_model import MetricEffect, MetricModel

NOW = datetime(2026, 3, 4, 10, 30, tzinfo=UTC)


def build_model(**fields: float) -> MetricModel:
    """A healthy world at half past ten."""
    model = MetricModel(NOW, 10.5, 1, traffic={"backend": 1.0, "frontend": 1.6})
    for name, value in fields.items():
        setattr(model, name, value)
    return model


def test_values_depend_on_the_seed_and_not_on_the_day() -> None:
    other_day = MetricModel(datetime(2027, 1, 1, tzinfo=UTC), 10.5, 1, traffic={"backend": 1.0})
    values = [
        model.get_value("targets/backend", "RequestCount", 7)
        for model in (build_model(), other_day, build_model(seed=2))
    ]
    assert values[0] == values[1] != values[2]


def test_load_follows_the_day() -> None:
    model = build_model()
    at_noon = model.get_statistic("database", "CPUUtilization", "Average", 1, 30)
    at_night = model.get_statistic("database", "CPUUtilization", "Average", 8 * 60, 30)
    assert at_noon is not None
    assert at_night is not None
    assert at_noon > 1.5 * at_night


def test_responses_are_requests() -> None:
    model = build_model()
    model.add_effect(MetricEffect("targets/backend", ERROR_SHARE, "set", 0.25, 20))
    for subject in ("targets/backend", "load-balancer"):
        counts = {
            name: model.get_statistic(subject, name, "Sum", 10, 10) or 0.0
            for name in (
                "RequestCount",
                *(f"HTTPCode_Target_{kind}XX_Count" for kind in (2, 3, 4, 5)),
            )
        }
        requests = counts.pop("RequestCount")
        assert sum(counts.values()) == pytest.approx(requests, rel=0.02)
    share = counts["HTTPCode_Target_5XX_Count"] / requests
    assert share == pytest.approx(0.25 / 2.6, rel=0.1)  # backend's part of all requests


def test_an_effect_has_its_full_strength_after_its_ramp_and_ends() -> None:
    model = build_model()
    model.add_effect(MetricEffect("database", "CPUUtilization", "set", 97, 30, 10, ramp=10))
    values = [model.get_value("database", "CPUUtilization", minute) for minute in (31, 25, 15, 9)]
    assert values[0] is not None
    assert values[0] < 45
    assert values[1] is not None
    assert 45 < values[1] < 90
    assert values[2] == 97
    assert values[3] is not None
    assert values[3] < 45


def test_what_lags_is_not_there_yet() -> None:
    model = build_model(lag_minutes=5)
    assert model.get_statistic("database", "CPUUtilization", "Average", 5, 5) is None
    assert model.get_statistic("database", "CPUUtilization", "Average", 10, 5) is not None


@pytest.mark.parametrize(
    ("expression", "values", "expected"),
    [
        ("IF(FILL(all, 0) >= 50, 100 * FILL(bad, 0) / all, 0)", {"all": 200.0, "bad": 10.0}, 5.0),
        ("IF(FILL(all, 0) >= 50, 100 * FILL(bad, 0) / all, 0)", {"all": None, "bad": 10.0}, 0.0),
        ("IF(wanted > 2, wanted, 2) - running", {"wanted": 1.0, "running": 2.0}, 0.0),
        ("wanted - running", {"wanted": None, "running": 2.0}, None),
        ("wanted / running", {"wanted": 1.0, "running": 0.0}, None),
    ],
)
def test_metric_math(
    expression: str, values: dict[str, float | None], expected: float | None
) -> None:
    assert evaluate_expression(expression, values) == expected


def test_unknown_metric_math_is_an_error() -> None:
    with pytest.raises(ValueError, match="ANOMALY_DETECTION_BAND"):
        evaluate_expression("ANOMALY_DETECTION_BAND(m1)", {"m1": 1.0})
