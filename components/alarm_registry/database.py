"""Alarms of the database: AWS's recommended ones for RDS, and the stack's own severities."""

from typing import TYPE_CHECKING, Final

from components.alarm_registry.kinds import DB_INSTANCE_KIND, PRIMARY_KIND, REPLICA_KIND
from components.alarm_registry.model import (
    AlarmEntry,
    MetricStatistic,
    Threshold,
    build_fixed_threshold,
)
from components.facts.instance_classes import RdsClass, get_rds_class
from components.facts.metrics import RDS_NAMESPACE as RDS_NAMESPACE
from components.facts.units import GIB_BYTES

if TYPE_CHECKING:
    from components.settings.stack import Settings

CPU_UTILIZATION: Final = MetricStatistic(RDS_NAMESPACE, "CPUUtilization")
DATABASE_CONNECTIONS: Final = MetricStatistic(RDS_NAMESPACE, "DatabaseConnections", "Maximum")
FREE_STORAGE_SPACE: Final = MetricStatistic(RDS_NAMESPACE, "FreeStorageSpace", "Minimum")


def get_instance_class(settings: "Settings", name: str) -> RdsClass:
    """The class of an instance; replicas may have their own."""
    database = settings.database
    replica_class = database.replica_class if name != "primary" else None
    return get_rds_class(replica_class or database.instance_class)


def compute_max_connections(settings: "Settings", name: str) -> int:
    """max_connections: the parameter if it is a number, otherwise the class's default."""
    parameter_value = settings.database.parameters.get("max_connections", "")
    return (
        int(parameter_value)
        if parameter_value.isdigit()
        else get_instance_class(settings, name).max_connections
    )


def _build_connections_threshold(percent: int) -> Threshold:
    return Threshold(
        lambda settings, name: compute_max_connections(settings, name) * percent / 100,
        f"{percent} % of max_connections",
    )


def _build_storage_threshold(percent: int) -> Threshold:
    """A share of the storage in the settings: after autoscaling, the alarm is raised later."""
    return Threshold(
        lambda settings, _: settings.database.storage_gb * GIB_BYTES * percent // 100,
        f"{percent} % of the allocated storage",
    )


