"""What holds data: what is lost with it, and how long whatever uses it is without. Two tables.

Numbers are AWS's where a document states them; where it does not, the line says so.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

ASSUMED: Final = "an assumption, AWS states none"
FILLED: Final = "as long as it takes to bring the data back"


@dataclass(frozen=True)
class Data:
    """A type that holds data. `saved` are words by property and value of the resource itself."""

    lost: str
    downtime: str
    source: str
    saved: tuple[tuple[str, bool, str], ...] = ()

    def said(self, inputs: Mapping[str, Any]) -> str:
        """What is lost, and what of this very resource keeps or does not keep it."""
        kept = [words for name, value, words in self.saved if bool(inputs.get(name)) is value]
        return "; ".join((self.lost, *kept))


PROTECTED: Final = ("deletionProtection", True, "deletion protection is on, and stops it at AWS")
SNAPSHOT: Final = (
    ("skipFinalSnapshot", True, "NO FINAL SNAPSHOT is taken"),
    ("skipFinalSnapshot", False, "a final snapshot is taken first"),
)
NOT_EMPTY: Final = (
    ("forceDestroy", True, "forceDestroy is on: it need not be empty"),
    ("forceDestroy", False, "AWS refuses it unless it is empty"),
)
RESTORED: Final = f"{ASSUMED}: a restore from a snapshot takes 20 min and more"

# By the type without `aws:` and the class.
DATA: Final[Mapping[str, Data]] = {
    "rds/instance": Data(
        "the database and its automated backups",
        RESTORED,
        "RDS User Guide, Deleting a DB instance: automated backups go with it",
        (*SNAPSHOT, PROTECTED),
    ),
    "rds/cluster": Data(
        "the cluster's databases and its automated backups",
        RESTORED,
        "Aurora User Guide, Deleting Aurora DB clusters",
        (*SNAPSHOT, PROTECTED),
    ),
    "rds/snapshot": Data(
        "a snapshot of a database",
        "none while the database is there",
        "RDS User Guide, Deleting a DB snapshot",
    ),
    "rds/clusterSnapshot": Data(
        "a snapshot of a cluster",
        "none while the cluster is there",
        "Aurora User Guide, Deleting a DB cluster snapshot",
    ),
    "rds/instanceAutomatedBackupsReplication": Data(
        "the replicated backups of the recovery region, from which a lost region is recovered",
        "none; no recovery a region away until they are there again",
        "RDS User Guide, Replicating automated backups to another AWS Region",
    ),
    "docdb/cluster": Data(
        "the cluster's databases and its automated backups",
        RESTORED,
        "DocumentDB Developer Guide, Deleting a cluster",
        (*SNAPSHOT, PROTECTED),
    ),
    "neptune/cluster": Data(
        "the graph and its automated backups",
        RESTORED,
        "Neptune User Guide, Deleting a DB cluster",
        (*SNAPSHOT, PROTECTED),
    ),
    "redshift/cluster": Data(
        "the warehouse and its automated snapshots",
        RESTORED,
        "Redshift Management Guide, Shutting down and deleting a cluster",
        SNAPSHOT,
    ),
    "dynamodb/table": Data(
        "every item of the table",
        FILLED,
        "DynamoDB Developer Guide, Deleting a table",
        (("deletionProtectionEnabled", True, PROTECTED[2]),),
    ),
    "s3/bucket": Data(
        "every object in it, all versions; its name may be taken by others",
        FILLED,
        "S3 User Guide, Deleting a bucket",
        NOT_EMPTY,
    ),
    "s3/bucketV2": Data(
        "every object in it, all versions; its name may be taken by others",
        FILLED,
        "S3 User Guide, Deleting a bucket",
        NOT_EMPTY,
    ),
    "kms/key": Data(
        "all that was encrypted with it, for good: databases, snapshots, objects, secrets, logs",
        "whatever needs it fails at once; the deletion can be cancelled for 7 to 30 days",
        "KMS Developer Guide, Deleting AWS KMS keys",
    ),
    "kms/replicaKey": Data(
        "what only this region's replica of the key decrypts",
        "whatever needs it fails at once; the deletion can be cancelled for 7 to 30 days",
        "KMS Developer Guide, Deleting multi-Region keys",
    ),
    "elasticache/replicationGroup": Data(
        "all that is cached, sessions too",
        f"{ASSUMED}: 10-15 min, then a cold cache",
        "ElastiCache User Guide, Deleting a replication group",
        (("finalSnapshotIdentifier", True, "a final snapshot is taken first"),),
    ),
    "elasticache/cluster": Data(
        "all that is cached, sessions too",
        f"{ASSUMED}: 10-15 min, then a cold cache",
        "ElastiCache User Guide, Deleting a cluster",
        (("finalSnapshotIdentifier", True, "a final snapshot is taken first"),),
    ),
    "elasticache/serverlessCache": Data(
        "all that is cached, sessions too",
        f"{ASSUMED}: 10-15 min, then a cold cache",
        "ElastiCache User Guide, Deleting a serverless cache",
    ),
    "memorydb/cluster": Data(
        "the cluster's data",
        RESTORED,
        "MemoryDB Developer Guide, Deleting a cluster",
        (("finalSnapshotName", True, "a final snapshot is taken first"),),
    ),
    "backup/vault": Data(
        "its recovery points",
        "none; nothing to restore from meanwhile",
        "Backup Developer Guide, Deleting a backup vault: it has to be empty",
        NOT_EMPTY,
    ),
    "secretsmanager/secret": Data(
        "the secret and all its versions",
        "whoever reads it fails at once; it can be restored within its recovery window",
        "Secrets Manager User Guide, Delete an AWS Secrets Manager secret",
    ),
    "efs/fileSystem": Data(
        "every file in it",
        FILLED,
        "EFS User Guide, Deleting an EFS file system",
    ),
    "fsx/lustreFileSystem": Data(
        "every file in it",
        FILLED,
        "FSx for Lustre User Guide, Deleting a file system",
    ),
    "ebs/volume": Data(
        "the disk",
        FILLED,
        "EBS User Guide, Delete an Amazon EBS volume",
        (("finalSnapshot", True, "a final snapshot is taken first"),),
    ),
    "ebs/snapshot": Data(
        "a snapshot of a disk",
        "none while the disk is there",
        "EBS User Guide, Delete an Amazon EBS snapshot",
    ),
    "cloudwatch/logGroup": Data(
        "all logs that it keeps",
        "none; alarms on it see nothing meanwhile",
        "CloudWatch Logs API Reference, DeleteLogGroup",
    ),
    "ecr/repository": Data(
        "its images: no task can start, and none can go back to an older one",
        "none for what runs; until images are pushed again for what starts",
        "ECR User Guide, Deleting a private repository",
        (
            ("forceDelete", True, "forceDelete is on: it need not be empty"),
            ("forceDelete", False, "AWS refuses it unless it is empty"),
        ),
    ),
    "sqs/queue": Data(
        "the messages that wait in it",
        "60 s at least before its name can be used again",
        "SQS API Reference, DeleteQueue",
    ),
    "kinesis/stream": Data(
        "the records that it keeps",
        FILLED,
        "Kinesis Data Streams API Reference, DeleteStream",
    ),
    "opensearch/domain": Data(
        "its indexes and automated snapshots",
        RESTORED,
        "OpenSearch Service Developer Guide, Deleting domains",
    ),
    "cognito/userPool": Data(
        "its users and their passwords",
        "nobody can sign in until they sign up again",
        "Cognito API Reference, DeleteUserPool",
        (("deletionProtection", True, PROTECTED[2]),),
    ),
    "route53/zone": Data(
        "its records; another zone has other name servers",
        "until the domain's registrar has the new name servers, and caches forget: up to 48 h",
        "Route 53 Developer Guide, Deleting a public hosted zone",
    ),
}


When = Literal["lower", "shorter", "zero", "on", "off"]


@dataclass(frozen=True)
class Less:
    """A change that keeps less than before. `when` is how the value has to change."""

    property: str
    when: When
    words: str
    source: str
    lost: bool = False  # whether data goes at once


LESS: Final[Mapping[str, tuple[Less, ...]]] = {
    "rds/instance": (
        Less(
            "backupRetentionPeriod",
            "zero",
            "ALL AUTOMATED BACKUPS ARE DELETED, and with them point-in-time recovery",
            "RDS User Guide, Disabling automated backups: at once",
            lost=True,
        ),
        Less(
            "backupRetentionPeriod",
            "lower",
            "automated backups older than that are deleted",
            "RDS User Guide, Backup retention period",
        ),
        Less(
            "deletionProtection",
            "off",
            "deletion protection goes off: a deletion passes",
            "RDS User Guide, Deleting a DB instance",
        ),
        Less(
            "skipFinalSnapshot",
            "on",
            "a later deletion takes no final snapshot",
            "RDS User Guide, Deleting a DB instance",
        ),
    ),
    "cloudwatch/logGroup": (
        Less(
            "retentionInDays",
            "shorter",
            "logs older than that are deleted",
            "CloudWatch Logs API Reference, PutRetentionPolicy",
        ),
    ),
    "s3/bucket": (
        Less(
            "forceDestroy",
            "on",
            "a later deletion takes its objects with it",
            "S3 User Guide, Deleting a bucket",
        ),
    ),
    "backup/vault": (
        Less(
            "forceDestroy",
            "on",
            "a later deletion takes its recovery points with it",
            "Backup Developer Guide, Deleting a backup vault",
        ),
    ),
    "kms/key": (
        Less(
            "isEnabled",
            "off",
            "whatever is encrypted with it cannot be read meanwhile",
            "KMS Developer Guide, Enable and disable keys",
        ),
        Less(
            "deletionWindowInDays",
            "lower",
            "less time to cancel a later deletion",
            "KMS Developer Guide, Deleting AWS KMS keys",
        ),
    ),
    "secretsmanager/secret": (
        Less(
            "recoveryWindowInDays",
            "lower",
            "less time to restore it once it is deleted",
            "Secrets Manager User Guide, Delete an AWS Secrets Manager secret",
        ),
    ),
    "lb/loadBalancer": (
        Less(
            "enableDeletionProtection",
            "off",
            "deletion protection goes off: a deletion passes",
            "Elastic Load Balancing, Deletion protection",
        ),
    ),
    "elasticache/replicationGroup": (
        Less(
            "snapshotRetentionLimit",
            "zero",
            "no more snapshots are made, and those are deleted",
            "ElastiCache User Guide, Scheduling automatic backups",
        ),
        Less(
            "snapshotRetentionLimit",
            "lower",
            "snapshots older than that are deleted",
            "ElastiCache User Guide, Scheduling automatic backups",
        ),
    ),
}
# Types whose deletion protects less, though they hold nothing themselves.
GUARDS: Final[Mapping[str, tuple[str, str]]] = {
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
