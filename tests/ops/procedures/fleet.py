"""`ops fleet`: scale, limits, refresh, deploy, run."""

from typing import Any, Final

from ops.core.plan import Plan
from ops.fleet import deploy as fleet_deploying
from ops.fleet import model as fleet
from ops.fleet import refresh as fleet_refreshing
from ops.fleet import run_command as fleet_running
from ops.fleet import scale as fleet_scaling
from ops.fleet.refresh_steps import How
from ops.services import images
from tests.ops.fleet_stage import (
    IMAGE,
    commands,
    facts,
    image,
    instances,
    put,
    put_one,
    refreshes,
    seen,
    targets,
)
from tests.ops.procedures import Procedure
from tests.ops.stage import Stage


def scaled(on: Stage, count: int = 3) -> Plan:
    return fleet_scaling.scale(on.outputs, fleet.observed(on.aws, on.outputs), count, "run-1")


def limited(on: Stage) -> Plan:
    now = fleet.observed(on.aws, on.outputs)
    return fleet_scaling.change(on.outputs, now, "run-1", least=1, most=6)


def refreshed(on: Stage, version: str = "2", **how: Any) -> Plan:
    now = fleet.observed(on.aws, on.outputs)
    way = How(**{"returns": True, **how})
    return fleet_refreshing.start(on.aws, on.outputs, now, "run-1", version=version, how=way)


def deployed(on: Stage, tag: str = "v2") -> Plan:
    now = fleet.observed(on.aws, on.outputs)
    found = images.resolve_image(on.aws, f"{IMAGE}:{tag}")
    return fleet_deploying.deploy(on.aws, on.outputs, now, found, "run-1", how=How())


def put_refreshing(on: Stage) -> None:
    """A fleet whose instances are being replaced by those of another version, and will be for long.

    Half of it is done; the rest takes longer than a few kills do.
    """
    put(on, DefaultInstanceWarmup=540)
    begin(on)
    on.clock.sleep(800)


def begin(on: Stage) -> None:
    """Somebody starts a refresh."""
    (step, *_) = refreshed(on).steps
    on.client("autoscaling").start_instance_refresh(**step.action.params)  # type: ignore[union-attr]


def cancelled(on: Stage) -> Plan:
    now = fleet.observed(on.aws, on.outputs)
    return fleet_refreshing.cancel(on.aws, on.outputs, now, "run-1")


def rolled_back(on: Stage) -> Plan:
    now = fleet.observed(on.aws, on.outputs)
    return fleet_refreshing.rollback(on.aws, on.outputs, now, "run-1")


def ran(on: Stage) -> Plan:
    now = fleet.observed(on.aws, on.outputs)
    ids = fleet_running.chosen(now, ())
    how = fleet_running.How()
    return fleet_running.run(on.outputs, now, ids, "uptime", "run-1", on.clock.held.now(), how=how)


def sent(on: Stage) -> object:
    """What was sent, and how it ended."""
    on.clock.sleep(3600)
    return commands(on)


def returned(on: Stage) -> object:
    """What is left of a refresh that was turned back: how far it had come differs."""
    on.clock.sleep(4 * 3600)
    group = seen(on)
    template = group["MixedInstancesPolicy"]["LaunchTemplate"]["LaunchTemplateSpecification"]
    over = {it["Status"] for it in refreshes(on)} <= {"Successful", "Cancelled", "Failed"}
    versions = sorted(it["LaunchTemplate"]["Version"] for it in instances(on))
    return template["Version"], versions, targets(on), image(on), over


PROCEDURES: Final = (
    Procedure("fleet scale", "3", put, scaled, facts),
    Procedure("fleet scale", "1", put, lambda on: scaled(on, 1), facts),
    Procedure("fleet limits", "--min 1 --max 6", put_one, limited, facts),
    Procedure(
        "fleet refresh start",
        "--template-version 2",
        put_one,
        refreshed,
        facts,
        already=frozenset({"stop"}),
        undone=returned,
    ),
    Procedure(
        "fleet deploy",
        f"{IMAGE}:v2",
        put_one,
        deployed,
        facts,
        already=frozenset({"stop"}),
        undone=returned,
    ),
    Procedure(
        "fleet deploy",
        f"{IMAGE}:v5-unhealthy",
        put_one,
        lambda on: deployed(on, "v5-unhealthy"),
        facts,
        outcome="undone",
        already=frozenset({"stop"}),
        undone=returned,
    ),
    Procedure("fleet refresh cancel", "", put_refreshing, cancelled, facts),
    Procedure("fleet refresh rollback", "", put_refreshing, rolled_back, facts),
    Procedure("fleet run", "--all uptime", put, ran, sent),
)
