"""Quotas of what the stack shares with its account: caches, vaults, keys, logs, calls, roles.

As in table.py: a limit is always read, and `default` is only said in the docs.
"""

from typing import TYPE_CHECKING, Final

from ops.quotas import measures
from ops.quotas.model import Quota

if TYPE_CHECKING:
    from ops.outputs import Outputs

KMS_SOURCE: Final = "KMS Developer Guide, quotas"
LOGS_SOURCE: Final = "CloudWatch Logs User Guide, quotas"
CLOUDWATCH_SOURCE: Final = "AWS General Reference, CloudWatch endpoints and quotas"
IAM_SOURCE: Final = "IAM User Guide, quotas"


def has_services(outputs: "Outputs") -> bool:
    """True if the stack runs tasks."""
    return outputs.services is not None and bool(outputs.services.services)


SHARED_QUOTAS: Final = (
    Quota(
        "elasticache",
        "L-DFE45DF3",
        "Nodes per Region",
        "300",
        "ElastiCache User Guide, quotas",
        measures.sum_items(
            "elasticache.describe_cache_clusters",
            "CacheClusters",
            "cache nodes",
            lambda cluster: float(cluster.get("NumCacheNodes") or 0),
        ),
        is_needed_elsewhere=True,
        is_applicable=lambda outputs: outputs.cache is not None,
    ),
    Quota(
        "backup",
        "L-7705D2CB",
        "Backup vaults per Region per account",
        "300",
        "AWS General Reference, AWS Backup endpoints and quotas",
        measures.count_items("backup.list_backup_vaults", "BackupVaultList", "backup vaults"),
    ),
    Quota(
        "kms",
        "L-C2F1777E",
        "Customer Master Keys (CMKs)",
        "100,000",
        KMS_SOURCE,
        # Those of AWS are in the list, and in no quota: too many are counted, never too few.
        measures.count_items("kms.list_keys", "Keys", "KMS keys, with those of AWS"),
    ),
    Quota(
        "kms",
        "L-6E3AF000",
        "Cryptographic operations (symmetric) request rate",
        "10,000 to 100,000 a second, by region",
        KMS_SOURCE,
        measures.read_call_rate("KMS", "CryptographicOperationsSymmetric"),
    ),
    Quota(
        "logs",
        "L-7E1FAE88",
        "PutLogEvents throttle limit in transactions per second",
        "5,000",
        LOGS_SOURCE,
        measures.read_call_rate("Logs", "PutLogEvents"),
        is_applicable=has_services,
    ),
    Quota(
        "logs",
        "L-76507CEF",
        "CreateLogStream throttle limit in transactions per second",
        "50",
        LOGS_SOURCE,
        # A task makes a stream for each container when it starts.
        measures.read_call_rate("Logs", "CreateLogStream"),
        is_applicable=has_services,
    ),
    Quota(
        "monitoring",
        "L-5E141212",
        "Rate of GetMetricData requests",
        "500",
        CLOUDWATCH_SOURCE,
        measures.read_call_rate("CloudWatch", "GetMetricData"),
    ),
    Quota(
        "monitoring",
        "L-21CB40A4",
        "Rate of DescribeAlarms requests",
        "9",
        CLOUDWATCH_SOURCE,
        measures.read_call_rate("CloudWatch", "DescribeAlarms"),
    ),
    Quota(
        "secretsmanager",
        "L-2F66C23C",
        "Secrets per Region",
        "500,000",
        "Secrets Manager User Guide, quotas",
        measures.count_items("secretsmanager.list_secrets", "SecretList", "secrets"),
    ),
    Quota(
        "events",
        "L-244521F2",
        "Number of rules",
        "300",
        "EventBridge User Guide, quotas",
        measures.count_items("events.list_rules", "Rules", "rules of the default event bus"),
    ),
    Quota(
        "iam",
        "L-FE177D64",
        "Roles per account",
        "1,000",
        IAM_SOURCE,
        measures.read_account_summary("Roles"),
        is_global=True,
    ),
    Quota(
        "iam",
        "L-E95E4862",
        "Customer managed policies per account",
        "1,500",
        IAM_SOURCE,
        measures.read_account_summary("Policies"),
        is_global=True,
    ),
    Quota(
        "s3",
        "L-DC2B2D3D",
        "General purpose buckets",
        "10,000",
        "S3 User Guide, bucket quotas",
        measures.count_items("s3.list_buckets", "Buckets", "buckets"),
        is_global=True,
    ),
)
