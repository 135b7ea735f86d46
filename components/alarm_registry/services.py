"""Alarms of the Fargate services and of the fleet."""

from typing import TYPE_CHECKING, Final

from components.alarm_registry.kinds import FLEET, SERVICE
from components.alarm_registry.model import Alarm, Math, Metric, fixed

if TYPE_CHECKING:
    from components.settings.stack import Settings

ECS, INSIGHTS = "AWS/ECS", "ECS/ContainerInsights"
GROUP, EC2, AGENT = "AWS/AutoScaling", "AWS/EC2", "CWAgent"


def _missing_tasks(settings: "Settings", name: str) -> str:
    """Against what is wanted now, and never against less than the settings' fewest."""
    least = settings.services[name].min if name in settings.services else 0
    return f"IF(wanted > {least}, wanted, {least}) - running"


SERVICES: Final = (
    Alarm(
        key="service-cpu-high",
        severity="P1",
        kind=SERVICE,
        watch=Metric(ECS, "CPUUtilization"),
        compare=">",
        limit=fixed(80, "Percent"),
        unit="Percent",
        periods=10,
        missing="breaching",
        says="The service is short of processor time, and scaling has not helped.",
        run="ops service limits",
        graph="service-cpu",
    ),
    Alarm(
        key="service-memory-high",
        severity="P2",
        kind=SERVICE,
        watch=Metric(ECS, "MemoryUtilization"),
        compare=">",
        limit=fixed(80, "Percent"),
        unit="Percent",
        periods=15,
        missing="breaching",
        says="The tasks are short of memory: the next step is being killed.",
        run="ops service tasks --service {name}",
        graph="service-memory",
    ),
    Alarm(
        key="service-tasks-missing",
        severity="P1",
        kind=SERVICE,
        watch=Math(
            says="tasks wanted less tasks running",
            metrics={
                "wanted": Metric(INSIGHTS, "DesiredTaskCount", "Maximum"),
                "running": Metric(INSIGHTS, "RunningTaskCount", "Minimum"),
            },
            expression=_missing_tasks,
        ),
        compare=">",
        limit=fixed(0),
        unit="Count",
        missing="breaching",
        when=lambda settings: settings.cluster.container_insights != "disabled",
        says="Fewer tasks run than are wanted, or than the fewest allowed.",
        run="ops service events --service {name}",
        graph="service-tasks",
    ),
)
FLEETS: Final = (
    Alarm(
        key="fleet-short",
        severity="P1",
        kind=FLEET,
        watch=Math(
            says="instances wanted less instances in service",
            metrics={
                "wanted": Metric(GROUP, "GroupDesiredCapacity", "Maximum"),
                "serving": Metric(GROUP, "GroupInServiceCapacity", "Minimum"),
            },
            expression=lambda _settings, _name: "wanted - serving",
        ),
        compare=">",
        limit=fixed(0),
        unit="Count",
        periods=10,
        missing="breaching",
        says="Fewer instances are in service than are wanted.",
        run="ops fleet activities",
        graph="fleet-size",
    ),
    Alarm(
        key="fleet-status-check",
        severity="P1",
        kind=FLEET,
        watch=Metric(EC2, "StatusCheckFailed", "Maximum"),
        compare=">=",
        limit=fixed(1),
        unit="Count",
        period=300,
        periods=2,
        missing="notBreaching",
        says="An instance, or its host, fails EC2's status checks.",
        run="ops fleet instances",
        graph="fleet-status",
    ),
    Alarm(
        key="fleet-cpu-high",
        severity="P1",
        kind=FLEET,
        watch=Metric(EC2, "CPUUtilization"),
        compare=">",
        limit=fixed(80, "Percent"),
        unit="Percent",
        period=300,
        periods=3,
        says="The fleet is short of processor time, and scaling has not helped.",
        run="ops fleet limits",
        graph="fleet-cpu",
    ),
    # The agent on the instances publishes these for the Auto Scaling group as a whole.
    Alarm(
        key="fleet-memory-high",
        severity="P2",
        kind=FLEET,
        watch=Metric(AGENT, "mem_used_percent"),
        compare=">",
        limit=fixed(80, "Percent"),
        unit="Percent",
        period=300,
        periods=3,
        says="The instances are short of memory.",
        run="ops fleet instances",
        graph="fleet-memory",
    ),
    Alarm(
        key="fleet-disk-full",
        severity="P2",
        kind=FLEET,
        watch=Metric(AGENT, "disk_used_percent", "Maximum"),
        compare=">",
        limit=fixed(80, "Percent"),
        unit="Percent",
        period=300,
        periods=3,
        says="A disk fills up, with images or logs: a full one stops the container.",
        run="ops fleet instances",
        graph="fleet-disk",
    ),
)
