"""`ops fleet console|session`: an instance that `ops fleet run` does not reach, and a shell."""

import shlex
import sys
from typing import Annotated, TypeAlias

import typer

from ops.cli.context import load_stack
from ops.cli.selection import Selection
from ops.cli.streams import CONTROL_CHARACTERS
from ops.cli.watch import looking_command
from ops.fleet.console import (
    GONE_STATE,
    get_fleet_instance,
    read_console_output,
    require_instance_id,
)
from ops.services.exec import list_missing_programs

InstanceArgument: TypeAlias = Annotated[
    str, typer.Argument(metavar="INSTANCE", help="its id, as `ops fleet instances` has it")
]


@looking_command
def show_console_output(
    context: typer.Context,
    instance: InstanceArgument,
    lines: Annotated[int, typer.Option(min=1, max=100_000, help="newest lines")] = 200,
) -> None:
    """Shows what an instance wrote on its console: kernel and cloud-init, at most 64 KB.

    Also of one that was replaced, for an hour. Instances that are not Nitro have only
    what AWS posted after their last start.
    """
    require_instance_id(instance)
    outputs, aws, output = load_stack(context)
    state = get_fleet_instance(aws, outputs, instance)
    console = read_console_output(aws, instance)
    all_lines = console.text.splitlines()
    shown_lines = all_lines[-lines:]
    if output.output_format == "json":
        fields = {
            "instance": instance,
            "state": state,
            "at": console.at,
            "latest": console.is_latest,
            "empty": not all_lines,
            "cut": len(all_lines) - len(shown_lines),
        }
        output.print_json("fleet-console", {**fields, "lines": shown_lines})
        return
    age = "the latest" if console.is_latest else "posted after its last start, stop or reboot"
    output.print_line(f"{instance}, {state}, {age}, {console.at or 'time unknown'}", "bold")
    if not all_lines:
        output.print_line(
            "the console output is empty: AWS has none yet, or keeps none any more; it comes "
            "some minutes after a start, and stays for an hour after the end"
        )
    for line in shown_lines:
        output.print_text(line.translate(CONTROL_CHARACTERS))
    if len(shown_lines) < len(all_lines):
        output.print_line(
            f"the last {len(shown_lines)} of {len(all_lines)} lines; --lines {len(all_lines)} "
            "shows all"
        )


def show_session_command(context: typer.Context, instance: InstanceArgument) -> None:
    """Prints the line that opens a shell on an instance.

    The stack's own roles may not open one, since nothing records what is typed there: they have
    `ops fleet run`. The line is for an administrator's credentials.
    """
    require_instance_id(instance)
    outputs, aws, output = load_stack(context)
    state = get_fleet_instance(aws, outputs, instance)
    objects = context.find_object(tuple)
    selection: Selection | None = objects[0] if objects else None
    profile = selection.profile if selection else None
    command = shlex.join(
        [
            *("aws", "ssm", "start-session", "--region", outputs.stack.region),
            *(("--profile", profile) if profile else ()),
            *("--target", instance),
        ]
    )
    recorded_command = f"ops fleet run --instance {instance} -- uptime"
    if output.output_format == "json":
        fields = {"instance": instance, "state": state, "command": command}
        output.print_json("fleet-session", {**fields, "recorded": recorded_command})
    else:
        if state == GONE_STATE:
            output.print_text(f"# {instance} is {state}: a session fails if it is terminated")
        output.print_text("# a shell, which the stack's own roles may not open")
        output.print_text(command)
        output.print_text("# a command that is recorded")
        output.print_text(recorded_command)
    if missing_programs := list_missing_programs():
        sys.stderr.write(f"missing on the PATH: {', '.join(missing_programs)}\n")
