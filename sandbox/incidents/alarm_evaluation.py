"""The stack's alarms, evaluated over a world's metrics: their states now, and their history.

As CloudWatch does it (User Guide, "Alarm evaluation"): each minute, over periods that end then,
with "M out of N" data points, and with what the alarm says of missing ones. An alarm of a composite
rule follows its children. Alarms of scaling policies are left alone.
"""

import json
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from moto.cloudwatch.models import Alarm, CloudWatchBackend

from sandbox.incidents.metric_math import PREVIOUS_PREFIX, evaluate_expression
from sandbox.incidents.metric_source import MetricSource
from sandbox.patches.cloudwatch.alarm_history import get_alarm_history
from sandbox.patches.cloudwatch.alarm_rules import is_rule_true, list_rule_alarms
from sandbox.patches.cloudwatch.alarms import get_composite_alarms

HISTORY_MINUTES: Final = 240
# Long periods move little in a minute.
LONG_PERIOD_SECONDS: Final = 1800
LONG_PERIOD_STEP_MINUTES: Final = 10
ALARM_COMPARISONS: Final[Mapping[str, tuple[Callable[[float, float], bool], str]]] = {
    "GreaterThanThreshold": (operator.gt, "greater than"),
    "GreaterThanOrEqualToThreshold": (operator.ge, "greater than or equal to"),
    "LessThanThreshold": (operator.lt, "less than"),
    "LessThanOrEqualToThreshold": (operator.le, "less than or equal to"),
}


@dataclass
class AlarmCourse:
    """The states of an alarm: each with the minute, before the diagnosis, at which it began."""

    states: list[tuple[int, str, str]] = field(default_factory=list)

    def get_state(self, minute: int) -> str:
        """The state at a minute; before the first one it is OK."""
        return next((state for since, state, _ in reversed(self.states) if since >= minute), "OK")

    def add(self, minute: int, state: str, reason: str) -> None:
        """Adds a state if it is another than the last one."""
        if state != (self.states[-1][1] if self.states else "OK"):
            self.states.append((minute, state, reason))


