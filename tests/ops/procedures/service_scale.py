"""`ops service scale` and `ops service autoscaling`."""

from typing import Any, Final

from ops.core.plan import Plan
from ops.services import model as services
from ops.services import scale as scaling
from tests.ops.procedures import Procedure
from tests.ops.service_stage import (
    SCALABLE_TARGET,
    collect_service_facts,
    describe_service,
    put_scalable_target,
    put_services,
)
from tests.ops.stage import Stage


def put_scaled_service(on: Stage) -> None:
    """A service and the limits of its scaling."""
    put_services(on)
    put_scalable_target(on)


def plan_scale(on: Stage, count: int = 5) -> Plan:
    service = services.one(on.aws, on.outputs, "backend")
    return scaling.scale(on.outputs, service, scaling.limits(on.aws, service), count, "run-1")


def plan_limits(on: Stage) -> Plan:
    target = scaling.limits(on.aws, services.one(on.aws, on.outputs, "backend"))
    assert target is not None
    return scaling.change(on.outputs, target, "run-1", most=9, suspended=True)


def collect_limits_facts(on: Stage) -> dict[str, Any]:
    """The limits of the backend's scaling, and whether it is suspended."""
    scalable_target = on.client("application-autoscaling").describe_scalable_targets(
        ServiceNamespace="ecs", ResourceIds=[SCALABLE_TARGET["ResourceId"]]
    )["ScalableTargets"][0]
    state = scalable_target.get("SuspendedState") or {}
    return {
        "limits": (scalable_target["MinCapacity"], scalable_target["MaxCapacity"]),
        "suspended": state.get("DynamicScalingInSuspended", False),
    }


def collect_tasks_and_limits(on: Stage) -> object:
    return (
        describe_service(on)["desiredCount"],
        describe_service(on)["runningCount"],
        collect_limits_facts(on),
    )


PROCEDURES: Final = (
    Procedure(
        "service scale",
        "5 --service backend",
        put_scaled_service,
        plan_scale,
        collect_service_facts,
    ),
    Procedure(
        "service autoscaling",
        "--service backend --max 9 --suspend",
        put_scaled_service,
        plan_limits,
        collect_limits_facts,
    ),
)
