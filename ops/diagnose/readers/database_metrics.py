"""What metrics of the DB instances say beside what the instances are: their vCPUs, their volumes.

Metrics: RDS User Guide, "Amazon CloudWatch metrics for Amazon RDS". Volumes: "Amazon RDS DB
instance storage" (gp3 of PostgreSQL has 3,000 IOPS and 125 MiB/s below 400 GiB, else 12,000 and
500; gp2 has 3 IOPS a GiB, from 100 to 64,000, and bursts to 3,000 below 1,000 GiB).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from components.facts.metrics import GAUGE_STATS, METRIC_FACTS, RDS_NAMESPACE, MetricFact
from components.facts.units import GIB_BYTES
from components.facts.vcpus import find_rds_vcpus
from ops.diagnose.reader import DiagnosisRequest, FactCollector
from ops.diagnose.readers.metric_runs import (
    LastingRun,
    MetricSeries,
    describe_since,
    read_series,
)
from ops.metrics.parts import MetricRow, Subject, list_metric_parts

_PART: Final = "database"
# Limits that are those of the alarm registry, where it has one.
_BALANCE_PERCENT: Final = 10.0
_FREE_PERCENT: Final = 10.0
_FULL_PERCENT: Final = 1.0
# Assumed: a volume at nine tenths of its limit queues.
_VOLUME_SHARE: Final = 0.9
# Assumed: a disk that will be full in a day, and loses at least this share an hour, is filling.
_FILLING_HOURS: Final = 24.0
_FILLING_SHARE: Final = 0.01
_MIN_CREDITS: Final = 1.0
_MIB_BYTES: Final = 1 << 20


def _build_gauge(name: str, aws_name: str, stat: str = "Average") -> MetricFact:
    """A metric that `ops metrics` does not show."""
    return MetricFact(
        name=name,
        namespace=RDS_NAMESPACE,
        aws_name=aws_name,
        unit="count",
        stats=(stat,),
        valid_stats=GAUGE_STATS,
    )


_EXTRA_FACTS: Final = (
    _build_gauge("burst-balance", "BurstBalance", "Minimum"),
    _build_gauge("cpu-credits", "CPUCreditBalance", "Minimum"),
    _build_gauge("slot-lag", "OldestReplicationSlotLag", "Maximum"),
    _build_gauge("wal-size", "TransactionLogsDiskUsage", "Maximum"),
    _build_gauge("load-beside-cpu", "DBLoadNonCPU"),
)


# What is judged here by what else is known of the instance; others are the metrics look's.
_JUDGED_METRICS: Final = (
    "load",
    "storage-free",
    "read-operations",
    "write-operations",
    "read-bytes",
    "write-bytes",
    *(fact.name for fact in _EXTRA_FACTS),
)


@dataclass(frozen=True)
class VolumeLimits:
    """What a volume gives at most: operations and bytes a second; None if it is not known."""

    operations: float | None
    bytes: float | None


def find_volume_limits(item: Mapping[str, Any]) -> VolumeLimits:
    """The limits of an instance's volume, as RDS describes it or by the rules of its type."""
    gib = float(item.get("AllocatedStorage") or 0)
    storage_type, iops = str(item.get("StorageType") or ""), item.get("Iops")
    throughput = item.get("StorageThroughput")
    if storage_type == "gp3":
        is_striped = gib >= 400
        operations = float(iops or (12_000 if is_striped else 3_000))
        return VolumeLimits(
            operations, float(throughput or (500 if is_striped else 125)) * _MIB_BYTES
        )
    if storage_type == "gp2":
        baseline = min(max(100.0, 3 * gib), 64_000.0)
        return VolumeLimits(max(baseline, 3_000.0) if gib < 1_000 else baseline, None)
    return VolumeLimits(float(iops) if iops else None, None)


def add_database_metrics(
    collector: FactCollector, request: DiagnosisRequest, items: list[Any]
) -> None:
    """Reads the metrics of all instances in one call, and adds what they say."""
    by_name = {str(item["DBInstanceIdentifier"]): item for item in items}
    subjects = list_metric_parts(request.outputs)[_PART].subjects
    rows = [
        MetricRow(subject, fact, fact.stats[0])
        for subject in subjects
        for fact in (*METRIC_FACTS[subject.kind], *_EXTRA_FACTS)
        if fact.name in _JUDGED_METRICS
    ]
    series = read_series(request.aws, request, rows)
    for subject in subjects:
        by_metric = {row.fact.name: each for row, each in series.items() if row.subject == subject}
        identifier = subject.dimensions[0][1]
        item = {"DBInstanceClass": request.outputs.database.instance_class}
        judge = InstanceJudge(collector, subject, by_metric, item | by_name.get(identifier, {}))
        judge.add_facts(request.at)


