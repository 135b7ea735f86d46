"""The plan of `ops network reach --probe`: a script tries the connection, where it would be made.

On instances by Run Command, as `ops fleet run` does. ECS Exec is not used for tasks: it opens
interactive sessions only (API reference, ExecuteCommand: `interactive` must be true), and their
answers come over a websocket whose protocol only the source of the Session Manager plugin tells. A
task of its own has the network of the service's tasks, needs no program on this machine, and works
if the service's image has no shell, or `cluster.exec` is off.
"""

import shlex
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

from ops.core.plan import Plan
from ops.core.stack_plan import NO_COST, build_stack_plan
from ops.core.start_time import StartTime
from ops.fleet.run_command import CLOCK_SKEW, RunCommandOptions, build_send_step
from ops.network.probe import PROBE_SECONDS, ProbeTarget, format_targets
from ops.outputs import FleetPart, Outputs
from ops.services import single_task
from ops.services.single_task import SingleTask, TaskHost, TaskPlace

PROBE_SCRIPT_FILE: Final = Path(__file__).with_name("probe_script.py")
PROBE_TASK: Final = "network-probe"
PROBE_CONTAINER: Final = "probe"
PLACE_VARIABLE: Final = "PROBE_PLACE"
START_SECONDS: Final = 30  # until Python has begun and ended, with room: an assumption


def build_instance_probe_plan(
    outputs: Outputs,
    fleet: FleetPart,
    instance_ids: Sequence[str],
    targets: Sequence[ProbeTarget],
    arguments: str,
    run_id: str,
    now: datetime,
) -> Plan:
    """Builds the plan that tries targets from instances of the fleet, by Run Command.

    Python 3 is on Amazon Linux 2023, whose dnf needs it (AL2023 User Guide, "Python in AL2023").
    """
    options = RunCommandOptions(
        max_errors="100%",  # each instance is asked, whatever the others say
        timeout_seconds=START_SECONDS + 2 * PROBE_SECONDS * len(targets),
    )
    variables = {
        PLACE_VARIABLE: fleet.group,
        "PROBE_SECONDS": str(PROBE_SECONDS),
        "PROBE_TARGETS": format_targets(targets),
    }
    words = [f"{name}={shlex.quote(value)}" for name, value in variables.items()]
    script = shlex.quote(PROBE_SCRIPT_FILE.read_text(encoding="utf-8"))
    step = build_send_step(
        run_id,
        fleet.group,
        instance_ids,
        " ".join([*words, "python3", "-c", script]),
        options,
        f"try {describe_targets(targets)} from",
    )
    return build_stack_plan(
        outputs,
        run_id,
        "network reach",
        step,
        changes=["nothing: a connection is opened and closed"],
        losses=(),
        cost=NO_COST,
        notes=[f"on {', '.join(instance_ids)}", _LIMIT_NOTE],
        arguments=arguments,
    ).with_times(now, SINCE=StartTime(offset=-CLOCK_SKEW.total_seconds()))


def build_task_probe_plan(
    outputs: Outputs,
    host: TaskHost,
    places: Sequence[TaskPlace],
    targets: Sequence[ProbeTarget],
    arguments: str,
    run_id: str,
    *,
    image: str,
) -> Plan:
    """Builds the plan that tries targets from tasks like those of a service, one for each place."""
    task = SingleTask(
        name=PROBE_TASK,
        run=run_id,
        host=host,
        container=PROBE_CONTAINER,
        image=image,
        script=PROBE_SCRIPT_FILE.read_text(encoding="utf-8"),
        environment={
            "PROBE_SECONDS": str(PROBE_SECONDS),
            "PROBE_TARGETS": format_targets(targets),
        },
    )
    numbered = list(enumerate(places, 1))
    description = f"try {describe_targets(targets)} from"
    return build_stack_plan(
        outputs,
        run_id,
        "network reach",
        single_task.build_register_step(outputs, task),
        *(single_task.build_run_step(outputs, task, place, number) for number, place in numbered),
        *(
            single_task.build_finish_step(task, f"{description} {place.subnet}", place, number)
            for number, place in numbered
        ),
        single_task.build_deregister_step(outputs, task, "unregister"),
        changes=["nothing: a connection is opened and closed"],
        losses=(),
        cost=NO_COST,
        notes=[
            f"{image} runs as a task like those of {host.service.name}, once in each subnet",
            _LIMIT_NOTE,
        ],
        arguments=arguments,
    )


def describe_targets(targets: Sequence[ProbeTarget]) -> str:
    """The targets, for a step's name."""
    first = targets[0].label
    return first if len(targets) == 1 else f"{first} and {len(targets) - 1} more"


_LIMIT_NOTE: Final = (
    f"a name and a connection have {PROBE_SECONDS} s each; nothing is sent over the connection"
)
