"""List prices, on demand, in US dollars: a dated table, with where each number is from.

The numbers are us-east-1's; other regions differ by some per cent. A month has 730 hours, as on
AWS's own calculator. What AWS's Price List says by now is read by ops/cost/price_list.py.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

HOURS: Final = 730


@dataclass(frozen=True)
class PriceTable:
    """What things cost, when that was so, where, and who says."""

    region: str
    taken: str
    source: str
    # $ an hour.
    nat_gateway: float
    load_balancer: float
    interface_endpoint: float  # in one zone
    public_ipv4: float
    instances: Mapping[str, float]
    databases: Mapping[str, float]  # PostgreSQL, one zone; Multi-AZ is twice this
    caches: Mapping[str, float]  # Redis; Valkey is `valkey` times this
    fargate: Mapping[str, tuple[float, float]]  # for a vCPU, and for a GB
    # $ a month.
    rds_gp3_gb: float  # Multi-AZ is twice this
    ebs_gp3_gb: float
    valkey: float = 0.8
    alarm_metric: float = 0.10
    composite_alarm: float = 0.50
    dashboard: float = 3.00
    kms_key: float = 1.00
    secret: float = 0.40
    web_acl: float = 5.00
    web_acl_rule: float = 1.00
    hosted_zone: float = 0.50
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
        "db.t4g.micro": 0.016,
        "db.t4g.small": 0.032,
        "db.t4g.medium": 0.065,
        "db.t4g.large": 0.129,
        "db.m7g.large": 0.168,
        "db.m7g.xlarge": 0.337,
    },
    caches={"cache.t4g.micro": 0.016, "cache.t4g.small": 0.032, "cache.t4g.medium": 0.065},
    fargate={"ARM64": (0.03238, 0.00356), "X86_64": (0.04048, 0.004445)},
    rds_gp3_gb=0.115,
    ebs_gp3_gb=0.08,
)

# What depends on use: shown as such, never as nothing.
USAGE_RATES: Final = {
    "nat": "0.045 $ a GB processed",
    "lcu": "0.008 $ an LCU-hour",
    "endpoint": "0.01 $ a GB processed",
    "requests": "by request and GB",
    "logs": "0.50 $ a GB written, 0.03 $ a GB and month kept",
    "s3": "0.023 $ a GB and month kept, and requests",
    "ecr": "0.10 $ a GB and month kept",
    "backup": "0.095 $ a GB and month kept",
    "rds-backup": "backups beyond the storage allocated: 0.095 $ a GB and month",
    "lambda": "by invocation; a rotation a month stays in the free tier",
    "sns": "by message; the first 1,000 e-mails a month are free",
    "waf": "0.60 $ a million requests",
    "transfer": "0.02 $ a GB copied between regions, 0.095 $ a GB and month kept",
    "insights": "0.30 $ a custom metric and month, by number of tasks",
    "dns": "0.40 $ a million queries",
    "restore-test": "a restored database for some hours each test",
    "scale": "more tasks or instances while scaled out",
}
