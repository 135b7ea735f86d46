"""Levels of what users are served: availability, errors of programs, and response times.

The load balancer sends ConsumedLCUs always, and its counts of requests only if there are any
("CloudWatch metrics for your Application Load Balancer", reporting criteria): a period with the one
and without the others had no requests, and one without both was not seen.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import ceil
from typing import Final

from components.facts.metrics import METRIC_FACTS
from components.facts.units import HOUR_SECONDS
from ops.metrics.parts import MetricRow, Subject
from ops.metrics.periods import ReadSpan
from ops.metrics.series import Values
from ops.outputs import ObjectivesPart
from ops.slo.model import ServiceLevel, Spending
from ops.slo.month import Month

MAX_SPENDINGS: Final = 5  # of a level, those that spent most
_UNPUBLISHED_LATENCY_MS: Final = 500  # what counts as slow if the stack says no objective


@dataclass(frozen=True)
class BalancerRows:
    """The metrics of the load balancer that the levels are made from."""

    requests: MetricRow
    target_errors: MetricRow
    balancer_errors: MetricRow
    capacity_units: MetricRow
    quick_percent: MetricRow
    responses: MetricRow

    def list_rows(self) -> list[MetricRow]:
        """All of them."""
        return [
            self.requests,
            self.target_errors,
            self.balancer_errors,
            self.capacity_units,
            self.quick_percent,
            self.responses,
        ]


@dataclass(frozen=True)
class _Counts:
    """What was bad and how much there was of a period; None if that was not seen."""

    bad: float
    total: float


def build_balancer_rows(subject: Subject, objectives: ObjectivesPart | None) -> BalancerRows:
    """The rows of a load balancer. PR(:x) is the percentage of responses of at most x seconds
    (CloudWatch User Guide, "CloudWatch statistics definitions", percentile rank)."""
    facts = {fact.aws_name: fact for fact in METRIC_FACTS["load-balancer"]}
    milliseconds = objectives.latency_ms if objectives is not None else _UNPUBLISHED_LATENCY_MS

    def build_row(name: str, stat: str) -> MetricRow:
        return MetricRow(subject, facts[name], stat)

    return BalancerRows(
        requests=build_row("RequestCount", "Sum"),
        target_errors=build_row("HTTPCode_Target_5XX_Count", "Sum"),
        balancer_errors=build_row("HTTPCode_ELB_5XX_Count", "Sum"),
        capacity_units=build_row("ConsumedLCUs", "Sum"),
        quick_percent=build_row("TargetResponseTime", f"PR(:{milliseconds / 1000:g})"),
        responses=build_row("TargetResponseTime", "SampleCount"),
    )


def build_request_levels(
    rows: BalancerRows,
    values: Mapping[MetricRow, Values],
    month: Month,
    since: datetime,
    objectives: ObjectivesPart | None,
) -> list[ServiceLevel]:
    """The levels of requests since a time of the month: when the load balancer was created."""
    span = month.read_span
    first = max(0, ceil((since - span.since).total_seconds() / span.period))
    periods = range(min(first, span.count), span.count)
    availability = {n: _count_unavailable(rows, values, n) for n in periods}
    errors = {n: _count_errors(rows, values, n) for n in periods}
    slow = {n: _count_slow(rows, values, n) for n in periods}
    percent = objectives.availability_percent if objectives is not None else None
    latency_percent = objectives.latency_percent if objectives is not None else None
    milliseconds = objectives.latency_ms if objectives is not None else _UNPUBLISHED_LATENCY_MS
    return [
        _build_level(
            "availability", "requests without a 5xx", availability, month, percent, "failed"
        ),
        _build_level(
            "errors", "requests without a 5xx of the program", errors, month, percent, "failed"
        ),
        _build_level(
            "latency",
            f"responses within {milliseconds} ms",
            slow,
            month,
            latency_percent,
            "slow",
        ),
    ]


def _count_unavailable(
    rows: BalancerRows, values: Mapping[MetricRow, Values], period: int
) -> _Counts | None:
    """Requests count that reached a target, and those that did not."""
    if not _is_seen(rows, values, period):
        return None
    lost = values[rows.balancer_errors][period] or 0
    bad = (values[rows.target_errors][period] or 0) + lost
    return _Counts(bad, max(bad, (values[rows.requests][period] or 0) + lost))


def _count_errors(
    rows: BalancerRows, values: Mapping[MetricRow, Values], period: int
) -> _Counts | None:
    if not _is_seen(rows, values, period):
        return None
    bad = values[rows.target_errors][period] or 0
    return _Counts(bad, max(bad, values[rows.requests][period] or 0))


def _count_slow(
    rows: BalancerRows, values: Mapping[MetricRow, Values], period: int
) -> _Counts | None:
    if not _is_seen(rows, values, period):
        return None
    responses, quick = values[rows.responses][period], values[rows.quick_percent][period]
    if responses is None:
        return _Counts(0, 0)  # no target answered
    return None if quick is None else _Counts(responses * (100 - quick) / 100, responses)


def _is_seen(rows: BalancerRows, values: Mapping[MetricRow, Values], period: int) -> bool:
    return any(
        values[row][period] is not None
        for row in (rows.capacity_units, rows.requests, rows.balancer_errors)
    )


def _build_level(
    name: str,
    about: str,
    counts: Mapping[int, _Counts | None],
    month: Month,
    objective: float | None,
    adjective: str,
) -> ServiceLevel:
    seen = [count for count in counts.values() if count is not None]
    bad = sum(count.bad for count in seen)
    return ServiceLevel(
        name=name,
        about=about,
        unit="requests",
        objective=objective,
        good=sum(count.total for count in seen) - bad,
        bad=bad,
        seen=len(seen) / len(counts) if counts else 0,
        elapsed=month.get_share(len(counts)),
        spendings=tuple(_list_spendings(counts, month.read_span, adjective)),
    )


def _list_spendings(
    counts: Mapping[int, _Counts | None], span: ReadSpan, adjective: str
) -> Sequence[Spending]:
    """The hours with most bad requests, in order of time."""
    by_hour: dict[float, list[_Counts]] = defaultdict(list)
    for period, count in counts.items():
        if count is not None and count.total > 0:
            start = span.since.timestamp() + period * span.period
            by_hour[start // HOUR_SECONDS * HOUR_SECONDS].append(count)
    bad_by_hour = {hour: sum(count.bad for count in items) for hour, items in by_hour.items()}
    worst = sorted(bad_by_hour, key=lambda hour: -bad_by_hour[hour])[:MAX_SPENDINGS]
    spendings: list[Spending] = []
    for hour in sorted(hour for hour in worst if bad_by_hour[hour] > 0):
        since, bad = datetime.fromtimestamp(hour, UTC), bad_by_hour[hour]
        total = sum(count.total for count in by_hour[hour])
        what = f"{bad:,.0f} of {total:,.0f} requests {adjective}"
        spendings.append(Spending(since, since + timedelta(seconds=HOUR_SECONDS), bad, what))
    return spendings
