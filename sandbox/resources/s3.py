"""Buckets and what is set on them."""

import base64
from collections.abc import Callable

from sandbox.resources.entry import REST, Call, Entries, Entry, Inputs, Naming


def _setting(
    what: str,
    into: str,
    get: str | None = None,
    found: str | None = None,
    prepare: Callable[[Inputs], Inputs] | None = None,
) -> Entry:
    """One of the settings that S3 keeps apart from the bucket: put_{what} and {get}."""
    return Entry(
        Call(f"s3.put_{what}", {"Bucket": "in.bucket"}, fit=REST, into=into),
        id="in.bucket",
        left={
            "expectedBucketOwner": "there is one account",
            "skipDestroy": "it is for the deletion",
            "transitionDefaultMinimumObjectSize": "nothing moves between storage classes",
        },
        prepare=prepare,
        find=Call(f"s3.{get or f'get_{what}'}", {"Bucket": "id"}),
        found=f"out.{found or into}",
    )


def _versioning(inputs: Inputs) -> Inputs:
    block: Inputs = inputs.pop("versioningConfiguration")
    return inputs | block


def _logging(inputs: Inputs) -> Inputs:
    names = ("targetBucket", "targetPrefix", "targetObjectKeyFormat")
    enabled = {k: v for k in names if (v := inputs.pop(k, None)) is not None}
    return inputs | {"loggingEnabled": enabled}


def _object(inputs: Inputs) -> Inputs:
    return inputs | {"body": base64.b64decode(inputs.pop("contentBase64"))}


ENTRIES: Entries = {
    "aws:s3/bucketObjectv2:BucketObjectv2": Entry(
        Call("s3.put_object", {"Bucket": "in.bucket", "Key": "in.key"}, fit=REST),
        id="${in.bucket}/${in.key}",
        prepare=_object,
        then=(
            Call(
                "s3.put_object_tagging",
                {
                    "Bucket": "in.bucket",
                    "Key": "in.key",
                    "Tagging": {"TagSet": "pairs(in.tags)"},
                },
                when="in.tags",
            ),
        ),
        outputs={
            "arn": "arn:${partition}:s3:::${in.bucket}/${in.key}",
            "etag": "out.ETag",
            "versionId": "out.VersionId",
        },
        find=Call("s3.head_object", {"Bucket": "in.bucket", "Key": "in.key"}),
        found="out.ContentLength",
    ),
    "aws:s3/bucket:Bucket": Entry(
        Call(
            "s3.create_bucket",
            {
                "Bucket": "in.bucket",
                # us-east-1 is said by leaving it out.
                "CreateBucketConfiguration": {
                    "LocationConstraint": "[region][?@ != 'us-east-1'] | [0]"
                },
                "ObjectLockEnabledForBucket": "in.objectLockEnabled",
            },
        ),
        id="in.bucket",
        naming=Naming("bucket", "bucketPrefix", limit=63),
        then=(
            Call(
                "s3.put_bucket_tagging",
                {"Bucket": "id", "Tagging": {"TagSet": "pairs(in.tags)"}},
                when="in.tags",
            ),
        ),
        outputs={
            "arn": "arn:${partition}:s3:::${id}",
            "bucketRegion": "region",
            "bucketDomainName": "${id}.s3.amazonaws.com",
            "bucketRegionalDomainName": "${id}.s3.${region}.amazonaws.com",
        },
        find=Call("s3.get_bucket_location", {"Bucket": "id"}),
    ),
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": _setting(
        "bucket_ownership_controls", "OwnershipControls"
    ),
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": _setting(
        "public_access_block", "PublicAccessBlockConfiguration"
    ),
    "aws:s3/bucketVersioning:BucketVersioning": _setting(
        "bucket_versioning", "VersioningConfiguration", found="Status", prepare=_versioning
    ),
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": (
        _setting("bucket_encryption", "ServerSideEncryptionConfiguration")
    ),
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": _setting(
        "bucket_lifecycle_configuration", "LifecycleConfiguration", found="Rules"
    ),
    "aws:s3/bucketLogging:BucketLogging": _setting(
        "bucket_logging", "BucketLoggingStatus", found="LoggingEnabled", prepare=_logging
    ),
    "aws:s3/bucketReplicationConfig:BucketReplicationConfig": _setting(
        "bucket_replication", "ReplicationConfiguration"
    ),
    "aws:s3/bucketPolicy:BucketPolicy": Entry(
        Call("s3.put_bucket_policy", {"Bucket": "in.bucket", "Policy": "in.policy"}),
        id="in.bucket",
        find=Call("s3.get_bucket_policy", {"Bucket": "id"}),
        found="out.Policy",
    ),
}
