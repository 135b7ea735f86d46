"""The built-in price table: on-demand list prices in US dollars, with date and source.

Prices are of us-east-1; other regions differ by some percent. A month has 730 hours, as in the AWS
Pricing Calculator. ops/prices/price_list.py reads current prices.

Held on 2026-12-01 to what others publish of AWS's list. The same are: databases, volumes, NAT and
load balancers, instances but t4g.nano and m7g.medium (a copy of April 2026); cache nodes, Fargate
on x86 (several copies); RDS's storage, IOPS, backups and Extended Support (guides of March to June
2026). All else could not be confirmed: assumed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

HOURS: Final = 730


@dataclass(frozen=True)
class PriceTable:
    """Prices with their region, date and source."""

    region: str
    taken: str
    source: str
    # $ per hour.
    nat_gateway: float
    load_balancer: float
    interface_endpoint: float  # in one zone
    public_ipv4: float
    instances: Mapping[str, float]
    databases: Mapping[str, float]  # PostgreSQL, one zone; Multi-AZ is twice this
    caches: Mapping[str, float]  # Redis; Valkey is `valkey` times this
    fargate: Mapping[str, tuple[float, float]]  # per vCPU, per GB
    # $ per month.
    rds_gp3_gb: float  # Multi-AZ is twice this
    rds_backup_gb: float
    ebs_gp3_gb: float
    # Beyond what gp3 includes; Multi-AZ is twice this (infracost#2487 has the first).
    rds_gp3_iops: float = 0.02
    rds_gp3_throughput: float = 0.08  # per MiB/s; assumed
    # Per vCPU-hour, in the first two years and from the third on (RDS for PostgreSQL pricing).
    extended_support: float = 0.100
    extended_support_year_3: float = 0.200
    classic_load_balancer: float = 0.025  # per hour; assumed
    valkey: float = 0.8
    alarm_metric: float = 0.10
    composite_alarm: float = 0.50
    dashboard: float = 3.00
    kms_key: float = 1.00
    secret: float = 0.40
    web_acl: float = 5.00
    web_acl_rule: float = 1.00
    hosted_zone: float = 0.50
    # Of looks at logs: per GB that a query scans, per minute of Live Tail.
    logs_scanned_gb: float = 0.005
    live_tail_minute: float = 0.01
    nat_gb: float = 0.045  # per GB that a NAT gateway processes
    # Per GB: of volumes by type, of snapshots, of what log groups and repositories store.
    ebs_gb: Mapping[str, float] = field(
        default_factory=lambda: {
            "gp3": 0.08,
            "gp2": 0.10,
            "io1": 0.125,
            "io2": 0.125,
            "st1": 0.045,
            "sc1": 0.015,
            "standard": 0.05,
        }
    )
    ebs_snapshot_gb: float = 0.05
    stored_logs_gb: float = 0.03
    # By the StorageType of BucketSizeBytes; of Standard's tiers the first, below 50 TB (S3 pricing
    # page). Overheads: S3 User Guide, "Understanding S3 Glacier storage classes".
    s3_gb: Mapping[str, float] = field(
        default_factory=lambda: {
            "StandardStorage": 0.023,
            "IntelligentTieringFAStorage": 0.023,
            "IntelligentTieringIAStorage": 0.0125,
            "IntelligentTieringAIAStorage": 0.004,
            "IntelligentTieringAAStorage": 0.0036,
            "IntelligentTieringDAAStorage": 0.00099,
            "StandardIAStorage": 0.0125,
            "StandardIASizeOverhead": 0.0125,
            "OneZoneIAStorage": 0.01,
            "OneZoneIASizeOverhead": 0.01,
            "ReducedRedundancyStorage": 0.024,
            "GlacierInstantRetrievalStorage": 0.004,
            "GlacierIRSizeOverhead": 0.004,
            "GlacierStorage": 0.0036,
            "GlacierStagingStorage": 0.023,
            "GlacierObjectOverhead": 0.0036,
            "GlacierS3ObjectOverhead": 0.023,
            "DeepArchiveStorage": 0.00099,
            "DeepArchiveStagingStorage": 0.023,
            "DeepArchiveObjectOverhead": 0.00099,
            "DeepArchiveS3ObjectOverhead": 0.023,
        }
    )
    ecr_gb: float = 0.10
    notes: tuple[str, ...] = field(default=())


DEFAULT_PRICE_TABLE: Final = PriceTable(
    region="us-east-1",
    taken="2026-11",
    source="AWS's public pricing pages (EC2, VPC, RDS, ECS, ElastiCache, CloudWatch, KMS)",
    nat_gateway=0.045,
    load_balancer=0.0225,
    interface_endpoint=0.01,
    public_ipv4=0.005,
    instances={
        "t4g.nano": 0.0042,
        "t4g.micro": 0.0084,
        "t4g.small": 0.0168,
        "t4g.medium": 0.0336,
        "t4g.large": 0.0672,
        "t4g.xlarge": 0.1344,
        "t3.micro": 0.0104,
        "t3.small": 0.0208,
        "t3.medium": 0.0416,
        "m7g.medium": 0.0408,
        "m7g.large": 0.0816,
    },
    databases={
        "db.t3.micro": 0.018,
        "db.t3.small": 0.036,
        "db.t3.medium": 0.072,
        "db.t3.large": 0.145,
        "db.t4g.micro": 0.016,
        "db.t4g.small": 0.032,
        "db.t4g.medium": 0.065,
        "db.t4g.large": 0.129,
        "db.m7g.large": 0.168,
        "db.m7g.xlarge": 0.337,
    },
    caches={
        "cache.t3.micro": 0.017,
        "cache.t3.small": 0.034,
        "cache.t3.medium": 0.068,
        "cache.t4g.micro": 0.016,
        "cache.t4g.small": 0.032,
        "cache.t4g.medium": 0.065,
    },
    fargate={"ARM64": (0.03238, 0.00356), "X86_64": (0.04048, 0.004445)},
    rds_gp3_gb=0.115,
    rds_backup_gb=0.095,
    ebs_gp3_gb=0.08,
)

# Rates of what depends on usage.
USAGE_RATES: Final = {
    "nat": "0.045 $ per GB processed: 4.50 $ a month at 100 GB, an assumption",
    "database-insights": "0.0125 $ per vCPU-hour: 18.25 $ a month with 2 vCPUs",
    "extended-support": "0.10 $ per vCPU-hour for two years, then 0.20 $: `ops db upgrade` ends it",
    "lcu": "0.008 $ per LCU-hour",
    "endpoint": "0.01 $ per GB processed",
    "requests": "per request and GB",
    "logs": "0.50 $ per GB ingested, 0.03 $ per GB-month stored",
    "s3": "0.023 $ per GB-month, plus requests",
    "ecr": "0.10 $ per GB-month",
    "backup": "0.095 $ per GB-month",
    "rds-backup": "0.095 $ per GB-month of backups beyond the allocated storage",
    "lambda": "per invocation; monthly rotations are in the free tier",
    "sns": "per message; the first 1,000 e-mails per month are free",
    "waf": "0.60 $ per million requests",
    "transfer": "0.02 $ per GB copied between regions, 0.095 $ per GB-month",
    "insights": "0.30 $ per custom metric and month; more tasks, more metrics",
    "dns": "0.40 $ per million queries",
    "restore-test": "a restored database for some hours per test",
    "scale": "extra tasks or instances while scaled out",
}
