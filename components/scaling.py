"""Application Auto Scaling of one Fargate service: its limits, targets and hours."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import pulumi_aws as aws
from pulumi import Input, Output

from components.component import Component
from components.settings import ServiceSettings

OUT_SECONDS: Final = 60  # out quickly,
IN_SECONDS: Final = 300  # in slowly: a task too many costs less than one too few
DIMENSION: Final = "ecs:service:DesiredCount"
NAMESPACE: Final = "ecs"


@dataclass(frozen=True)
class Tracked:
    """A metric kept at a value. `label` names the target group, for requests."""

    key: str
    metric: str
    value: int
    label: Input[str] | None = None


def tracked(settings: ServiceSettings, label: Input[str]) -> Iterator[Tracked]:
    """What a service's number of tasks follows. AWS takes the largest number that any asks for."""
    for key, metric, value, of in (
        ("cpu", "ECSServiceAverageCPUUtilization", settings.cpu_target, None),
        ("memory", "ECSServiceAverageMemoryUtilization", settings.memory_target, None),
        ("requests", "ALBRequestCountPerTarget", settings.requests_target, label),
    ):
        if value is not None:
            yield Tracked(key, metric, value, of)


def scale(
    component: Component,
    settings: ServiceSettings,
    resource_id: Input[str],
    label: Input[str],
) -> Output[str]:
    """Scales the service `resource_id`, service/cluster/name. Returns the id once it is known.

    The limits are Pulumi's, except where a schedule moves them. `label` is the load balancer's
    and the target group's ARN suffix.
    """
    target = aws.appautoscaling.Target(
        component.key("scaling"),
        service_namespace=NAMESPACE,
        scalable_dimension=DIMENSION,
        resource_id=resource_id,
        min_capacity=settings.min,
        max_capacity=settings.max,
        opts=component.options(
            ignore_changes=["min_capacity", "max_capacity"] if settings.schedule else []
        ),
    )
    for rule in tracked(settings, label):
        metric: aws.appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationPredefinedMetricSpecificationArgsDict = {  # noqa: E501
            "predefined_metric_type": rule.metric
        }
        if rule.label is not None:
            metric["resource_label"] = rule.label
        aws.appautoscaling.Policy(
            component.key("scaling", rule.key),
            name=component.physical(component.name, rule.key),
            policy_type="TargetTrackingScaling",
            service_namespace=NAMESPACE,
            scalable_dimension=DIMENSION,
            resource_id=target.resource_id,
            target_tracking_scaling_policy_configuration={
                "predefined_metric_specification": metric,
                "target_value": rule.value,
                "scale_in_cooldown": IN_SECONDS,
                "scale_out_cooldown": OUT_SECONDS,
            },
            opts=component.child,
        )
    for when, hours in settings.schedule.items():
        aws.appautoscaling.ScheduledAction(
            component.key("schedule", when),
            name=component.physical(component.name, when),
            service_namespace=NAMESPACE,
            scalable_dimension=DIMENSION,
            resource_id=target.resource_id,
            schedule=f"cron({hours.cron})",
            timezone=hours.timezone,
            scalable_target_action={"min_capacity": hours.min, "max_capacity": hours.max},
            opts=component.child,
        )
    return target.resource_id
