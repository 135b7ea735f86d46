"""Resource types that hold data: what their removal loses, and the downtime.

Times are from AWS's documentation; those that it does not state are marked as assumptions.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

ASSUMPTION: Final = "an assumption, AWS states no time"
REFILL_DOWNTIME: Final = "until the data is restored from elsewhere"


@dataclass(frozen=True)
class DataType:
    """A type that holds data. `safeguards` are sentences by input and its truth value."""

    loss: str
    downtime: str
    source: str
    safeguards: tuple[tuple[str, bool, str], ...] = ()

    def describe_loss(self, inputs: Mapping[str, Any]) -> str:
        """Describes what is lost, and which of the resource's safeguards are on or off."""
        sentences = [
            text for name, value, text in self.safeguards if bool(inputs.get(name)) is value
        ]
        return "; ".join((self.loss, *sentences))


DELETION_PROTECTION_SAFEGUARD: Final = (
    "deletionProtection",
    True,
    "deletion protection is on, so AWS refuses",
)
FINAL_SNAPSHOT_SAFEGUARDS: Final = (
    ("skipFinalSnapshot", True, "NO FINAL SNAPSHOT is taken"),
    ("skipFinalSnapshot", False, "a final snapshot is taken first"),
)
FORCE_DESTROY_SAFEGUARDS: Final = (
    ("forceDestroy", True, "forceDestroy is on, so it is emptied first"),
    ("forceDestroy", False, "AWS refuses it unless it is empty"),
)
RESTORE_DOWNTIME: Final = f"{ASSUMPTION}: a restore from a snapshot takes 20 min and more"

