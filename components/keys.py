"""The stack's KMS keys: for data, for logs and topics, for backups, and in the recovery region."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi_aws as aws
from pulumi import Output, ResourceOptions

from components.account import Account
from components.component import Component
from components.policies import Statement, build_policy_document, build_source_conditions
from components.settings import Settings

# Services that call KMS as themselves, for the log groups and topics of this account.
LOG_KEY_SERVICES = (
    "logs",
    "cloudwatch",
    "events",
    "events.rds",
    "sns",
    "budgets",
    "costalerts",
)
# EventBridge names no source account when it publishes to an encrypted topic (SNS Developer Guide,
# "Key management"): it is bound by the topic, which SNS names in the encryption context. AWS Backup
# neither publishes nor names one: its failures come as events of EventBridge.
SERVICES_WITHOUT_SOURCE = ("events",)
KEY_USE_ACTIONS = (
    "kms:Encrypt",
    "kms:Decrypt",
    "kms:ReEncrypt*",
    "kms:GenerateDataKey*",
    "kms:DescribeKey",
)


@dataclass(frozen=True, kw_only=True)
class KeysArgs:
    settings: Settings
    account: Account


class Keys(Component):
    """`bulwark:index:Keys`: customer managed keys, rotated each year (KMS.4).

    Children: `{name}-data`, `{name}-logs`, with AWS Backup `{name}-vault`, and with a recovery
    region `{name}-recovery`, each a key and its alias. None at all where the settings leave
    encryption to AWS: then `data`, `logs`, `vault` and `recovery` are None, and each service uses
    its own AWS managed key.
    """

    data: Output[str] | None = None
    logs: Output[str] | None = None
    vault: Output[str] | None = None
    recovery: Output[str] | None = None

    def __init__(self, name: str, *, args: KeysArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("Keys", name, settings=args.settings, opts=opts)
        self._account = args.account
        if args.settings.encryption == "own":
            region = args.settings.region
            self.data = self._create_key(
                "data", region=region, statements=self._build_data_statements()
            )
            self.logs = self._create_key(
                "logs", region=region, statements=self._build_log_statements(region)
            )
            if args.settings.backups.enabled:
                self.vault = self._create_key("vault", region=region, statements=())
            if recovery_region := args.settings.recovery_region:
                statements = [
                    *self._build_data_statements(),
                    *self._build_log_statements(recovery_region),
                ]
                self.recovery = self._create_key(
                    "recovery", region=recovery_region, statements=statements
                )
        self.register_outputs({"data": self.data, "logs": self.logs, "recovery": self.recovery})

    def _create_key(
        self, purpose: str, *, region: str, statements: Sequence[Statement]
    ) -> Output[str]:
        account_root = Output.format(
            "arn:{0}:iam::{1}:root", self._account.partition, self._account.id
        )
        account_statement = Statement(
            sid="Account", actions=["kms:*"], resources=["*"], principals={"AWS": [account_root]}
        )
        # Whoever may use a key hands it on to AWS's services only (KMS Developer Guide,
        # "kms:GrantIsForAWSResource").
        grant_statement = Statement(
            sid="GrantsForAwsResources",
            effect="Deny",
            actions=["kms:CreateGrant"],
            resources=["*"],
            principals={"AWS": ["*"]},
            conditions={"Bool": {"kms:GrantIsForAWSResource": "false"}},
        )
        other_region = region if region != self.settings.region else None
        key = aws.kms.Key(
            self.format_logical_name(purpose),
            description=f"{self.settings.prefix}: {purpose}",
            enable_key_rotation=True,
            deletion_window_in_days=7 if self.settings.is_discarded("keys") else 30,
            policy=build_policy_document(account_statement, grant_statement, *statements),
            region=other_region,
            opts=self.build_data_options("keys"),
        )
        aws.kms.Alias(
            self.format_logical_name(purpose),
            name=f"alias/{self.format_physical_name(purpose)}",
            target_key_id=key.key_id,
            region=other_region,
            opts=self.child_options,
        )
        return key.arn

    def _build_data_statements(self) -> list[Statement]:
        """Auto Scaling's own role, which encrypts the disks of instances; IAM decides on others.

        The role is named by a condition: a principal that is not there yet, as before the account's
        first Auto Scaling group, would be refused (Amazon EC2 Auto Scaling User Guide, "Required
        AWS KMS key policy for use with encrypted volumes").
        """
        role_arn = Output.format(
            "arn:{0}:iam::{1}:role/aws-service-role/autoscaling.amazonaws.com/"
            "AWSServiceRoleForAutoScaling",
            self._account.partition,
            self._account.id,
        )
        return [
            Statement(
                sid="AutoScaling",
                actions=[*KEY_USE_ACTIONS, "kms:CreateGrant"],
                resources=["*"],
                principals={"AWS": ["*"]},
                conditions={
                    "StringEquals": {"kms:CallerAccount": self._account.id},
                    "ArnEquals": {"aws:PrincipalArn": role_arn},
                },
            )
        ]

    def _build_log_statements(self, region: str) -> list[Statement]:
        log_statement = Statement(
            sid="LogGroups",
            actions=KEY_USE_ACTIONS,
            resources=["*"],
            principals={"Service": [f"logs.{region}.amazonaws.com"]},
            conditions={
                **build_source_conditions("logs", account=self._account),
                "ArnLike": {
                    "kms:EncryptionContext:aws:logs:arn": self._account.format_arn(
                        "logs", region=region, resource="*"
                    )
                },
            },
        )
        service_principals = [
            f"{service}.amazonaws.com"
            for service in LOG_KEY_SERVICES
            if service not in ("logs", *SERVICES_WITHOUT_SOURCE)
        ]
        topic_statement = Statement(
            sid="Topics",
            actions=["kms:Decrypt", "kms:GenerateDataKey*"],
            resources=["*"],
            principals={"Service": service_principals},
            conditions=build_source_conditions(service_principals[0], account=self._account),
        )
        sourceless_topic_statement = Statement(
            sid="TopicsWithoutSource",
            actions=["kms:Decrypt", "kms:GenerateDataKey*"],
            resources=["*"],
            principals={
                "Service": [f"{service}.amazonaws.com" for service in SERVICES_WITHOUT_SOURCE]
            },
            conditions={
                **build_source_conditions(SERVICES_WITHOUT_SOURCE[0], account=self._account),
                "ArnLike": {
                    "kms:EncryptionContext:aws:sns:topicArn": self._account.format_arn(
                        "sns", region=region, resource="*"
                    )
                },
            },
        )
        return [log_statement, topic_statement, sourceless_topic_statement]
