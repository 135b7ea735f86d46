"""Regions between which RDS replicates automated backups.

Source: Amazon RDS User Guide, "Replicating automated backups to another AWS Region", table of AWS
Region support (github.com/awsdocs/amazon-rds-user-guide, doc_source/USER_ReplicateBackups.md,
commit 0598514cf7ab; read on 2026-11-30). Later pages name `aws rds describe-source-regions --region
DESTINATION` in its place, so that newer pairs may be missing here.
"""

from collections.abc import Mapping
from typing import Final

BACKUP_DESTINATIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "ap-northeast-1": (
        *("ap-northeast-2", "ap-northeast-3", "ap-southeast-1"),
        *("us-east-1", "us-east-2", "us-west-2"),
    ),
    "ap-northeast-2": (
        *("ap-northeast-1", "ap-southeast-1", "us-east-1", "us-east-2", "us-west-2"),
    ),
    "ap-northeast-3": ("ap-northeast-1",),
    "ap-south-1": ("ap-southeast-1", "us-east-1", "us-east-2", "us-west-2"),
    "ap-southeast-1": (
        *("ap-northeast-1", "ap-northeast-2", "ap-south-1", "ap-southeast-2"),
        *("us-east-1", "us-east-2", "us-west-2"),
    ),
    "ap-southeast-2": ("ap-southeast-1", "us-east-1", "us-west-1", "us-west-2"),
    "ca-central-1": ("eu-west-1", "us-east-1", "us-east-2", "us-west-1", "us-west-2"),
    "eu-central-1": (
        *("eu-north-1", "eu-west-1", "eu-west-2", "eu-west-3"),
        *("us-east-1", "us-east-2", "us-west-2"),
    ),
    "eu-north-1": ("eu-central-1", "eu-west-1", "eu-west-2", "eu-west-3", "us-east-1"),
    "eu-west-1": (
        *("ca-central-1", "eu-central-1", "eu-north-1", "eu-west-2", "eu-west-3"),
        *("us-east-1", "us-east-2", "us-west-1", "us-west-2"),
    ),
    "eu-west-2": ("eu-central-1", "eu-north-1", "eu-west-1", "eu-west-3", "us-east-1"),
    "eu-west-3": ("eu-central-1", "eu-north-1", "eu-west-1", "eu-west-2", "us-east-1"),
    "sa-east-1": ("us-east-1", "us-east-2"),
    "us-east-1": (
        *("ap-northeast-1", "ap-northeast-2", "ap-south-1", "ap-southeast-1", "ap-southeast-2"),
        *("ca-central-1", "eu-central-1", "eu-north-1", "eu-west-1", "eu-west-2", "eu-west-3"),
        *("sa-east-1", "us-east-2", "us-west-1", "us-west-2"),
    ),
    "us-east-2": (
        *("ap-northeast-1", "ap-northeast-2", "ap-south-1", "ap-southeast-1", "ca-central-1"),
        *("eu-central-1", "eu-west-1", "sa-east-1", "us-east-1", "us-west-1", "us-west-2"),
    ),
    "us-west-1": (
        *("ap-southeast-2", "ca-central-1", "eu-west-1", "us-east-1", "us-east-2", "us-west-2"),
    ),
    "us-west-2": (
        *("ap-northeast-1", "ap-northeast-2", "ap-south-1", "ap-southeast-1", "ap-southeast-2"),
        *("ca-central-1", "eu-central-1", "eu-west-1", "us-east-1", "us-east-2", "us-west-1"),
    ),
}


def replicates_backups_between(source: str, destination: str) -> bool:
    """Whether RDS replicates automated backups from one region to another."""
    return destination in BACKUP_DESTINATIONS.get(source, ())
