"""ECS: the target group of a service's tasks, and how long it takes with them.

Simulated seconds. Assumptions: a small image is pulled, started and found healthy in a minute and a
half, the end of it a health check; without a load balancer old tasks stop within the 30 s that ECS
gives them.
"""

from typing import Final

from moto.ecs.models import Service
from moto.elbv2.models import FakeTargetGroup, elbv2_backends

TASK_START_SECONDS: Final = 90
DRAIN_SECONDS: Final = 30
HEALTH_CHECK_SECONDS: Final = 30
# ELB User Guide, "Target health reason codes": Target.ResponseCodeMismatch.
FAILED_CHECKS_TEXT: Final = "Health checks failed with these codes: [503]"


def find_target_group(service: Service) -> FakeTargetGroup | None:
    """The target group that its tasks are registered with."""
    target_groups = elbv2_backends[service._backend.account_id][
        service._backend.region_name
    ].target_groups
    arns = (b.get("targetGroupArn") for b in service.load_balancers)
    return next((target_groups[arn] for arn in arns if arn in target_groups), None)


def get_check_and_drain_seconds(group: FakeTargetGroup | None) -> tuple[int, int]:
    """Seconds of a health check, and of draining."""
    if group is None:
        return HEALTH_CHECK_SECONDS, DRAIN_SECONDS
    delay = str(group.attributes["deregistration_delay.timeout_seconds"])
    return min(int(group.health_check_interval_seconds), TASK_START_SECONDS), int(delay)


def format_target_group(service: Service) -> str | None:
    """Its target group, as ECS names it."""
    arns = (b.get("targetGroupArn") for b in service.load_balancers)
    return next((f"(target-group {arn})" for arn in arns if arn), None)
