"""Facts of SNS topics."""

from typing import Final

from components.facts.billing import build_usage_lister
from components.facts.model import ChangeEffect, Encryption, ResourceFact

FACTS: Final = (
    ResourceFact(
        type="aws:sns/topic:Topic",
        list_charges=build_usage_lister("messages", "sns"),
        removal=ChangeEffect(
            (
                "its subscriptions are deleted and e-mail must be confirmed again: "
                "alarms reach no one"
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
    ResourceFact(type="aws:sns/topicSubscription:TopicSubscription"),
)
