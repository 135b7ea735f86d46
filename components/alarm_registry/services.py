"""Alarms of the Fargate services and of the fleet."""

from typing import TYPE_CHECKING, Final

from components.alarm_registry.kinds import FLEET_KIND, QUEUE_KIND, SERVICE_KIND, WORKER_KIND
from components.alarm_registry.model import (
    AlarmEntry,
    MetricMath,
    MetricStatistic,
    build_fixed_threshold,
)
from components.facts.metrics import AUTO_SCALING_NAMESPACE as AUTO_SCALING_NAMESPACE
from components.facts.metrics import CLOUDWATCH_AGENT_NAMESPACE as CLOUDWATCH_AGENT_NAMESPACE
from components.facts.metrics import CONTAINER_INSIGHTS_NAMESPACE as CONTAINER_INSIGHTS_NAMESPACE
from components.facts.metrics import EC2_NAMESPACE as EC2_NAMESPACE
from components.facts.metrics import ECS_METRIC_NAMESPACE as ECS_METRIC_NAMESPACE
from components.facts.metrics import SQS_NAMESPACE as SQS_NAMESPACE

if TYPE_CHECKING:
    from components.settings.stack import Settings


def _build_missing_tasks_expression(settings: "Settings", name: str) -> str:
    """Compares with the desired number, and at least with the minimum of the settings."""
    min_tasks = settings.services[name].min if name in settings.services else 0
    return f"IF(wanted > {min_tasks}, wanted, {min_tasks}) - running"