@dataclass
class AlarmEvaluator:
    """Evaluates alarms over the last minutes of a world."""

    backend: CloudWatchBackend
    source: MetricSource
    prefix: str

    def __post_init__(self) -> None:
        self._points: dict[tuple[str, str, str, int, int], float | None] = {}

    def evaluate(self) -> dict[str, AlarmCourse]:
        """Sets the state of each alarm, and adds its changes to the history; the courses."""
        courses = {
            name: self._evaluate_alarm(alarm)
            for name, alarm in self.backend.alarms.items()
            if name.startswith(self.prefix)
        }
        for name, course in courses.items():
            self._set_state(self.backend.alarms[name], course)
        composites = get_composite_alarms(self.backend)
        for name, record in composites.items():
            courses[name] = self._follow_children(record["AlarmRule"], courses)
            if courses[name].states:
                since, _, reason = courses[name].states[-1]
                record["StateUpdatedTimestamp"] = self._get_time(since)
                record["StateReason"] = reason
        self._write_history(courses, frozenset(composites))
        return courses

    def _evaluate_alarm(self, alarm: Alarm) -> AlarmCourse:
        course = AlarmCourse()
        period = _get_period(alarm)
        step = LONG_PERIOD_STEP_MINUTES if period >= LONG_PERIOD_SECONDS else 1
        if not self._is_known(alarm):
            return course
        first, last = self._get_first_minute(alarm), int(self.source.model.lag_minutes)
        for minute in range(first, last - 1, -step):
            state, reason = self._get_state_at(alarm, period, minute, course)
            course.add(minute, state, reason)
        return course

    def _get_first_minute(self, alarm: Alarm) -> int:
        """Where to begin: before the first effect every alarm is OK, as the healthy stack's are."""
        metrics = [
            (self.source.find_subject(namespace, metric, dimensions) or "", metric)
            for _, namespace, metric, _, dimensions in _list_metrics(alarm)
        ]
        begins = [self.source.model.get_first_effect(*metric) for metric in metrics]
        return min(int(max(begins)), HISTORY_MINUTES)

    def _is_known(self, alarm: Alarm) -> bool:
        return all(
            self.source.find_subject(namespace, metric, dimensions)
            for _, namespace, metric, _, dimensions in _list_metrics(alarm)
        )

    def _get_state_at(
        self, alarm: Alarm, period: int, minute: int, course: AlarmCourse
    ) -> tuple[str, str]:
        """The state from the periods that end at a minute before the diagnosis."""
        count = int(alarm.evaluation_periods)
        needed = int(alarm.datapoints_to_alarm or count)
        compare, words = ALARM_COMPARISONS[alarm.comparison_operator]
        threshold, minutes = float(alarm.threshold), max(period // 60, 1)
        points = [
            self._get_point(alarm, minute + (number + 1) * minutes, minutes)
            for number in range(count)
        ]
        known = [point for point in points if point is not None]
        missing = len(points) - len(known)
        breaching = sum(compare(point, threshold) for point in known)
        previous = course.states[-1][1] if course.states else "OK"
        match alarm.treat_missing_data:
            case "breaching":
                breaching += missing
            case "notBreaching":
                pass
            case "ignore":
                if missing and breaching < needed:
                    return previous, ""
            case _:
                if not known:
                    reason = f"Insufficient Data: {count} datapoints were unknown."
                    return "INSUFFICIENT_DATA", reason
        is_alarm = breaching >= needed
        shown = ", ".join(
            f"{point:.6g} ({self._get_time(minute + (number + 1) * minutes):%d/%m/%y %H:%M:%S})"
            for number, point in enumerate(points)
            if point is not None
        )
        # The words of a state change: User Guide, "Alarm events and EventBridge", its samples.
        some = breaching if is_alarm else max(count - breaching, 1)
        verb = "was" if some == 1 else "were"
        negation = "" if is_alarm else "not "
        least = (
            f" (minimum {needed} datapoint{'s' if needed > 1 else ''} for OK -> ALARM transition)"
        )
        reason = (
            f"Threshold Crossed: {some} out of the last {count} datapoints [{shown}] {verb} "
            f"{negation}{words} the threshold ({threshold}){least if is_alarm else ''}."
        )
        return ("ALARM" if is_alarm else "OK"), reason

    def _get_point(self, alarm: Alarm, first: int, minutes: int) -> float | None:
        expressions = [q for q in alarm.metric_data_queries or () if q.expression]
        has_difference = any("DIFF(" in str(query.expression) for query in expressions)
        starts = {"": first, **({PREVIOUS_PREFIX: first + minutes} if has_difference else {})}
        values = {
            f"{prefix}{id_}": self._get_metric(namespace, metric, stat, dimensions, start, minutes)
            for id_, namespace, metric, stat, dimensions in _list_metrics(alarm)
            for prefix, start in starts.items()
        }
        if not expressions:
            return next(iter(values.values()))
        return evaluate_expression(str(expressions[0].expression), values)

    def _get_metric(
        self,
        namespace: str,
        metric: str,
        stat: str,
        dimensions: frozenset[tuple[str, str]],
        first: int,
        minutes: int,
    ) -> float | None:
        subject = self.source.find_subject(namespace, metric, dimensions)
        assert subject is not None
        key = (subject, metric, stat, first, minutes)
        if key not in self._points:
            self._points[key] = self.source.model.get_statistic(
                subject, metric, stat, first, minutes
            )
        return self._points[key]

    def _follow_children(self, rule: str, courses: Mapping[str, AlarmCourse]) -> AlarmCourse:
        names = list_rule_alarms(rule)
        course = AlarmCourse()
        minutes = sorted(
            {since for name in names if name in courses for since, _, _ in courses[name].states},
            reverse=True,
        )
        for minute in minutes:
            states = {
                name: courses[name].get_state(minute) if name in courses else "OK" for name in names
            }
            is_true = is_rule_true(rule, states)
            raised = sorted(name for name, state in states.items() if state == "ALARM")
            state, time = "ALARM" if is_true else "OK", self._get_time(minute)
            changed = raised[0] if raised else sorted(names)[0]
            reason = f"{changed} transitioned to {state} at {time:%A %d %B, %Y %H:%M:%S} UTC"
            course.add(minute, state, reason)
        return course

    def _get_time(self, minute: int) -> datetime:
        return self.source.model.now - timedelta(minutes=minute)

    def _set_state(self, alarm: Alarm, course: AlarmCourse) -> None:
        since, state, reason = (
            course.states[-1] if course.states else (HISTORY_MINUTES, "OK", "The stack is at rest")
        )
        alarm.state_value, alarm.state_reason = state, reason
        alarm.state_updated_timestamp = self._get_time(since).replace(tzinfo=None)
        alarm.state_set_by_hand = True  # type: ignore[attr-defined]

    def _write_history(
        self, courses: Mapping[str, AlarmCourse], composites: frozenset[str]
    ) -> None:
        history = get_alarm_history(self.backend)
        items = [
            item
            for name, course in courses.items()
            for item in self._list_items(
                name, course, "CompositeAlarm" if name in composites else "MetricAlarm"
            )
        ]
        history.extend(items)
        history.sort(key=lambda item: item["Timestamp"])

    def _list_items(self, name: str, course: AlarmCourse, kind: str) -> Iterator[dict[str, Any]]:
        before = "OK"
        for minute, state, reason in course.states:
            data = {
                "version": "1.0",
                "oldState": {"stateValue": before},
                "newState": {"stateValue": state, "stateReason": reason},
            }
            yield {
                "AlarmName": name,
                "AlarmType": kind,
                "Timestamp": self._get_time(minute),
                "HistoryItemType": "StateUpdate",
                "HistorySummary": f"Alarm updated from {before} to {state}",
                "HistoryData": json.dumps(data),
            }
            before = state


def _list_metrics(
    alarm: Alarm,
) -> Iterator[tuple[str, str, str, str, frozenset[tuple[str, str]]]]:
    """The metrics of an alarm: id, namespace, name, statistic and dimensions."""
    stats = [
        (query.id, query.metric_stat)
        for query in alarm.metric_data_queries or ()
        if query.metric_stat is not None
    ]
    if not stats:
        stat = str(alarm.statistic or alarm.extended_statistic)
        yield "m", alarm.namespace, alarm.metric_name, stat, _get_dimensions(alarm.dimensions)
    for id_, metric_stat in stats:
        metric = metric_stat.metric
        dimensions = _get_dimensions(metric.dimensions)
        yield id_, metric.namespace, metric.metric_name, metric_stat.stat, dimensions


def _get_dimensions(dimensions: Iterable[Any]) -> frozenset[tuple[str, str]]:
    return frozenset((str(item.name), str(item.value)) for item in dimensions)


def _get_period(alarm: Alarm) -> int:
    periods = [
        query.metric_stat.period for query in alarm.metric_data_queries or () if query.metric_stat
    ]
    return int(periods[0] if periods else alarm.period)
