"""Application Auto Scaling of one Fargate service: its limits, targets and hours."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

import pulumi_aws as aws
from pulumi import Input, Output

from components.component import Component
from components.facts.metrics import (
    CONTAINER_INSIGHTS_NAMESPACE,
    SQS_NAMESPACE,
    VISIBLE_MESSAGES_METRIC,
)
from components.facts.services import (
    DESIRED_COUNT_DIMENSION,
    ECS_SCALING_NAMESPACE,
)
from components.settings.services import ServiceSettings

CustomizedMetric: TypeAlias = "aws.appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationCustomizedMetricSpecificationArgsDict"  # noqa: E501
MetricQuery: TypeAlias = "aws.appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationCustomizedMetricSpecificationMetricArgsDict"  # noqa: E501


@dataclass(frozen=True, kw_only=True)
class TrackingTarget:
    """A metric kept at a value. `label` names the target group, for requests."""

    key: str
    metric: str
    value: int
    label: Input[str] | None = None


def list_tracking_targets(
    settings: ServiceSettings, resource_label: Input[str] | None
) -> Iterator[TrackingTarget]:
    """A metric that the number of tasks follows. AWS uses the largest number of all metrics."""
    for key, metric, value, metric_label in (
        ("cpu", "ECSServiceAverageCPUUtilization", settings.cpu_target, None),
        ("memory", "ECSServiceAverageMemoryUtilization", settings.memory_target, None),
        ("requests", "ALBRequestCountPerTarget", settings.requests_target, resource_label),
    ):
        if value is not None:
            yield TrackingTarget(key=key, metric=metric, value=value, label=metric_label)


def _build_backlog_specification(
    settings: ServiceSettings, resource_id: Input[str]
) -> CustomizedMetric:
    """Visible messages for each running task; with no task as for one, so that it scales from 0.

    Application Auto Scaling User Guide, "Create a target tracking scaling policy using metric
    math", "Example: Amazon SQS queue backlog per task".
    """
    parts = Output.from_input(resource_id).apply(lambda text: text.split("/"))

    def build_query(
        id_: str, metric: str, *, namespace: str, stat: str, dimensions: dict[str, Input[str]]
    ) -> MetricQuery:
        return {
            "id": id_,
            "return_data": False,
            "metric_stat": {
                "stat": stat,
                "metric": {
                    "namespace": namespace,
                    "metric_name": metric,
                    "dimensions": [
                        {"name": name, "value": value} for name, value in dimensions.items()
                    ],
                },
            },
        }

    return {
        "metrics": [
            build_query(
                "visible",
                VISIBLE_MESSAGES_METRIC,
                namespace=SQS_NAMESPACE,
                stat="Sum",
                dimensions={"QueueName": settings.scaling.queue_name},
            ),
            build_query(
                "running",
                "RunningTaskCount",
                namespace=CONTAINER_INSIGHTS_NAMESPACE,
                stat="Average",
                dimensions={"ClusterName": parts[1], "ServiceName": parts[2]},
            ),
            {
                "id": "backlog",
                "label": "visible messages for each running task",
                "expression": "visible / IF(FILL(running, 0) > 0, running, 1)",
                "return_data": True,
            },
        ]
    }


def create_service_scaling(
    component: Component,
    settings: ServiceSettings,
    *,
    resource_id: Input[str],
    resource_label: Input[str] | None,
) -> Output[str]:
    """Scales the service `resource_id`, service/cluster/name. Returns the id once it is known.

    The limits are Pulumi's, except where a schedule moves them. `resource_label` is the load
    balancer's and the target group's ARN suffix; None if the service has no target group.
    """
    scalable_target = aws.appautoscaling.Target(
        component.format_logical_name("scaling"),
        service_namespace=ECS_SCALING_NAMESPACE,
        scalable_dimension=DESIRED_COUNT_DIMENSION,
        resource_id=resource_id,
        min_capacity=settings.min,
        max_capacity=settings.max,
        opts=component.build_child_options(
            ignore_changes=["min_capacity", "max_capacity"] if settings.schedule else []
        ),
    )
    for tracking_target in list_tracking_targets(settings, resource_label):
        metric_specification: aws.appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationPredefinedMetricSpecificationArgsDict = {  # noqa: E501
            "predefined_metric_type": tracking_target.metric
        }
        if tracking_target.label is not None:
            metric_specification["resource_label"] = tracking_target.label
        aws.appautoscaling.Policy(
            component.format_logical_name("scaling", tracking_target.key),
            name=component.format_physical_name(component.name, tracking_target.key),
            policy_type="TargetTrackingScaling",
            service_namespace=ECS_SCALING_NAMESPACE,
            scalable_dimension=DESIRED_COUNT_DIMENSION,
            resource_id=scalable_target.resource_id,
            target_tracking_scaling_policy_configuration={
                "predefined_metric_specification": metric_specification,
                "target_value": tracking_target.value,
                "scale_in_cooldown": settings.scale_in_cooldown_seconds,
                "scale_out_cooldown": settings.scale_out_cooldown_seconds,
            },
            opts=component.child_options,
        )
    if settings.scaling.backlog_per_task is not None:
        aws.appautoscaling.Policy(
            component.format_logical_name("scaling", "backlog"),
            name=component.format_physical_name(component.name, "backlog"),
            policy_type="TargetTrackingScaling",
            service_namespace=ECS_SCALING_NAMESPACE,
            scalable_dimension=DESIRED_COUNT_DIMENSION,
            resource_id=scalable_target.resource_id,
            target_tracking_scaling_policy_configuration={
                "customized_metric_specification": _build_backlog_specification(
                    settings, resource_id
                ),
                "target_value": settings.scaling.backlog_per_task,
                "scale_in_cooldown": settings.scale_in_cooldown_seconds,
                "scale_out_cooldown": settings.scale_out_cooldown_seconds,
            },
            opts=component.child_options,
        )
    for schedule_name, schedule in settings.schedule.items():
        aws.appautoscaling.ScheduledAction(
            component.format_logical_name("schedule", schedule_name),
            name=component.format_physical_name(component.name, schedule_name),
            service_namespace=ECS_SCALING_NAMESPACE,
            scalable_dimension=DESIRED_COUNT_DIMENSION,
            resource_id=scalable_target.resource_id,
            schedule=f"cron({schedule.cron})",
            timezone=schedule.timezone,
            scalable_target_action={"min_capacity": schedule.min, "max_capacity": schedule.max},
            opts=component.child_options,
        )
    return scalable_target.resource_id
