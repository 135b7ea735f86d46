"""When a metric is not as usual, since when, and what errors in lines are called."""

from datetime import UTC, datetime, timedelta

import pytest

from components.facts.metrics import METRIC_FACTS, SubjectName
from ops.diagnose.error_shapes import find_error_kind
from ops.diagnose.metric_limits import KEY_NAMES, METRIC_LIMITS, MetricLimit
from ops.diagnose.reader import FactCollector
from ops.diagnose.readers.metrics import (
    Stretch,
    add_stretch,
    fill_silence,
    find_stretch,
    find_usual,
    is_beyond,
)
from ops.metrics.parts import MetricRow, Subject
from ops.metrics.periods import ReadSpan
from tests.ops.diagnose_stage import build_request
from tests.ops.stage import Stage

SPAN = ReadSpan(datetime(2026, 11, 30, 2, 0, tzinfo=UTC), 60, 60)


def build_row(metric: str, stat: str, kind: SubjectName = "target-group") -> MetricRow:
    fact = next(fact for fact in METRIC_FACTS[kind] if fact.name == metric)
    return MetricRow(Subject(kind, "backend", ()), fact, stat)


def build_limit(direction: str = "high", limit: float = 80, **values: float) -> MetricLimit:
    return MetricLimit(metric="cpu", stat="Average", direction=direction, limit=limit, **values)  # type: ignore[arg-type]


def test_every_limit_is_of_a_metric_that_there_is() -> None:
    for kind, limits in METRIC_LIMITS.items():
        stats = {fact.name: fact.valid_stats for fact in METRIC_FACTS[kind]}
        for limit in limits:
            valid = stats[limit.metric]
            assert limit.stat in valid or (limit.stat[0] == "p" and "pNN" in valid), limit


@pytest.mark.parametrize(
    ("limit", "value", "usual", "expected"),
    [
        (build_limit(), 80, None, True),
        (build_limit(), 79, None, False),
        (build_limit(ratio=2), 100, 60, False),
        (build_limit(ratio=2), 130, 60, True),
        (build_limit(ratio=2), 130, None, False),
        (build_limit(ratio=2, alone=120), 130, None, True),
        (build_limit("low", 1e9, ratio=0.3), 20, 100, True),
        (build_limit("low", 1e9, ratio=0.3), 0, 0, False),
        (build_limit("none", 0), 0, 3, True),
    ],
)
def test_a_value_is_beyond_its_limit_beside_what_is_usual(
    limit: MetricLimit, value: float, usual: float | None, expected: bool
) -> None:
    assert is_beyond(limit, value, usual) is expected


def test_the_stretch_that_lasts_is_found_from_its_beginning() -> None:
    row = build_row("cpu", "Average", "service")
    values = (*[20.0] * 10, 95.0, 95.0, 95.0, *[20.0] * 20, *[90.0] * 25, None, None)
    stretch = find_stretch(row, build_limit(minutes=3), SPAN, values, 20.0)
    assert stretch is not None
    assert stretch.since == SPAN.since + timedelta(minutes=33)
    assert (stretch.worst, stretch.usual) == (90.0, 20.0)


def test_what_is_over_is_not_found() -> None:
    row = build_row("cpu", "Average", "service")
    values = (*[20.0] * 10, *[95.0] * 15, *[20.0] * 35)
    assert find_stretch(row, build_limit(minutes=3), SPAN, values, 20.0) is None


def test_usual_is_the_greater_of_the_hours_before_and_of_yesterday() -> None:
    row = build_row("latency", "p95")
    assert find_usual(row, [(60, (0.1, 0.2, None)), (60, (0.4,))]) == 0.4
    assert find_usual(row, [(60, (None,))]) is None


def test_silence_is_no_error_and_no_known_number_of_requests() -> None:
    assert find_usual(build_row("5xx", "Sum"), [(60, (None, None))]) == 0
    assert find_usual(build_row("5xx", "Sum"), [(60, (9.0, None, None))]) == 0
    assert find_usual(build_row("requests", "Sum"), [(60, (None, None))]) is None
    assert find_usual(build_row("requests", "Sum"), [(300, (500.0,))]) == 100


def test_no_requests_are_none_once_they_would_have_come() -> None:
    row, few = build_row("requests", "Sum"), build_limit("low", 1e9, ratio=0.3)
    assert fill_silence(row, few, (5.0, None, None), 2) == (5.0, 0.0, None)
    assert fill_silence(row, build_limit(), (5.0, None, None), 2) == (5.0, None, None)


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ('FATAL: password authentication failed for user "app"', "password"),
        ("FATAL: sorry, too many clients already", "too-many-connections"),
        ("WRONGPASS invalid username-password pair", "cache-token"),
        ("Error: getaddrinfo ENOTFOUND db.internal", "dns"),
        ("connect ECONNREFUSED 10.0.0.7:5432", "connection-refused"),
        ("KeyError: 'DATABASE_URL'", "variable-wrong"),
        ("ERROR: cannot execute INSERT in a read-only transaction", "read-only"),
        ("could not extend file: No space left on device", "database-disk-full"),
        ("write /var/log/app.log: No space left on device", "disk-full"),
        ("x509: certificate signed by unknown authority", "certificate"),
        ("cannot render page 7", None),
    ],
)
def test_an_error_has_its_kind(message: str, kind: str | None) -> None:
    assert find_error_kind(message) == kind


@pytest.mark.parametrize(
    ("metric", "stat", "text"),
    [
        ("healthy", "Minimum", "healthy targets of backend are 0, usually 3"),
        ("unhealthy", "Maximum", "unhealthy targets of backend are 0, usually 3"),
        ("5xx", "Sum", "5xx of targets of backend is 0 a minute, usually 3"),
    ],
)
def test_a_count_of_targets_is_said_as_a_count_of_targets(
    stage: Stage, metric: str, stat: str, text: str
) -> None:
    fact = next(fact for fact in METRIC_FACTS["target-group"] if fact.name == metric)
    row = MetricRow(Subject("target-group", "targets of backend", ()), fact, stat)
    limit = next(limit for limit in METRIC_LIMITS["target-group"] if limit.metric == metric)
    collector = FactCollector("metrics")
    add_stretch(collector, build_request(stage), row, limit, Stretch(SPAN.since, 0.0, 3.0))
    (found,) = collector.build_facts().facts
    assert found.text == text


def test_every_kind_of_subject_has_its_limits_and_its_name_in_keys() -> None:
    assert METRIC_LIMITS.keys() == KEY_NAMES.keys() == METRIC_FACTS.keys()
