"""Facts of buckets and their settings, which are resources of their own."""

from typing import Final

from components.facts.billing import build_usage_lister
from components.facts.model import (
    FORCE_DESTROY_SAFEGUARDS,
    REFILL_DOWNTIME,
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
    ResourceFact(type="aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"),
    ResourceFact(type="aws:s3/bucketLogging:BucketLogging"),
    ResourceFact(type="aws:s3/bucketObjectv2:BucketObjectv2", is_taggable=True),
    ResourceFact(type="aws:s3/bucketOwnershipControls:BucketOwnershipControls"),
    ResourceFact(type="aws:s3/bucketPolicy:BucketPolicy"),
    ResourceFact(
        type="aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
        guard=Guard(
            "a policy or an ACL may make the bucket public", "S3 User Guide, Blocking public access"
        ),
    ),
    ResourceFact(
        type="aws:s3/bucketReplicationConfig:BucketReplicationConfig",
        list_charges=build_usage_lister("copies", "transfer"),
        guard=Guard(
            "new objects are not copied to the recovery region",
            "S3 User Guide, Replicating objects",
        ),
    ),
    ResourceFact(
        type="aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
        encryption=Encryption(
            rule="bucket-encrypted", description="A bucket encrypts what is put into it."
        ),
    ),
    ResourceFact(
        type="aws:s3/bucketVersioning:BucketVersioning",
        guard=Guard(
            ("from now on the bucket keeps no versions of overwritten or deleted objects"),
            "S3 User Guide, Working with versioning-suspended buckets",
        ),
    ),
)
