"""What CloudWatch measured that is not as usual: in the hour, beside the hours and the day before.

Three calls of GetMetricData, at once, for all parts of the stack.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from statistics import median
from typing import Final

from components.facts.metrics import METRIC_FACTS, MetricFact
from ops.cli.time_span import TimeSpan
from ops.core.parts import STACK_PART, get_service_part
from ops.diagnose.facts import Facts
from ops.diagnose.metric_limits import KEY_NAMES, METRIC_LIMITS, MetricLimit
from ops.diagnose.reader import DiagnosisRequest, FactCollector
from ops.metrics.parts import MetricPart, MetricRow, Subject, get_metric_part, list_subjects
from ops.metrics.periods import (
    ReadSpan,
    build_read_span,
    choose_period,
    count_settled,
    get_shortest_period,
)
from ops.metrics.series import Values, read_spans
from ops.metrics.units import format_value
from ops.outputs import Outputs

USUAL_HOURS: Final = 6  # before the hour that is looked at
RECENT_MINUTES: Final = 15  # within which a metric must have been so
MAX_CALM_MINUTES: Final = 6  # within what is one stretch: metrics go up and down
REQUESTS: Final = "requests"
TARGET_COUNTS: Final = ("healthy", "unhealthy")  # metrics that count the targets of a group
TARGETS_PREFIX: Final = "targets of "  # of the labels of target groups (ops/metrics/parts.py)


@dataclass(frozen=True)
class Stretch:
    """The newest stretch of periods that are not as usual: since when, and the worst value.

    Counts are of a minute.
    """

    since: datetime
    worst: float
    usual: float | None


def read_metrics(request: DiagnosisRequest) -> Facts:
    """The metrics that are not as usual at the time, each since when."""
    collector = FactCollector("metrics")
    part = get_metric_part(request.outputs, "all")
    subjects = list(part.subjects)
    with collector.note_gap("the nodes of the cache", "cache"):
        subjects = list_subjects(request.aws, request.outputs, part)
    limits = _list_limits(subjects)
    rows = list(dict.fromkeys(row for row, _ in limits))
    span = build_read_span(request.span, choose_period(request.span, request.now, None))
    zone_rows = _list_zone_rows(request.outputs, part)
    before = _list_usual_spans(request, span)
    now_values, *before_values = read_spans(request.aws, [*rows, *zone_rows], [span, *before])
    settled = count_settled(span, request.now)
    for row, limit in limits:
        samples = [(s.period, v[row]) for s, v in zip(before, before_values, strict=True)]
        usual = find_usual(row, samples)
        values = fill_silence(row, limit, now_values[row], settled)
        stretch = find_stretch(row, limit, span, values, usual)
        if stretch is not None:
            add_stretch(collector, request, row, limit, stretch)
    now_zones = {row: now_values[row] for row in zone_rows}
    _add_zone_facts(collector, span, now_zones)
    return collector.build_facts()


def find_usual(row: MetricRow, samples: Iterable[tuple[int, Values]]) -> float | None:
    """What a metric usually is, of a minute if it counts: the greatest median of the samples.

    A sample is the seconds of its periods, and its values. What AWS does not send if there is none
    is usually none, but requests, without which nothing is known.
    """
    is_zero_silent = row.fact.is_silent_at_zero and row.fact.name != REQUESTS
    medians = []
    for period, values in samples:
        known = [_scale(row, value, period) for value in values if value is not None]
        if known and row.fact.is_silent_at_zero:
            known += [0.0] * (len(values) - len(known))
        if known or is_zero_silent:
            medians.append(median(known or [0.0]))
    return max(medians, default=None)


def fill_silence(row: MetricRow, limit: MetricLimit, values: Values, settled: int) -> Values:
    """Takes no requests for zero if it is looked for too few, once they would have come."""
    if limit.direction != "low" or not row.fact.is_silent_at_zero:
        return values
    return tuple(
        0.0 if value is None and index < settled else value for index, value in enumerate(values)
    )


def find_stretch(
    row: MetricRow, limit: MetricLimit, span: ReadSpan, values: Values, usual: float | None
) -> Stretch | None:
    """The stretch of a metric that is beyond its limit, if it reaches into the last minutes."""
    marks = [
        (time, _scale(row, value, span.period))
        for time, value in zip(span.list_times(), values, strict=True)
        if value is not None and is_beyond(limit, _scale(row, value, span.period), usual)
    ]
    step = max(span.period, row.fact.period)
    recent = span.until - timedelta(seconds=max(RECENT_MINUTES * 60, 3 * step))
    needed = max(1, limit.minutes * 60 // step)
    if sum(time >= recent for time, _ in marks) < needed:
        return None
    since = marks[-1][0]
    for time, _ in reversed(marks):
        if since - time > timedelta(seconds=MAX_CALM_MINUTES * 60 + step):
            break
        since = time
    worst_values = [value for time, value in marks if time >= since]
    worst = min(worst_values) if limit.direction == "low" else max(worst_values)
    return Stretch(since, worst, usual)


def _scale(row: MetricRow, value: float, period: int) -> float:
    """A value, of a minute if the metric counts."""
    return value / (period / 60) if row.fact.measure == "count" else value


def is_beyond(limit: MetricLimit, value: float, usual: float | None) -> bool:
    """True if a value is beyond a limit; both are of a minute if they are counts."""
    if limit.direction == "none":
        return value == 0
    is_upper = limit.direction != "low"
    if limit.ratio is not None and usual is None:
        if limit.alone is None:
            return False
        return value >= limit.alone if is_upper else value <= limit.alone
    bound = None if limit.ratio is None or usual is None else limit.ratio * usual
    if is_upper:
        return value >= limit.limit and (bound is None or value >= bound)
    return value <= limit.limit and (bound is None or value <= bound < (usual or 0))


def _list_limits(subjects: Sequence[Subject]) -> list[tuple[MetricRow, MetricLimit]]:
    return [
        (MetricRow(subject, _get_fact(subject, limit.metric), limit.stat), limit)
        for subject in dict.fromkeys(subjects)
        for limit in METRIC_LIMITS[subject.kind]
    ]


def _get_fact(subject: Subject, name: str) -> MetricFact:
    return next(fact for fact in METRIC_FACTS[subject.kind] if fact.name == name)


def _list_usual_spans(request: DiagnosisRequest, span: ReadSpan) -> list[ReadSpan]:
    """The hours before, and the same hour of yesterday, if CloudWatch still has such values."""
    earlier = TimeSpan(span.since - timedelta(hours=USUAL_HOURS), span.since, is_until_now=False)
    spans = [build_read_span(earlier, choose_period(earlier, request.now, None))]
    yesterday = span.move_back(1)
    if get_shortest_period(yesterday.since, request.now) <= span.period:
        spans.append(yesterday)
    return spans


def get_subject_part(outputs: Outputs, subject: Subject) -> str:
    """The part that a subject of metrics belongs to."""
    if subject.kind in ("db-instance", "db-replica"):
        return "database"
    if subject.kind == "cache-node":
        return "cache"
    if subject.kind in ("nat-gateway", "nat-instance"):
        return "network"
    if subject.kind == "function":
        return "cache" if subject.label.startswith("cache") else "database"
    name = subject.label.removeprefix(TARGETS_PREFIX)
    if subject.kind == "service" or (subject.kind == "target-group" and name != "fleet"):
        return get_service_part(outputs, name)
    return name


def add_stretch(
    collector: FactCollector,
    request: DiagnosisRequest,
    row: MetricRow,
    limit: MetricLimit,
    stretch: Stretch,
) -> None:
    """Adds the fact that a metric is beyond its limit since the beginning of a stretch."""
    part = get_subject_part(request.outputs, row.subject)
    unit = row.fact.unit
    rate = " a minute" if row.fact.measure == "count" else ""
    usual = f", usually {format_value(stretch.usual, unit)}" if stretch.usual is not None else ""
    label = "" if row.subject.label in (part, "database") else f" of {row.subject.label}"
    stat = f" {limit.stat}" if len(row.fact.stats) > 1 else ""
    what, verb = limit.metric, "is"
    if limit.metric in TARGET_COUNTS:
        label = f" of {row.subject.label.removeprefix(TARGETS_PREFIX)}"
        what, verb = f"{limit.metric} targets", "are"
    collector.add(
        f"metric.{KEY_NAMES[row.subject.kind]}.{limit.metric}.{limit.direction}",
        part,
        f"{what}{stat}{label} {verb} {format_value(stretch.worst, unit)}{rate}{usual}",
        since=stretch.since,
        value=stretch.worst,
        subject=dict(row.subject.dimensions).get("NatGatewayId"),
        command=f"ops metrics {_get_typed_part(row.subject, part)} {limit.metric}",
    )


def _get_typed_part(subject: Subject, part: str) -> str:
    if subject.kind in ("nat-gateway", "nat-instance"):
        return "nat"
    return "functions" if subject.kind == "function" else part


def _list_zone_rows(outputs: Outputs, part: MetricPart) -> list[MetricRow]:
    """The targets of each zone: the dimension is the zone's name (ALB metrics, User Guide)."""
    return [
        MetricRow(
            replace(
                subject,
                label=zone,
                dimensions=(*subject.dimensions, ("AvailabilityZone", zone)),
            ),
            _get_fact(subject, metric),
            stat,
        )
        for subject in part.subjects
        if subject.kind == "target-group"
        for zone in (f"{outputs.stack.region}{letter}" for letter in outputs.stack.zones)
        for metric, stat in (("healthy", "Maximum"), ("unhealthy", "Maximum"))
    ]


