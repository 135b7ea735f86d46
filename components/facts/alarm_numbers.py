"""The numbers of each alarm, by its key: what settings may change, and within which range.

`alarm_numbers.json` is written from the alarm registry by `python -m components.alarm_registry`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

Severity = Literal["P0", "P1", "P2", "P3"]
Comparison = Literal[">", ">=", "<", "<="]
ThresholdUnit = Literal["Percent", "Count", "Bytes", "Seconds", "Days"]
MissingDataTreatment = Literal["breaching", "notBreaching", "ignore", "missing"]

ALARM_NUMBERS_PATH: Final = Path(__file__).with_name("alarm_numbers.json")
SEVERITIES: Final[tuple[Severity, ...]] = ("P0", "P1", "P2", "P3")
PAGING_SEVERITIES: Final[tuple[Severity, ...]] = ("P0", "P1")
# API reference of CloudWatch, PutMetricAlarm, Period: the longest evaluation, with a period below
# an hour and with a longer one.
MAX_EVALUATION_SECONDS: Final = 86_400
MAX_LONG_EVALUATION_SECONDS: Final = 604_800


@dataclass(frozen=True, kw_only=True)
class MetricNumbers:
    """The numbers of a metric alarm. `max_value` is the largest that its metric can have.

    `min_period_seconds`: AWS publishes the metric no more often.
    """

    comparison: Comparison
    unit: ThresholdUnit
    max_value: float | None
    period_seconds: int
    min_period_seconds: int
    periods: int


@dataclass(frozen=True, kw_only=True)
class AlarmNumbers:
    """The severity of an alarm, and the numbers of its metric; None for an alarm on alarms.

    `notifies` is False if only an alarm on alarms acts on it.
    """

    severity: Severity
    notifies: bool
    metric: MetricNumbers | None


def get_max_evaluation_seconds(period_seconds: int) -> int:
    """The longest that CloudWatch evaluates: period times periods."""
    return MAX_EVALUATION_SECONDS if period_seconds < 3600 else MAX_LONG_EVALUATION_SECONDS


def _load_numbers() -> dict[str, AlarmNumbers]:
    fields_by_key = json.loads(ALARM_NUMBERS_PATH.read_text(encoding="utf-8"))
    return {
        key: AlarmNumbers(
            severity=fields["severity"],
            notifies=fields["notifies"],
            metric=MetricNumbers(**fields["metric"]) if fields["metric"] else None,
        )
        for key, fields in fields_by_key.items()
    }


ALARM_NUMBERS: Final[Mapping[str, AlarmNumbers]] = _load_numbers()
