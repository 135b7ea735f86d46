"""Protection: what holds data is not deleted by a slip."""

from collections.abc import Iterator
from typing import Final

from policy.rules.model import (
    FALSE_OR_UNSET,
    PROD,
    TRUE,
    UNKNOWN,
    Resource,
    Rule,
    at,
    at_least,
    judge,
    line,
    needs,
    one_of,
    where_set,
)

# What cannot be made again as it was, or answers users while it stands.
STATEFUL: Final = (
    "aws:backup/vault:Vault",
    "aws:ecr/repository:Repository",
    "aws:elasticache/replicationGroup:ReplicationGroup",
    "aws:kms/key:Key",
    "aws:lb/loadBalancer:LoadBalancer",
    "aws:rds/instance:Instance",
    "aws:s3/bucket:Bucket",
    "aws:secretsmanager/secret:Secret",
)


def _protected(resource: Resource) -> Iterator[str]:
    if not resource.protect:
        yield line("the option protect", resource.protect, "true")


def _final_snapshot(resource: Resource) -> Iterator[str]:
    if at(resource.props, "replicateSourceDb") is not None:
        return
    skipped = at(resource.props, "skipFinalSnapshot")
    yield from judge("skipFinalSnapshot", skipped, FALSE_OR_UNSET)
    name = at(resource.props, "finalSnapshotIdentifier")
    if name in (None, "") and skipped is not UNKNOWN and FALSE_OR_UNSET.test(skipped):
        yield line("finalSnapshotIdentifier", name, "the name of the last snapshot")


# Where nothing is said AWS keeps a deleted secret, and a deleted key, 30 days.
WINDOW: Final = where_set(at_least(7, "days"))

RULES = (
    Rule(
        "protected",
        ("house",),
        STATEFUL,
        "What holds data or answers users is protected in Pulumi.",
        _protected,
        PROD,
    ),
    Rule(
        "database-deletion-protection",
        ("RDS.8",),
        ("aws:rds/instance:Instance",),
        "A database has deletion protection.",
        needs(deletionProtection=TRUE),
        PROD,
    ),
    Rule(
        "balancer-deletion-protection",
        ("ELB.6",),
        ("aws:lb/loadBalancer:LoadBalancer",),
        "A load balancer has deletion protection.",
        needs(enableDeletionProtection=TRUE),
        PROD,
    ),
    Rule(
        "final-snapshot",
        ("house",),
        ("aws:rds/instance:Instance",),
        "A database leaves a last snapshot.",
        _final_snapshot,
        PROD,
    ),
    Rule(
        "automated-backups-stay",
        ("house",),
        ("aws:rds/instance:Instance",),
        "A deleted database leaves its automated backups.",
        needs(deleteAutomatedBackups=FALSE_OR_UNSET),
        PROD,
    ),
    Rule(
        "no-force-destroy",
        ("house",),
        ("aws:s3/bucket:Bucket", "aws:backup/vault:Vault"),
        "A bucket or vault that holds anything is not deleted.",
        needs(forceDestroy=FALSE_OR_UNSET),
        PROD,
    ),
    Rule(
        "no-force-delete",
        ("house",),
        ("aws:ecr/repository:Repository",),
        "A repository that holds images is not deleted.",
        needs(forceDelete=FALSE_OR_UNSET),
        PROD,
    ),
    Rule(
        "secret-recovery-window",
        ("house",),
        ("aws:secretsmanager/secret:Secret",),
        "A deleted secret can be had back.",
        needs(recoveryWindowInDays=WINDOW),
        PROD,
    ),
    Rule(
        "key-deletion-window",
        ("KMS.3",),
        ("aws:kms/key:Key",),
        "A deleted key can be had back.",
        needs(deletionWindowInDays=WINDOW),
    ),
    Rule(
        "bucket-versioned",
        ("S3.14",),
        ("aws:s3/bucketVersioning:BucketVersioning",),
        "A bucket keeps old versions.",
        needs(versioningConfiguration__status=one_of("Enabled")),
    ),
)