SERVICE_ALARMS: Final = (
    AlarmEntry(
        key="service-cpu-high",
        severity="P1",
        kind=SERVICE_KIND,
        metric=MetricStatistic(ECS_METRIC_NAMESPACE, "CPUUtilization"),
        comparison=">",
        threshold=build_fixed_threshold(80, "Percent"),
        unit="Percent",
        evaluation_periods=10,
        missing_data="breaching",
        description="The service uses nearly all of its CPU, and scaling has not helped.",
        command="ops service limits",
        graph="service-cpu",
    ),
    AlarmEntry(
        key="service-memory-high",
        severity="P2",
        kind=SERVICE_KIND,
        metric=MetricStatistic(ECS_METRIC_NAMESPACE, "MemoryUtilization"),
        comparison=">",
        threshold=build_fixed_threshold(80, "Percent"),
        unit="Percent",
        evaluation_periods=15,
        missing_data="breaching",
        description="The tasks are short of memory: they will be killed if it runs out.",
        command="ops service tasks --service {name}",
        graph="service-memory",
    ),
    AlarmEntry(
        key="service-tasks-missing",
        severity="P1",
        kind=SERVICE_KIND,
        metric=MetricMath(
            description="tasks wanted less tasks running",
            metrics={
                "wanted": MetricStatistic(
                    CONTAINER_INSIGHTS_NAMESPACE, "DesiredTaskCount", "Maximum"
                ),
                "running": MetricStatistic(
                    CONTAINER_INSIGHTS_NAMESPACE, "RunningTaskCount", "Minimum"
                ),
            },
            build_expression=_build_missing_tasks_expression,
        ),
        comparison=">",
        threshold=build_fixed_threshold(0),
        unit="Count",
        missing_data="breaching",
        condition=lambda settings: settings.cluster.container_insights != "disabled",
        description="Fewer tasks run than desired, or than the minimum.",
        command="ops service events --service {name}",
        graph="service-tasks",
    ),
    # CloudWatch User Guide, "Amazon ECS Container Insights metrics": RestartCount is of containers
    # with a restart policy, which workers have. Assumed: it counts from the start of each task, so
    # that it is its growth that tells of a restart.
    AlarmEntry(
        key="worker-restarting",
        severity="P2",
        kind=WORKER_KIND,
        metric=MetricMath(
            description="restarts of its containers, more than in the period before",
            metrics={
                "restarts": MetricStatistic(CONTAINER_INSIGHTS_NAMESPACE, "RestartCount", "Maximum")
            },
            build_expression=lambda _settings, _name: "DIFF(restarts)",
        ),
        comparison=">",
        threshold=build_fixed_threshold(0),
        unit="Count",
        period_seconds=300,
        evaluation_periods=6,
        datapoints=2,
        missing_data="notBreaching",
        condition=lambda settings: settings.cluster.container_insights != "disabled",
        rolls_back_deployment=True,
        description="The worker's container ends by itself, and is started again and again.",
        command="ops logs errors service/{name}",
        graph="service-restarts",
    ),
    # Amazon SQS sends no metric of a queue that nobody used for six hours (Developer Guide,
    # "Available CloudWatch metrics for Amazon SQS").
    AlarmEntry(
        key="worker-queue-late",
        severity="P1",
        kind=QUEUE_KIND,
        metric=MetricStatistic(SQS_NAMESPACE, "ApproximateAgeOfOldestMessage", "Maximum"),
        comparison=">",
        threshold=build_fixed_threshold(900, "Seconds"),
        unit="Seconds",
        period_seconds=300,
        evaluation_periods=2,
        missing_data="notBreaching",
        description="A message waits too long: the worker fails on it, or is too slow.",
        command="ops service tasks --service {name}",
        graph="worker-queue",
    ),
)
FLEET_ALARMS: Final = (
    AlarmEntry(
        key="fleet-short",
        severity="P1",
        kind=FLEET_KIND,
        metric=MetricMath(
            description="instances wanted less instances in service",
            metrics={
                "wanted": MetricStatistic(
                    AUTO_SCALING_NAMESPACE, "GroupDesiredCapacity", "Maximum"
                ),
                "serving": MetricStatistic(
                    AUTO_SCALING_NAMESPACE, "GroupInServiceCapacity", "Minimum"
                ),
            },
            build_expression=lambda _settings, _name: "wanted - serving",
        ),
        comparison=">",
        threshold=build_fixed_threshold(0),
        unit="Count",
        evaluation_periods=10,
        missing_data="breaching",
        description="Fewer instances are in service than desired.",
        command="ops fleet activities",
        graph="fleet-size",
    ),
    AlarmEntry(
        key="fleet-status-check",
        severity="P1",
        kind=FLEET_KIND,
        metric=MetricStatistic(EC2_NAMESPACE, "StatusCheckFailed", "Maximum"),
        comparison=">=",
        threshold=build_fixed_threshold(1),
        unit="Count",
        period_seconds=300,
        evaluation_periods=2,
        missing_data="notBreaching",
        description="An instance or its host fails EC2's status checks.",
        command="ops fleet instances",
        graph="fleet-status",
    ),
    AlarmEntry(
        key="fleet-cpu-high",
        severity="P1",
        kind=FLEET_KIND,
        metric=MetricStatistic(EC2_NAMESPACE, "CPUUtilization"),
        comparison=">",
        threshold=build_fixed_threshold(80, "Percent"),
        unit="Percent",
        period_seconds=300,
        evaluation_periods=3,
        description="The fleet uses nearly all of its CPU, and scaling has not helped.",
        command="ops fleet limits",
        graph="fleet-cpu",
    ),
    # The agent on the instances publishes these for the Auto Scaling group as a whole.
    AlarmEntry(
        key="fleet-memory-high",
        severity="P2",
        kind=FLEET_KIND,
        metric=MetricStatistic(CLOUDWATCH_AGENT_NAMESPACE, "mem_used_percent"),
        comparison=">",
        threshold=build_fixed_threshold(80, "Percent"),
        unit="Percent",
        period_seconds=300,
        evaluation_periods=3,
        description="The instances are short of memory.",
        command="ops fleet instances",
        graph="fleet-memory",
    ),
    AlarmEntry(
        key="fleet-disk-full",
        severity="P2",
        kind=FLEET_KIND,
        metric=MetricStatistic(CLOUDWATCH_AGENT_NAMESPACE, "disk_used_percent", "Maximum"),
        comparison=">",
        threshold=build_fixed_threshold(80, "Percent"),
        unit="Percent",
        period_seconds=300,
        evaluation_periods=3,
        description="A disk fills up with images or logs: a full disk stops the container.",
        command="ops fleet instances",
        graph="fleet-disk",
    ),
)
