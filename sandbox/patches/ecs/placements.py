"""ECS: a service whose new tasks are not placed, or do not stay, until somebody mends it."""

from moto.ecs.models import ecs_backends

from sandbox.image_behaviour import ImageBehaviour
from sandbox.patches.ecs.deployments import apply_deployment_state, get_deployment_histories


def fail_placements(
    account: str,
    region: str,
    service_name: str,
    message: str,
    outcome: ImageBehaviour | None = None,
) -> None:
    """Lets no more tasks of a service run than run now, which ECS says in an event.

    With an outcome they are placed, and stop so.
    """
    backend = ecs_backends[account][region]
    for service in backend.services.values():
        if service.name == service_name:
            apply_deployment_state(service)
            history = get_deployment_histories(backend)[service.arn]
            history.placement_failure, history.placement_outcome = message, outcome