class InstanceJudge:
    """Judges the metrics of one instance; pure but for the facts that it adds."""

    def __init__(
        self,
        collector: FactCollector,
        subject: Subject,
        series: Mapping[str, MetricSeries],
        item: Mapping[str, Any],
    ) -> None:
        self.collector, self.series, self.item = collector, series, item
        self.identifier = subject.dimensions[0][1]

    def add_facts(self, at: datetime) -> None:
        """Adds what the metrics say of a time. No data at all is a gap, and no fact."""
        if all(each.is_stale for each in self.series.values()):
            self.collector.note_reason(f"CloudWatch has no recent data of {self.identifier}", _PART)
            return
        self._add_processor()
        self._add_storage(at)
        self._add_volume()
        self._add_slots()

    def _find_run(
        self, name: str, is_beyond: Callable[[float], bool], minutes: float = 5
    ) -> LastingRun | None:
        return (
            self.series[name].find_lasting_run(is_beyond, minutes) if name in self.series else None
        )

    def _add(self, key: str, text: str, run: LastingRun, value: float, command: str) -> None:
        self.collector.add(
            f"db.{key}",
            _PART,
            f"{self.identifier}: {text}, {describe_since(run)}",
            since=run.since,
            value=value,
            subject=self.identifier,
            command=command,
        )

    def _add_processor(self) -> None:
        vcpus = find_rds_vcpus(str(self.item.get("DBInstanceClass") or ""))
        if vcpus is None:
            return
        if run := self._find_run("load", lambda value: value > vcpus):
            text = f"{run.latest:.1f} sessions are active on {vcpus} vCPUs"
            self._add("load.high", text, run, run.latest / vcpus, "ops db activity")
        if run := self._find_run("load-beside-cpu", lambda value: value > vcpus):
            text = f"{run.latest:.1f} sessions wait for something else than CPU"
            self._add("load.waiting", text, run, run.latest / vcpus, "ops db locks")
        if run := self._find_run("cpu-credits", lambda value: value < _MIN_CREDITS):
            text = "it has no CPU credit left"
            self._add("credits.cpu", text, run, run.latest, "ops db resize CLASS")

    def _add_storage(self, at: datetime) -> None:
        series = self.series.get("storage-free")
        allocated = float(self.item.get("AllocatedStorage") or 0) * GIB_BYTES
        if series is None or series.latest is None or not allocated:
            return
        free_percent = 100 * series.latest / allocated
        limit = allocated * _FREE_PERCENT / 100
        if run := self._find_run("storage-free", lambda value: value < limit):
            key = "storage.full" if free_percent < _FULL_PERCENT else "storage.low"
            text = f"{free_percent:.1f} % of {allocated / GIB_BYTES:.0f} GiB is free"
            self._add(key, text, run, free_percent, "ops db storage GIB")
        self._add_filling(series, allocated, at)
        wal = self.series.get("wal-size")
        if wal is not None and wal.latest is not None and wal.latest > allocated / 5:
            run = wal.find_lasting_run(lambda value: value > allocated / 5)
            if run is not None:
                text = f"{wal.latest / GIB_BYTES:.1f} GiB are WAL that something keeps"
                self._add("storage.wal", text, run, wal.latest, "ops db size")

    def _add_filling(self, series: MetricSeries, allocated: float, at: datetime) -> None:
        """Free storage that falls, and will be gone within a day if it goes on."""
        start = at - timedelta(hours=1)
        pairs = [(t, v) for t, v in zip(series.times, series.values, strict=True) if t >= start]
        if len(pairs) < 10:
            return
        hours = (pairs[-1][0] - pairs[0][0]).total_seconds() / 3600
        lost = (pairs[0][1] - pairs[-1][1]) / hours if hours else 0
        if lost < allocated * _FILLING_SHARE:
            return
        left_hours = pairs[-1][1] / lost
        if left_hours > _FILLING_HOURS:
            return
        falls = [v for t, v in pairs]
        first = next(
            (t for (t, v), after in zip(pairs, falls[1:], strict=False) if v > after), None
        )
        self.collector.add(
            "db.storage.falling",
            _PART,
            f"{self.identifier}: free storage falls by {lost / GIB_BYTES:.1f} GiB an hour: none is "
            f"left in {left_hours:.1f} hours",
            since=first,
            value=left_hours,
            subject=self.identifier,
            command="ops db size",
        )

    def _add_volume(self) -> None:
        limits = find_volume_limits(self.item)
        operations = self._join("read-operations", "write-operations")
        throughput = self._join("read-bytes", "write-bytes")
        for key, series, limit, unit in (
            ("iops.limit", operations, limits.operations, "operations a second"),
            ("throughput.limit", throughput, limits.bytes, "bytes a second"),
        ):
            if series is None or limit is None:
                continue
            share = limit * _VOLUME_SHARE
            if run := series.find_lasting_run(lambda value, share=share: value >= share):  # type: ignore[misc]
                text = f"its volume does {run.latest:,.0f} of {limit:,.0f} {unit}"
                self._add(key, text, run, run.latest / limit, "ops db slow")
        if run := self._find_run("burst-balance", lambda value: value < _BALANCE_PERCENT):
            text = f"{run.latest:.0f} % of the burst credits of its volume are left"
            self._add("credits.storage", text, run, run.latest, "ops db storage GIB")

    def _add_slots(self) -> None:
        if run := self._find_run("slot-lag", lambda value: value > 5 * GIB_BYTES):
            text = f"a replication slot is {run.latest / GIB_BYTES:.1f} GiB behind"
            self._add("slot-lag.high", text, run, run.latest, "ops db size")

    def _join(self, first: str, second: str) -> MetricSeries | None:
        """The sum of two metrics, at the times that have both."""
        one, other = self.series.get(first), self.series.get(second)
        if one is None or other is None:
            return None
        by_time = dict(zip(other.times, other.values, strict=True))
        pairs = [
            (t, v + by_time[t]) for t, v in zip(one.times, one.values, strict=True) if t in by_time
        ]
        return replace(one, times=tuple(t for t, _ in pairs), values=tuple(v for _, v in pairs))
