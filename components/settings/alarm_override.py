"""A stack's changes to one alarm of the registry: which numbers, and within which range."""

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Annotated

from pydantic import AfterValidator, Field

from components.alarm_keys import ALARM_KEYS
from components.facts.alarm_numbers import (
    ALARM_NUMBERS,
    MAX_LONG_EVALUATION_SECONDS,
    MetricNumbers,
    MissingDataTreatment,
    Severity,
    get_max_evaluation_seconds,
)
from components.settings.section import Section

# Fields that an alarm on alarms has not: it has no metric.
METRIC_FIELDS = {
    "threshold": "threshold",
    "period_minutes": "periodMinutes",
    "periods": "periods",
    "datapoints": "datapoints",
    "missing_data": "missingData",
}


def _validate_alarm_key(key: str) -> str:
    if key not in ALARM_KEYS:
        matches = get_close_matches(key, ALARM_KEYS, n=4, cutoff=0.5)
        names = " or ".join(matches) if matches else ", ".join(ALARM_KEYS)
        raise ValueError(f"must be an alarm of docs/alarms.md: {names}")
    return key


AlarmKey = Annotated[str, AfterValidator(_validate_alarm_key)]


class AlarmOverride(Section):
    """A stack's changes to one alarm of the registry; what is not set is as docs/alarms.md says."""

    threshold: float | None = Field(
        default=None,
        ge=0,
        allow_inf_nan=False,
        description="threshold in the unit of docs/alarms.md, instead of the computed one",
    )
    # CloudWatch also takes 10, 20 and 30 seconds, for metrics that are stored each second; the
    # registry watches none. API reference of CloudWatch, PutMetricAlarm, Period.
    period_minutes: int | None = Field(
        default=None,
        ge=1,
        le=MAX_LONG_EVALUATION_SECONDS // 60,
        description="length of a period, minutes",
    )
    periods: int | None = Field(
        default=None,
        ge=1,
        description="number of periods that are evaluated; with periodMinutes at most a day, or "
        "seven days of periods of an hour or more",
    )
    datapoints: int | None = Field(
        default=None, ge=1, description="how many of the periods must pass it; not set: all"
    )
    severity: Severity | None = Field(
        default=None, description="P0 and P1 page, P2 warns, P3 notifies nobody"
    )
    missing_data: MissingDataTreatment | None = Field(
        default=None, description="how a period without data counts"
    )
    enabled: bool = Field(default=True, description="false removes the alarm")


def list_override_faults(
    key: str, override: AlarmOverride, *, severities: tuple[Severity, ...]
) -> Iterator[str]:
    """Yields what CloudWatch would refuse, and what would make an alarm that is never raised.

    `severities` are those that the stack makes alarms of.
    """
    numbers = ALARM_NUMBERS[key]
    if override.severity is not None and not numbers.notifies:
        yield (
            f"severity is {override.severity!r}, must not be set: only an alarm on alarms acts on "
            "this one, and has the severity of both"
        )
    elif override.severity is not None and override.severity not in severities:
        yield (
            f"severity is {override.severity!r}, must be one of alarms.severities "
            f"({', '.join(severities)}): the alarm would not be created; to remove it, set "
            "enabled to false"
        )
    if numbers.metric is not None:
        yield from _list_threshold_faults(override, numbers.metric)
        yield from _list_period_faults(override, numbers.metric)
        return
    for field, setting in METRIC_FIELDS.items():
        if (value := getattr(override, field)) is not None:
            shown_value = repr(value) if isinstance(value, str) else f"{value:g}"
            yield (
                f"{setting} is {shown_value}, must not be set: the alarm has no metric of its "
                "own, only the alarms that it is made of have"
            )


def _list_threshold_faults(override: AlarmOverride, metric: MetricNumbers) -> Iterator[str]:
    """A threshold must be one that the metric can pass."""
    threshold, comparison, max_value = override.threshold, metric.comparison, metric.max_value
    if threshold is None:
        return
    unit = metric.unit.lower()
    if max_value is not None and threshold > max_value:
        yield f"threshold is {threshold:.10g}, must be 0 to {max_value:.10g} {unit}"
    elif comparison == ">" and threshold == max_value:
        yield (
            f"threshold is {threshold:.10g}, must be below {max_value:.10g} {unit}: nothing is "
            "more, so the alarm could never be raised"
        )
    elif comparison == "<" and threshold == 0:
        yield (
            f"threshold is 0, must be more than 0 {unit}: nothing is less, so the alarm could "
            "never be raised"
        )


def _list_period_faults(override: AlarmOverride, metric: MetricNumbers) -> Iterator[str]:
    period_seconds = (override.period_minutes or 0) * 60 or metric.period_seconds
    periods = override.periods or metric.periods
    if period_seconds < metric.min_period_seconds:
        yield (
            f"periodMinutes is {override.period_minutes}, must be "
            f"{metric.min_period_seconds // 60} or more: AWS publishes the metric no more often"
        )
    max_seconds = get_max_evaluation_seconds(period_seconds)
    if periods * period_seconds > max_seconds:
        set_field = "periods" if override.periods else "periodMinutes"
        set_value = override.periods or override.period_minutes
        yield (
            f"{set_field} is {set_value}, must be less: {periods} periods of "
            f"{period_seconds // 60} minutes are more than {max_seconds // 86_400} "
            f"day{'s' * (max_seconds > 86_400)}, which CloudWatch evaluates"
        )
    if override.datapoints is not None and override.datapoints > periods:
        yield f"datapoints is {override.datapoints}, must be at most periods ({periods})"
