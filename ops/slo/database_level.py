"""How long the database was available, in minutes."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from math import ceil
from typing import Final

from components.facts.metrics import METRIC_FACTS
from ops.database.event_list import KEPT_EVENT_DAYS
from ops.metrics.parts import MetricRow, Subject
from ops.metrics.series import Values
from ops.outputs import ObjectivesPart, Outputs
from ops.slo.model import ServiceLevel, Spending
from ops.slo.month import Month
from ops.slo.outages import Outage

# RDS sends one value a minute of each metric (RDS User Guide, "Amazon CloudWatch metrics for RDS").
# That of connections needs a server that answers: an assumption. At worst a minute is not seen.
SEEN_METRIC: Final = "DatabaseConnections"


def build_database_row(outputs: Outputs) -> MetricRow:
    """The metric that a database sends while it is there: how many values came."""
    identifier = outputs.database.identifier
    subject = Subject("db-instance", identifier, (("DBInstanceIdentifier", identifier),))
    fact = next(f for f in METRIC_FACTS["db-instance"] if f.aws_name == SEEN_METRIC)
    return MetricRow(subject, fact, "SampleCount")


def build_statement_level(objectives: ObjectivesPart | None) -> ServiceLevel:
    """The time of statements, of which nothing says how many were within a limit.

    Performance Insights has a mean a call of a statement (avg_latency_per_call: RDS User Guide,
    "SQL statistics for RDS PostgreSQL"), of the 25 statements with most load at most (API
    reference, DimensionGroup), for 7 days unless more are paid for. A mean is no share, and that of
    some is not that of all. pg_stat_statements has means since its last reset, and PostgreSQL logs
    slow statements alone, so that nobody knows of how many.
    """
    milliseconds = objectives.statement_latency_ms if objectives is not None else None
    limit = f"within {milliseconds} ms" if milliseconds is not None else "fast enough"
    return ServiceLevel(
        name="statements",
        about=f"statements of the database {limit}",
        unit="statements",
        objective=objectives.latency_percent if objectives is not None else None,
        good=0,
        bad=0,
        seen=0,
        is_measured=False,
        notes=(
            "AWS has means of single statements, not how many were within a limit; which have the "
            "most load: ops db insights; means since the last reset: ops db slow",
        ),
    )


def build_database_level(
    values: Values,
    outages: Sequence[Outage],
    month: Month,
    created: datetime | None,
    objectives: ObjectivesPart | None,
    now: datetime,
    gaps: Sequence[str] = (),
) -> ServiceLevel:
    """The minutes with data and without an outage are good; minutes with neither are not seen.

    They count since the instance was created, or since its first data if an instance of its name
    was there before, as after a recovery.
    """
    span = month.read_span
    first = _find_first_period(values, month, created)
    good = down = 0.0
    expected = span.period / 60
    for period in range(first, span.count):
        since = span.since + timedelta(seconds=period * span.period)
        until = since + timedelta(seconds=span.period)
        down_minutes = sum(_measure_overlap(outage, since, until) for outage in outages)
        down += down_minutes
        good += min(values[period] or 0, expected - down_minutes)
    total = (span.count - first) * expected
    began = span.since + timedelta(seconds=first * span.period)
    spent = [outage for outage in outages if outage.until > began and outage.since < span.until]
    kept_since = now - timedelta(days=KEPT_EVENT_DAYS)
    notes = (
        [
            f"RDS keeps events for {KEPT_EVENT_DAYS} days: before {kept_since:%Y-%m-%d} restarts "
            "of less than a minute are not seen"
        ]
        if began < kept_since
        else []
    )
    return ServiceLevel(
        name="database availability",
        about="minutes in which the database answered",
        unit="minutes",
        objective=objectives.database_availability_percent if objectives is not None else None,
        good=good,
        bad=down,
        seen=(good + down) / total if total else 0,
        elapsed=month.get_share(span.count - first),
        gaps=tuple(gaps),
        notes=tuple(notes),
        spendings=tuple(
            Spending(outage.since, outage.until, outage.minutes, outage.what) for outage in spent
        ),
    )


def _find_first_period(values: Values, month: Month, created: datetime | None) -> int:
    if created is None or created <= month.since:
        return 0
    span = month.read_span
    of_creation = ceil((created - span.since).total_seconds() / span.period)
    of_data = next((n for n, value in enumerate(values) if value is not None), span.count)
    return min(of_creation, of_data, span.count)


def _measure_overlap(outage: Outage, since: datetime, until: datetime) -> float:
    overlap = min(outage.until, until) - max(outage.since, since)
    return max(0.0, overlap.total_seconds() / 60)