DATABASE_ALARMS: Final = (
    # RDS reports the CPU of each running instance every minute, whatever it does. A lost instance
    # reports nothing, which raises no alarm on a value: without services nobody would be paged.
    AlarmEntry(
        key="database-silent",
        severity="P0",
        kind=PRIMARY_KIND,
        metric=MetricStatistic(RDS_NAMESPACE, "CPUUtilization", "SampleCount"),
        comparison="<",
        threshold=build_fixed_threshold(1),
        unit="Count",
        missing_data="breaching",
        description="The database reports nothing: it is gone, stopped or failed.",
        command="ops health",
        graph="database-cpu",
        on_dashboard=False,
    ),
    AlarmEntry(
        key="database-cpu-critical",
        severity="P0",
        kind=DB_INSTANCE_KIND,
        metric=CPU_UTILIZATION,
        comparison=">",
        threshold=build_fixed_threshold(90, "Percent"),
        unit="Percent",
        evaluation_periods=15,
        description="The database uses nearly all of its CPU, and has for long.",
        command="ops db activity",
        graph="database-cpu",
    ),
    AlarmEntry(
        key="database-cpu-high",
        severity="P1",
        kind=DB_INSTANCE_KIND,
        metric=CPU_UTILIZATION,
        comparison=">",
        threshold=build_fixed_threshold(80, "Percent"),
        unit="Percent",
        evaluation_periods=10,
        description="The database is short of CPU: queries begin to queue.",
        command="ops db slow",
        graph="database-cpu",
    ),
    AlarmEntry(
        key="database-connections-exhausted",
        severity="P0",
        kind=DB_INSTANCE_KIND,
        metric=DATABASE_CONNECTIONS,
        comparison=">",
        threshold=_build_connections_threshold(95),
        unit="Count",
        description="The database is about to refuse connections.",
        command="ops db kill-idle",
        graph="database-connections",
    ),
    AlarmEntry(
        key="database-connections-high",
        severity="P1",
        kind=DB_INSTANCE_KIND,
        metric=DATABASE_CONNECTIONS,
        comparison=">",
        threshold=_build_connections_threshold(80),
        unit="Count",
        description="Connections are close to max_connections.",
        command="ops db activity",
        graph="database-connections",
    ),
    AlarmEntry(
        key="database-memory-low",
        severity="P2",
        kind=DB_INSTANCE_KIND,
        metric=MetricStatistic(RDS_NAMESPACE, "FreeableMemory"),
        comparison="<",
        threshold=Threshold(
            lambda s, name: get_instance_class(s, name).memory_bytes * 25 / 100,
            "25 % of the memory",
        ),
        unit="Bytes",
        evaluation_periods=15,
        description="Little memory is left for the file cache: reads come from the disk.",
        command="ops metrics database",
        graph="database-memory",
    ),
    AlarmEntry(
        key="database-storage-critical",
        severity="P0",
        kind=DB_INSTANCE_KIND,
        metric=FREE_STORAGE_SPACE,
        comparison="<",
        threshold=_build_storage_threshold(5),
        unit="Bytes",
        description="The disk is nearly full: a full disk stops the database.",
        command="ops db storage GIB",
        graph="database-storage",
    ),
    AlarmEntry(
        key="database-storage-low",
        severity="P1",
        kind=DB_INSTANCE_KIND,
        metric=FREE_STORAGE_SPACE,
        comparison="<",
        threshold=_build_storage_threshold(10),
        unit="Bytes",
        description="Little storage is free: autoscaling is off, at its limit, or too slow.",
        command="ops db storage GIB",
        graph="database-storage",
    ),
    # Only classes that burst publish the two balances; others have no data, which is no alarm.
    AlarmEntry(
        key="database-disk-bytes",
        severity="P2",
        kind=DB_INSTANCE_KIND,
        metric=MetricStatistic(RDS_NAMESPACE, "EBSByteBalance%"),
        comparison="<",
        threshold=build_fixed_threshold(10, "Percent"),
        unit="Percent",
        evaluation_periods=3,
        missing_data="notBreaching",
        description="The burst credits of the disk's throughput are nearly spent.",
        command="ops db resize CLASS",
        graph="database-disk-credits",
    ),
    AlarmEntry(
        key="database-disk-operations",
        severity="P2",
        kind=DB_INSTANCE_KIND,
        metric=MetricStatistic(RDS_NAMESPACE, "EBSIOBalance%"),
        comparison="<",
        threshold=build_fixed_threshold(10, "Percent"),
        unit="Percent",
        evaluation_periods=3,
        missing_data="notBreaching",
        description="The burst credits of the disk's operations are nearly spent.",
        command="ops db resize CLASS",
        graph="database-disk-credits",
    ),
    AlarmEntry(
        key="database-read-slow",
        severity="P2",
        kind=DB_INSTANCE_KIND,
        metric=MetricStatistic(RDS_NAMESPACE, "ReadLatency", "p90"),
        comparison=">",
        threshold=build_fixed_threshold(0.02, "Seconds"),
        unit="Seconds",
        description="Reads from the disk are slow: it is saturated, or the cache is too small.",
        command="ops db slow",
        graph="database-disk-latency",
    ),
    AlarmEntry(
        key="database-write-slow",
        severity="P2",
        kind=DB_INSTANCE_KIND,
        metric=MetricStatistic(RDS_NAMESPACE, "WriteLatency", "p90"),
        comparison=">",
        threshold=build_fixed_threshold(0.02, "Seconds"),
        unit="Seconds",
        description="Writes to the disk are slow: commits wait for them.",
        command="ops db activity",
        graph="database-disk-latency",
    ),
    AlarmEntry(
        key="database-load-high",
        severity="P2",
        kind=DB_INSTANCE_KIND,
        metric=MetricStatistic(RDS_NAMESPACE, "DBLoad"),
        comparison=">",
        threshold=Threshold(
            lambda s, name: get_instance_class(s, name).vcpu, "the number of vCPUs"
        ),
        unit="Count",
        evaluation_periods=15,
        condition=lambda settings: settings.database.performance_insights,
        description="More sessions are active or waiting than there are vCPUs.",
        command="ops db locks",
        graph="database-load",
    ),
    # PostgreSQL measures lag from the last replayed transaction, and an idle primary writes one
    # every five minutes: on an idle stack it rises and falls, and never stays high for ten.
    AlarmEntry(
        key="database-replica-lag",
        severity="P2",
        kind=REPLICA_KIND,
        metric=MetricStatistic(RDS_NAMESPACE, "ReplicaLag", "Maximum"),
        comparison=">",
        threshold=build_fixed_threshold(60, "Seconds"),
        unit="Seconds",
        evaluation_periods=10,
        description="A read replica lags behind: reads there return old data.",
        command="ops health",
        graph="database-lag",
    ),
    AlarmEntry(
        key="database-transaction-ids",
        severity="P1",
        kind=PRIMARY_KIND,
        metric=MetricStatistic(RDS_NAMESPACE, "MaximumUsedTransactionIDs", "Maximum"),
        comparison=">",
        threshold=build_fixed_threshold(1_000_000_000),
        unit="Count",
        max_value=2**31,  # transaction ids are numbers of 32 bits, half of which are in the past
        evaluation_periods=1,
        description="Vacuum lags behind: at two billion used ids PostgreSQL refuses writes.",
        command="ops db vacuum",
        graph="database-transaction-ids",
    ),
)
