"""Cases of the checks of trends: storage that fills, connections near their limit."""

from typing import Any

from components.facts.units import DAY_SECONDS
from ops.core.metrics import build_metric_query
from ops.health.registry import HEALTH_CHECKS_BY_KEY
from tests.ops.checks.single_item import ChecklistCase
from tests.ops.health_answers import (
    DATABASE_IDENTIFIER,
    GIB,
    AwsAnswers,
    answer_instance,
)
from tests.ops.single_check import build_changed_outputs, format_time_ago
from tests.ops.stage import STACK_PREFIX

METRIC_DATA_API, ALARMS_API = "cloudwatch.get_metric_data", "cloudwatch.describe_alarms"
FREE_STORAGE_METRIC = build_metric_query(
    "AWS/RDS",
    "FreeStorageSpace",
    "Minimum",
    period=DAY_SECONDS,
    DBInstanceIdentifier=DATABASE_IDENTIFIER,
)


CONNECTIONS_METRIC = build_metric_query(
    "AWS/RDS",
    "DatabaseConnections",
    "Maximum",
    period=DAY_SECONDS,
    DBInstanceIdentifier=DATABASE_IDENTIFIER,
)


def answer_daily_metric(metric_id: str, *values: float) -> AwsAnswers:
    """A value a day, the newest first."""
    times = [format_time_ago(days=day) for day in range(len(values))]
    return {METRIC_DATA_API: [{"Id": metric_id, "Timestamps": times, "Values": list(values)}]}


def answer_daily_storage(*gib: float, **overrides: Any) -> AwsAnswers:
    return {
        **answer_instance(**overrides),
        **answer_daily_metric(FREE_STORAGE_METRIC.id, *(value * GIB for value in gib)),
    }


def answer_connections(*peaks: float) -> AwsAnswers:
    dimensions = [{"Name": "DBInstanceIdentifier", "Value": DATABASE_IDENTIFIER}]
    alarm = {"AlarmName": "a", "Threshold": 160.0, "Dimensions": dimensions}
    return {**answer_daily_metric(CONNECTIONS_METRIC.id, *peaks), ALARMS_API: [alarm]}


CONNECTION_ALARM_OUTPUTS = build_changed_outputs(
    "alarms", names={"P1": (f"{STACK_PREFIX}-database-connections-high-primary",)}
)


TREND_CASES: list[ChecklistCase] = [
    (
        HEALTH_CHECKS_BY_KEY["database-storage-trend"],
        None,
        answer_daily_storage(50, 50.5, 51, 51.5),
        [
            (
                answer_daily_storage(10, 11, 12, 13),
                "failing",
                "full in 10 days",
                "ops db storage GIB",
            ),
            (
                answer_daily_storage(10, 11, 12, 80, 1, 2),
                "failing",
                "full in 10 days",
                "ops db storage GIB",
            ),
            (answer_daily_storage(50, 51), "unknown", "2 days of data in two weeks", "ops usage"),
            (
                {**answer_daily_storage(50, 51, 52), "rds.describe_db_instances": []},
                "failing",
                "is gone",
                "ops db status",
            ),
        ],
    ),
    (
        HEALTH_CHECKS_BY_KEY["database-connections-trend"],
        CONNECTION_ALARM_OUTPUTS,
        answer_connections(20, 139, 10),
        [
            (
                answer_connections(20, 150),
                "failing",
                "150 at most in 2 days, of 200 (75%)",
                "ops db activity",
            ),
            (answer_connections(), "unknown", "no data", "ops usage"),
            (
                {**answer_connections(1), ALARMS_API: []},
                "unknown",
                "there is no alarm",
                "pulumi up",
            ),
        ],
    ),
]