# By the type without `aws:` and the class.
DATA_TYPES: Final[Mapping[str, DataType]] = {
    "rds/instance": DataType(
        "the database and its automated backups",
        RESTORE_DOWNTIME,
        "RDS User Guide, Deleting a DB instance: automated backups go with it",
        (*FINAL_SNAPSHOT_SAFEGUARDS, DELETION_PROTECTION_SAFEGUARD),
    ),
    "rds/cluster": DataType(
        "the cluster's databases and its automated backups",
        RESTORE_DOWNTIME,
        "Aurora User Guide, Deleting Aurora DB clusters",
        (*FINAL_SNAPSHOT_SAFEGUARDS, DELETION_PROTECTION_SAFEGUARD),
    ),
    "rds/snapshot": DataType(
        "a snapshot of a database",
        "none while the database is there",
        "RDS User Guide, Deleting a DB snapshot",
    ),
    "rds/clusterSnapshot": DataType(
        "a snapshot of a cluster",
        "none while the cluster is there",
        "Aurora User Guide, Deleting a DB cluster snapshot",
    ),
    "rds/instanceAutomatedBackupsReplication": DataType(
        "the replicated backups in the recovery region, needed if the region is lost",
        "none; no recovery in the other region until they are replicated again",
        "RDS User Guide, Replicating automated backups to another AWS Region",
    ),
    "docdb/cluster": DataType(
        "the cluster's databases and its automated backups",
        RESTORE_DOWNTIME,
        "DocumentDB Developer Guide, Deleting a cluster",
        (*FINAL_SNAPSHOT_SAFEGUARDS, DELETION_PROTECTION_SAFEGUARD),
    ),
    "neptune/cluster": DataType(
        "the graph and its automated backups",
        RESTORE_DOWNTIME,
        "Neptune User Guide, Deleting a DB cluster",
        (*FINAL_SNAPSHOT_SAFEGUARDS, DELETION_PROTECTION_SAFEGUARD),
    ),
    "redshift/cluster": DataType(
        "the warehouse and its automated snapshots",
        RESTORE_DOWNTIME,
        "Redshift Management Guide, Shutting down and deleting a cluster",
        FINAL_SNAPSHOT_SAFEGUARDS,
    ),
    "dynamodb/table": DataType(
        "every item of the table",
        REFILL_DOWNTIME,
        "DynamoDB Developer Guide, Deleting a table",
        (("deletionProtectionEnabled", True, DELETION_PROTECTION_SAFEGUARD[2]),),
    ),
    "s3/bucket": DataType(
        "every object in it, all versions; others may take its name",
        REFILL_DOWNTIME,
        "S3 User Guide, Deleting a bucket",
        FORCE_DESTROY_SAFEGUARDS,
    ),
    "s3/bucketV2": DataType(
        "every object in it, all versions; others may take its name",
        REFILL_DOWNTIME,
        "S3 User Guide, Deleting a bucket",
        FORCE_DESTROY_SAFEGUARDS,
    ),
    "kms/key": DataType(
        "everything encrypted with it, for good: databases, snapshots, objects, secrets, logs",
        "everything that needs it fails at once; the deletion can be cancelled for 7 to 30 days",
        "KMS Developer Guide, Deleting AWS KMS keys",
    ),
    "kms/replicaKey": DataType(
        "access to data that only this region's replica of the key decrypts",
        "everything that needs it fails at once; the deletion can be cancelled for 7 to 30 days",
        "KMS Developer Guide, Deleting multi-Region keys",
    ),
    "elasticache/replicationGroup": DataType(
        "everything cached, including sessions",
        f"{ASSUMPTION}: 10-15 min, then a cold cache",
        "ElastiCache User Guide, Deleting a replication group",
        (("finalSnapshotIdentifier", True, "a final snapshot is taken first"),),
    ),
    "elasticache/cluster": DataType(
        "everything cached, including sessions",
        f"{ASSUMPTION}: 10-15 min, then a cold cache",
        "ElastiCache User Guide, Deleting a cluster",
        (("finalSnapshotIdentifier", True, "a final snapshot is taken first"),),
    ),
    "elasticache/serverlessCache": DataType(
        "everything cached, including sessions",
        f"{ASSUMPTION}: 10-15 min, then a cold cache",
        "ElastiCache User Guide, Deleting a serverless cache",
    ),
    "memorydb/cluster": DataType(
        "the cluster's data",
        RESTORE_DOWNTIME,
        "MemoryDB Developer Guide, Deleting a cluster",
        (("finalSnapshotName", True, "a final snapshot is taken first"),),
    ),
    "backup/vault": DataType(
        "its recovery points",
        "none; there is nothing to restore from",
        "Backup Developer Guide, Deleting a backup vault: it must be empty",
        FORCE_DESTROY_SAFEGUARDS,
    ),
    "secretsmanager/secret": DataType(
        "the secret and all its versions",
        "everything that reads it fails at once; it can be restored within its recovery window",
        "Secrets Manager User Guide, Delete an AWS Secrets Manager secret",
    ),
    "efs/fileSystem": DataType(
        "every file in it",
        REFILL_DOWNTIME,
        "EFS User Guide, Deleting an EFS file system",
    ),
    "fsx/lustreFileSystem": DataType(
        "every file in it",
        REFILL_DOWNTIME,
        "FSx for Lustre User Guide, Deleting a file system",
    ),
    "ebs/volume": DataType(
        "the disk",
        REFILL_DOWNTIME,
        "EBS User Guide, Delete an Amazon EBS volume",
        (("finalSnapshot", True, "a final snapshot is taken first"),),
    ),
    "ebs/snapshot": DataType(
        "a snapshot of a disk",
        "none while the disk is there",
        "EBS User Guide, Delete an Amazon EBS snapshot",
    ),
    "cloudwatch/logGroup": DataType(
        "all its logs",
        "none; alarms on it have no data",
        "CloudWatch Logs API Reference, DeleteLogGroup",
    ),
    "ecr/repository": DataType(
        "its images: no task can start or be rolled back",
        "none for running tasks; new ones need the images pushed again",
        "ECR User Guide, Deleting a private repository",
        (
            ("forceDelete", True, "forceDelete is on, so it is emptied first"),
            ("forceDelete", False, "AWS refuses it unless it is empty"),
        ),
    ),
    "sqs/queue": DataType(
        "its waiting messages",
        "at least 60 s until its name can be used again",
        "SQS API Reference, DeleteQueue",
    ),
    "kinesis/stream": DataType(
        "its records",
        REFILL_DOWNTIME,
        "Kinesis Data Streams API Reference, DeleteStream",
    ),
    "opensearch/domain": DataType(
        "its indexes and automated snapshots",
        RESTORE_DOWNTIME,
        "OpenSearch Service Developer Guide, Deleting domains",
    ),
    "cognito/userPool": DataType(
        "its users and their passwords",
        "nobody can sign in until they sign up again",
        "Cognito API Reference, DeleteUserPool",
        (("deletionProtection", True, DELETION_PROTECTION_SAFEGUARD[2]),),
    ),
    "route53/zone": DataType(
        "its records; a new zone has other name servers",
        "until the registrar has the new name servers and caches expire: up to 48 h",
        "Route 53 Developer Guide, Deleting a public hosted zone",
    ),
}


