"""The checks of the services. Pure data; the routines are in ops/services/health.py."""

from typing import TYPE_CHECKING, Final

from ops.core.check_record import HEALTH_REPORTS, Check
from ops.core.scaling_apis import SCALABLE_TARGETS_API, SCALING_ACTIVITIES_API

if TYPE_CHECKING:
    from ops.outputs import Outputs


def _has_scaling(outputs: "Outputs") -> bool:
    return outputs.services is not None and any(
        service.scaling_resource_id for service in outputs.services.services.values()
    )


CHECKS: Final = (
    Check(
        key="service-tasks",
        area="services",
        title="tasks",
        failure="A service runs fewer tasks than it should, or its deployment failed or hangs.",
        calls=("ecs.describe_services",),
        routine="ops.services.health:check_running_tasks",
        reports=HEALTH_REPORTS,
        lines=("services", "services steady"),
        is_applicable=lambda outputs: outputs.services is not None,
    ),
    Check(
        key="service-stopped-tasks",
        area="services",
        title="stopped tasks",
        failure="A task of the last hour stopped by a fault.",
        calls=("ecs.list_tasks", "ecs.describe_tasks"),
        routine="ops.services.health:check_stopped_tasks",
        reports=HEALTH_REPORTS,
        lines=("services", "services steady"),
        is_applicable=lambda outputs: outputs.services is not None,
    ),
    Check(
        key="service-scaling",
        area="services",
        title="scaling",
        failure="A scaling of the last hour failed, or a service is at the limit of its scaling.",
        calls=(
            SCALING_ACTIVITIES_API,
            SCALABLE_TARGETS_API,
            "ecs.describe_services",
        ),
        routine="ops.services.health:check_service_scaling",
        reports=HEALTH_REPORTS,
        lines=("services", "capacity"),
        is_applicable=_has_scaling,
    ),
)
