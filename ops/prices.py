"""List prices, on demand, in US dollars: a dated table, with where each number is from.

The numbers are us-east-1's; other regions differ by some per cent. A month has 730 hours, as on
AWS's own calculator.
"""

from typing import Final

REGION: Final = "us-east-1"
TAKEN: Final = "2026-11"
SOURCE: Final = "AWS's public pricing pages (EC2, VPC, RDS, ECS, ElastiCache, CloudWatch, KMS)"
HOURS: Final = 730

# $ an hour.
NAT_GATEWAY: Final = 0.045
LOAD_BALANCER: Final = 0.0225
INTERFACE_ENDPOINT: Final = 0.01  # in one zone
PUBLIC_IPV4: Final = 0.005
INSTANCES: Final = {
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
}
DATABASES: Final = {  # PostgreSQL, one zone; Multi-AZ is twice this
    "db.t4g.micro": 0.016,
    "db.t4g.small": 0.032,
    "db.t4g.medium": 0.065,
    "db.t4g.large": 0.129,
    "db.m7g.large": 0.168,
    "db.m7g.xlarge": 0.337,
}
CACHES: Final = {  # Redis; Valkey is VALKEY times this
    "cache.t4g.micro": 0.016,
    "cache.t4g.small": 0.032,
    "cache.t4g.medium": 0.065,
}
VALKEY: Final = 0.8
# Fargate: $ an hour for a vCPU, and for a GB.
FARGATE: Final = {"ARM64": (0.03238, 0.00356), "X86_64": (0.04048, 0.004445)}

# $ a month.
RDS_GP3_GB: Final = 0.115  # Multi-AZ is twice this
EBS_GP3_GB: Final = 0.08
ALARM_METRIC: Final = 0.10
COMPOSITE_ALARM: Final = 0.50
DASHBOARD: Final = 3.00
FREE_DASHBOARDS: Final = 3
KMS_KEY: Final = 1.00
SECRET: Final = 0.40
WEB_ACL: Final = 5.00
WEB_ACL_RULE: Final = 1.00
HOSTED_ZONE: Final = 0.50
ADVANCED_PARAMETER: Final = 0.05

# What depends on use: shown as such, never as nothing.
USAGE: Final = {
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