ProtectionChange = Literal["lower", "shorter", "zero", "on", "off"]


@dataclass(frozen=True)
class ProtectionRule:
    """A change of a property's value that keeps or protects less than before."""

    property: str
    change: ProtectionChange
    description: str
    source: str
    loses_data: bool = False  # True if data is deleted at once


PROTECTION_RULES: Final[Mapping[str, tuple[ProtectionRule, ...]]] = {
    "rds/instance": (
        ProtectionRule(
            "backupRetentionPeriod",
            "zero",
            "ALL AUTOMATED BACKUPS ARE DELETED, and with them point-in-time recovery",
            "RDS User Guide, Disabling automated backups: at once",
            loses_data=True,
        ),
        ProtectionRule(
            "backupRetentionPeriod",
            "lower",
            "automated backups older than that are deleted",
            "RDS User Guide, Backup retention period",
        ),
        ProtectionRule(
            "deletionProtection",
            "off",
            "deletion protection is turned off",
            "RDS User Guide, Deleting a DB instance",
        ),
        ProtectionRule(
            "skipFinalSnapshot",
            "on",
            "a later deletion takes no final snapshot",
            "RDS User Guide, Deleting a DB instance",
        ),
    ),
    "cloudwatch/logGroup": (
        ProtectionRule(
            "retentionInDays",
            "shorter",
            "logs older than that are deleted",
            "CloudWatch Logs API Reference, PutRetentionPolicy",
        ),
    ),
    "s3/bucket": (
        ProtectionRule(
            "forceDestroy",
            "on",
            "a later deletion also deletes its objects",
            "S3 User Guide, Deleting a bucket",
        ),
    ),
    "backup/vault": (
        ProtectionRule(
            "forceDestroy",
            "on",
            "a later deletion also deletes its recovery points",
            "Backup Developer Guide, Deleting a backup vault",
        ),
    ),
    "kms/key": (
        ProtectionRule(
            "isEnabled",
            "off",
            "data encrypted with it cannot be read while it is disabled",
            "KMS Developer Guide, Enable and disable keys",
        ),
        ProtectionRule(
            "deletionWindowInDays",
            "lower",
            "less time to cancel a later deletion",
            "KMS Developer Guide, Deleting AWS KMS keys",
        ),
    ),
    "secretsmanager/secret": (
        ProtectionRule(
            "recoveryWindowInDays",
            "lower",
            "less time to restore it once it is deleted",
            "Secrets Manager User Guide, Delete an AWS Secrets Manager secret",
        ),
    ),
    "lb/loadBalancer": (
        ProtectionRule(
            "enableDeletionProtection",
            "off",
            "deletion protection is turned off",
            "Elastic Load Balancing, Deletion protection",
        ),
    ),
    "elasticache/replicationGroup": (
        ProtectionRule(
            "snapshotRetentionLimit",
            "zero",
            "no more snapshots are taken, and the existing ones are deleted",
            "ElastiCache User Guide, Scheduling automatic backups",
        ),
        ProtectionRule(
            "snapshotRetentionLimit",
            "lower",
            "snapshots older than that are deleted",
            "ElastiCache User Guide, Scheduling automatic backups",
        ),
    ),
}
# Types that hold no data, but whose deletion removes a protection.
GUARD_TYPES: Final[Mapping[str, tuple[str, str]]] = {
    "s3/bucketVersioning": (
        "from now on the bucket keeps no versions of overwritten or deleted objects",
        "S3 User Guide, Working with versioning-suspended buckets",
    ),
    "s3/bucketPublicAccessBlock": (
        "a policy or an ACL may make the bucket public",
        "S3 User Guide, Blocking public access",
    ),
    "s3/bucketReplicationConfig": (
        "new objects are not copied to the recovery region",
        "S3 User Guide, Replicating objects",
    ),
    "backup/plan": (
        "no more recovery points are created",
        "Backup Developer Guide, Deleting a backup plan",
    ),
    "backup/selection": (
        "the resources that it selects are no longer backed up",
        "Backup API Reference, DeleteBackupSelection",
    ),
    "backup/vaultLockConfiguration": (
        "recovery points can be deleted before they expire",
        "Backup Developer Guide, AWS Backup Vault Lock",
    ),
    "wafv2/webAclAssociation": (
        "requests to the load balancer are no longer filtered",
        "WAF API Reference, DisassociateWebACL",
    ),
}
