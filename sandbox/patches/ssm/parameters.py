"""SSM: parameters go with the sandbox's clock, and are changed after what came before them."""

from typing import Any

from moto.autoscaling.models import autoscaling_backends
from moto.ssm.models import Parameter, SimpleSystemManagerBackend

from sandbox.clock import get_sandbox_clock
from sandbox.patches.autoscaling.catch_up import catch_up_groups
from sandbox.patches.patching import ServicePatch

patch = ServicePatch()


@patch.wrap(SimpleSystemManagerBackend, "put_parameter")
def put_parameter(
    original: Any, backend: SimpleSystemManagerBackend, *args: Any, **kwargs: Any
) -> Parameter:
    """An instance that was launched before the change boots with what there was then."""
    catch_up_groups(autoscaling_backends[backend.account_id][backend.region_name])
    parameter: Parameter = original(backend, *args, **kwargs)
    parameter.last_modified_date = get_sandbox_clock().now()
    return parameter
