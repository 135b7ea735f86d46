"""`ops patch`: scan, apply."""

from typing import Final

from ops.core.plan import Plan
from ops.fleet.model import FleetState, get_fleet_state
from ops.fleet.refresh_steps import RefreshPreferences
from ops.patch.closures import describe_closures
from ops.patch.in_place import build_in_place_plan
from ops.patch.instance_patches import InstancePatches, read_instance_patches
from ops.patch.new_ami import build_new_ami_plan, choose_ami
from ops.patch.scan import build_patch_scan_plan
from tests.ops.patch_stage import (
    collect_ami_facts,
    collect_patch_facts,
    list_missing_counts,
    put_fleet_behind,
)
from tests.ops.procedures import Procedure
from tests.ops.stage import Stage


def read_fleet(stage: Stage) -> tuple[FleetState, list[InstancePatches]]:
    fleet_state = get_fleet_state(stage.aws, stage.outputs)
    ids = sorted(str(instance["InstanceId"]) for instance in fleet_state.instances)
    return fleet_state, read_instance_patches(stage.aws, ids)


def plan_patch_scan(stage: Stage) -> Plan:
    now = stage.clock.held_clock.now()
    return build_patch_scan_plan(stage.outputs, *read_fleet(stage), "run-1", now)


def plan_in_place(stage: Stage) -> Plan:
    fleet_state, instances = read_fleet(stage)
    return build_in_place_plan(
        stage.outputs, fleet_state, instances, "run-1", stage.clock.held_clock.now()
    )


def plan_new_ami(stage: Stage) -> Plan:
    fleet_state, instances = read_fleet(stage)
    new_ami = choose_ami(stage.aws, fleet_state, None)
    return build_new_ami_plan(
        stage.aws,
        stage.outputs,
        fleet_state,
        new_ami,
        "run-1",
        preferences=RefreshPreferences(),
        closures=describe_closures(stage.aws, instances, new_ami),
    )


def put_slow_fleet_behind(stage: Stage) -> None:
    """A fleet of one instance, slow to warm up: what is done to it is looked at few times."""
    put_fleet_behind(stage, 1, DefaultInstanceWarmup=540)


def collect_undone_in_place_facts(stage: Stage) -> object:
    """What is left of waves that were turned back: all in service, however many are patched."""
    capacity, states, *_ = collect_patch_facts(stage)
    return capacity, states, {count in (0, 3) for count in list_missing_counts(stage)}


def collect_undone_ami_facts(stage: Stage) -> object:
    """What is left of a replacement that was turned back: how many versions differs."""
    amis, states, _ = collect_ami_facts(stage)
    return amis, states


PROCEDURES: Final = (
    Procedure("patch scan", "", put_fleet_behind, plan_patch_scan, collect_patch_facts),
    Procedure(
        "patch apply",
        "--in-place",
        put_fleet_behind,
        plan_in_place,
        collect_patch_facts,
        steps_maybe_done=frozenset({"undo_1", "undo_2"}),  # by the wave, which puts them back
        collect_undone_facts=collect_undone_in_place_facts,
        is_long=True,
        pair_interval=20,
    ),
    Procedure(
        "patch apply",
        "",
        put_slow_fleet_behind,
        plan_new_ami,
        collect_ami_facts,
        steps_maybe_done=frozenset({"stop"}),
        collect_undone_facts=collect_undone_ami_facts,
        is_long=True,
    ),
)
