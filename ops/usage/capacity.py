"""How much of the stack's capacity is used, from CloudWatch metrics."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from components.facts.units import DAY_SECONDS, GIB_BYTES, HOUR_SECONDS
from ops.core.aws import Aws
from ops.core.check_runner import run_checks, send_read
from ops.core.checks import (
    CheckFacts,
    CheckFinding,
    CheckRoutine,
    HealthCheck,
    UnknownAnswerError,
    get_answer_items,
)
from ops.core.errors import UsageError
from ops.core.metrics import (
    METRIC_DATA_API,
    MetricQuery,
    build_metric_query,
    build_metric_reads,
    collect_metric_values,
)
from ops.database.health import DB_INSTANCES_API, build_instances_read
from ops.outputs import Outputs
from ops.usage.storage_classes import STANDARD_STORAGE, STORAGE_CLASSES, compute_monthly_usd

USAGE_AREAS: Final = ("database", "services", "fleet", "cache", "buckets")
USAGE_SPAN: Final = HOUR_SECONDS
BUCKET_SIZE_SPAN: Final = 3 * DAY_SECONDS  # S3 reports sizes daily, up to two days late
NO_DATA_NOTE: Final = "no data"


@dataclass(frozen=True)
class UsageFigure:
    """A figure: newest value, mean and peak of the last hour. None means not known.

    `monthly_usd` is what a bucket's bytes cost a month at the list price.
    """

    area: str
    subject: str
    what: str
    unit: str
    now: float | None = None
    mean: float | None = None
    peak: float | None = None
    note: str = ""
    monthly_usd: float | None = None

    @property
    def is_unread(self) -> bool:
        """True if it could not be read; False if AWS has no data."""
        return self.now is None and self.note != NO_DATA_NOTE


@dataclass(frozen=True)
class _MetricFigure:
    """A metric and its label. `scale` converts AWS's unit to `unit`.

    `storage_type` is that of a bucket's size: of those that a bucket has not, nothing is shown.
    """

    area: str
    subject: str
    label: str
    unit: str
    metric: MetricQuery
    scale: float = 1
    daily: bool = False
    storage_type: str = ""


def parse_areas(text: str | None) -> tuple[str, ...]:
    """Parses --only; None means all areas. Raises UsageError if an area is unknown."""
    area_names = USAGE_AREAS if text is None else tuple(word.strip() for word in text.split(","))
    if not set(area_names) <= set(USAGE_AREAS):
        raise UsageError(f"--only must be some of {', '.join(USAGE_AREAS)}, not {text!r}")
    return area_names


def measure_usage(
    outputs: Outputs, aws: Aws, now: datetime, areas: Sequence[str] = USAGE_AREAS
) -> list[UsageFigure]:
    """Reads the figures of a stack. The note of an unread figure holds the error."""
    figures: list[UsageFigure] = []
    facts, check = CheckFacts(outputs, now), build_usage_check(outputs, areas, figures)
    findings: list[CheckFinding] = run_checks(
        [check], facts, lambda read: send_read(aws, read, outputs.stack.region)
    )
    assert not findings
    return figures


def build_usage_check(
    outputs: Outputs, areas: Sequence[str], figures: list[UsageFigure]
) -> HealthCheck:
    """Builds a check that appends the areas' figures to `figures` and has no findings."""
    metric_figures = [
        metric_figure
        for metric_figure in _list_metric_figures(outputs)
        if metric_figure.area in areas
    ]

    def read_figures(facts: CheckFacts) -> CheckRoutine:
        hourly = build_metric_reads(
            [metric_figure.metric for metric_figure in metric_figures if not metric_figure.daily],
            facts,
            USAGE_SPAN,
        )
        daily = build_metric_reads(
            [metric_figure.metric for metric_figure in metric_figures if metric_figure.daily],
            facts,
            BUCKET_SIZE_SPAN,
        )
        database = [build_instances_read(facts)] if "database" in areas else []
        answers = yield [*database, *hourly, *daily]
        database_answers, metric_answers = answers[: len(database)], answers[len(database) :]
        error = next(
            (
                metric_answer
                for metric_answer in metric_answers
                if isinstance(metric_answer, UnknownAnswerError)
            ),
            None,
        )
        values = collect_metric_values(
            result
            for metric_answer in metric_answers
            if not isinstance(metric_answer, UnknownAnswerError)
            for result in metric_answer
        )
        figures.extend(
            _build_figure(figure, values.get(figure.metric.id, []), error)
            for figure in metric_figures
            if figure.storage_type in ("", STANDARD_STORAGE) or values.get(figure.metric.id)
        )
        for answer in database_answers:
            figures.append(_build_storage_figure(outputs, answer))
        figures.sort(key=lambda figure: USAGE_AREAS.index(figure.area))
        return []

    return HealthCheck("usage", "usage", read_figures, (DB_INSTANCES_API, METRIC_DATA_API))


