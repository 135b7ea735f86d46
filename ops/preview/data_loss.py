"""What holds data: what is lost with it, and how long whatever uses it is without. Two tables.

Numbers are AWS's where a document states them; where it does not, the line says so.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

ASSUMPTION: Final = "an assumption, AWS states none"
REFILL_DOWNTIME: Final = "as long as it takes to bring the data back"


@dataclass(frozen=True)
class DataType:
    """A type that holds data. `saved` are words by property and value of the resource itself."""

    loss: str
    downtime: str
    source: str
    safeguards: tuple[tuple[str, bool, str], ...] = ()

    def describe_loss(self, inputs: Mapping[str, Any]) -> str:
        """What is lost, and what of this very resource keeps or does not keep it."""
        sentences = [
            text for name, value, text in self.safeguards if bool(inputs.get(name)) is value
        ]
        return "; ".join((self.loss, *sentences))


DELETION_PROTECTION_SAFEGUARD: Final = (
    "deletionProtection",
    True,
    "deletion protection is on, and stops it at AWS",
)
FINAL_SNAPSHOT_SAFEGUARDS: Final = (
    ("skipFinalSnapshot", True, "NO FINAL SNAPSHOT is taken"),
    ("skipFinalSnapshot", False, "a final snapshot is taken first"),
)
FORCE_DESTROY_SAFEGUARDS: Final = (
    ("forceDestroy", True, "forceDestroy is on: it need not be empty"),
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
        "the replicated backups of the recovery region, from which a lost region is recovered",
        "none; no recovery a region away until they are there again",
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
        "every object in it, all versions; its name may be taken by others",
        REFILL_DOWNTIME,
        "S3 User Guide, Deleting a bucket",
        FORCE_DESTROY_SAFEGUARDS,
    ),
    "s3/bucketV2": DataType(
        "every object in it, all versions; its name may be taken by others",
        REFILL_DOWNTIME,
        "S3 User Guide, Deleting a bucket",
        FORCE_DESTROY_SAFEGUARDS,
    ),
    "kms/key": DataType(
        "all that was encrypted with it, for good: databases, snapshots, objects, secrets, logs",
        "whatever needs it fails at once; the deletion can be cancelled for 7 to 30 days",
        "KMS Developer Guide, Deleting AWS KMS keys",
    ),
    "kms/replicaKey": DataType(
        "what only this region's replica of the key decrypts",
        "whatever needs it fails at once; the deletion can be cancelled for 7 to 30 days",
        "KMS Developer Guide, Deleting multi-Region keys",
    ),
    "elasticache/replicationGroup": DataType(
        "all that is cached, sessions too",
        f"{ASSUMPTION}: 10-15 min, then a cold cache",
        "ElastiCache User Guide, Deleting a replication group",
        (("finalSnapshotIdentifier", True, "a final snapshot is taken first"),),
    ),
    "elasticache/cluster": DataType(
        "all that is cached, sessions too",
        f"{ASSUMPTION}: 10-15 min, then a cold cache",
        "ElastiCache User Guide, Deleting a cluster",
        (("finalSnapshotIdentifier", True, "a final snapshot is taken first"),),
    ),
    "elasticache/serverlessCache": DataType(
        "all that is cached, sessions too",
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
        "none; nothing to restore from meanwhile",
        "Backup Developer Guide, Deleting a backup vault: it has to be empty",
        FORCE_DESTROY_SAFEGUARDS,
    ),
    "secretsmanager/secret": DataType(
        "the secret and all its versions",
        "whoever reads it fails at once; it can be restored within its recovery window",
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
        "all logs that it keeps",
        "none; alarms on it see nothing meanwhile",
        "CloudWatch Logs API Reference, DeleteLogGroup",
    ),
    "ecr/repository": DataType(
        "its images: no task can start, and none can go back to an older one",
        "none for what runs; until images are pushed again for what starts",
        "ECR User Guide, Deleting a private repository",
        (
            ("forceDelete", True, "forceDelete is on: it need not be empty"),
            ("forceDelete", False, "AWS refuses it unless it is empty"),
        ),
    ),
    "sqs/queue": DataType(
        "the messages that wait in it",
        "60 s at least before its name can be used again",
        "SQS API Reference, DeleteQueue",
    ),
    "kinesis/stream": DataType(
        "the records that it keeps",
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
        "its records; another zone has other name servers",
        "until the domain's registrar has the new name servers, and caches forget: up to 48 h",
        "Route 53 Developer Guide, Deleting a public hosted zone",
    ),
}


ProtectionChange = Literal["lower", "shorter", "zero", "on", "off"]


@dataclass(frozen=True)
class ProtectionRule:
    """A change that keeps less than before. `when` is how the value has to change."""

    property: str
    change: ProtectionChange
    description: str
    source: str
    loses_data: bool = False  # whether data goes at once


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
            "deletion protection goes off: a deletion passes",
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
            "a later deletion takes its objects with it",
            "S3 User Guide, Deleting a bucket",
        ),
    ),
    "backup/vault": (
        ProtectionRule(
            "forceDestroy",
            "on",
            "a later deletion takes its recovery points with it",
            "Backup Developer Guide, Deleting a backup vault",
        ),
    ),
    "kms/key": (
        ProtectionRule(
            "isEnabled",
            "off",
            "whatever is encrypted with it cannot be read meanwhile",
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
            "deletion protection goes off: a deletion passes",
            "Elastic Load Balancing, Deletion protection",
        ),
    ),
    "elasticache/replicationGroup": (
        ProtectionRule(
            "snapshotRetentionLimit",
            "zero",
            "no more snapshots are made, and those are deleted",
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
# Types whose deletion protects less, though they hold nothing themselves.
GUARD_TYPES: Final[Mapping[str, tuple[str, str]]] = {
    "s3/bucketVersioning": (
        "the bucket keeps no older versions of what is written over or deleted from now on",
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
        "no more recovery points are made",
        "Backup Developer Guide, Deleting a backup plan",
    ),
    "backup/selection": (
        "what it selects is no more backed up",
        "Backup API Reference, DeleteBackupSelection",
    ),
    "backup/vaultLockConfiguration": (
        "recovery points may be deleted before their time",
        "Backup Developer Guide, AWS Backup Vault Lock",
    ),
    "wafv2/webAclAssociation": (
        "the load balancer takes requests unfiltered",
        "WAF API Reference, DisassociateWebACL",
    ),
}
