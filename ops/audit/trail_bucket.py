"""The bucket of a trail: who can read it, and whether its record can be deleted."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from ops.audit.buckets import (
    BLOCK_API,
    BLOCK_SETTINGS,
    FULL_BLOCK,
    NO_BLOCK_CODES,
    NO_POLICY_CODES,
    POLICY_STATUS_API,
    VERSIONING_API,
)
from ops.core.checks import ReadRequest, ResponseItem, build_read
from ops.findings.model import FindingSeverity

OBJECT_LOCK_API: Final = "s3.get_object_lock_configuration"
_NO_LOCK_CODES: Final = ("ObjectLockConfigurationNotFoundError",)
LOCK_DAYS: Final = 365  # as long as a trail's record is usually kept; assumed


@dataclass(frozen=True)
class TrailFault:
    """What is wrong with a trail. `key` is its part of the finding's id."""

    key: str
    evidence: str
    command: str
    severity: FindingSeverity
    reason: str
    since: str = ""


def build_bucket_reads(bucket: str) -> list[ReadRequest]:
    """The reads of a bucket's protection, in the order that `list_bucket_faults` takes them."""
    return [
        build_read(BLOCK_API, "", Bucket=bucket, absent_codes=NO_BLOCK_CODES),
        build_read(POLICY_STATUS_API, "", Bucket=bucket, absent_codes=NO_POLICY_CODES),
        build_read(VERSIONING_API, "", Bucket=bucket),
        build_read(OBJECT_LOCK_API, "", Bucket=bucket, absent_codes=_NO_LOCK_CODES),
    ]


def list_bucket_faults(bucket: str, answers: Sequence[Sequence[ResponseItem]]) -> list[TrailFault]:
    """What is wrong with the bucket of a trail, each with the line that mends it.

    It has a default encryption in any case (S3 User Guide, "Default encryption FAQ": all buckets,
    since January 5, 2023); with which key a trail writes is the trail's own setting.
    """
    blocks, policies, versioning, locks = answers
    block: Any = blocks[0]["PublicAccessBlockConfiguration"] if blocks else {}
    is_blocked = all(block.get(field) for field in BLOCK_SETTINGS)
    is_public = bool(policies) and bool(policies[0].get("PolicyStatus", {}).get("IsPublic"))
    faults = []
    if not is_blocked:
        faults.append(
            TrailFault(
                "bucket-public",
                f"everybody can read its bucket {bucket}"
                if is_public
                else f"its bucket {bucket} does not block public access",
                build_bucket_block_line(bucket),
                "critical" if is_public else "medium",
                "FSBP CloudTrail.6",
            )
        )
    if versioning[0].get("Status") != "Enabled":
        faults.append(
            TrailFault(
                "bucket-versioning",
                f"its bucket {bucket} keeps no versions: what is deleted from it is gone",
                f"aws s3api put-bucket-versioning --bucket {bucket} "
                "--versioning-configuration Status=Enabled",
                "medium",
                "FSBP S3.14",
            )
        )
    elif not locks and versioning[0].get("MFADelete") != "Enabled":
        rule = {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": LOCK_DAYS}}
        lock = json.dumps({"ObjectLockEnabled": "Enabled", "Rule": rule})
        faults.append(
            TrailFault(
                "bucket-lock",
                f"its bucket {bucket} has no Object Lock: whoever may delete versions can delete "
                "what was done",
                f"aws s3api put-object-lock-configuration --bucket {bucket} "
                f"--object-lock-configuration '{lock}'",
                "low",
                "FSBP S3.15",
            )
        )
    return faults


def build_bucket_block_line(bucket: str) -> str:
    """The line that blocks public access of a bucket."""
    return (
        f"aws s3api put-public-access-block --bucket {bucket} "
        f"--public-access-block-configuration {FULL_BLOCK}"
    )


def build_bucket_policy_line(bucket: str, trail_arn: str, account: str, prefix: str = "") -> str:
    """The line that lets CloudTrail write a trail to a bucket.

    Replaces the bucket's policy. Source: CloudTrail User Guide, "Amazon S3 bucket policy for
    CloudTrail"; what is sent without TLS is refused as well (FSBP S3.5).
    """
    partition = trail_arn.split(":")[1]
    bucket_arn = f"arn:{partition}:s3:::{bucket}"
    folder = f"{prefix}/" if prefix else ""
    service = {"Service": "cloudtrail.amazonaws.com"}
    trail = {"aws:SourceArn": trail_arn}
    statements: list[dict[str, Any]] = [
        {
            "Effect": "Allow",
            "Principal": service,
            "Action": "s3:GetBucketAcl",
            "Resource": bucket_arn,
            "Condition": {"StringEquals": trail},
        },
        {
            "Effect": "Allow",
            "Principal": service,
            "Action": "s3:PutObject",
            "Resource": f"{bucket_arn}/{folder}AWSLogs/{account}/*",
            "Condition": {"StringEquals": {**trail, "s3:x-amz-acl": "bucket-owner-full-control"}},
        },
        {
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": [bucket_arn, f"{bucket_arn}/*"],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        },
    ]
    policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
    return f"aws s3api put-bucket-policy --bucket {bucket} --policy '{policy}'"
