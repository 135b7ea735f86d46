"""Alarms of the database: AWS's recommended ones for RDS, and the stack's own severities."""

from typing import TYPE_CHECKING, Final

from components.alarm_registry.kinds import INSTANCE, PRIMARY, REPLICA
from components.alarm_registry.model import GIB, Alarm, Limit, Metric, fixed
from components.instance_classes import RdsClass, get_rds_class

if TYPE_CHECKING:
    from components.settings.stack import Settings

NAMESPACE: Final = "AWS/RDS"
CPU: Final = Metric(NAMESPACE, "CPUUtilization")
CONNECTIONS: Final = Metric(NAMESPACE, "DatabaseConnections", "Maximum")
FREE: Final = Metric(NAMESPACE, "FreeStorageSpace", "Minimum")


def size(settings: "Settings", name: str) -> RdsClass:
    """The class of an instance: a replica may have its own."""
    database = settings.database
    own = database.replica_class if name != "primary" else None
    return get_rds_class(own or database.instance_class)


def max_connections(settings: "Settings", name: str) -> int:
    """What PostgreSQL allows: the parameter where it is a number, else the class's default."""
    given = settings.database.parameters.get("max_connections", "")
    return int(given) if given.isdigit() else size(settings, name).max_connections


def _connections(percent: int) -> Limit:
    return Limit(
        lambda settings, name: max_connections(settings, name) * percent / 100,
        f"{percent} % of max_connections",
    )


def _storage(percent: int) -> Limit:
    """Of what the settings allocate: where autoscaling has grown it, the alarm comes later."""
    return Limit(
        lambda settings, _: settings.database.storage_gb * GIB * percent // 100,
        f"{percent} % of the allocated storage",
    )


DATABASE: Final = (
    Alarm(
        key="database-cpu-critical",
        severity="P0",
        kind=INSTANCE,
        watch=CPU,
        compare=">",
        limit=fixed(90, "Percent"),
        unit="Percent",
        periods=15,
        says="The database has had no processor time to spare for a quarter of an hour.",
        run="ops db activity",
        graph="database-cpu",
    ),
    Alarm(
        key="database-cpu-high",
        severity="P1",
        kind=INSTANCE,
        watch=CPU,
        compare=">",
        limit=fixed(80, "Percent"),
        unit="Percent",
        periods=10,
        says="The database is short of processor time: queries begin to queue.",
        run="ops db slow",
        graph="database-cpu",
    ),
    Alarm(
        key="database-connections-exhausted",
        severity="P0",
        kind=INSTANCE,
        watch=CONNECTIONS,
        compare=">",
        limit=_connections(95),
        unit="Count",
        says="The database is about to refuse connections.",
        run="ops db kill-idle",
        graph="database-connections",
    ),
    Alarm(
        key="database-connections-high",
        severity="P1",
        kind=INSTANCE,
        watch=CONNECTIONS,
        compare=">",
        limit=_connections(80),
        unit="Count",
        says="Connections near the most that the instance class allows.",
        run="ops db activity",
        graph="database-connections",
    ),
    Alarm(
        key="database-memory-low",
        severity="P2",
        kind=INSTANCE,
        watch=Metric(NAMESPACE, "FreeableMemory"),
        compare="<",
        limit=Limit(lambda s, name: size(s, name).memory_bytes * 25 / 100, "25 % of the memory"),
        unit="Bytes",
        periods=15,
        says="Little memory is left for the file cache: reads go to the disk.",
        run="ops usage",
        graph="database-memory",
    ),
    Alarm(
        key="database-storage-critical",
        severity="P0",
        kind=INSTANCE,
        watch=FREE,
        compare="<",
        limit=_storage(5),
        unit="Bytes",
        says="The disk is nearly full: a full one stops the database.",
        run="ops db storage GIB",
        graph="database-storage",
    ),
    Alarm(
        key="database-storage-low",
        severity="P1",
        kind=INSTANCE,
        watch=FREE,
        compare="<",
        limit=_storage(10),
        unit="Bytes",
        says="Less free storage than autoscaling keeps: it is off, at its limit, or too slow.",
        run="ops db storage GIB",
        graph="database-storage",
    ),
    # Only classes that burst publish the two balances; others have no data, which is no alarm.
    Alarm(
        key="database-disk-bytes",
        severity="P2",
        kind=INSTANCE,
        watch=Metric(NAMESPACE, "EBSByteBalance%"),
        compare="<",
        limit=fixed(10, "Percent"),
        unit="Percent",
        periods=3,
        missing="notBreaching",
        says="The burst credits of the disk's throughput are nearly spent.",
        run="ops db resize CLASS",
        graph="database-disk-credits",
    ),
    Alarm(
        key="database-disk-operations",
        severity="P2",
        kind=INSTANCE,
        watch=Metric(NAMESPACE, "EBSIOBalance%"),
        compare="<",
        limit=fixed(10, "Percent"),
        unit="Percent",
        periods=3,
        missing="notBreaching",
        says="The burst credits of the disk's operations are nearly spent.",
        run="ops db resize CLASS",
        graph="database-disk-credits",
    ),
    Alarm(
        key="database-read-slow",
        severity="P2",
        kind=INSTANCE,
        watch=Metric(NAMESPACE, "ReadLatency", "p90"),
        compare=">",
        limit=fixed(0.02, "Seconds"),
        unit="Seconds",
        says="Reads from the disk take long: it is saturated, or the cache is too small.",
        run="ops db slow",
        graph="database-disk-latency",
    ),
    Alarm(
        key="database-write-slow",
        severity="P2",
        kind=INSTANCE,
        watch=Metric(NAMESPACE, "WriteLatency", "p90"),
        compare=">",
        limit=fixed(0.02, "Seconds"),
        unit="Seconds",
        says="Writes to the disk take long: commits wait for it.",
        run="ops db activity",
        graph="database-disk-latency",
    ),
    Alarm(
        key="database-load-high",
        severity="P2",
        kind=INSTANCE,
        watch=Metric(NAMESPACE, "DBLoad"),
        compare=">",
        limit=Limit(lambda s, name: size(s, name).vcpu, "the number of vCPUs"),
        unit="Count",
        periods=15,
        when=lambda settings: settings.database.performance_insights,
        says="More sessions work or wait at once than there are processors.",
        run="ops db locks",
        graph="database-load",
    ),
    # PostgreSQL measures lag from the last replayed transaction, and an idle primary writes one
    # every five minutes: on an idle stack it rises and falls, and never stays high for ten.
    Alarm(
        key="database-replica-lag",
        severity="P2",
        kind=REPLICA,
        watch=Metric(NAMESPACE, "ReplicaLag", "Maximum"),
        compare=">",
        limit=fixed(60, "Seconds"),
        unit="Seconds",
        periods=10,
        says="A read replica is behind: what is read there is old.",
        run="ops health",
        graph="database-lag",
    ),
    Alarm(
        key="database-transaction-ids",
        severity="P1",
        kind=PRIMARY,
        watch=Metric(NAMESPACE, "MaximumUsedTransactionIDs", "Maximum"),
        compare=">",
        limit=fixed(1_000_000_000),
        unit="Count",
        periods=1,
        says="Vacuum is behind: at two billion used ids PostgreSQL stops taking writes.",
        run="ops db vacuum",
        graph="database-transaction-ids",
    ),
)
