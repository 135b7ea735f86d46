"""The bucket that AWS itself writes logs to: of the load balancer, of the VPC, of other buckets."""

from dataclasses import dataclass
from typing import Final

from pulumi import Output, ResourceOptions

from components.account import Account
from components.buckets import Bucket, BucketArgs
from components.component import Component
from components.facts.load_balancer import BALANCER_LOG_PREFIX
from components.policies import Statement, build_source_conditions
from components.settings import Settings

# What was overwritten or deleted: long enough to notice, short enough not to pay twice.
LOG_OLD_VERSION_DAYS: Final = 30


@dataclass(frozen=True, kw_only=True)
class LogBucketArgs:
    settings: Settings
    account: Account


class LogBucket(Component):
    """`bulwark:index:LogBucket`: one bucket, `{name}-bucket`, for what AWS services log.

    `bucket` (its name) and `arn` are known once the policy exists that lets the services write.
    Encrypted by S3's own keys: neither the load balancer nor S3 can write with a KMS key. It
    does not log the access to itself, as each line would cause another.
    """

    def __init__(
        self, name: str, *, args: LogBucketArgs, opts: ResourceOptions | None = None
    ) -> None:
        super().__init__("LogBucket", name, settings=args.settings, opts=opts)
        settings, account = args.settings, args.account
        bucket_name = Output.format(
            "{0}-{1}-{2}", self.format_physical_name("logs"), account.id, settings.region
        )
        bucket = Bucket(
            self.format_logical_name("bucket"),
            args=BucketArgs(
                settings=settings,
                bucket=bucket_name,
                expire_days=settings.load_balancer.access_log_days,
                old_version_days=LOG_OLD_VERSION_DAYS,
                statements=_build_write_statements(
                    settings,
                    account=account,
                    bucket_arn=Output.format("arn:{0}:s3:::{1}", account.partition, bucket_name),
                ),
            ),
            opts=self.child_options,
        )
        self.bucket: Output[str] = bucket.writable_bucket
        self.arn: Output[str] = Output.format(
            "arn:{0}:s3:::{1}", account.partition, bucket.writable_bucket
        )
        self.register_outputs({"bucket": self.bucket, "arn": self.arn})


def _build_write_statements(
    settings: Settings, *, account: Account, bucket_arn: Output[str]
) -> tuple[Statement, ...]:
    """Lets each service write below its own prefix, for this account only."""
    source_account = {"aws:SourceAccount": account.id}
    flow_log_conditions = {
        "StringEquals": source_account,
        "ArnLike": {
            "aws:SourceArn": account.format_arn("logs", region=settings.region, resource="*")
        },
    }
    delivery_principal = {"Service": ["delivery.logs.amazonaws.com"]}
    return (
        # ELB, "Enable access logs": this principal in every region; the service writes an
        # account's logs only below that account's id, and is not documented to state its source.
        Statement(
            sid="LoadBalancerLogs",
            actions=["s3:PutObject"],
            resources=[
                Output.format("{0}/{1}/AWSLogs/{2}/*", bucket_arn, BALANCER_LOG_PREFIX, account.id)
            ],
            principals={"Service": ["logdelivery.elasticloadbalancing.amazonaws.com"]},
            conditions=build_source_conditions("logdelivery.elasticloadbalancing", account=account),
        ),
        # S3, "Enabling Amazon S3 server access logging".
        Statement(
            sid="BucketAccessLogs",
            actions=["s3:PutObject"],
            resources=[Output.concat(bucket_arn, "/s3/*")],
            principals={"Service": ["logging.s3.amazonaws.com"]},
            conditions={
                "StringEquals": source_account,
                "ArnLike": {
                    "aws:SourceArn": Output.format("arn:{0}:s3:::*", account.partition),
                },
            },
        ),
        # VPC, "Publish flow logs to Amazon S3": what is missing here, AWS would add by itself.
        Statement(
            sid="AWSLogDeliveryWrite",
            actions=["s3:PutObject"],
            resources=[Output.format("{0}/AWSLogs/{1}/*", bucket_arn, account.id)],
            principals=delivery_principal,
            conditions={
                **flow_log_conditions,
                "StringEquals": {**source_account, "s3:x-amz-acl": "bucket-owner-full-control"},
            },
        ),
        Statement(
            sid="AWSLogDeliveryAclCheck",
            actions=["s3:GetBucketAcl"],
            resources=[bucket_arn],
            principals=delivery_principal,
            conditions=flow_log_conditions,
        ),
    )
