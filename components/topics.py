"""The two SNS topics that people listen to: page wakes somebody, warn waits for the morning."""

from dataclasses import dataclass
from typing import Final

import pulumi_aws as aws
from pulumi import Output, ResourceOptions

from components.account import Account
from components.component import Component
from components.keys import Keys
from components.policies import Statement, document
from components.settings import Settings

LEVELS: Final = ("page", "warn")
# Who publishes on behalf of this account, and says so: the grant is bound to the account.
BOUND: Final = ("cloudwatch", "events.rds", "budgets", "costalerts")
# These send no source with a publication, so that a condition would never hold: EventBridge
# ("Amazon SNS permissions" in its user guide) and AWS Backup, which refuses topics of others.
UNBOUND: Final = ("events", "backup")


@dataclass(frozen=True)
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

    def __init__(self, name: str, args: TopicsArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("Topics", name, args.settings, opts)
        self._account, self._key = args.account, args.keys.logs
        topics = {level: self._topic(level) for level in LEVELS}
        for subscription in args.settings.alarms.subscriptions:
            aws.sns.TopicSubscription(
                self.key(subscription.level, subscription.name),
                topic=topics[subscription.level].arn,
                protocol=subscription.protocol,
                endpoint=Output.secret(subscription.endpoint),
                opts=self.child,
            )
        self.page, self.warn = topics["page"].arn, topics["warn"].arn
        self.register_outputs({"page": self.page, "warn": self.warn})

    def _topic(self, level: str) -> aws.sns.Topic:
        """The policy comes with the topic, so that nothing can be told to use it too early."""
        name = self.physical(level)
        return aws.sns.Topic(
            self.key(level),
            name=name,
            display_name=name,
            kms_master_key_id=self._key,
            signature_version=2,
            policy=self._policy(self._account.arn("sns", self.settings.region, name)),
            opts=self.child,
        )

    def _policy(self, topic: Output[str]) -> Output[str]:
        """Publishing only: who subscribes is decided by IAM in this account (SNS.4)."""
        publish = ["sns:Publish"]
        return document(
            Statement(
                sid="TlsOnly",
                effect="Deny",
                actions=publish,
                resources=[topic],
                principals={"*": ["*"]},
                conditions={"Bool": {"aws:SecureTransport": "false"}},
            ),
            Statement(
                sid="OwnAccount",
                actions=publish,
                resources=[topic],
                principals={"Service": [f"{service}.amazonaws.com" for service in BOUND]},
                conditions={"StringEquals": {"aws:SourceAccount": self._account.id}},
            ),
            Statement(
                sid="WithoutSource",
                actions=publish,
                resources=[topic],
                principals={"Service": [f"{service}.amazonaws.com" for service in UNBOUND]},
            ),
        )
