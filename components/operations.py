"""The bucket that operations keep their journal, locks and exports in, and its copy elsewhere."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws
from pulumi import Input, Output, ResourceOptions

from components.account import Account
from components.buckets import Bucket, BucketArgs
from components.component import Component
from components.keys import Keys
from components.log_bucket import LogBucket
from components.policies import Statement, service_role
from components.settings import Settings
from ops.outputs import EXPORTS


@dataclass(frozen=True)
class OperationsArgs:
    settings: Settings
    account: Account
    keys: Keys
    logs: LogBucket | None


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
        self, name: str, args: OperationsArgs, opts: ResourceOptions | None = None
    ) -> None:
        super().__init__("Operations", name, args.settings, opts)
        self._args = args
        here = self._bucket(
            name,
            args.settings.region,
            args.keys.data,
            args.logs.bucket if args.logs is not None else None,
        )
        self.bucket, self.arn = here.ready, here.arn
        if region := args.settings.recovery_region:
            # S3 delivers access logs within a region only, and there is no log bucket there.
            there = self._bucket(
                self.key("recovery"), region, args.keys.recovery, None, self._elsewhere(region)
            )
            self.recovery_bucket = there.ready
            self._replicate(here, there)
        if args.keys.data is not None:
            self.export_role_arn = self._export_role(args.keys.data)
        self.register_outputs(
            {"bucket": self.bucket, "arn": self.arn, "recovery_bucket": self.recovery_bucket}
        )

    def _elsewhere(self, region: str) -> aws.Provider:
        """A provider of another region, with the credentials that the stack's own is given."""
        config = pulumi.Config("aws")
        return aws.Provider(
            self.key("recovery"),
            region=region,
            profile=config.get("profile"),
            assume_roles=config.get_object("assumeRoles"),
            allowed_account_ids=config.get_object("allowedAccountIds"),
            opts=self.child,
        )

    def _bucket(
        self,
        name: str,
        region: str,
        key: Input[str] | None,
        access_logs: Input[str] | None,
        provider: aws.Provider | None = None,
    ) -> Bucket:
        settings = self._args.settings
        return Bucket(
            name,
            BucketArgs(
                settings=settings,
                bucket=Output.format(
                    "{0}-{1}-{2}", self.physical(self.name), self._args.account.id, region
                ),
                kms_key=key,
                old_version_days=settings.backups.journal_days,
                access_log_bucket=access_logs,
                region=region if region != settings.region else None,
                provider=provider,
            ),
            opts=self.child,
        )

    def _export_role(self, key: Input[str]) -> Output[str]:
        """What StartExportTask asks for (RDS API reference), on this bucket's exports only."""
        objects = Output.concat(self.arn, f"/{EXPORTS}*")
        role = service_role(
            self,
            "export",
            "export.rds.amazonaws.com",
            [
                Statement(actions=["s3:GetBucketLocation", "s3:ListBucket"], resources=[self.arn]),
                Statement(
                    actions=["s3:DeleteObject*", "s3:GetObject*", "s3:PutObject*"],
                    resources=[objects],
                ),
                Statement(
                    actions=["kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey"],
                    resources=[key],
                ),
            ],
        )
        return role.arn

    def _replicate(self, here: Bucket, there: Bucket) -> None:
        role = service_role(
            self, "replication", "s3.amazonaws.com", self._replication_statements(here, there)
        )
        key = self._args.keys.recovery
        destination: aws.s3.BucketReplicationConfigRuleDestinationArgsDict = {
            "bucket": there.arn,
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
        if key is not None:  # S3 leaves out what is encrypted by KMS unless both are given
            destination["encryption_configuration"] = {"replica_kms_key_id": key}
            rule["source_selection_criteria"] = {"sse_kms_encrypted_objects": {"status": "Enabled"}}
        aws.s3.BucketReplicationConfig(
            self.key("replication"),
            bucket=here.bucket,
            role=role.arn,
            rules=[rule],
            opts=self.options(depends_on=[here.versioning, there.versioning]),
        )

    def _replication_statements(self, here: Bucket, there: Bucket) -> Sequence[Statement]:
        """What the Amazon S3 User Guide asks for, on these two buckets and keys only."""
        keys, settings = self._args.keys, self._args.settings
        statements = [
            Statement(
                actions=["s3:GetReplicationConfiguration", "s3:ListBucket"], resources=[here.arn]
            ),
            Statement(
                actions=[
                    "s3:GetObjectVersionForReplication",
                    "s3:GetObjectVersionAcl",
                    "s3:GetObjectVersionTagging",
                ],
                resources=[Output.concat(here.arn, "/*")],
            ),
            Statement(
                actions=["s3:ReplicateObject", "s3:ReplicateDelete", "s3:ReplicateTags"],
                resources=[Output.concat(there.arn, "/*")],
            ),
        ]
        ends = (
            ("kms:Decrypt", keys.data, settings.region, here),
            ("kms:Encrypt", keys.recovery, settings.recovery_region, there),
        )
        for action, key, region, bucket in ends:
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
