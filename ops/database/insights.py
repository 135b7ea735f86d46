"""Performance Insights: the load of the database, by what sessions wait for and by statement.

It needs no way to the database. Load is the mean number of sessions that do something (RDS User
Guide, "Database load"). Statements are read with their literals taken out, which may be
confidential (the dimension db.sql_tokenized; db.sql, which has them, is never read).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from components.facts.vcpus import find_rds_vcpus
from ops.cli.time_span import TimeSpan
from ops.core.aws import Aws
from ops.core.errors import OpsError, UsageError
from ops.core.plan import JsonObject
from ops.core.times import format_utc
from ops.outputs import Outputs

METRICS_API: Final = "pi.get_resource_metrics"
KEYS_API: Final = "pi.describe_dimension_keys"
LOAD_METRIC: Final = "db.load.avg"
LOAD_PERIODS: Final = (60, 300, 3600, 86400)  # seconds, of those that the API takes
MAX_POINTS: Final = 400
DEFAULT_RETENTION_DAYS: Final = 7
MAX_KEYS: Final = 25  # that one call can group by: API reference, DimensionGroup
WAIT_LOAD_COLUMNS: Final = ("load", "share", "type", "wait")
STATEMENT_COLUMNS: Final = ("load", "share", "waits for", "statement")


@dataclass(frozen=True)
class StatementLoad:
    """A statement without its literals, with its load by what it waits for, the most first."""

    id: str
    statement: str
    load: float
    waits: Mapping[str, float]


@dataclass(frozen=True)
class WaitLoad:
    """What sessions wait for, and how many do on average."""

    type: str
    name: str
    load: float


@dataclass(frozen=True)
class DatabaseLoad:
    """The load of an instance over a time. `average` is None if nothing was measured."""

    identifier: str
    vcpus: int | None
    average: float | None
    maximum: float | None
    points: tuple[tuple[str, float], ...]
    waits: tuple[WaitLoad, ...]
    statements: tuple[StatementLoad, ...]


def require_insights(description: Mapping[str, Any], span: TimeSpan, now_seconds: float) -> None:
    """Raises OpsError if Performance Insights is off, UsageError if it keeps no data so old."""
    name = description["DBInstanceIdentifier"]
    if not description.get("PerformanceInsightsEnabled"):
        raise OpsError(
            f"Performance Insights is off for {name}: set database.performanceInsights to true in "
            "the stack's settings, then deploy",
            "ops db activity",
            "ops db slow",
        )
    days = int(description.get("PerformanceInsightsRetentionPeriod") or DEFAULT_RETENTION_DAYS)
    if now_seconds - span.since.timestamp() > days * 86400:
        raise UsageError(
            f"--since must be at most {days} days ago, as Performance Insights keeps no more of "
            f"{name} (database.performanceInsightsDays)"
        )


def fetch_database_load(
    aws: Aws, outputs: Outputs, description: Mapping[str, Any], span: TimeSpan, limit: int
) -> DatabaseLoad:
    """Fetches the load of an instance by three calls: over time, by wait, by statement."""
    period = next((p for p in LOAD_PERIODS if span.seconds / p <= MAX_POINTS), LOAD_PERIODS[-1])
    common: JsonObject = {
        "ServiceType": "RDS",
        "Identifier": description["DbiResourceId"],
        "StartTime": format_utc(span.since.timestamp()),
        "EndTime": format_utc(span.until.timestamp()),
        "PeriodInSeconds": period,
    }
    region = outputs.stack.region
    series: Any = aws.call(
        METRICS_API, {**common, "MetricQueries": [{"Metric": LOAD_METRIC}]}, region
    )
    points = [
        (str(point["Timestamp"]), float(point["Value"]))
        for metric in series["MetricList"]
        for point in metric["DataPoints"]
        if point.get("Value") is not None
    ]
    by_load: JsonObject = {**common, "Metric": LOAD_METRIC}
    waits: Any = aws.call(
        KEYS_API, {**by_load, "GroupBy": _build_group("db.wait_event", MAX_KEYS)}, region
    )
    statements: Any = aws.call(
        KEYS_API,
        {
            **by_load,
            "GroupBy": _build_group("db.sql_tokenized", limit),
            "PartitionBy": _build_group("db.wait_event", 10),
        },
        region,
    )
    parts = [_get_wait(part["Dimensions"]) for part in statements.get("PartitionKeys") or ()]
    values = [value for _, value in points]
    return DatabaseLoad(
        description["DBInstanceIdentifier"],
        find_rds_vcpus(description["DBInstanceClass"]),
        sum(values) / len(values) if values else None,
        max(values, default=None),
        tuple(points),
        tuple(_parse_wait(key) for key in waits.get("Keys") or ()),
        tuple(_parse_statement(key, parts) for key in (statements.get("Keys") or ())[:limit]),
    )


def _build_group(group: str, limit: int) -> JsonObject:
    return {"Group": group, "Limit": limit}


def _get_wait(dimensions: Mapping[str, str]) -> str:
    return dimensions.get("db.wait_event.name", "unknown")


def _parse_wait(key: Mapping[str, Any]) -> WaitLoad:
    dimensions = key["Dimensions"]
    wait_type = dimensions.get("db.wait_event.type", "unknown")
    return WaitLoad(wait_type, _get_wait(dimensions), float(key["Total"]))


def _parse_statement(key: Mapping[str, Any], parts: list[str]) -> StatementLoad:
    dimensions = key["Dimensions"]
    loads = zip(parts, key.get("Partitions") or (), strict=False)
    waits = sorted(((name, float(load)) for name, load in loads if load), key=lambda x: -x[1])
    return StatementLoad(
        dimensions.get("db.sql_tokenized.id", ""),
        " ".join(dimensions.get("db.sql_tokenized.statement", "unknown").split()),
        float(key["Total"]),
        dict(waits),
    )
