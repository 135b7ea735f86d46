"""`ops network reach --probe`."""

from typing import Final

from ops.core.plan import Plan
from ops.fleet.model import get_fleet_state
from ops.fleet.run_command import select_instances
from ops.network.probe import ProbeTarget
from ops.network.probe_plan import build_instance_probe_plan
from tests.ops.network_stage import DATABASE_PORT, find_database_host, put_connected_fleet
from tests.ops.procedures import Procedure
from tests.ops.procedures.fleet import collect_command_facts
from tests.ops.stage import Stage

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


PROCEDURES: Final = (
    Procedure(
        "network reach", FLEET_LINE, put_connected_fleet, plan_fleet_probe, collect_command_facts
    ),
)
