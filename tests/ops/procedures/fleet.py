"""`ops fleet`: scale, limits, refresh, deploy, run."""

from typing import Any, Final

from ops.core.plan import Plan
from ops.fleet import deploy as fleet_deploying
from ops.fleet import model as fleet
from ops.fleet import refresh as fleet_refreshing
from ops.fleet import run_command as fleet_running
from ops.fleet import scale as fleet_scaling
from ops.fleet.refresh_steps import RefreshPreferences
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


def plan_fleet_scale(stage: Stage, count: int = 3) -> Plan:
    return fleet_scaling.build_fleet_scale_plan(
        stage.outputs, fleet.get_fleet_state(stage.aws, stage.outputs), count, "run-1"
    )


def plan_fleet_limits(stage: Stage) -> Plan:
    group = fleet.get_fleet_state(stage.aws, stage.outputs)
    return fleet_scaling.build_fleet_limits_plan(
        stage.outputs, group, "run-1", min_size=1, max_size=6
    )


def plan_refresh(stage: Stage, version: str = "2", **options: Any) -> Plan:
    group = fleet.get_fleet_state(stage.aws, stage.outputs)
    refresh_options = RefreshPreferences(**{"auto_rollback": True, **options})
    return fleet_refreshing.build_refresh_plan(
        stage.aws, stage.outputs, group, "run-1", version=version, preferences=refresh_options
    )


def plan_fleet_deploy(stage: Stage, tag: str = "v2") -> Plan:
    group = fleet.get_fleet_state(stage.aws, stage.outputs)
    resolved_image = images.resolve_image(stage.aws, f"{FLEET_IMAGE}:{tag}")
    return fleet_deploying.build_fleet_deploy_plan(
        stage.aws, stage.outputs, group, resolved_image, "run-1", preferences=RefreshPreferences()
    )


def put_refreshing_fleet(stage: Stage) -> None:
    """A fleet whose instances are being replaced by those of another version, and will be for long.

    Half of it is done; the rest takes longer than a few kills do.
    """
    put_fleet(stage, DefaultInstanceWarmup=540)
    start_refresh(stage)
    stage.clock.sleep(800)


def start_refresh(stage: Stage) -> None:
    """Somebody starts a refresh."""
    (step, *_) = plan_refresh(stage).steps
    stage.client("autoscaling").start_instance_refresh(**step.action.params)  # type: ignore[union-attr]


def plan_refresh_cancel(stage: Stage) -> Plan:
    group = fleet.get_fleet_state(stage.aws, stage.outputs)
    return fleet_refreshing.build_refresh_cancel_plan(stage.aws, stage.outputs, group, "run-1")


def plan_refresh_rollback(stage: Stage) -> Plan:
    group = fleet.get_fleet_state(stage.aws, stage.outputs)
    return fleet_refreshing.build_refresh_rollback_plan(stage.aws, stage.outputs, group, "run-1")


def plan_fleet_run(stage: Stage) -> Plan:
    group = fleet.get_fleet_state(stage.aws, stage.outputs)
    ids = fleet_running.select_instances(group, ())
    options = fleet_running.RunCommandOptions()
    return fleet_running.build_run_command_plan(
        stage.outputs, group, ids, "uptime", "run-1", stage.clock.held_clock.now(), options=options
    )


def collect_command_facts(stage: Stage) -> object:
    """What was sent, and how it ended."""
    stage.clock.sleep(3600)
    return list_sent_commands(stage)


def collect_undone_refresh_facts(stage: Stage) -> object:
    """What is left of a refresh that was turned back: how far it had come differs."""
    stage.clock.sleep(4 * 3600)
    group = describe_group(stage)
    template = group["MixedInstancesPolicy"]["LaunchTemplate"]["LaunchTemplateSpecification"]
    is_over = {item["Status"] for item in list_instance_refreshes(stage)} <= {
        "Successful",
        "Cancelled",
        "Failed",
    }
    versions = sorted(item["LaunchTemplate"]["Version"] for item in list_group_instances(stage))
    return (
        template["Version"],
        versions,
        list_target_states(stage),
        get_image_parameter(stage),
        is_over,
    )


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
