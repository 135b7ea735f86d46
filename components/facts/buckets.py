"""Facts of buckets and their settings, which are resources of their own."""

from typing import Final

from components.facts.billing import build_usage_lister
from components.facts.model import (
    FORCE_DESTROY_SAFEGUARDS,
    REFILL_DOWNTIME,
    ChangeEffect,
    DataLoss,
    Encryption,
    Guard,
    ProtectionRule,
    ResourceFact,
)

FACTS: Final = (
    ResourceFact(
        type="aws:s3/bucket:Bucket",
        list_charges=build_usage_lister("objects", "s3"),
        data_loss=DataLoss(
            "every object in it, all versions; others may take its name",
            REFILL_DOWNTIME,
            "S3 User Guide, Deleting a bucket",
            FORCE_DESTROY_SAFEGUARDS,
        ),
        protections=(
            ProtectionRule(
                "forceDestroy",
                "on",
                "a later deletion also deletes its objects",
                "S3 User Guide, Deleting a bucket",
            ),
        ),
        must_be_protected=True,
        is_taggable=True,
    ),
    ResourceFact(
        type="aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
        protections=(
            ProtectionRule(
                "rules[].expiration.days",
                "shorter",
                "objects older than that are DELETED",
                "S3 User Guide, Expiring objects: within a day or two",
                loses_data=True,
            ),
            ProtectionRule(
                "rules[].noncurrentVersionExpiration.noncurrentDays",
                "shorter",
                "versions that were overwritten longer ago than that are DELETED",
                "S3 User Guide, Expiring objects: within a day or two",
                loses_data=True,
            ),
            ProtectionRule(
                "rules",
                "changed",
                "objects expire or move to another storage class at other times",
                "S3 User Guide, Managing the lifecycle of objects",
            ),
        ),
        guard=Guard(
            "no object expires any longer: what must be deleted in time stays",
            "S3 User Guide, Managing the lifecycle of objects",
        ),
    ),
    ResourceFact(
        type="aws:s3/bucketLogging:BucketLogging",
        protections=(
            ProtectionRule(
                "targetBucket",
                "changed",
                "requests are logged in another place",
                "S3 User Guide, Server access logging",
            ),
            ProtectionRule(
                "targetPrefix",
                "changed",
                "requests are logged in another place",
                "S3 User Guide, Server access logging",
            ),
        ),
        guard=Guard("requests are no longer logged", "S3 User Guide, Server access logging"),
    ),
    ResourceFact(
        type="aws:s3/bucketObjectv2:BucketObjectv2",
        replacing=("key",),
        harmless=("contentType",),
        updates={
            "content": ChangeEffect(
                "whatever reads it gets other content",
                "none if the new code works",
                "S3 User Guide, Uploading objects",
            ),
            "contentBase64": ChangeEffect(
                "whatever reads it gets other content",
                "none if the new code works",
                "S3 User Guide, Uploading objects",
            ),
            "source": ChangeEffect(
                "whatever reads it gets other content",
                "none if the new code works",
                "S3 User Guide, Uploading objects",
            ),
        },
        removal=ChangeEffect(
            "whatever reads it fails",
            "until it is created again",
            "S3 User Guide, Deleting objects",
        ),
        is_taggable=True,
    ),
    ResourceFact(
        type="aws:s3/bucketOwnershipControls:BucketOwnershipControls",
        protections=(
            ProtectionRule(
                "rule",
                "changed",
                "ACLs may be in force again, or others may own objects",
                "S3 User Guide, Controlling ownership of objects",
            ),
        ),
        guard=Guard(
            "ACLs may be in force again", "S3 User Guide, Controlling ownership of objects"
        ),
    ),
    ResourceFact(
        type="aws:s3/bucketPolicy:BucketPolicy",
        updates={
            "policy": ChangeEffect(
                "who may read and write changes", "at once", "S3 User Guide, Bucket policies"
            ),
        },
        guard=Guard(
            "its conditions, such as TLS alone, no longer hold", "S3 User Guide, Bucket policies"
        ),
    ),
    ResourceFact(
        type="aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
        protections=(
            ProtectionRule(
                "blockPublicAcls",
                "off",
                "a policy or an ACL may make the bucket public",
                "S3 User Guide, Blocking public access",
            ),
            ProtectionRule(
                "blockPublicPolicy",
                "off",
                "a policy or an ACL may make the bucket public",
                "S3 User Guide, Blocking public access",
            ),
            ProtectionRule(
                "ignorePublicAcls",
                "off",
                "a policy or an ACL may make the bucket public",
                "S3 User Guide, Blocking public access",
            ),
            ProtectionRule(
                "restrictPublicBuckets",
                "off",
                "a policy or an ACL may make the bucket public",
                "S3 User Guide, Blocking public access",
            ),
        ),
        guard=Guard(
            "a policy or an ACL may make the bucket public", "S3 User Guide, Blocking public access"
        ),
    ),
    ResourceFact(
        type="aws:s3/bucketReplicationConfig:BucketReplicationConfig",
        updates={
            "role": ChangeEffect(
                "copies fail if the role lacks permissions",
                "none for the bucket itself",
                "S3 User Guide, Replicating objects",
            ),
        },
        protections=(
            ProtectionRule(
                "rules",
                "changed",
                "other objects are copied, or to another place",
                "S3 User Guide, Replicating objects",
            ),
        ),
        list_charges=build_usage_lister("copies", "transfer"),
        guard=Guard(
            "new objects are not copied to the recovery region",
            "S3 User Guide, Replicating objects",
        ),
    ),
    ResourceFact(
        type="aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
        protections=(
            ProtectionRule(
                "rules",
                "changed",
                "new objects are encrypted with another key, or with that of S3",
                "S3 User Guide, Default bucket encryption",
            ),
        ),
        guard=Guard(
            "new objects are encrypted with the key of S3",
            "S3 User Guide, Default bucket encryption",
        ),
        encryption=Encryption(
            rule="bucket-encrypted", description="A bucket encrypts what is put into it."
        ),
    ),
    ResourceFact(
        type="aws:s3/bucketVersioning:BucketVersioning",
        protections=(
            ProtectionRule(
                "versioningConfiguration.status",
                "off",
                "from now on the bucket keeps no versions of overwritten or deleted objects",
                "S3 User Guide, Working with versioning-suspended buckets",
            ),
            ProtectionRule(
                "versioningConfiguration",
                "changed",
                "old versions are kept in another way",
                "S3 User Guide, Versioning",
            ),
        ),
        guard=Guard(
            ("from now on the bucket keeps no versions of overwritten or deleted objects"),
            "S3 User Guide, Working with versioning-suspended buckets",
        ),
    ),
)
