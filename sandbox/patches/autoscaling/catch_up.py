"""EC2 Auto Scaling: calls and load balancers see what was due by now as done."""

from typing import Any

from moto.autoscaling.models import AutoScalingBackend, autoscaling_backends
from moto.autoscaling.responses import AutoScalingResponse
from moto.elbv2.models import FakeTargetGroup

from sandbox.patches.autoscaling.schedule import get_timeline
from sandbox.patches.elbv2 import instances as elbv2_instances
from sandbox.patches.patching import ServicePatch

patch = ServicePatch()


@patch.wrap(AutoScalingResponse, "call_action")
def catch_up_before_call(original: Any, response: AutoScalingResponse) -> Any:
    """Brings the groups up to date before any call."""
    catch_up_groups(response.autoscaling_backend)
    return original(response)


def catch_up_groups(backend: AutoScalingBackend) -> None:
    """Brings all groups of an account and region up to date."""
    for group in list(backend.autoscaling_groups.values()):
        get_timeline(group).catch_up()


def _catch_up_target_group(group: FakeTargetGroup) -> None:
    catch_up_groups(autoscaling_backends[group.account_id][group.region_name])


elbv2_instances.CATCH_UP_HOOKS.append(_catch_up_target_group)
