"""Topics, who may publish to them, and who hears of it."""

from typing import Final

from sandbox.resources.entry import (
    REMAINING_INPUTS,
    EntryCall,
    EntryInputs,
    EntryTable,
    PhysicalNaming,
    ResourceEntry,
)

# What is an input in Pulumi and an attribute in AWS (SNS API, CreateTopic and Subscribe).
_TOPIC_ATTRIBUTES: Final = (
    "archivePolicy",
    "contentBasedDeduplication",
    "deliveryPolicy",
    "displayName",
    "fifoTopic",
    "kmsMasterKeyId",
    "policy",
    "signatureVersion",
    "tracingConfig",
)
_SUBSCRIPTION_ATTRIBUTES: Final = (
    "deliveryPolicy",
    "filterPolicy",
    "filterPolicyScope",
    "rawMessageDelivery",
    "redrivePolicy",
    "replayPolicy",
    "subscriptionRoleArn",
)


def _group_attributes(inputs: EntryInputs, names: tuple[str, ...]) -> EntryInputs:
    """The inputs with those that are attributes put together."""
    attributes = {}
    for name in names:
        if (value := inputs.pop(name, None)) is not None:
            text = str(value).lower() if isinstance(value, bool) else str(value)
            attributes[name[0].upper() + name[1:]] = text
    return inputs | {"attributes": attributes}


ENTRIES: EntryTable = {
    "aws:sns/topic:Topic": ResourceEntry(
        "sns.create_topic",
        id="out.TopicArn",
        naming=PhysicalNaming(max_length=256),
        prepare=lambda inputs: _group_attributes(inputs, _TOPIC_ATTRIBUTES),
        outputs={"arn": "id", "owner": "account"},
        find_call=EntryCall("sns.get_topic_attributes", {"TopicArn": "id"}),
        find_result="out.Attributes",
    ),
    "aws:sns/topicSubscription:TopicSubscription": ResourceEntry(
        EntryCall(
            "sns.subscribe",
            {"TopicArn": "in.topic", "ReturnSubscriptionArn": True},
            inputs=REMAINING_INPUTS,
        ),
        id="out.SubscriptionArn",
        prepare=lambda inputs: _group_attributes(inputs, _SUBSCRIPTION_ATTRIBUTES),
        ignored_inputs={
            "confirmationTimeoutInMinutes": "nobody is there to confirm",
            "endpointAutoConfirms": "nobody is there to confirm",
        },
        outputs={"arn": "id", "ownerId": "account"},
        find_call=EntryCall("sns.get_subscription_attributes", {"SubscriptionArn": "id"}),
        find_result="out.Attributes",
    ),
}
