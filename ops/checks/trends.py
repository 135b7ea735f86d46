"""Trends of two weeks: storage that fills up, connections that run out."""

from datetime import datetime
from typing import Any, Final

from components.facts.units import DAY_SECONDS, GIB_BYTES
from ops.alarms.health import ALARMS_API
from ops.checks.check_records import CONNECTIONS_ALARM as CONNECTIONS_ALARM
from ops.core.checks import (
    CheckFacts,
    CheckFinding,
    CheckRoutine,
    ResponseItem,
    build_read,
    compute_age_seconds,
    get_answer_items,
)
from ops.core.metrics import build_metric_query, build_metric_read
from ops.database.health import DATABASE_AREA, build_instances_read, find_primary_item
from ops.database.storage_use import MIN_TREND_DAYS, TREND_SECONDS, compute_daily_growth

MIN_DAYS_UNTIL_FULL: Final = 30  # days within which storage must not be full
# The alarm of connections is raised at this share of the most that the class allows.
ALARM_THRESHOLD_RATIO: Final = 0.8
MAX_CONNECTIONS_RATIO: Final = 0.7  # an assumption: a step before the alarm


def check_storage_trend(facts: CheckFacts) -> CheckRoutine:
    """The storage will not be full within 30 days, as it has been filling up for two weeks.

    By the median of the days, so that one on which it grew or was cleared does not hide the rest.
    """
    name = facts.outputs.database.identifier
    free_metric = build_metric_query(
        "AWS/RDS", "FreeStorageSpace", "Minimum", period=DAY_SECONDS, DBInstanceIdentifier=name
    )
    answers = yield [
        build_instances_read(facts),
        build_metric_read([free_metric], facts, TREND_SECONDS),
    ]
    item, points = (
        find_primary_item(facts, get_answer_items(answers[0])),
        _parse_points(get_answer_items(answers[1])),
    )
    if item is None:
        return [
            CheckFinding(
                "failing", DATABASE_AREA, "storage", "the instance is gone", "ops db status"
            )
        ]
    if len(points) < MIN_TREND_DAYS:
        if (
            compute_age_seconds(facts, item["InstanceCreateTime"])
            < (MIN_TREND_DAYS + 1) * DAY_SECONDS
        ):
            return [
                CheckFinding(
                    "ok", DATABASE_AREA, "storage", f"younger than {MIN_TREND_DAYS} days of data"
                )
            ]
        evidence = f"{len(points)} days of data in two weeks, {MIN_TREND_DAYS} are needed"
        return [CheckFinding("unknown", DATABASE_AREA, "storage", evidence, "ops usage")]
    bytes_per_day = compute_daily_growth(points) or 0
    max_gib = max(int(item.get("MaxAllocatedStorage") or 0), int(item["AllocatedStorage"]))
    free_bytes = points[0][1] + (max_gib - int(item["AllocatedStorage"])) * GIB_BYTES
    evidence = (
        f"{free_bytes / GIB_BYTES:.1f} GiB left of {max_gib} GiB, "
        f"{max(bytes_per_day, 0) / GIB_BYTES:.2f} GiB a day used"
    )
    if bytes_per_day <= 0:
        return [CheckFinding("ok", DATABASE_AREA, "storage", evidence)]
    days_until_full = free_bytes / bytes_per_day
    evidence += f", full in {days_until_full:.0f} days"
    if days_until_full > MIN_DAYS_UNTIL_FULL:
        return [CheckFinding("ok", DATABASE_AREA, "storage", evidence)]
    return [CheckFinding("failing", DATABASE_AREA, "storage", evidence, "ops db storage GIB")]


def _parse_points(results: list[ResponseItem]) -> list[tuple[float, float]]:
    """Parses times in seconds with their values, the newest first."""
    points: list[tuple[float, float]] = []
    for result in results:
        pairs: Any = zip(result.get("Timestamps", ()), result["Values"], strict=False)
        points += [
            (datetime.fromisoformat(timestamp).timestamp(), float(value))
            for timestamp, value in pairs
        ]
    return sorted(points, reverse=True)


def check_connections_trend(facts: CheckFacts) -> CheckRoutine:
    """The most connections of two weeks are well below the limit."""
    stack, name = facts.outputs.stack, facts.outputs.database.identifier
    connections_metric = build_metric_query(
        "AWS/RDS", "DatabaseConnections", "Maximum", period=DAY_SECONDS, DBInstanceIdentifier=name
    )
    prefix = f"{stack.project}-{stack.stack}-{CONNECTIONS_ALARM}"
    answers = yield [
        build_metric_read([connections_metric], facts, TREND_SECONDS),
        build_read(ALARMS_API, "MetricAlarms", AlarmTypes=["MetricAlarm"], AlarmNamePrefix=prefix),
    ]
    points, alarms = _parse_points(get_answer_items(answers[0])), get_answer_items(answers[1])
    instance_alarms = [
        alarm
        for alarm in alarms
        if {"Name": "DBInstanceIdentifier", "Value": name} in alarm.get("Dimensions", ())
    ]
    if not instance_alarms:
        evidence = f"there is no alarm {prefix}, which knows the limit"
        return [
            CheckFinding("unknown", DATABASE_AREA, "connections", evidence, "pulumi up --refresh")
        ]
    if not points:
        return [
            CheckFinding(
                "unknown", DATABASE_AREA, "connections", "no data in two weeks", "ops usage"
            )
        ]
    max_connections, peak = (
        float(instance_alarms[0]["Threshold"]) / ALARM_THRESHOLD_RATIO,
        max(value for _, value in points),
    )
    evidence = (
        f"{peak:.0f} at most in {len(points)} days, of {max_connections:.0f} "
        f"({peak / max_connections:.0%})"
    )
    state = "ok" if peak < MAX_CONNECTIONS_RATIO * max_connections else "failing"
    if state == "ok":
        return [CheckFinding("ok", DATABASE_AREA, "connections", evidence)]
    return [CheckFinding("failing", DATABASE_AREA, "connections", evidence, "ops db activity")]
