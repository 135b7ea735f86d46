"""SNS: topics keep their signature version and tracing."""

from typing import Any

from moto.sns.models import Topic
from moto.sns.responses import SNSResponse

from sandbox.patches.patching import Mend

mend = Mend()
# Attribute of the topic as moto stores what it is given, and its name.
KEPT = (
    ("signature_version", "SignatureVersion"),
    ("tracing_config", "TracingConfig"),
)


@mend.around(SNSResponse, "get_topic_attributes")
def attributes(original: Any, response: SNSResponse) -> Any:
    """moto stores every attribute and shows some."""
    answer = original(response)
    topic: Topic = response.backend.get_topic(response._get_param("TopicArn"))
    for stored, name in KEPT:
        if (value := vars(topic).get(stored)) is not None:
            answer.result["Attributes"][name] = value
    return answer
