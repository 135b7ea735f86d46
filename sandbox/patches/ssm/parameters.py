"""SSM: parameters go with the sandbox's clock, and are changed after what came before them."""

from typing import Any

from moto.autoscaling.models import autoscaling_backends
from moto.ssm.models import Parameter, SimpleSystemManagerBackend

from sandbox.clock import clock
from sandbox.patches.autoscaling.instances import catch_up
from sandbox.patches.patching import Mend

mend = Mend()


@mend.around(SimpleSystemManagerBackend, "put_parameter")
def put(original: Any, backend: SimpleSystemManagerBackend, *args: Any, **given: Any) -> Parameter:
    """An instance that was launched before the change boots with what there was then."""
    catch_up(autoscaling_backends[backend.account_id][backend.region_name])
    made: Parameter = original(backend, *args, **given)
    made.last_modified_date = clock().now()
    return made
