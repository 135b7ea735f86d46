"""What each metric of a healthy stack is like: its level, how it follows the day, its noise.

The figures are assumptions about a shop of modest size on the instance types that the stack has by
default. Names, units and what a gap means are AWS's: components/facts/metrics.py has the sources.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

_GIB: Final = 1024.0**3


@dataclass(frozen=True)
class MetricLevel:
    """The mean of a day, and how much of it moves: `day` with the hours, `noise` by chance.

    `is_count`: values add up over a period. `is_silent_at_zero`: there is no data point for zero.
    `sigma` is of the log-normal distribution of single values in a minute; 0 if there is one.
    """

    mean: float
    day: float = 0.0
    noise: float = 0.0
    is_count: bool = False
    is_silent_at_zero: bool = False
    sigma: float = 0.0
    maximum: float | None = None


def _count(
    mean: float, day: float = 0.0, noise: float = 0.0, *, silent: bool = False
) -> MetricLevel:
    return MetricLevel(mean, day, noise, is_count=True, is_silent_at_zero=silent)


def _percent(mean: float, day: float = 0.0, noise: float = 0.05) -> MetricLevel:
    return MetricLevel(mean, day, noise, maximum=100.0)


# Shares of requests are no metrics of AWS's: those of responses are computed from them.
ERROR_SHARE: Final = "ErrorShare"
CLIENT_ERROR_SHARE: Final = "ClientErrorShare"
OWN_ERROR_SHARE: Final = "OwnErrorShare"
OWN_CLIENT_ERROR_SHARE: Final = "OwnClientErrorShare"

TARGET_LEVELS: Final[Mapping[str, MetricLevel]] = {
    "RequestCount": _count(600, 0.45, 0.08, silent=True),
    ERROR_SHARE: MetricLevel(0.0003, 0, 0.5),
    CLIENT_ERROR_SHARE: MetricLevel(0.012, 0, 0.3),
    "TargetResponseTime": MetricLevel(0.045, 0.1, 0.08, sigma=0.7),
    "HealthyHostCount": MetricLevel(2),
    "UnHealthyHostCount": MetricLevel(0),
    "TargetConnectionErrorCount": _count(0, silent=True),
}
BALANCER_LEVELS: Final[Mapping[str, MetricLevel]] = {
    OWN_ERROR_SHARE: MetricLevel(0.0),
    OWN_CLIENT_ERROR_SHARE: MetricLevel(0.001, 0, 0.4),
    "ActiveConnectionCount": _count(240, 0.4, 0.1, silent=True),
    "NewConnectionCount": _count(300, 0.4, 0.1, silent=True),
    "RejectedConnectionCount": _count(0, silent=True),
    "ClientTLSNegotiationErrorCount": _count(2, 0.2, 0.9, silent=True),
    "ConsumedLCUs": MetricLevel(0.9, 0.4, 0.1),
}
SERVICE_LEVELS: Final[Mapping[str, MetricLevel]] = {
    "CPUUtilization": _percent(30, 0.4, 0.08),
    "MemoryUtilization": _percent(44, 0.05, 0.02),
    "DesiredTaskCount": MetricLevel(2),
    "RunningTaskCount": MetricLevel(2),
    "PendingTaskCount": MetricLevel(0),
    "RestartCount": MetricLevel(0),
}
FLEET_LEVELS: Final[Mapping[str, MetricLevel]] = {
    "CPUUtilization": _percent(26, 0.4, 0.1),
    "mem_used_percent": _percent(41, 0.05, 0.02),
    "disk_used_percent": _percent(37, 0, 0.002),
    "NetworkIn": _count(2.4e8, 0.4, 0.1),
    "NetworkOut": _count(5.1e8, 0.4, 0.1),
    "StatusCheckFailed": MetricLevel(0),
    "StatusCheckFailed_Instance": MetricLevel(0),
    "StatusCheckFailed_System": MetricLevel(0),
    "GroupInServiceInstances": MetricLevel(2),
    "GroupInServiceCapacity": MetricLevel(2),
    "GroupDesiredCapacity": MetricLevel(2),
    "GroupMinSize": MetricLevel(2),
    "GroupMaxSize": MetricLevel(10),
    "GroupPendingInstances": MetricLevel(0),
}
DATABASE_LEVELS: Final[Mapping[str, MetricLevel]] = {
    "CPUUtilization": _percent(24, 0.45, 0.1),
    "DBLoad": MetricLevel(0.5, 0.45, 0.25),
    "DBLoadCPU": MetricLevel(0.35, 0.45, 0.25),
    "DBLoadNonCPU": MetricLevel(0.15, 0.45, 0.3),
    "DatabaseConnections": MetricLevel(24, 0.2, 0.06),
    "FreeableMemory": MetricLevel(0.82 * _GIB, 0, 0.02),
    "SwapUsage": MetricLevel(1.2e7, 0, 0.02),
    "FreeStorageSpace": MetricLevel(13.4 * _GIB, 0, 0.001),
    "ReadIOPS": MetricLevel(70, 0.5, 0.2),
    "WriteIOPS": MetricLevel(120, 0.5, 0.15),
    "ReadThroughput": MetricLevel(1.4e6, 0.5, 0.2),
    "WriteThroughput": MetricLevel(2.2e6, 0.5, 0.15),
    "ReadLatency": MetricLevel(0.0008, 0.1, 0.15),
    "WriteLatency": MetricLevel(0.0014, 0.1, 0.15),
    "DiskQueueDepth": MetricLevel(0.25, 0.4, 0.4),
    "BurstBalance": _percent(100, 0, 0),
    "EBSByteBalance%": _percent(99, 0, 0.005),
    "EBSIOBalance%": _percent(99, 0, 0.005),
    "CPUCreditBalance": MetricLevel(574, 0, 0.002),
    "CPUCreditUsage": MetricLevel(0.5, 0.4, 0.2),
    "CPUSurplusCreditBalance": MetricLevel(0),
    "CPUSurplusCreditsCharged": MetricLevel(0),
    "MaximumUsedTransactionIDs": MetricLevel(1.9e8, 0, 0.0005),
    "TransactionLogsDiskUsage": MetricLevel(4.1e8, 0, 0.05),
    "OldestReplicationSlotLag": MetricLevel(2.0e5, 0, 0.5),
    "NetworkReceiveThroughput": MetricLevel(4e5, 0.5, 0.15),
    "NetworkTransmitThroughput": MetricLevel(9e5, 0.5, 0.15),
    "ReplicaLag": MetricLevel(0.4, 0, 0.5),
}
CACHE_LEVELS: Final[Mapping[str, MetricLevel]] = {
    "CPUUtilization": _percent(7, 0.3, 0.1),
    "EngineCPUUtilization": _percent(5, 0.4, 0.1),
    "DatabaseMemoryUsagePercentage": _percent(46, 0.05, 0.01),
    "FreeableMemory": MetricLevel(0.24 * _GIB, 0, 0.02),
    "CurrConnections": MetricLevel(28, 0.2, 0.06),
    "NewConnections": _count(6, 0.3, 0.3),
    "CacheHits": _count(5200, 0.45, 0.08),
    "CacheMisses": _count(340, 0.45, 0.12),
    "Evictions": _count(0),
    "AuthenticationFailures": _count(0),
    "CurrItems": MetricLevel(48_000, 0.05, 0.01),
    "ReplicationLag": MetricLevel(0.01, 0, 0.9),
    "SwapUsage": MetricLevel(0),
}
NAT_LEVELS: Final[Mapping[str, MetricLevel]] = {
    "BytesOutToDestination": _count(6.1e6, 0.4, 0.15),
    "BytesInFromDestination": _count(2.3e7, 0.4, 0.15),
    "BytesOutToSource": _count(2.3e7, 0.4, 0.15),
    "BytesInFromSource": _count(6.1e6, 0.4, 0.15),
    "ActiveConnectionCount": MetricLevel(85, 0.4, 0.1),
    "ConnectionAttemptCount": _count(160, 0.4, 0.1),
    "ConnectionEstablishedCount": _count(159, 0.4, 0.1),
    "ErrorPortAllocation": _count(0),
    "PacketsDropCount": _count(0),
    "PacketsInFromSource": _count(21_000, 0.4, 0.12),
    "PacketsInFromDestination": _count(30_000, 0.4, 0.12),
    "PacketsOutToDestination": _count(21_000, 0.4, 0.12),
    "PacketsOutToSource": _count(30_000, 0.4, 0.12),
}
INSTANCE_LEVELS: Final[Mapping[str, MetricLevel]] = {
    "CPUUtilization": _percent(18, 0.4, 0.1),
    "CPUCreditBalance": MetricLevel(288, 0, 0.002),
    "NetworkIn": _count(6e7, 0.4, 0.1),
    "NetworkOut": _count(6e7, 0.4, 0.1),
    "StatusCheckFailed": MetricLevel(0),
    "StatusCheckFailed_Instance": MetricLevel(0),
    "StatusCheckFailed_System": MetricLevel(0),
}
CERTIFICATE_LEVELS: Final[Mapping[str, MetricLevel]] = {"DaysToExpiry": MetricLevel(301)}
# By metric: blocked requests are those of scanners, which there always are.
FIREWALL_LEVELS: Final[Mapping[str, MetricLevel]] = {
    "AllowedRequests": _count(1600, 0.45, 0.08, silent=True),
    "BlockedRequests": _count(3, 0.1, 0.9, silent=True),
}
LEVELS: Final[Mapping[str, Mapping[str, MetricLevel]]] = {
    "targets": TARGET_LEVELS,
    "load-balancer": BALANCER_LEVELS,
    "service": SERVICE_LEVELS,
    "fleet": FLEET_LEVELS,
    "database": DATABASE_LEVELS,
    "cache": CACHE_LEVELS,
    "nat": NAT_LEVELS,
    "instance": INSTANCE_LEVELS,
    "certificate": CERTIFICATE_LEVELS,
    "firewall": FIREWALL_LEVELS,
}
