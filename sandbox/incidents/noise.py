"""What always happens in a stack and is no cause of anything; and all that is registered.

Importing this module registers everything that files of incidents may name.
"""

from sandbox.faults import DeniedFault
from sandbox.incidents.model import happening
from sandbox.incidents.steps import (
    aws_events,
    balancer,
    cache_and_keys,
    database,
    fleet,
    log_lines,
    metrics,
    network,
    services,
    sessions,
)
from sandbox.incidents.steps.log_lines import write_lines
from sandbox.incidents.world import TimeSpanBack, World

__all__ = [
    "aws_events",
    "balancer",
    "cache_and_keys",
    "database",
    "fleet",
    "log_lines",
    "metrics",
    "network",
    "services",
    "sessions",
]
USUAL_LINES = (
    "GET /api/orders/{n} 200",
    "POST /api/orders 201",
    "GET /health 200",
    "session of customer {n} renewed",
)


@happening("denied")
def deny_calls(world: World, span: TimeSpanBack, *, apis: list[str]) -> None:
    """Whoever asks may not make these calls, such as `rds.describe_events`."""
    world.faults.append(DeniedFault(tuple(apis)))


@happening("usual-logs")
def write_usual_lines(world: World, span: TimeSpanBack, *, every: float = 60.0) -> None:
    """What services log when nothing is wrong."""
    outputs = world.outputs
    for name in outputs.services.services if outputs.services is not None else ():
        write_lines(world, span, part=name, lines=list(USUAL_LINES), every=every, level="INFO")


@happening("alarm-came-and-went")
def raise_alarm_for_a_while(
    world: World,
    span: TimeSpanBack,
    *,
    subject: str = "database",
    metric: str = "CPUUtilization",
    value: float = 93.0,
) -> None:
    """A metric is beyond a threshold for a while and is as usual again."""
    world.change_metric(span, subject, metric, "set", value)


@happening("unrelated-change")
def change_something_else(world: World, span: TimeSpanBack, *, by: str = "john.roe") -> None:
    """Somebody changes what nothing depends on: a tag of the database's subnet group's VPC."""
    world.person("ec2", by).create_tags(
        Resources=[world.outputs.network.vpc_id], Tags=[{"Key": "reviewed", "Value": "yes"}]
    )


@happening("other-stack-changes")
def change_another_stack(world: World, span: TimeSpanBack, *, by: str = "john.roe") -> None:
    """Somebody works on another stack of the account."""
    world.person("sns", by).create_topic(Name="other-project-page")
    world.person("ec2", by).create_security_group(
        GroupName="other-project", Description="of another stack"
    )
