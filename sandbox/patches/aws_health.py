"""AWS Health, which moto lacks: the sandbox's account has no support plan that answers its API.

"If you call the AWS Health API from an AWS account that doesn't have a Business, Enterprise
On-Ramp, or Enterprise Support plan, you receive a SubscriptionRequiredException error" (AWS Health
API Reference, "Welcome").
"""

import json
import re
from collections.abc import Callable, Iterable
from typing import Any, Final

from moto.core.botocore_stubber import BotocoreStubber

from sandbox.patches.patching import ServicePatch

patch = ServicePatch()
HEALTH_SERVICE: Final = "health"
_HEALTH_URL: Final = re.compile(r"https://(?:global\.)?health\.[a-z0-9.-]+")
HEALTH_REPLY: Final = (
    400,
    {"Content-Type": "application/x-amz-json-1.1"},
    json.dumps({"__type": "SubscriptionRequiredException"}).encode(),
)


@patch.wrap(BotocoreStubber, "process_request")
def _answer_health(original: Any, stubber: BotocoreStubber, request: Any) -> Any:
    """Answers for AWS Health; everything else goes on."""
    if _HEALTH_URL.match(request.url):
        return HEALTH_REPLY
    return original(stubber, request)


def add_health_refusal(
    application: Callable[[dict[str, Any], Any], Iterable[bytes]],
) -> Callable[[dict[str, Any], Any], Iterable[bytes]]:
    """The served application, which answers for AWS Health in the same way."""

    def handle_request(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if f"/{HEALTH_SERVICE}/aws4_request" in str(environ.get("HTTP_AUTHORIZATION", "")):
            _, headers, content = HEALTH_REPLY
            start_response("400 Bad Request", list(headers.items()))
            return [content]
        return application(environ, start_response)

    return handle_request
