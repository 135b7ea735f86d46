"""The rules of rightsizing as data: how long is looked back, what must stay free, who says so."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from components.facts.units import DAY_SECONDS, HOUR_SECONDS

# Compute Optimizer's default lookback (its user guide, "Rightsizing recommendation preferences").
LOOKBACK_DAYS: Final = 14
LOOKBACK_SECONDS: Final = LOOKBACK_DAYS * DAY_SECONDS
LOOKBACK_HOURS: Final = LOOKBACK_SECONDS // HOUR_SECONDS
# Hours of data without which nothing is said: a weekly peak must be in them twice. Assumed;
# Compute Optimizer is content with 30 hours of instances.
MIN_HOURS: Final = LOOKBACK_HOURS * 9 // 10


@dataclass(frozen=True)
class HeadroomRule:
    """How much of a capacity of the proposed size may be used at the worst time, in percent."""

    label: str
    max_percent: float
    source: str


HEADROOM_RULES: Final[Mapping[str, HeadroomRule]] = {
    rule.label: rule
    for rule in (
        HeadroomRule("CPU", 80, "Compute Optimizer's default headroom, 20 %"),
        HeadroomRule("memory", 80, "Compute Optimizer's default headroom, 20 %"),
        HeadroomRule("connections", 80, "the alarm database-connections-high is raised there"),
        HeadroomRule("IOPS", 80, "assumed, as CPU's"),
        HeadroomRule("throughput", 80, "assumed, as CPU's"),
        # A mean above it spends credits until there are none.
        HeadroomRule("CPU credits", 80, "assumed: below the baseline, so that credits are earned"),
    )
}
# Percent of each vCPU that a burstable size of t3, t3a and t4g may use for ever (EC2 User Guide,
# "Key concepts for burstable performance instances"). RDS's and ElastiCache's run on the same.
BASELINE_PERCENTS: Final[Mapping[str, float]] = {
    "nano": 5,
    "micro": 10,
    "small": 20,
    "medium": 20,
    "large": 30,
    "xlarge": 40,
    "2xlarge": 40,
}


@dataclass(frozen=True)
class DiskLimits:
    """What an instance class can do with its disks for ever: IOPS, and bytes a second."""

    iops: float
    bytes_per_second: float


def _build_limits(iops: float, megabytes: float) -> DiskLimits:
    return DiskLimits(iops, megabytes * 1_000_000)


# Baseline performance (EC2 User Guide, "EBS-optimized instance types"; DescribeInstanceTypes says
# the same, EbsOptimizedInfo), by family and size.
DISK_LIMITS: Final[Mapping[str, DiskLimits]] = {
    "t4g.micro": _build_limits(500, 10.88),
    "t4g.small": _build_limits(1000, 21.75),
    "t4g.medium": _build_limits(2000, 43.38),
    "t4g.large": _build_limits(4000, 86.88),
    "t4g.xlarge": _build_limits(4000, 86.88),
    "m6g.large": _build_limits(3600, 78.75),
    "m6g.xlarge": _build_limits(6000, 148.5),
    "m6g.2xlarge": _build_limits(12000, 296.88),
    "m7g.large": _build_limits(3600, 78.75),
    "m7g.xlarge": _build_limits(6000, 156.25),
    "m7g.2xlarge": _build_limits(12000, 312.5),
    "r6g.large": _build_limits(3600, 78.75),
    "r6g.xlarge": _build_limits(6000, 148.5),
    "r7g.large": _build_limits(3600, 78.75),
    "r7g.xlarge": _build_limits(6000, 156.25),
}
# Families with Intel or AMD processors, and the Graviton family whose sizes have no fewer vCPUs and
# no less memory (DescribeInstanceTypes) and cost less (RDS, ElastiCache and EC2 pricing pages).
GRAVITON_FAMILIES: Final[Mapping[str, str]] = {
    "t2": "t4g",
    "t3": "t4g",
    "t3a": "t4g",
    "m4": "m6g",
    "m5": "m6g",
    "m6i": "m7g",
    "m7i": "m7g",
    "r4": "r6g",
    "r5": "r6g",
    "r6i": "r7g",
    "r7i": "r7g",
}
# Their sizes: none above 16xlarge, and bare metal is of another shape (DescribeInstanceTypes).
GRAVITON_SIZES: Final = (
    *("nano", "micro", "small", "medium", "large", "xlarge", "2xlarge"),
    *("4xlarge", "8xlarge", "12xlarge", "16xlarge"),
)
# The right sizes are Well-Architected's COST06-BP03, "Select resource type, size, and number
# automatically based on metrics"; newer generations PERF02-BP01.
SIZE_REASON: Final = "COST06-BP03"
GENERATION_REASON: Final = "PERF02-BP01"
