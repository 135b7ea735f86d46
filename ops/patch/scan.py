"""The plan that scans the fleet for missing patches. It installs nothing."""

from collections.abc import Sequence
from datetime import datetime

from ops.core.errors import OpsError
from ops.core.plan import Plan
from ops.core.stack_plan import NO_COST, build_stack_plan
from ops.core.start_time import StartTime
from ops.fleet.model import FleetState
from ops.fleet.run_command import CLOCK_SKEW, MAX_COMMAND_INSTANCES
from ops.outputs import Outputs
from ops.patch.instance_patches import InstancePatches
from ops.patch.patch_steps import build_patch_step


def build_patch_scan_plan(
    outputs: Outputs,
    fleet_state: FleetState,
    instances: Sequence[InstancePatches],
    run: str,
    now: datetime,
) -> Plan:
    """Builds the plan that scans every instance with an agent that answers.

    Raises OpsError if there is none.
    """
    managed_ids = [i.instance_id for i in instances if i.is_managed]
    unmanaged_ids = [i.instance_id for i in instances if not i.is_managed]
    if not managed_ids:
        raise OpsError(
            "no instance of the fleet has an agent of Systems Manager that answers"
            if instances
            else "the fleet has no instances",
            "ops fleet instances",
        )
    step = build_patch_step(
        "scan", run, managed_ids, "Scan", group=fleet_state.part.group, must_succeed=False
    )
    notes = [
        "a scan installs nothing and reboots nothing",
        *(
            f"{id_} has no agent that answers: it is not scanned, and its patches are not known"
            for id_ in unmanaged_ids
        ),
    ]
    if len(managed_ids) > MAX_COMMAND_INSTANCES:
        notes.append("the command is sent to the group's tag: more instances than ids allow")
    return build_stack_plan(
        outputs,
        run,
        "patch scan",
        step,
        changes=["what Systems Manager reports of the patches of these instances"],
        losses=(),
        cost=NO_COST,
        notes=notes,
    ).with_times(now, SINCE=StartTime(offset=-CLOCK_SKEW.total_seconds()))
