"""The two SNS topics that people listen to: page wakes somebody, warn waits for the morning."""

from dataclasses import dataclass
from typing import Final

import pulumi_aws as aws
from pulumi import Output, ResourceOptions

from components.account import Account
from components.component import Component
from components.keys import SERVICES_WITHOUT_SOURCE, Keys
from components.policies import Statement, build_policy_document, build_source_conditions
from components.settings import Settings

TOPIC_LEVELS: Final = ("page", "warn")
# Who publishes on behalf of this account, and says so: the grant is bound to the account.
SERVICES_WITH_SOURCE: Final = ("cloudwatch", "events.rds", "budgets", "costalerts")


@dataclass(frozen=True, kw_only=True)
class TopicsArgs:
    settings: Settings
    account: Account
    keys: Keys


class Topics(Component):
    """`bulwark:index:Topics`: `page` and `warn`, ARNs of topics that AWS services may publish to.

    Children: `{name}-page` and `{name}-warn`, and of each a subscription
    `{name}-{level}-{subscription}` by the name in the settings. A topic is encrypted with the
    stack's own key (SNS.1). Without one it is not: CloudWatch cannot publish to a topic that is
    encrypted with the AWS managed key. ElastiCache can publish to neither, since it takes no
    encrypted topic and no `aws:SourceAccount`: alarms watch the cache instead.
    """

    def __init__(self, name: str, *, args: TopicsArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("Topics", name, settings=args.settings, opts=opts)
        self._account, self._kms_key = args.account, args.keys.logs
        topics = {level: self._create_topic(level) for level in TOPIC_LEVELS}
        for subscription in args.settings.alarms.subscriptions:
            aws.sns.TopicSubscription(
                self.format_logical_name(subscription.level, subscription.name),
                topic=topics[subscription.level].arn,
                protocol=subscription.protocol,
                endpoint=Output.secret(subscription.endpoint),
                opts=self.child_options,
            )
        self.page, self.warn = topics["page"].arn, topics["warn"].arn
        self.register_outputs({"page": self.page, "warn": self.warn})

    def _create_topic(self, level: str) -> aws.sns.Topic:
        """The policy is set with the topic, so that no publisher finds the topic without it."""
        name = self.format_physical_name(level)
        return aws.sns.Topic(
            self.format_logical_name(level),
            name=name,
            display_name=name,
            kms_master_key_id=self._kms_key,
            signature_version=2,
            policy=self._build_policy(
                self._account.format_arn("sns", region=self.settings.region, resource=name)
            ),
            opts=self.child_options,
        )

    def _build_policy(self, topic_arn: Output[str]) -> Output[str]:
        """Publishing only: who subscribes is decided by IAM in this account (SNS.4)."""
        publish_actions = ["sns:Publish"]
        return build_policy_document(
            Statement(
                sid="TlsOnly",
                effect="Deny",
                actions=publish_actions,
                resources=[topic_arn],
                principals={"*": ["*"]},
                conditions={"Bool": {"aws:SecureTransport": "false"}},
            ),
            Statement(
                sid="OwnAccount",
                actions=publish_actions,
                resources=[topic_arn],
                principals={
                    "Service": [f"{service}.amazonaws.com" for service in SERVICES_WITH_SOURCE]
                },
                conditions=build_source_conditions(SERVICES_WITH_SOURCE[0], account=self._account),
            ),
            Statement(
                sid="WithoutSource",
                actions=publish_actions,
                resources=[topic_arn],
                principals={
                    "Service": [f"{service}.amazonaws.com" for service in SERVICES_WITHOUT_SOURCE]
                },
                conditions=build_source_conditions(
                    SERVICES_WITHOUT_SOURCE[0], account=self._account
                ),
            ),
        )
