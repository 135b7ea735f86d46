"""Facts of types that no component makes, but that previews of other programs may hold.

Without an entry here a deletion is reported as a danger of unknown kind, and a cost as unknown.
"""

from typing import Final

from components.facts.model import (
    DELETION_PROTECTION_SAFEGUARD,
    FINAL_SNAPSHOT_SAFEGUARDS,
    FORCE_DESTROY_SAFEGUARDS,
    REFILL_DOWNTIME,
    RESTORE_DOWNTIME,
    DataLoss,
    Encryption,
    ResourceFact,
)

# Modules whose types all cost nothing themselves.
FREE_MODULES: Final = ("iam", "appautoscaling", "acm", "vpc")

FACTS: Final = (
    ResourceFact(type="aws:autoscaling/notification:Notification"),
    ResourceFact(type="aws:autoscaling/schedule:Schedule"),
    ResourceFact(type="aws:backup/vaultNotifications:VaultNotifications"),
    ResourceFact(type="aws:backup/vaultPolicy:VaultPolicy"),
    ResourceFact(type="aws:cloudwatch/logMetricFilter:LogMetricFilter"),
    ResourceFact(type="aws:cloudwatch/logResourcePolicy:LogResourcePolicy"),
    ResourceFact(
        type="aws:cognito/userPool:UserPool",
        list_charges=None,
        data_loss=DataLoss(
            "its users and their passwords",
            "nobody can sign in until they sign up again",
            "Cognito API Reference, DeleteUserPool",
            (DELETION_PROTECTION_SAFEGUARD,),
        ),
    ),
    ResourceFact(
        type="aws:docdb/cluster:Cluster",
        list_charges=None,
        data_loss=DataLoss(
            "the cluster's databases and its automated backups",
            RESTORE_DOWNTIME,
            "DocumentDB Developer Guide, Deleting a cluster",
            (
                *FINAL_SNAPSHOT_SAFEGUARDS,
                DELETION_PROTECTION_SAFEGUARD,
            ),
        ),
    ),
    ResourceFact(
        type="aws:dynamodb/table:Table",
        list_charges=None,
        data_loss=DataLoss(
            "every item of the table",
            REFILL_DOWNTIME,
            "DynamoDB Developer Guide, Deleting a table",
            (("deletionProtectionEnabled", True, DELETION_PROTECTION_SAFEGUARD[2]),),
        ),
    ),
    ResourceFact(
        type="aws:ebs/snapshot:Snapshot",
        list_charges=None,
        data_loss=DataLoss(
            "a snapshot of a disk",
            "none while the disk is there",
            "EBS User Guide, Delete an Amazon EBS snapshot",
        ),
    ),
    ResourceFact(
        type="aws:ebs/volume:Volume",
        list_charges=None,
        data_loss=DataLoss(
            "the disk",
            REFILL_DOWNTIME,
            "EBS User Guide, Delete an Amazon EBS volume",
            (("finalSnapshot", True, "a final snapshot is taken first"),),
        ),
        encryption=Encryption(
            rule="volume-encrypted",
            description="A volume is encrypted.",
            controls=("EC2.3",),
            true_properties=("encrypted",),
        ),
        is_taggable=True,
    ),
    ResourceFact(type="aws:ec2/eipAssociation:EipAssociation"),
    ResourceFact(type="aws:ec2/networkAclAssociation:NetworkAclAssociation"),
    ResourceFact(type="aws:ec2/networkAclRule:NetworkAclRule"),
    ResourceFact(type="aws:ec2/vpcEndpointRouteTableAssociation:VpcEndpointRouteTableAssociation"),
    ResourceFact(type="aws:ec2/vpcEndpointSubnetAssociation:VpcEndpointSubnetAssociation"),
    ResourceFact(
        type="aws:efs/fileSystem:FileSystem",
        list_charges=None,
        data_loss=DataLoss(
            "every file in it", REFILL_DOWNTIME, "EFS User Guide, Deleting an EFS file system"
        ),
    ),
    ResourceFact(
        type="aws:elasticache/cluster:Cluster",
        list_charges=None,
        data_loss=DataLoss(
            "everything cached, including sessions",
            "an assumption, AWS states none: 10-15 min, then a cold cache",
            "ElastiCache User Guide, Deleting a cluster",
            (("finalSnapshotIdentifier", True, "a final snapshot is taken first"),),
        ),
    ),
    ResourceFact(
        type="aws:elasticache/serverlessCache:ServerlessCache",
        list_charges=None,
        data_loss=DataLoss(
            "everything cached, including sessions",
            "an assumption, AWS states none: 10-15 min, then a cold cache",
            "ElastiCache User Guide, Deleting a serverless cache",
        ),
    ),
    ResourceFact(
        type="aws:fsx/lustreFileSystem:LustreFileSystem",
        list_charges=None,
        data_loss=DataLoss(
            "every file in it", REFILL_DOWNTIME, "FSx for Lustre User Guide, Deleting a file system"
        ),
    ),
    ResourceFact(
        type="aws:kinesis/stream:Stream",
        list_charges=None,
        data_loss=DataLoss(
            "its records",
            REFILL_DOWNTIME,
            "Kinesis Data Streams API Reference, DeleteStream",
        ),
    ),
    ResourceFact(
        type="aws:kms/replicaKey:ReplicaKey",
        list_charges=None,
        data_loss=DataLoss(
            "access to data that only this region's replica of the key decrypts",
            (
                "everything that needs it fails at once; the deletion can be cancelled "
                "for 7 to 30 days"
            ),
            "KMS Developer Guide, Deleting multi-Region keys",
        ),
    ),
    ResourceFact(type="aws:lb/listenerCertificate:ListenerCertificate"),
    ResourceFact(
        type="aws:memorydb/cluster:Cluster",
        list_charges=None,
        data_loss=DataLoss(
            "the cluster's data",
            RESTORE_DOWNTIME,
            "MemoryDB Developer Guide, Deleting a cluster",
            (("finalSnapshotName", True, "a final snapshot is taken first"),),
        ),
    ),
    ResourceFact(
        type="aws:neptune/cluster:Cluster",
        list_charges=None,
        data_loss=DataLoss(
            "the graph and its automated backups",
            RESTORE_DOWNTIME,
            "Neptune User Guide, Deleting a DB cluster",
            (
                *FINAL_SNAPSHOT_SAFEGUARDS,
                DELETION_PROTECTION_SAFEGUARD,
            ),
        ),
    ),
    ResourceFact(
        type="aws:opensearch/domain:Domain",
        list_charges=None,
        data_loss=DataLoss(
            "its indexes and automated snapshots",
            RESTORE_DOWNTIME,
            "OpenSearch Service Developer Guide, Deleting domains",
        ),
    ),
    ResourceFact(
        type="aws:rds/cluster:Cluster",
        list_charges=None,
        data_loss=DataLoss(
            "the cluster's databases and its automated backups",
            RESTORE_DOWNTIME,
            "Aurora User Guide, Deleting Aurora DB clusters",
            (
                *FINAL_SNAPSHOT_SAFEGUARDS,
                DELETION_PROTECTION_SAFEGUARD,
            ),
        ),
        has_maintenance_window=True,
    ),
    ResourceFact(
        type="aws:rds/clusterSnapshot:ClusterSnapshot",
        list_charges=None,
        data_loss=DataLoss(
            "a snapshot of a cluster",
            "none while the cluster is there",
            "Aurora User Guide, Deleting a DB cluster snapshot",
        ),
    ),
    ResourceFact(
        type="aws:rds/snapshot:Snapshot",
        list_charges=None,
        data_loss=DataLoss(
            "a snapshot of a database",
            "none while the database is there",
            "RDS User Guide, Deleting a DB snapshot",
        ),
    ),
    ResourceFact(
        type="aws:redshift/cluster:Cluster",
        list_charges=None,
        data_loss=DataLoss(
            "the warehouse and its automated snapshots",
            RESTORE_DOWNTIME,
            "Redshift Management Guide, Shutting down and deleting a cluster",
            FINAL_SNAPSHOT_SAFEGUARDS,
        ),
    ),
    ResourceFact(
        type="aws:s3/bucketV2:BucketV2",
        list_charges=None,
        data_loss=DataLoss(
            "every object in it, all versions; others may take its name",
            REFILL_DOWNTIME,
            "S3 User Guide, Deleting a bucket",
            FORCE_DESTROY_SAFEGUARDS,
        ),
    ),
    ResourceFact(type="aws:secretsmanager/secretPolicy:SecretPolicy"),
    ResourceFact(type="aws:sns/topicPolicy:TopicPolicy"),
    ResourceFact(
        type="aws:sqs/queue:Queue",
        list_charges=None,
        data_loss=DataLoss(
            "its waiting messages",
            "at least 60 s until its name can be used again",
            "SQS API Reference, DeleteQueue",
        ),
        is_taggable=True,
    ),
)
