"""The stack's KMS keys: one for data, one for logs and topics, one in the recovery region."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi_aws as aws
from pulumi import Input, Output, ResourceOptions

from components.account import Account
from components.component import Component
from components.policies import Statement, document
from components.settings import Settings

# Services that call KMS as themselves, for the log groups and topics of this account.
LOG_SERVICES = (
    "logs",
    "cloudwatch",
    "events",
    "backup",
    "events.rds",
    "sns",
    "budgets",
    "costalerts",
)
# These name no source account when they publish to an encrypted topic (SNS developer guide, "Key
# management"): they are bound by the topic, which SNS names in the encryption context.
TOPIC_SERVICES = ("events", "backup")
DATA_SERVICES = ("rds", "elasticache", "secretsmanager", "ec2", "autoscaling", "s3", "ecr", "ssm")
USE = ("kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey")


@dataclass(frozen=True)
class KeysArgs:
    settings: Settings
    account: Account


class Keys(Component):
    """`bulwark:index:Keys`: customer managed keys, rotated each year (KMS.4).

    Children: `{name}-data`, `{name}-logs`, and with a recovery region `{name}-recovery`, each a
    key and its alias. None at all where the settings leave encryption to AWS: then `data`,
    `logs` and `recovery` are None, and each service uses its own AWS managed key.
    """

    data: Output[str] | None = None
    logs: Output[str] | None = None
    recovery: Output[str] | None = None

    def __init__(self, name: str, args: KeysArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("Keys", name, args.settings, opts)
        self._account = args.account
        if args.settings.encryption == "own":
            region = args.settings.region
            self.data = self._key("data", region, self._data(region))
            self.logs = self._key("logs", region, self._logs(region))
            if recovery := args.settings.recovery_region:
                both = [*self._data(recovery), *self._logs(recovery)]
                self.recovery = self._key("recovery", recovery, both)
        self.register_outputs({"data": self.data, "logs": self.logs, "recovery": self.recovery})

    def _key(self, what: str, region: str, statements: Sequence[Statement]) -> Output[str]:
        root = Output.format("arn:{0}:iam::{1}:root", self._account.partition, self._account.id)
        owner = Statement(
            sid="Account", actions=["kms:*"], resources=["*"], principals={"AWS": [root]}
        )
        elsewhere = region if region != self.settings.region else None
        key = aws.kms.Key(
            self.key(what),
            description=f"{self.settings.prefix}: {what}",
            enable_key_rotation=True,
            deletion_window_in_days=30 if self.settings.protect else 7,
            policy=document(owner, *statements),
            region=elsewhere,
            opts=self.guarded(),
        )
        aws.kms.Alias(
            self.key(what),
            name=f"alias/{self.physical(what)}",
            target_key_id=key.key_id,
            region=elsewhere,
            opts=self.child,
        )
        return key.arn

    def _data(self, region: str) -> list[Statement]:
        """Everybody of the account whom IAM allows, through the services that hold data."""
        via = [f"{service}.{region}.amazonaws.com" for service in DATA_SERVICES]
        caller: dict[str, dict[str, Input[str] | Sequence[Input[str]]]] = {
            "StringEquals": {"kms:CallerAccount": self._account.id, "kms:ViaService": via}
        }
        return [
            Statement(
                sid="ThroughServices",
                actions=[*USE, "kms:CreateGrant"],
                resources=["*"],
                principals={"AWS": ["*"]},
                conditions=caller,
            )
        ]

    def _logs(self, region: str) -> list[Statement]:
        logs = Statement(
            sid="LogGroups",
            actions=USE,
            resources=["*"],
            principals={"Service": [f"logs.{region}.amazonaws.com"]},
            conditions={
                "ArnLike": {
                    "kms:EncryptionContext:aws:logs:arn": self._account.arn("logs", region, "*")
                }
            },
        )
        names = [
            f"{service}.amazonaws.com"
            for service in LOG_SERVICES
            if service not in ("logs", *TOPIC_SERVICES)
        ]
        topics = Statement(
            sid="Topics",
            actions=["kms:Decrypt", "kms:GenerateDataKey*"],
            resources=["*"],
            principals={"Service": names},
            conditions={"StringEquals": {"aws:SourceAccount": self._account.id}},
        )
        by_topic = Statement(
            sid="TopicsWithoutSource",
            actions=["kms:Decrypt", "kms:GenerateDataKey*"],
            resources=["*"],
            principals={"Service": [f"{service}.amazonaws.com" for service in TOPIC_SERVICES]},
            conditions={
                "ArnLike": {
                    "kms:EncryptionContext:aws:sns:topicArn": self._account.arn("sns", region, "*")
                }
            },
        )
        return [logs, topics, by_topic]