def _add_zone_facts(
    collector: FactCollector,
    span: ReadSpan,
    values: dict[MetricRow, Values],
) -> None:
    """A zone that has unhealthy targets and no healthy one, while another zone has healthy ones."""
    recent = max(1, int(RECENT_MINUTES * 60 // span.period))
    counts: dict[tuple[str, str], float] = {}
    firsts: dict[str, datetime] = {}
    for row, series in values.items():
        newest = next((v for v in reversed(series[-recent:]) if v is not None), None)
        if newest is not None:
            key = (row.subject.label, row.fact.name)
            counts[key] = counts.get(key, 0) + newest
        if row.fact.name == "unhealthy":
            for time, value in zip(span.list_times(), series, strict=True):
                if value and time < firsts.get(row.subject.label, span.until):
                    firsts[row.subject.label] = time
    zones = {zone for zone, _ in counts}
    lost = {
        zone
        for zone in zones
        if counts.get((zone, "unhealthy"), 0) > 0 and counts.get((zone, "healthy"), 0) == 0
    }
    if len(lost) == 1 and any(counts.get((zone, "healthy"), 0) > 0 for zone in zones - lost):
        (zone,) = lost
        collector.add(
            "zone.targets-unhealthy",
            STACK_PART,
            f"no target in {zone} is healthy, and those in other zones are",
            since=firsts.get(zone),
            subject=zone,
            command="ops health",
        )
