"""ELB: instances as targets, which answer as their image does.

An instance of the stack's fleet runs the image that an SSM parameter names when it boots; its
user data names the parameter. `boot_instance` sets when it is in service.
"""

import base64
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

from moto.ec2.models import EC2Backend, ec2_backends
from moto.elbv2.models import FakeTargetGroup
from moto.ssm.models import ssm_backends

from sandbox.clock import is_in_future
from sandbox.image_behaviour import STARTING_BEHAVIOURS, ImageBehaviour, get_image_behaviour
from sandbox.patches.ecs.targets import RegisteredTarget
from sandbox.patches.patching import ServicePatch, backend_state

patch = ServicePatch()
IMAGE_PARAMETER_PATTERN: Final = re.compile(r"imageParameter\W+(/[\w./-]+)")
EARLIEST_TIME: Final = datetime.min.replace(tzinfo=UTC)
# Called before the targets of a group are read: patches that start and end instances catch up.
CATCH_UP_HOOKS: Final[list[Callable[[FakeTargetGroup], None]]] = []


@dataclass(frozen=True)
class RunningImage:
    """The image of an instance, and when its health checks begin to pass, if they ever do."""

    image: str
    image_behaviour: ImageBehaviour
    healthy_at: datetime = EARLIEST_TIME
    is_leaving: bool = False


def set_running_image(
    ec2: EC2Backend, instance_id: str, image: str, healthy_at: datetime = EARLIEST_TIME
) -> None:
    """Records that an instance runs an image, and when it is in service."""
    _get_running_images(ec2)[instance_id] = RunningImage(
        image, get_image_behaviour(image), healthy_at
    )


def boot_instance(ec2: EC2Backend, instance_id: str, healthy_at: datetime) -> RunningImage | None:
    """The image of an instance that boots now: the one that its parameter names, if any."""
    if image := _find_boot_image(ec2, instance_id):
        set_running_image(ec2, instance_id, image, healthy_at)
    return _get_running_images(ec2).get(instance_id)


def find_running_image(ec2: EC2Backend, instance_id: str) -> RunningImage | None:
    """The image that an instance runs; None if it is unknown."""
    return _get_running_images(ec2).get(instance_id)


def drain_instance(ec2: EC2Backend, instance_id: str) -> None:
    """Drains an instance: it gets no new requests."""
    running_image = _get_running_images(ec2).get(instance_id) or RunningImage("", "healthy")
    _get_running_images(ec2)[instance_id] = replace(running_image, is_leaving=True)


def catch_up_instances(group: FakeTargetGroup) -> None:
    """Brings a group's instances up to date."""
    for hook in CATCH_UP_HOOKS:
        hook(group)


def get_instance_target(group: FakeTargetGroup, instance_id: str, port: int) -> RegisteredTarget:
    """An instance of a group, as the load balancer sees it now."""
    ec2 = ec2_backends[group.account_id][group.region_name]
    running_image, instance = (
        _get_running_images(ec2).get(instance_id),
        ec2.get_instance_by_id(instance_id),
    )
    if instance is None or instance.state != "running":
        return RegisteredTarget(instance_id, port, "unused", instance_id)
    if running_image is None:  # its image is unknown: nothing is known to listen
        return RegisteredTarget(instance_id, port, "healthy", instance_id)
    if running_image.is_leaving:
        image_behaviour = running_image.image_behaviour if running_image.image else None
        return RegisteredTarget(
            instance_id, port, "draining", instance_id, running_image.image, image_behaviour
        )
    health: Any = "healthy" if running_image.image_behaviour in STARTING_BEHAVIOURS else "unhealthy"
    if is_in_future(running_image.healthy_at):
        health = "initial"
    return RegisteredTarget(
        instance_id, port, health, instance_id, running_image.image, running_image.image_behaviour
    )


@patch.wrap(FakeTargetGroup, "register")
def register_instances(
    original: Any, group: FakeTargetGroup, targets: list[dict[str, Any]]
) -> None:
    """Records the image that the parameter names at registration."""
    original(group, targets)
    ec2 = ec2_backends[group.account_id][group.region_name]
    for target in targets:
        if target["Id"] not in _get_running_images(ec2) and (
            image := _find_boot_image(ec2, target["Id"])
        ):
            set_running_image(ec2, target["Id"], image)


def _get_running_images(ec2: EC2Backend) -> dict[str, RunningImage]:
    return backend_state(ec2, "started_images", dict)


def _find_boot_image(ec2: EC2Backend, instance_id: str) -> str | None:
    """The image that the user data's parameter names; None if it names none."""
    data = getattr(ec2.get_instance_by_id(instance_id), "user_data", None)
    if not data:
        return None
    try:
        text = base64.b64decode(str(data)).decode()
    except ValueError:
        return None
    if not (match := IMAGE_PARAMETER_PATTERN.search(text)):
        return None
    parameter = ssm_backends[ec2.account_id][ec2.region_name].get_parameter(match[1])
    return parameter.value if parameter is not None else None
