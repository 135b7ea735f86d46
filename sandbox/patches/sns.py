"""SNS: topics keep their signature version and tracing."""

from typing import Any

from moto.sns.models import Topic
from moto.sns.responses import SNSResponse

from sandbox.patches.patching import ServicePatch

patch = ServicePatch()
# Attribute of the topic as moto stores it, and its name in the API.
TOPIC_ATTRIBUTES = (
    ("signature_version", "SignatureVersion"),
    ("tracing_config", "TracingConfig"),
)


@patch.wrap(SNSResponse, "get_topic_attributes")
def get_topic_attributes(original: Any, response: SNSResponse) -> Any:
    """Returns all attributes; moto stores them but returns only some."""
    answer = original(response)
    topic: Topic = response.backend.get_topic(response._get_param("TopicArn"))
    for attribute, name in TOPIC_ATTRIBUTES:
        if (value := vars(topic).get(attribute)) is not None:
            answer.result["Attributes"][name] = value
    return answer
