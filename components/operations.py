"""The bucket that operations keep their journal, locks and exports in, and its copy elsewhere."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi_aws as aws
from pulumi import Input, Output, ResourceOptions

from components.account import Account
from components.buckets import Bucket, BucketArgs, PrefixLifecycle
from components.component import Component
from components.keys import Keys
from components.log_bucket import LogBucket
from components.policies import Statement, create_service_role
from components.provider import create_regional_provider
from components.settings import Settings
from components.settings.lifecycles import DATA_KIND_RULES, DataLifecycle
from ops.outputs import EXPORTS_PREFIX, RUNS_PREFIX, WAIVERS_PREFIX


def build_journal_statements(bucket_arn: Output[str]) -> tuple[Statement, ...]:
    """Makes journals and waivers write-once: nobody can overwrite or delete a line or a waiver.

    A run is resumed by what its journal says, and a finding is silent because somebody waived it,
    so nobody may change either afterwards. S3 User Guide, "Enforce conditional writes on Amazon S3
    buckets": `s3:if-none-match` is absent unless the request has that header, and parts of a
    multipart upload cannot have it. A deletion would free the key for another object. Replication
    writes with ReplicateObject, so it still works.
    """
    records = [Output.concat(bucket_arn, f"/{prefix}*") for prefix in (RUNS_PREFIX, WAIVERS_PREFIX)]
    everybody = {"*": ["*"]}
    return (
        Statement(
            sid="JournalWriteOnce",
            effect="Deny",
            actions=["s3:PutObject"],
            resources=records,
            principals=everybody,
            conditions={
                "Null": {"s3:if-none-match": "true"},
                "Bool": {"s3:ObjectCreationOperation": "true"},
            },
        ),
        Statement(
            sid="JournalKept",
            effect="Deny",
            actions=["s3:DeleteObject", "s3:DeleteObjectVersion"],
            resources=records,
            principals=everybody,
        ),
    )


@dataclass(frozen=True, kw_only=True)
class OperationsArgs:
    settings: Settings
    account: Account
    keys: Keys
    log_bucket: LogBucket | None


class Operations(Component):
    """`bulwark:index:Operations`: where operations write what they do.

    Children: `{name}`, the bucket. With a recovery region also `{name}-recovery`, the bucket
    there and the provider that makes it, the role `{name}-replication` and the replication, so
    that a run begun here can be read and resumed when this region is down. With a key of the
    stack's own also `{name}-export`, the role by which RDS writes exports: it takes no other key.
    """

    recovery_bucket: Output[str] | None = None
    export_role_arn: Output[str] | None = None

    def __init__(
        self, name: str, *, args: OperationsArgs, opts: ResourceOptions | None = None
    ) -> None:
        super().__init__("Operations", name, settings=args.settings, opts=opts)
        self._args = args
        primary_bucket = self._create_bucket(
            name,
            region=args.settings.region,
            kms_key=args.keys.data,
            access_log_bucket=args.log_bucket.bucket if args.log_bucket is not None else None,
        )
        self.bucket, self.arn = primary_bucket.writable_bucket, primary_bucket.arn
        if recovery_region := args.settings.recovery_region:
            # S3 delivers access logs within a region only, and there is no log bucket there.
            recovery_bucket = self._create_bucket(
                self.format_logical_name("recovery"),
                region=recovery_region,
                kms_key=args.keys.recovery,
                access_log_bucket=None,
                provider=create_regional_provider(
                    self.format_logical_name("recovery"),
                    region=recovery_region,
                    opts=self.child_options,
                ),
            )
            self.recovery_bucket = recovery_bucket.writable_bucket
            self._replicate_bucket(primary_bucket, recovery_bucket)
        if args.keys.data is not None:
            self.export_role_arn = self._create_export_role(args.keys.data)
        self.register_outputs(
            {"bucket": self.bucket, "arn": self.arn, "recovery_bucket": self.recovery_bucket}
        )

    def _create_bucket(
        self,
        name: str,
        *,
        region: str,
        kms_key: Input[str] | None,
        access_log_bucket: Input[str] | None,
        provider: aws.Provider | None = None,
    ) -> Bucket:
        settings, account = self._args.settings, self._args.account
        bucket_name = Output.format(
            "{0}-{1}-{2}", self.format_physical_name(self.name), account.id, region
        )
        return Bucket(
            name,
            args=BucketArgs(
                settings=settings,
                bucket=bucket_name,
                statements=build_journal_statements(
                    Output.format("arn:{0}:s3:::{1}", account.partition, bucket_name)
                ),
                kms_key=kms_key,
                old_version_days=settings.backups.journal_days,
                prefix_lifecycles={
                    f"old-{kind}": PrefixLifecycle(
                        prefix=DATA_KIND_RULES[kind].prefix, **lifecycle.model_dump()
                    )
                    for kind, lifecycle in settings.backups.lifecycles.items()
                    if lifecycle != DataLifecycle()
                },
                access_log_bucket=access_log_bucket,
                region=region if region != settings.region else None,
                provider=provider,
            ),
            opts=self.child_options,
        )

    def _create_export_role(self, kms_key: Input[str]) -> Output[str]:
        """The permissions of StartExportTask (RDS API reference), on this bucket's exports only."""
        objects = Output.concat(self.arn, f"/{EXPORTS_PREFIX}*")
        role = create_service_role(
            self,
            "export",
            service="export.rds.amazonaws.com",
            account=self._args.account,
            statements=[
                Statement(actions=["s3:GetBucketLocation", "s3:ListBucket"], resources=[self.arn]),
                Statement(
                    actions=["s3:DeleteObject*", "s3:GetObject*", "s3:PutObject*"],
                    resources=[objects],
                ),
                Statement(
                    actions=["kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey"],
                    resources=[kms_key],
                ),
            ],
        )
        return role.arn

    def _replicate_bucket(self, source_bucket: Bucket, recovery_bucket: Bucket) -> None:
        role = create_service_role(
            self,
            "replication",
            service="s3.amazonaws.com",
            account=self._args.account,
            statements=self._build_replication_statements(source_bucket, recovery_bucket),
        )
        recovery_key = self._args.keys.recovery
        destination: aws.s3.BucketReplicationConfigRuleDestinationArgsDict = {
            "bucket": recovery_bucket.arn,
            "storage_class": "STANDARD",
        }
        rule: aws.s3.BucketReplicationConfigRuleArgsDict = {
            "id": "all",
            "status": "Enabled",
            "priority": 0,
            "filter": {"prefix": ""},
            "delete_marker_replication": {"status": "Enabled"},
            "destination": destination,
        }
        if recovery_key is not None:  # S3 leaves out what is encrypted by KMS unless both are given
            destination["encryption_configuration"] = {"replica_kms_key_id": recovery_key}
            rule["source_selection_criteria"] = {"sse_kms_encrypted_objects": {"status": "Enabled"}}
        aws.s3.BucketReplicationConfig(
            self.format_logical_name("replication"),
            bucket=source_bucket.bucket,
            role=role.arn,
            rules=[rule],
            opts=self.build_child_options(
                depends_on=[source_bucket.versioning, recovery_bucket.versioning]
            ),
        )

    def _build_replication_statements(
        self, source_bucket: Bucket, recovery_bucket: Bucket
    ) -> Sequence[Statement]:
        """The permissions of the Amazon S3 User Guide, on these two buckets and keys only."""
        keys, settings = self._args.keys, self._args.settings
        statements = [
            Statement(
                actions=["s3:GetReplicationConfiguration", "s3:ListBucket"],
                resources=[source_bucket.arn],
            ),
            Statement(
                actions=[
                    "s3:GetObjectVersionForReplication",
                    "s3:GetObjectVersionAcl",
                    "s3:GetObjectVersionTagging",
                ],
                resources=[Output.concat(source_bucket.arn, "/*")],
            ),
            Statement(
                actions=["s3:ReplicateObject", "s3:ReplicateDelete", "s3:ReplicateTags"],
                resources=[Output.concat(recovery_bucket.arn, "/*")],
            ),
        ]
        key_uses = (
            ("kms:Decrypt", keys.data, settings.region, source_bucket),
            ("kms:Encrypt", keys.recovery, settings.recovery_region, recovery_bucket),
        )
        for action, key, region, bucket in key_uses:
            if key is None:
                continue
            conditions: dict[str, dict[str, Input[str] | Sequence[Input[str]]]] = {
                "StringEquals": {"kms:ViaService": f"s3.{region}.amazonaws.com"},
                # With an S3 bucket key the encryption context is the bucket, else the object.
                "StringLike": {
                    "kms:EncryptionContext:aws:s3:arn": [
                        bucket.arn,
                        Output.concat(bucket.arn, "/*"),
                    ]
                },
            }
            statements.append(Statement(actions=[action], resources=[key], conditions=conditions))
        return statements
