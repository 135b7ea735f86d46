"""One call at a time: the sandbox's load balancer never reads a half-done change.

moto's state is not thread-safe. Calls of the services that decide what a load balancer
answers take turns with it. Other services do not: some of their calls take long, and a load
balancer goes on answering meanwhile.
"""

import threading
from typing import Any, Final

from moto.autoscaling.responses import AutoScalingResponse
from moto.core.responses import BaseResponse
from moto.ec2.responses import EC2Response
from moto.ecr.responses import ECRResponse
from moto.ecs.responses import EC2ContainerServiceResponse
from moto.elbv2.responses import ELBV2Response
from moto.ssm.responses import SimpleSystemManagerResponse

from sandbox.patches.patching import ServicePatch

patch = ServicePatch()
# Reentrant: a call of one service may lead to another's.
CALL_LOCK: Final = threading.RLock()
_SERIALIZED_RESPONSES: Final[tuple[type[BaseResponse], ...]] = (
    AutoScalingResponse,
    EC2ContainerServiceResponse,
    EC2Response,
    ECRResponse,
    ELBV2Response,
    SimpleSystemManagerResponse,
)


def _serialize_calls(response_class: type[BaseResponse]) -> None:
    @patch.wrap(response_class, "call_action")
    def call(original: Any, response: BaseResponse) -> Any:
        with CALL_LOCK:
            return original(response)


for _response_class in _SERIALIZED_RESPONSES:
    _serialize_calls(_response_class)
