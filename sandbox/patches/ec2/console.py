"""EC2: the console output of an instance; the latest one of Nitro instances alone."""

from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.models import EC2Backend
from moto.ec2.models.instance_types import INSTANCE_TYPES
from moto.ec2.responses.general import General
from moto.ec2.utils import Base64EncodedString  # type: ignore[attr-defined]

from sandbox.patches.patching import AwsError, ServicePatch, backend_state

patch = ServicePatch()


def get_console_outputs(backend: EC2Backend) -> dict[str, str]:
    """What instances wrote, by id, where it is not moto's sample; empty is none yet."""
    return backend_state(backend, "console_outputs", dict)


@patch.wrap(General, "get_console_output")
def get_console_output(original: Any, response: General) -> ActionResult:
    """API reference, GetConsoleOutput: `Latest` is supported on Nitro; the words are AWS's own."""
    backend: EC2Backend = response.ec2_backend
    instance: Any = backend.get_instance(response._get_param("InstanceId"))
    is_latest = str(response._get_param("Latest")).lower() == "true"
    hypervisor = INSTANCE_TYPES.get(instance.instance_type, {}).get("Hypervisor")
    if is_latest and hypervisor != "nitro":
        raise AwsError(
            "UnsupportedOperation",
            "This instance type does not support retrieving the latest console logs. "
            "Please choose a supported instance type and try again.",
        )
    answer: ActionResult = original(response)
    result: Any = answer.result
    text = get_console_outputs(backend).get(instance.id)
    if text is not None:
        result["Output"] = Base64EncodedString.from_raw_string(text) if text else None
    return answer
