"""ELB: instances as targets, which answer as the image does that they were started with.

An instance of the stack's fleet runs the image that an SSM parameter names when it boots; its
user data names the parameter. `started` tells the load balancer of an instance by hand: what
takes its time, or starts another image, calls it.
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

from sandbox.clock import pending
from sandbox.image_behaviour import STARTS, Behaviour, behaviour
from sandbox.patches.ecs.targets import Target
from sandbox.patches.patching import Mend, kept

mend = Mend()
PARAMETER: Final = re.compile(r"imageParameter\W+(/[\w./-]+)")
NOW: Final = datetime.min.replace(tzinfo=UTC)
# Called before the targets of a group are looked at: whoever starts and ends instances catches up.
BEFORE: Final[list[Callable[[FakeTargetGroup], None]]] = []


@dataclass(frozen=True)
class Started:
    """What an instance runs, and from when on its health checks pass, if they ever do."""

    image: str
    answers: Behaviour
    healthy: datetime = NOW
    leaves: bool = False


def started(ec2: EC2Backend, instance_id: str, image: str, healthy: datetime = NOW) -> None:
    """An instance has begun to run an image; it is in service from a time of the sandbox's on."""
    _known(ec2)[instance_id] = Started(image, behaviour(image), healthy)


def booted(ec2: EC2Backend, instance_id: str, healthy: datetime) -> Started | None:
    """What an instance will run that boots now: the image that its parameter names, if any."""
    if image := _image(ec2, instance_id):
        started(ec2, instance_id, image, healthy)
    return _known(ec2).get(instance_id)


def seen(ec2: EC2Backend, instance_id: str) -> Started | None:
    """What an instance runs; None where nobody knows."""
    return _known(ec2).get(instance_id)


def leaves(ec2: EC2Backend, instance_id: str) -> None:
    """An instance drains: it gets no new requests."""
    found = _known(ec2).get(instance_id) or Started("", "healthy")
    _known(ec2)[instance_id] = replace(found, leaves=True)


def caught_up(group: FakeTargetGroup) -> None:
    """Brings a group's instances up to the time."""
    for catch_up in BEFORE:
        catch_up(group)


def target(group: FakeTargetGroup, instance_id: str, port: int) -> Target:
    """An instance of a group, as the load balancer sees it now."""
    ec2 = ec2_backends[group.account_id][group.region_name]
    found, instance = _known(ec2).get(instance_id), ec2.get_instance_by_id(instance_id)
    if instance is None or instance.state != "running":
        return Target(instance_id, port, "unused", instance_id)
    if found is None:  # nobody knows what it runs: nobody listens, as far as can be told
        return Target(instance_id, port, "healthy", instance_id)
    if found.leaves:
        answers = found.answers if found.image else None
        return Target(instance_id, port, "draining", instance_id, found.image, answers)
    health: Any = "healthy" if found.answers in STARTS else "unhealthy"
    if pending(found.healthy):
        health = "initial"
    return Target(instance_id, port, health, instance_id, found.image, found.answers)


@mend.around(FakeTargetGroup, "register")
def register(original: Any, group: FakeTargetGroup, targets: list[dict[str, Any]]) -> None:
    """What an instance runs is what the parameter said when it came."""
    original(group, targets)
    ec2 = ec2_backends[group.account_id][group.region_name]
    for given in targets:
        if given["Id"] not in _known(ec2) and (image := _image(ec2, given["Id"])):
            started(ec2, given["Id"], image)


def _known(ec2: EC2Backend) -> dict[str, Started]:
    return kept(ec2, "started_images", dict)


def _image(ec2: EC2Backend, instance_id: str) -> str | None:
    """The image that the user data's parameter names; None where it names none."""
    data = getattr(ec2.get_instance_by_id(instance_id), "user_data", None)
    if not data:
        return None
    try:
        text = base64.b64decode(str(data)).decode()
    except ValueError:
        return None
    if not (named := PARAMETER.search(text)):
        return None
    parameter = ssm_backends[ec2.account_id][ec2.region_name].get_parameter(named[1])
    return parameter.value if parameter is not None else None