def _build_figure(
    metric_figure: _MetricFigure, values: list[float], error: UnknownAnswerError | None
) -> UsageFigure:
    """Builds a figure from its values, newest first."""
    if not values:
        note = str(error) if error else NO_DATA_NOTE
        return UsageFigure(
            metric_figure.area,
            metric_figure.subject,
            metric_figure.label,
            metric_figure.unit,
            note=note,
        )
    scaled_values = [value * metric_figure.scale for value in values]
    mean = sum(scaled_values) / len(scaled_values)
    newest, mean, peak = (round(value, 1) for value in (scaled_values[0], mean, max(scaled_values)))
    return UsageFigure(
        metric_figure.area,
        metric_figure.subject,
        metric_figure.label,
        metric_figure.unit,
        newest,
        mean,
        peak,
        monthly_usd=_compute_cost(metric_figure, values[0]),
    )


def _compute_cost(metric_figure: _MetricFigure, size_bytes: float) -> float | None:
    if not metric_figure.storage_type:
        return None
    monthly_usd = compute_monthly_usd(metric_figure.storage_type, size_bytes)
    return None if monthly_usd is None else round(monthly_usd, 4)


def _build_storage_figure(outputs: Outputs, answer: object) -> UsageFigure:
    """Builds the figure of allocated storage, which no metric has."""
    name = outputs.database.identifier
    if isinstance(answer, UnknownAnswerError):
        return UsageFigure("database", name, "allocated storage", "GiB", note=str(answer))
    assert isinstance(answer, list)
    item = next(
        (
            instance
            for instance in get_answer_items(answer)
            if instance["DBInstanceIdentifier"] == name
        ),
        None,
    )
    if item is None:
        return UsageFigure(
            "database", name, "allocated storage", "GiB", note="the instance is gone"
        )
    max_gib = item.get("MaxAllocatedStorage")
    note = f"grows automatically up to {max_gib} GiB" if max_gib else ""
    return UsageFigure(
        "database", name, "allocated storage", "GiB", item["AllocatedStorage"], note=note
    )


def _list_metric_figures(outputs: Outputs) -> Iterator[_MetricFigure]:
    database = outputs.database
    for name in (database.identifier, *database.replicas):
        for label, unit, metric_name, scale in (
            ("CPU", "%", "CPUUtilization", 1.0),
            ("connections", "", "DatabaseConnections", 1.0),
            ("free memory", "GiB", "FreeableMemory", 1 / GIB_BYTES),
            ("free storage", "GiB", "FreeStorageSpace", 1 / GIB_BYTES),
        ):
            metric_query = build_metric_query(
                "AWS/RDS", metric_name, "Average", DBInstanceIdentifier=name
            )
            yield _MetricFigure("database", name, label, unit, metric_query, scale)
    if outputs.services is not None:
        for name in outputs.services.services:
            for label, metric_name in (("CPU", "CPUUtilization"), ("memory", "MemoryUtilization")):
                metric_query = build_metric_query(
                    "AWS/ECS",
                    metric_name,
                    "Average",
                    ClusterName=outputs.services.cluster,
                    ServiceName=name,
                )
                yield _MetricFigure("services", name, label, "%", metric_query)
    if outputs.fleet is not None:
        group = outputs.fleet.group
        metric_query = build_metric_query(
            "AWS/EC2", "CPUUtilization", "Average", AutoScalingGroupName=group
        )
        yield _MetricFigure("fleet", group, "CPU", "%", metric_query)
    if outputs.cache is not None:
        name = f"{outputs.cache.identifier}-001"  # ElastiCache's name of the first node
        for label, metric_name in (
            ("CPU", "EngineCPUUtilization"),
            ("memory", "DatabaseMemoryUsagePercentage"),
        ):
            metric_query = build_metric_query(
                "AWS/ElastiCache", metric_name, "Average", CacheClusterId=name
            )
            yield _MetricFigure("cache", name, label, "%", metric_query)
    buckets = [outputs.backups.operations_bucket]
    if outputs.load_balancer is not None and outputs.load_balancer.access_log_bucket:
        buckets.append(outputs.load_balancer.access_log_bucket)
    for bucket in buckets:
        for storage_type, class_name in STORAGE_CLASSES.items():
            size = build_metric_query(
                "AWS/S3",
                "BucketSizeBytes",
                "Average",
                period=DAY_SECONDS,
                BucketName=bucket,
                StorageType=storage_type,
            )
            yield _MetricFigure(
                "buckets",
                bucket,
                "size" if storage_type == STANDARD_STORAGE else f"size in {class_name}",
                "MiB",
                size,
                1 / 1024**2,
                daily=True,
                storage_type=storage_type,
            )
        count = build_metric_query(
            "AWS/S3",
            "NumberOfObjects",
            "Average",
            period=DAY_SECONDS,
            BucketName=bucket,
            StorageType="AllStorageTypes",
        )
        yield _MetricFigure("buckets", bucket, "objects", "", count, daily=True)
