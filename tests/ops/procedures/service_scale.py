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


def put_scaled_service(stage: Stage) -> None:
    """A service and the limits of its scaling."""
    put_services(stage)
    put_scalable_target(stage)


def plan_scale(stage: Stage, count: int = 5) -> Plan:
    service = services.get_service(stage.aws, stage.outputs, "backend")
    return scaling.build_service_scale_plan(
        stage.outputs, service, scaling.find_scaling_limits(stage.aws, service), count, "run-1"
    )


def plan_scale_of_fixed_count(stage: Stage, count: int = 5) -> Plan:
    """The same of a service without automatic scaling."""
    service = services.get_service(stage.aws, stage.outputs, "backend")
    return scaling.build_service_scale_plan(stage.outputs, service, None, count, "run-1")


def plan_limits(stage: Stage) -> Plan:
    target = scaling.find_scaling_limits(
        stage.aws, services.get_service(stage.aws, stage.outputs, "backend")
    )
    assert target is not None
    return scaling.build_scaling_limits_plan(
        stage.outputs, target, "run-1", max_tasks=9, suspend=True
    )


def collect_limits_facts(stage: Stage) -> dict[str, Any]:
    """The limits of the backend's scaling, and whether it is suspended."""
    scalable_target = stage.client("application-autoscaling").describe_scalable_targets(
        ServiceNamespace="ecs", ResourceIds=[SCALABLE_TARGET["ResourceId"]]
    )["ScalableTargets"][0]
    state = scalable_target.get("SuspendedState") or {}
    return {
        "limits": (scalable_target["MinCapacity"], scalable_target["MaxCapacity"]),
        "suspended": state.get("DynamicScalingInSuspended", False),
    }


def collect_tasks_and_limits(stage: Stage) -> object:
    return (
        describe_service(stage)["desiredCount"],
        describe_service(stage)["runningCount"],
        collect_limits_facts(stage),
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
