"""`ops service scale` and `ops service autoscaling`."""

from typing import Any, Final

from ops.core.plan import Plan
from ops.services import model as services
from ops.services import scale as scaling
from tests.ops.procedures import Procedure
from tests.ops.service_stage import SCALING, facts, put, put_scaling, seen
from tests.ops.stage import Stage


def put_both(on: Stage) -> None:
    """A service and the limits of its scaling."""
    put(on)
    put_scaling(on)


def scaled(on: Stage, count: int = 5) -> Plan:
    service = services.one(on.aws, on.outputs, "backend")
    return scaling.scale(on.outputs, service, scaling.limits(on.aws, service), count, "run-1")


def limited(on: Stage) -> Plan:
    now = scaling.limits(on.aws, services.one(on.aws, on.outputs, "backend"))
    assert now is not None
    return scaling.change(on.outputs, now, "run-1", most=9, suspended=True)


def limits(on: Stage) -> dict[str, Any]:
    """The limits of the backend's scaling, and whether it is suspended."""
    found = on.client("application-autoscaling").describe_scalable_targets(
        ServiceNamespace="ecs", ResourceIds=[SCALING["ResourceId"]]
    )["ScalableTargets"][0]
    state = found.get("SuspendedState") or {}
    return {
        "limits": (found["MinCapacity"], found["MaxCapacity"]),
        "suspended": state.get("DynamicScalingInSuspended", False),
    }


def tasks_and_limits(on: Stage) -> object:
    return seen(on)["desiredCount"], seen(on)["runningCount"], limits(on)


PROCEDURES: Final = (
    Procedure("service scale", "5 --service backend", put_both, scaled, facts),
    Procedure(
        "service autoscaling", "--service backend --max 9 --suspend", put_both, limited, limits
    ),
)
