"""ECS: what checks the health of a service's tasks.

ECS Developer Guide, "Determine Amazon ECS task health using container health checks": ECS sees only
the checks of the task definition; a task without one has the health UNKNOWN. A task of a service
is replaced if its containers' checks or its target group's fail, so that without both one that does
not work is never found out.
"""

from typing import Any, Final

from moto.ecs.models import EC2ContainerServiceBackend, Service

from sandbox.image_behaviour import STARTING_BEHAVIOURS, ImageBehaviour

# ECS Developer Guide, "Stopped tasks error codes".
CONTAINER_CHECK_TEXT: Final = "Task failed container health checks"


def has_container_check(backend: EC2ContainerServiceBackend, task_definition: str) -> bool:
    """True if a container of the revision has a health check."""
    definition: Any = backend.describe_task_definition(task_definition)
    return any(container.get("healthCheck") for container in definition.container_definitions)


def find_outcome(service: Service, image_behaviour: ImageBehaviour) -> ImageBehaviour:
    """How a start of new tasks ends: what nothing checks is healthy as long as it runs."""
    is_target = any(item.get("targetGroupArn") for item in service.load_balancers)
    is_checked = is_target or has_container_check(service._backend, str(service.task_definition))
    is_unnoticed = image_behaviour == "unhealthy" and not is_checked
    return "healthy" if image_behaviour in STARTING_BEHAVIOURS or is_unnoticed else image_behaviour
