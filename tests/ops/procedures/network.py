"""`ops network reach --probe`."""

from typing import Final

from ops.core.plan import Plan
from ops.fleet.model import get_fleet_state
from ops.fleet.run_command import select_instances
from ops.network.probe import ProbeTarget
from ops.network.probe_plan import (
    PLACE_VARIABLE,
    PROBE_TASK,
    build_instance_probe_plan,
    build_task_probe_plan,
)
from ops.services.model import get_service
from ops.services.single_task import (
    DEFAULT_TASK_IMAGE,
    TaskPlace,
    format_stream_prefix,
    format_task_family,
    read_task_host,
    read_task_lines,
)
from tests.ops.network_stage import (
    DATABASE_PORT,
    find_database_host,
    find_group,
    put_connected_fleet,
)
from tests.ops.procedures import Procedure
from tests.ops.procedures.fleet import collect_command_facts
from tests.ops.stage import Stage

TASK_LINE: Final = "backend database --probe"
TASK_RUN: Final = "network-reach-1"
FLEET_LINE: Final = "fleet database --probe"


def plan_fleet_probe(stage: Stage) -> Plan:
    fleet_state = get_fleet_state(stage.aws, stage.outputs)
    return build_instance_probe_plan(
        stage.outputs,
        fleet_state.part,
        select_instances(fleet_state, ()),
        [ProbeTarget(find_database_host(stage), DATABASE_PORT)],
        FLEET_LINE,
        "run-1",
        stage.clock.held_clock.now(),
    )


def plan_task_probe(stage: Stage) -> Plan:
    host = read_task_host(stage.aws, get_service(stage.aws, stage.outputs, "backend"))
    subnets = sorted(stage.outputs.network.private_subnets.values())
    groups = (find_group(stage, "tasks"),)
    return build_task_probe_plan(
        stage.outputs,
        host,
        [TaskPlace(PLACE_VARIABLE, subnet, groups) for subnet in subnets],
        [ProbeTarget(find_database_host(stage), DATABASE_PORT)],
        TASK_LINE,
        TASK_RUN,
        image=DEFAULT_TASK_IMAGE,
    )


def collect_task_facts(stage: Stage) -> object:
    """What the tasks that have run said, and the definitions that are left."""
    stage.clock.sleep(3600)
    prefix = format_stream_prefix(PROBE_TASK, TASK_RUN)
    host = read_task_host(stage.aws, get_service(stage.aws, stage.outputs, "backend"))
    items = read_task_lines(stage.aws, host.log_group, prefix)
    return (
        sorted((item["state"], item.get("outcome", "")) for item in items),
        _list_definitions(stage),
    )


def _list_definitions(stage: Stage) -> list[str]:
    family = format_task_family(stage.outputs, PROBE_TASK, TASK_RUN)
    answer = stage.client("ecs").list_task_definitions(familyPrefix=family)
    return [str(arn) for arn in answer["taskDefinitionArns"]]


PROCEDURES: Final = (
    Procedure(
        "network reach", FLEET_LINE, put_connected_fleet, plan_fleet_probe, collect_command_facts
    ),
    Procedure(
        "network reach",
        TASK_LINE,
        put_connected_fleet,
        plan_task_probe,
        collect_task_facts,
        collect_undone_facts=_list_definitions,
        steps_maybe_done=frozenset({"unregister_again"}),  # by the last step
    ),
)
