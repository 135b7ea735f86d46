"""What of the stack's capacity is used: the metrics, and what they mean for a person."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from ops.core.aws import Aws
from ops.core.check_runner import run, send
from ops.core.checks import DAY, HOUR, Check, Facts, Finding, Looking, UnknownError, known
from ops.core.errors import UsageError
from ops.core.metrics import METRICS, Metric, all_of, batched, metric
from ops.database.health import INSTANCES, described
from ops.outputs import Outputs

GIB: Final = 1024**3
AREAS: Final = ("database", "services", "fleet", "cache", "buckets")
SPAN: Final = HOUR
STORED: Final = 3 * DAY  # S3 reports sizes once a day, up to two days late
NO_DATA: Final = "no data"


@dataclass(frozen=True)
class Used:
    """A figure: the newest value, the mean and the peak of the last hour. None is not known."""

    area: str
    subject: str
    what: str
    unit: str
    now: float | None = None
    mean: float | None = None
    peak: float | None = None
    note: str = ""

    @property
    def unread(self) -> bool:
        """Whether it could not be read, as its note says: not that AWS has no data."""
        return self.now is None and self.note != NO_DATA


@dataclass(frozen=True)
class _Wanted:
    """A metric, and how it is told. `scale` turns AWS's unit into ours."""

    area: str
    subject: str
    what: str
    unit: str
    of: Metric
    scale: float = 1
    daily: bool = False


def areas(text: str | None) -> tuple[str, ...]:
    """The areas that --only names, all where it names none. Raises UsageError."""
    named = AREAS if text is None else tuple(word.strip() for word in text.split(","))
    if not set(named) <= set(AREAS):
        raise UsageError(f"--only is {text!r}, may be some of {', '.join(AREAS)}")
    return named


def usage(outputs: Outputs, aws: Aws, now: datetime, only: Sequence[str] = AREAS) -> list[Used]:
    """The figures of a stack. What could not be read says why in its note."""
    found: list[Used] = []
    facts, check = Facts(outputs, now), counted(outputs, only, found)
    findings: list[Finding] = run([check], facts, lambda r: send(aws, r, outputs.stack.region))
    assert not findings
    return found


def counted(outputs: Outputs, only: Sequence[str], found: list[Used]) -> Check:
    """The check that puts the figures of these areas into `found`, and has no findings."""
    wanted = [one for one in _wanted(outputs) if one.area in only]

    def look(facts: Facts) -> Looking:
        hourly = batched([w.of for w in wanted if not w.daily], facts, SPAN)
        daily = batched([w.of for w in wanted if w.daily], facts, STORED)
        database = [described(facts)] if "database" in only else []
        answers = yield [*database, *hourly, *daily]
        head, metrics = answers[: len(database)], answers[len(database) :]
        failed = next((a for a in metrics if isinstance(a, UnknownError)), None)
        values = all_of(r for a in metrics if not isinstance(a, UnknownError) for r in a)
        found.extend(_used(one, values.get(one.of.id, []), failed) for one in wanted)
        for answer in head:
            found.append(_storage(outputs, answer))
        found.sort(key=lambda one: AREAS.index(one.area))
        return []

    return Check("usage", "usage", look, (INSTANCES, METRICS))


def _used(one: _Wanted, values: list[float], failed: UnknownError | None) -> Used:
    """A figure from its values, newest first."""
    if not values:
        note = str(failed) if failed else NO_DATA
        return Used(one.area, one.subject, one.what, one.unit, note=note)
    scaled = [value * one.scale for value in values]
    mean = sum(scaled) / len(scaled)
    now, mean, peak = (round(value, 1) for value in (scaled[0], mean, max(scaled)))
    return Used(one.area, one.subject, one.what, one.unit, now, mean, peak)


def _storage(outputs: Outputs, answer: object) -> Used:
    """What is allocated, which no metric tells."""
    name = outputs.database.identifier
    if isinstance(answer, UnknownError):
        return Used("database", name, "allocated storage", "GiB", note=str(answer))
    assert isinstance(answer, list)
    item = next((i for i in known(answer) if i["DBInstanceIdentifier"] == name), None)
    if item is None:
        return Used("database", name, "allocated storage", "GiB", note="the instance is gone")
    most = item.get("MaxAllocatedStorage")
    note = f"grows to {most} GiB by itself" if most else ""
    return Used("database", name, "allocated storage", "GiB", item["AllocatedStorage"], note=note)


def _wanted(outputs: Outputs) -> Iterator[_Wanted]:
    database = outputs.database
    for name in (database.identifier, *database.replicas):
        for what, unit, metric_name, scale in (
            ("CPU", "%", "CPUUtilization", 1.0),
            ("connections", "", "DatabaseConnections", 1.0),
            ("free memory", "GiB", "FreeableMemory", 1 / GIB),
            ("free storage", "GiB", "FreeStorageSpace", 1 / GIB),
        ):
            of = metric("AWS/RDS", metric_name, "Average", DBInstanceIdentifier=name)
            yield _Wanted("database", name, what, unit, of, scale)
    if outputs.services is not None:
        for name in outputs.services.services:
            for what, metric_name in (("CPU", "CPUUtilization"), ("memory", "MemoryUtilization")):
                of = metric(
                    "AWS/ECS",
                    metric_name,
                    "Average",
                    ClusterName=outputs.services.cluster,
                    ServiceName=name,
                )
                yield _Wanted("services", name, what, "%", of)
    if outputs.fleet is not None:
        group = outputs.fleet.group
        of = metric("AWS/EC2", "CPUUtilization", "Average", AutoScalingGroupName=group)
        yield _Wanted("fleet", group, "CPU", "%", of)
    if outputs.cache is not None:
        name = f"{outputs.cache.identifier}-001"  # as ElastiCache names the first node
        for what, metric_name in (
            ("CPU", "EngineCPUUtilization"),
            ("memory", "DatabaseMemoryUsagePercentage"),
        ):
            of = metric("AWS/ElastiCache", metric_name, "Average", CacheClusterId=name)
            yield _Wanted("cache", name, what, "%", of)
    buckets = [outputs.backups.operations_bucket]
    if outputs.load_balancer is not None and outputs.load_balancer.access_log_bucket:
        buckets.append(outputs.load_balancer.access_log_bucket)
    for bucket in buckets:
        size = metric(
            "AWS/S3",
            "BucketSizeBytes",
            "Average",
            period=DAY,
            BucketName=bucket,
            StorageType="StandardStorage",
        )
        count = metric(
            "AWS/S3",
            "NumberOfObjects",
            "Average",
            period=DAY,
            BucketName=bucket,
            StorageType="AllStorageTypes",
        )
        yield _Wanted("buckets", bucket, "size", "MiB", size, 1 / 1024**2, daily=True)
        yield _Wanted("buckets", bucket, "objects", "", count, daily=True)
