"""A bucket of the stack: private, encrypted, versioned, TLS only, with a lifecycle."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi_aws as aws
from pulumi import Input, Output, ResourceOptions

from components.component import Component
from components.policies import Statement, build_policy_document
from components.settings import Settings


@dataclass(frozen=True, kw_only=True)
class PrefixLifecycle:
    """When objects below a prefix move to another storage class, and when they are deleted.

    Days since an object was made; None if never. S3 moves none below 128 KiB by itself (API
    reference, PutBucketLifecycleConfiguration, TransitionDefaultMinimumObjectSize).
    """

    prefix: str
    tier_days: int | None = None
    archive_days: int | None = None
    expire_days: int | None = None


@dataclass(frozen=True, kw_only=True)
class BucketArgs:
    """`kms_key` None means SSE-S3: load balancer logs cannot be encrypted otherwise.

    `expire_days` deletes objects, `old_version_days` old versions; None keeps them. S3 writes
    access logs to `access_log_bucket`; None for a bucket of logs itself.
    `prefix_lifecycles` are what becomes of old objects below a prefix, by the rule's id.
    `region` is another than the stack's, and `provider` is then one of that region: with the
    provider's versions before 6, whose plans are worth checking too, a bucket has no region of
    its own.
    """

    settings: Settings
    bucket: Input[str]
    kms_key: Input[str] | None = None
    expire_days: int | None = None
    old_version_days: int | None = 90
    prefix_lifecycles: Mapping[str, PrefixLifecycle] = field(default_factory=dict)
    statements: Sequence[Statement] = ()
    access_log_bucket: Input[str] | None = None
    region: str | None = None
    provider: aws.Provider | None = None


class Bucket(Component):
    """`bulwark:index:Bucket`: a bucket and its guards, all named `{name}`.

    `ready` is the bucket's name once its policy stands: what writes to it waits for that.
    """

    def __init__(self, name: str, *, args: BucketArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("Bucket", name, settings=args.settings, opts=opts)
        region = args.region
        bucket = aws.s3.Bucket(
            name,
            bucket=args.bucket,
            force_destroy=args.settings.is_discarded("buckets"),
            opts=self.build_data_options("buckets", provider=args.provider),
        )
        guard_options = self.build_guard_options("buckets")
        self.bucket, self.arn = bucket.bucket, bucket.arn
        aws.s3.BucketOwnershipControls(
            name,
            bucket=bucket.bucket,
            rule={"object_ownership": "BucketOwnerEnforced"},
            region=region,
            opts=guard_options,
        )
        public_access_block = aws.s3.BucketPublicAccessBlock(
            name,
            bucket=bucket.bucket,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            region=region,
            opts=guard_options,
        )
        self.versioning = aws.s3.BucketVersioning(
            name,
            bucket=bucket.bucket,
            versioning_configuration={"status": "Enabled"},
            region=region,
            opts=guard_options,
        )
        aws.s3.BucketServerSideEncryptionConfiguration(
            name,
            bucket=bucket.bucket,
            rules=[
                {
                    "apply_server_side_encryption_by_default": {
                        "sse_algorithm": "aws:kms" if args.kms_key is not None else "AES256",
                        "kms_master_key_id": args.kms_key,
                    },
                    "bucket_key_enabled": args.kms_key is not None,
                }
            ],
            region=region,
            opts=guard_options,
        )
        aws.s3.BucketLifecycleConfiguration(
            name,
            bucket=bucket.bucket,
            rules=self._build_lifecycle_rules(args),
            region=region,
            opts=self.build_guard_options("buckets", depends_on=[self.versioning]),
        )
        if args.access_log_bucket is not None:
            aws.s3.BucketLogging(
                name,
                bucket=bucket.bucket,
                target_bucket=args.access_log_bucket,
                target_prefix=f"s3/{name}/",
                region=region,
                opts=guard_options,
            )
        tls_statement = Statement(
            sid="TlsOnly",
            effect="Deny",
            actions=["s3:*"],
            resources=[bucket.arn, Output.concat(bucket.arn, "/*")],
            principals={"*": ["*"]},
            conditions={"Bool": {"aws:SecureTransport": "false"}},
        )
        policy = aws.s3.BucketPolicy(
            name,
            bucket=bucket.bucket,
            policy=build_policy_document(tls_statement, *args.statements),
            region=region,
            opts=self.build_guard_options("buckets", depends_on=[public_access_block]),
        )
        self.writable_bucket = policy.bucket
        self.register_outputs({"bucket": self.bucket, "arn": self.arn})

    @staticmethod
    def _build_lifecycle_rules(
        args: BucketArgs,
    ) -> list[aws.s3.BucketLifecycleConfigurationRuleArgsDict]:
        rules: list[aws.s3.BucketLifecycleConfigurationRuleArgsDict] = [
            {
                "id": "unfinished-uploads",
                "status": "Enabled",
                "filter": {},
                "abort_incomplete_multipart_upload": {"days_after_initiation": 7},
            }
        ]
        if args.expire_days is not None:
            rules.append(
                {
                    "id": "expire",
                    "status": "Enabled",
                    "filter": {},
                    "expiration": {"days": args.expire_days},
                }
            )
        if args.old_version_days is not None:
            old_version_rule: aws.s3.BucketLifecycleConfigurationRuleArgsDict = {
                "id": "old-versions",
                "status": "Enabled",
                "filter": {},
                "noncurrent_version_expiration": {"noncurrent_days": args.old_version_days},
            }
            if args.expire_days is None:  # else its rule ends these too
                old_version_rule["expiration"] = {"expired_object_delete_marker": True}
            rules.append(old_version_rule)
        for rule_id, lifecycle in sorted(args.prefix_lifecycles.items()):
            rules.append(_build_prefix_rule(rule_id, lifecycle))
        return rules


def _build_prefix_rule(
    rule_id: str, lifecycle: PrefixLifecycle
) -> aws.s3.BucketLifecycleConfigurationRuleArgsDict:
    rule: aws.s3.BucketLifecycleConfigurationRuleArgsDict = {
        "id": rule_id,
        "status": "Enabled",
        "filter": {"prefix": lifecycle.prefix},
    }
    transitions: list[aws.s3.BucketLifecycleConfigurationRuleTransitionArgsDict] = [
        {"days": days, "storage_class": storage_class}
        for days, storage_class in (
            (lifecycle.tier_days, "INTELLIGENT_TIERING"),
            (lifecycle.archive_days, "DEEP_ARCHIVE"),
        )
        if days is not None
    ]
    if transitions:
        rule["transitions"] = transitions
    if lifecycle.expire_days is not None:
        rule["expiration"] = {"days": lifecycle.expire_days}
    return rule
