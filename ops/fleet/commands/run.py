"""`ops fleet run`: a command on instances of the fleet, and its output on each."""

from typing import Annotated

import typer

from ops.cli.durations import build_duration_option
from ops.cli.execution import (
    ExecutionOptions,
    execute_plan,
    load_stack_context,
    mutating_command,
    new_run_id,
)
from ops.core import clock
from ops.core.errors import OpsError
from ops.fleet.model import get_fleet_state
from ops.fleet.run_command import (
    RunCommandOptions,
    build_run_command_plan,
    build_script,
    invoked_after,
    list_command_results,
    require_instance_choice,
    select_instances,
    validate_run_command_options,
)


@mutating_command
def run_fleet_command(
    context: typer.Context,
    command: Annotated[
        list[str],
        typer.Argument(
            metavar="-- COMMAND...",
            help="runs as root; one word is a script, several are a command",
        ),
    ],
    instance: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="run on this instance; can be repeated")
    ] = None,
    all_of: Annotated[bool, typer.Option("--all", help="run on every instance in service")] = False,
    concurrency: Annotated[
        str,
        typer.Option(
            "--max-concurrency",
            metavar="COUNT",
            help="instances at a time, or a percentage like 50%",
        ),
    ] = "50",
    errors: Annotated[
        str,
        typer.Option(
            "--max-errors", metavar="COUNT", help="stop after more failures than this; or like 5%"
        ),
    ] = "0",
    # Limits of executionTimeout in AWS-RunShellScript.
    seconds: Annotated[
        int,
        build_duration_option(
            "--execution-timeout",
            minimum=1,
            maximum=172_800,
            default=600,
            text="time allowed on each instance",
            unit="s",
            whole=True,
        ),
    ] = 600,
    *,
    options: ExecutionOptions,
) -> None:
    """Runs a command on instances of the fleet. Exit 1 if it failed on any of them."""
    command_options = validate_run_command_options(RunCommandOptions(concurrency, errors, seconds))
    names = instance or []
    require_instance_choice(names, all_instances=all_of)
    script_text = build_script(command)
    stack_context, output = load_stack_context(context)
    fleet_state = get_fleet_state(stack_context.aws, stack_context.outputs)
    instance_ids = select_instances(fleet_state, names)
    run_id = new_run_id("fleet-run")
    began = clock.now()
    plan = build_run_command_plan(
        stack_context.outputs,
        fleet_state,
        instance_ids,
        script_text,
        run_id,
        began,
        options=command_options,
    )
    if not execute_plan(plan, stack_context, output, options):
        return
    rows = list_command_results(stack_context.aws, run_id, invoked_after(began))
    if output.output_format == "json":
        output.print_json("fleet-run", {"run": run_id, "items": rows})
    for row in rows:
        output.print_line(f"{row['instance']}: {row['status']}, exit code {row['code']}", "bold")
        for output_text in (row["output"], row["errors"]):
            for line in str(output_text).splitlines():
                output.print_line(f"  {line}")
    if failed_instances := [str(row["instance"]) for row in rows if row["status"] != "Success"]:
        raise OpsError(
            f"the command failed on {len(failed_instances)} of {len(rows)} instances: "
            f"{', '.join(failed_instances)}",
            f"ops runs show {run_id}",
        )
