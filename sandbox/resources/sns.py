"""Topics, who may publish to them, and who hears of it."""

from typing import Final

from sandbox.resources.entry import REST, Call, Entries, Entry, Inputs, Naming

# What is an input in Pulumi and an attribute in AWS (SNS API, CreateTopic and Subscribe).
_TOPIC: Final = (
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
_SUBSCRIPTION: Final = (
    "deliveryPolicy",
    "filterPolicy",
    "filterPolicyScope",
    "rawMessageDelivery",
    "redrivePolicy",
    "replayPolicy",
    "subscriptionRoleArn",
)


def _attributes(inputs: Inputs, names: tuple[str, ...]) -> Inputs:
    """The inputs with those that are attributes put together."""
    attributes = {}
    for name in names:
        if (value := inputs.pop(name, None)) is not None:
            text = str(value).lower() if isinstance(value, bool) else str(value)
            attributes[name[0].upper() + name[1:]] = text
    return inputs | {"attributes": attributes}


ENTRIES: Entries = {
    "aws:sns/topic:Topic": Entry(
        "sns.create_topic",
        id="out.TopicArn",
        naming=Naming(limit=256),
        prepare=lambda inputs: _attributes(inputs, _TOPIC),
        outputs={"arn": "id", "owner": "account"},
        find=Call("sns.get_topic_attributes", {"TopicArn": "id"}),
        found="out.Attributes",
    ),
    "aws:sns/topicSubscription:TopicSubscription": Entry(
        Call(
            "sns.subscribe",
            {"TopicArn": "in.topic", "ReturnSubscriptionArn": True},
            fit=REST,
        ),
        id="out.SubscriptionArn",
        prepare=lambda inputs: _attributes(inputs, _SUBSCRIPTION),
        left={
            "confirmationTimeoutInMinutes": "nobody is there to confirm",
            "endpointAutoConfirms": "nobody is there to confirm",
        },
        outputs={"arn": "id", "ownerId": "account"},
        find=Call("sns.get_subscription_attributes", {"SubscriptionArn": "id"}),
        found="out.Attributes",
    ),
}
