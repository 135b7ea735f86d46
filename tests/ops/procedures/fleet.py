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
    FLEET_IMAGE,
    collect_fleet_facts,
    describe_group,
    get_image_parameter,
    list_group_instances,
    list_instance_refreshes,
    list_sent_commands,
    list_target_states,
    put_fleet,
    put_slow_fleet_of_one,
)
from tests.ops.procedures import Procedure
from tests.ops.stage import Stage


def plan_fleet_scale(on: Stage, count: int = 3) -> Plan:
    return fleet_scaling.scale(on.outputs, fleet.observed(on.aws, on.outputs), count, "run-1")


def plan_fleet_limits(on: Stage) -> Plan:
    group = fleet.observed(on.aws, on.outputs)
    return fleet_scaling.change(on.outputs, group, "run-1", least=1, most=6)


def plan_refresh(on: Stage, version: str = "2", **options: Any) -> Plan:
    group = fleet.observed(on.aws, on.outputs)
    refresh_options = How(**{"returns": True, **options})
    return fleet_refreshing.start(
        on.aws, on.outputs, group, "run-1", version=version, how=refresh_options
    )


def plan_fleet_deploy(on: Stage, tag: str = "v2") -> Plan:
    group = fleet.observed(on.aws, on.outputs)
    resolved_image = images.resolve_image(on.aws, f"{FLEET_IMAGE}:{tag}")
    return fleet_deploying.deploy(on.aws, on.outputs, group, resolved_image, "run-1", how=How())


def put_refreshing_fleet(on: Stage) -> None:
    """A fleet whose instances are being replaced by those of another version, and will be for long.

    Half of it is done; the rest takes longer than a few kills do.
    """
    put_fleet(on, DefaultInstanceWarmup=540)
    start_refresh(on)
    on.clock.sleep(800)


def start_refresh(on: Stage) -> None:
    """Somebody starts a refresh."""
    (step, *_) = plan_refresh(on).steps
    on.client("autoscaling").start_instance_refresh(**step.action.params)  # type: ignore[union-attr]


def plan_refresh_cancel(on: Stage) -> Plan:
    group = fleet.observed(on.aws, on.outputs)
    return fleet_refreshing.cancel(on.aws, on.outputs, group, "run-1")


def plan_refresh_rollback(on: Stage) -> Plan:
    group = fleet.observed(on.aws, on.outputs)
    return fleet_refreshing.rollback(on.aws, on.outputs, group, "run-1")


def plan_fleet_run(on: Stage) -> Plan:
    group = fleet.observed(on.aws, on.outputs)
    ids = fleet_running.chosen(group, ())
    options = fleet_running.How()
    return fleet_running.run(
        on.outputs, group, ids, "uptime", "run-1", on.clock.held_clock.now(), how=options
    )


def collect_command_facts(on: Stage) -> object:
    """What was sent, and how it ended."""
    on.clock.sleep(3600)
    return list_sent_commands(on)


def collect_undone_refresh_facts(on: Stage) -> object:
    """What is left of a refresh that was turned back: how far it had come differs."""
    on.clock.sleep(4 * 3600)
    group = describe_group(on)
    template = group["MixedInstancesPolicy"]["LaunchTemplate"]["LaunchTemplateSpecification"]
    is_over = {item["Status"] for item in list_instance_refreshes(on)} <= {
        "Successful",
        "Cancelled",
        "Failed",
    }
    versions = sorted(item["LaunchTemplate"]["Version"] for item in list_group_instances(on))
    return template["Version"], versions, list_target_states(on), get_image_parameter(on), is_over


PROCEDURES: Final = (
    Procedure("fleet scale", "3", put_fleet, plan_fleet_scale, collect_fleet_facts),
    Procedure(
        "fleet scale", "1", put_fleet, lambda stage: plan_fleet_scale(stage, 1), collect_fleet_facts
    ),
    Procedure(
        "fleet limits",
        "--min 1 --max 6",
        put_slow_fleet_of_one,
        plan_fleet_limits,
        collect_fleet_facts,
    ),
    Procedure(
        "fleet refresh start",
        "--template-version 2",
        put_slow_fleet_of_one,
        plan_refresh,
        collect_fleet_facts,
        steps_maybe_done=frozenset({"stop"}),
        collect_undone_facts=collect_undone_refresh_facts,
    ),
    Procedure(
        "fleet deploy",
        f"{FLEET_IMAGE}:v2",
        put_slow_fleet_of_one,
        plan_fleet_deploy,
        collect_fleet_facts,
        steps_maybe_done=frozenset({"stop"}),
        collect_undone_facts=collect_undone_refresh_facts,
    ),
    Procedure(
        "fleet deploy",
        f"{FLEET_IMAGE}:v5-unhealthy",
        put_slow_fleet_of_one,
        lambda stage: plan_fleet_deploy(stage, "v5-unhealthy"),
        collect_fleet_facts,
        outcome="undone",
        steps_maybe_done=frozenset({"stop"}),
        collect_undone_facts=collect_undone_refresh_facts,
    ),
    Procedure(
        "fleet refresh cancel", "", put_refreshing_fleet, plan_refresh_cancel, collect_fleet_facts
    ),
    Procedure(
        "fleet refresh rollback",
        "",
        put_refreshing_fleet,
        plan_refresh_rollback,
        collect_fleet_facts,
    ),
    Procedure("fleet run", "--all uptime", put_fleet, plan_fleet_run, collect_command_facts),
)
