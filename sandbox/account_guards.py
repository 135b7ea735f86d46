"""What guards the sandbox's account, as a landing zone sets it up before any stack is deployed.

Public access of S3 is blocked for the account, new volumes of the region are encrypted, a trail
records what is done in it, and detectors watch the regions of the stack. Each is made only if it is
not there yet: several stacks share an account.
"""

import json
from typing import Final

from sandbox.aws import ACCOUNT_ID, AWS_PARTITION, get_client

TRAIL_NAME: Final = "landing-zone"
TRAIL_BUCKET: Final = f"{TRAIL_NAME}-{ACCOUNT_ID}"


def guard_account(region: str, recovery_region: str | None = None) -> None:
    """Guards the account, and the regions that a stack is deployed into."""
    _block_public_buckets(region)
    get_client("ec2", region).enable_ebs_encryption_by_default()
    record_account(region)
    for watched_region in dict.fromkeys((region, recovery_region)):
        if watched_region is not None:
            watch_region(watched_region)


def watch_region(region: str) -> None:
    """Turns GuardDuty, Security Hub, Inspector and AWS Config on."""
    guardduty = get_client("guardduty", region)
    if not guardduty.list_detectors()["DetectorIds"]:
        guardduty.create_detector(Enable=True)
    get_client("securityhub", region).enable_security_hub()  # again is no error in moto
    get_client("inspector2", region).enable(resourceTypes=["EC2", "ECR", "LAMBDA"])
    config = get_client("config", region)
    if not config.describe_configuration_recorders()["ConfigurationRecorders"]:
        role = (
            f"arn:{AWS_PARTITION}:iam::{ACCOUNT_ID}:role/aws-service-role/config.amazonaws.com/"
            "AWSServiceRoleForConfig"
        )
        config.put_configuration_recorder(
            ConfigurationRecorder={"name": "default", "roleARN": role}
        )
        channel = {"name": "default", "s3BucketName": TRAIL_BUCKET}
        config.put_delivery_channel(DeliveryChannel=channel)
        config.start_configuration_recorder(ConfigurationRecorderName="default")


def record_account(region: str) -> None:
    """A trail of all regions, with a key, and a bucket that nobody can delete from."""
    trails = get_client("cloudtrail", region)
    if trails.describe_trails()["trailList"]:
        return
    s3 = get_client("s3", region)
    s3.create_bucket(
        Bucket=TRAIL_BUCKET,
        ObjectLockEnabledForBucket=True,
        **(
            {}
            if region == "us-east-1"
            else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        ),
    )
    s3.put_public_access_block(
        Bucket=TRAIL_BUCKET, PublicAccessBlockConfiguration=_build_full_block()
    )
    bucket_arn = f"arn:{AWS_PARTITION}:s3:::{TRAIL_BUCKET}"
    writer = {"Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"}}
    statements = [
        {**writer, "Action": "s3:GetBucketAcl", "Resource": bucket_arn},
        {**writer, "Action": "s3:PutObject", "Resource": f"{bucket_arn}/AWSLogs/{ACCOUNT_ID}/*"},
        {
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": [bucket_arn, f"{bucket_arn}/*"],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        },
    ]
    s3.put_bucket_policy(
        Bucket=TRAIL_BUCKET, Policy=json.dumps({"Version": "2012-10-17", "Statement": statements})
    )
    key = get_client("kms", region).create_key(Description=TRAIL_NAME)["KeyMetadata"]["Arn"]
    trails.create_trail(
        Name=TRAIL_NAME,
        S3BucketName=TRAIL_BUCKET,
        IsMultiRegionTrail=True,
        EnableLogFileValidation=True,
        KmsKeyId=key,
    )
    trails.start_logging(Name=TRAIL_NAME)


def _block_public_buckets(region: str) -> None:
    get_client("s3control", region).put_public_access_block(
        AccountId=ACCOUNT_ID, PublicAccessBlockConfiguration=_build_full_block()
    )


def _build_full_block() -> dict[str, bool]:
    return {
        "BlockPublicAcls": True,
        "IgnorePublicAcls": True,
        "BlockPublicPolicy": True,
        "RestrictPublicBuckets": True,
    }
