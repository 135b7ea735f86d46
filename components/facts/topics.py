"""Facts of SNS topics."""

from typing import Final

from components.facts.billing import build_usage_lister
from components.facts.model import ChangeEffect, Encryption, Guard, ResourceFact

FACTS: Final = (
    ResourceFact(
        type="aws:sns/topic:Topic",
        harmless=("displayName", "signatureVersion"),
        updates={
            "policy": ChangeEffect(
                "who may publish and subscribe changes: alarms may reach nobody",
                "at once",
                "SNS Developer Guide, Access policies",
            ),
            "kmsMasterKeyId": ChangeEffect(
                "publishers need permission for the new key: without it, their alarms reach nobody",
                "at once",
                "SNS Developer Guide, Encryption at rest",
            ),
        },
        list_charges=build_usage_lister("messages", "sns"),
        removal=ChangeEffect(
            (
                "its subscriptions are deleted and e-mail must be confirmed again: "
                "alarms reach nobody"
            ),
            "until they are confirmed",
            "SNS Developer Guide, Deleting a topic",
        ),
        encryption=Encryption(
            rule="topic-key",
            description="A topic is encrypted.",
            controls=("SNS.1",),
            key_property="kmsMasterKeyId",
            prod_only=True,
        ),
        is_taggable=True,
    ),
    ResourceFact(
        type="aws:sns/topicSubscription:TopicSubscription",
        replacing=("endpoint", "protocol", "topic"),
        updates={
            "filterPolicy": ChangeEffect(
                "other messages are delivered", "at once", "SNS Developer Guide, Message filtering"
            ),
            "filterPolicyScope": ChangeEffect(
                "other messages are delivered", "at once", "SNS Developer Guide, Message filtering"
            ),
            "rawMessageDelivery": ChangeEffect(
                "other messages are delivered", "at once", "SNS Developer Guide, Message filtering"
            ),
            "redrivePolicy": ChangeEffect(
                "other messages are delivered", "at once", "SNS Developer Guide, Message filtering"
            ),
        },
        guard=Guard(
            "its endpoint gets no more messages", "SNS Developer Guide, Deleting a subscription"
        ),
    ),
)
