"""Buckets and what is set on them."""

import base64
from collections.abc import Callable

from sandbox.resources.entry import (
    REMAINING_INPUTS,
    EntryCall,
    EntryInputs,
    EntryTable,
    PhysicalNaming,
    ResourceEntry,
)


def _build_setting_entry(
    setting_name: str,
    params_member: str,
    get_operation: str | None = None,
    result_member: str | None = None,
    prepare: Callable[[EntryInputs], EntryInputs] | None = None,
) -> ResourceEntry:
    """One of the settings that S3 keeps apart from the bucket: put_{what} and {get}."""
    return ResourceEntry(
        EntryCall(
            f"s3.put_{setting_name}",
            {"Bucket": "in.bucket"},
            inputs=REMAINING_INPUTS,
            params_member=params_member,
        ),
        id="in.bucket",
        ignored_inputs={
            "expectedBucketOwner": "there is one account",
            "skipDestroy": "it is for the deletion",
            "transitionDefaultMinimumObjectSize": "nothing moves between storage classes",
        },
        prepare=prepare,
        find_call=EntryCall(f"s3.{get_operation or f'get_{setting_name}'}", {"Bucket": "id"}),
        find_result=f"out.{result_member or params_member}",
    )


def _prepare_versioning(inputs: EntryInputs) -> EntryInputs:
    block: EntryInputs = inputs.pop("versioningConfiguration")
    return inputs | block


def _prepare_logging(inputs: EntryInputs) -> EntryInputs:
    names = ("targetBucket", "targetPrefix", "targetObjectKeyFormat")
    logging_inputs = {
        name: value for name in names if (value := inputs.pop(name, None)) is not None
    }
    return inputs | {"loggingEnabled": logging_inputs}


def _prepare_object(inputs: EntryInputs) -> EntryInputs:
    return inputs | {"body": base64.b64decode(inputs.pop("contentBase64"))}


ENTRIES: EntryTable = {
    "aws:s3/bucketObjectv2:BucketObjectv2": ResourceEntry(
        EntryCall(
            "s3.put_object", {"Bucket": "in.bucket", "Key": "in.key"}, inputs=REMAINING_INPUTS
        ),
        id="${in.bucket}/${in.key}",
        prepare=_prepare_object,
        later_calls=(
            EntryCall(
                "s3.put_object_tagging",
                {
                    "Bucket": "in.bucket",
                    "Key": "in.key",
                    "Tagging": {"TagSet": "pairs(in.tags)"},
                },
                condition="in.tags",
            ),
        ),
        outputs={
            "arn": "arn:${partition}:s3:::${in.bucket}/${in.key}",
            "etag": "out.ETag",
            "versionId": "out.VersionId",
        },
        find_call=EntryCall("s3.head_object", {"Bucket": "in.bucket", "Key": "in.key"}),
        find_result="out.ContentLength",
    ),
    "aws:s3/bucket:Bucket": ResourceEntry(
        EntryCall(
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
        naming=PhysicalNaming("bucket", "bucketPrefix", max_length=63),
        later_calls=(
            EntryCall(
                "s3.put_bucket_tagging",
                {"Bucket": "id", "Tagging": {"TagSet": "pairs(in.tags)"}},
                condition="in.tags",
            ),
        ),
        outputs={
            "arn": "arn:${partition}:s3:::${id}",
            "bucketRegion": "region",
            "bucketDomainName": "${id}.s3.amazonaws.com",
            "bucketRegionalDomainName": "${id}.s3.${region}.amazonaws.com",
        },
        find_call=EntryCall("s3.get_bucket_location", {"Bucket": "id"}),
    ),
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": _build_setting_entry(
        "bucket_ownership_controls", "OwnershipControls"
    ),
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": _build_setting_entry(
        "public_access_block", "PublicAccessBlockConfiguration"
    ),
    "aws:s3/bucketVersioning:BucketVersioning": _build_setting_entry(
        "bucket_versioning",
        "VersioningConfiguration",
        result_member="Status",
        prepare=_prepare_versioning,
    ),
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": (
        _build_setting_entry("bucket_encryption", "ServerSideEncryptionConfiguration")
    ),
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": _build_setting_entry(
        "bucket_lifecycle_configuration", "LifecycleConfiguration", result_member="Rules"
    ),
    "aws:s3/bucketLogging:BucketLogging": _build_setting_entry(
        "bucket_logging",
        "BucketLoggingStatus",
        result_member="LoggingEnabled",
        prepare=_prepare_logging,
    ),
    "aws:s3/bucketReplicationConfig:BucketReplicationConfig": _build_setting_entry(
        "bucket_replication", "ReplicationConfiguration"
    ),
    "aws:s3/bucketPolicy:BucketPolicy": ResourceEntry(
        EntryCall("s3.put_bucket_policy", {"Bucket": "in.bucket", "Policy": "in.policy"}),
        id="in.bucket",
        find_call=EntryCall("s3.get_bucket_policy", {"Bucket": "id"}),
        find_result="out.Policy",
    ),
}
