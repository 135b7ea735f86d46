"""`ops state`: Pulumi's state saved, listed, given back, and held against AWS."""

from pathlib import Path
from typing import Annotated

import typer

from ops.cli.context import get_output
from ops.cli.execution import (
    ExecutionOptions,
    ProgramOption,
    delete_after,
    execute_plan,
    load_stack_context,
    mutating_command,
    new_run_id,
)
from ops.cli.watch import looking_command
from ops.core.errors import FindingsError, UsageError
from ops.recovery import reconcile as reconciling
from ops.recovery.rebuild import resolve_program_folder as program_of
from ops.stack import pulumi as pulumi_steps
from ops.state import backup as states
from ops.state.differences import compute_state_digest, list_resource_ids, list_state_differences
from ops.state.drift import list_drift
from ops.state.restore import build_state_restore_plan

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Pulumi's state.")
StateName = Annotated[
    str | None, typer.Argument(metavar="[STATE]", help="from `ops state list`; else the newest")
]


@app.command("backup")
@mutating_command
def backup_state(
    context: typer.Context,
    program: ProgramOption = Path(),
    *,
    options: ExecutionOptions,
) -> None:
    """Saves the state of now in the operations bucket, and so in its copy a region away."""
    folder = program_of(program)
    stack_context, output = load_stack_context(context)
    run = new_run_id("state")
    draft = states.get_draft_file(run)
    plan = states.build_state_backup_plan(stack_context.outputs, run)
    with delete_after(draft):
        if execute_plan(plan, stack_context, output, options, program=folder):
            (saved_state,) = [
                candidate
                for candidate in states.list_saved_states(stack_context)
                if candidate.name == run
            ]
            output.print_result(
                "state-backup", {"state": saved_state.name, "bytes": saved_state.size, "run": run}
            )


@app.command(name="list")
@looking_command
def list_states(context: typer.Context) -> None:
    """The saved states, the newest first."""
    stack_context, output = load_stack_context(context)
    output.print_rows(
        "states",
        states.SAVED_STATE_COLUMNS,
        [saved_state.row() for saved_state in states.list_saved_states(stack_context)],
    )


@app.command("fetch")
def fetch_state(
    context: typer.Context,
    to: Annotated[Path, typer.Option(metavar="FILE", help="where it goes, readable by you alone")],
    name: StateName = None,
) -> None:
    """Writes a saved state into a file, as `pulumi stack import` takes it."""
    _require_new_file(to)
    stack_context, output = load_stack_context(context)
    saved_state = states.resolve_saved_state(states.list_saved_states(stack_context), name)
    states.write_state(to, states.fetch_saved_state(stack_context, saved_state), "--to")
    output.print_result("state-fetch", {"state": saved_state.name, "file": str(to)})


@app.command("restore")
@mutating_command
def restore_state(
    context: typer.Context,
    name: StateName = None,
    program: ProgramOption = Path(),
    *,
    options: ExecutionOptions,
) -> None:
    """Gives Pulumi a saved state instead of that of now, which is saved first.

    What Pulumi would forget or know again is shown before.
    """
    folder = program_of(program)
    stack_context, output = load_stack_context(context)
    saved_state = states.resolve_saved_state(states.list_saved_states(stack_context), name)
    new_state = states.fetch_saved_state(stack_context, saved_state)
    current_state = states.export_state(stack_context.outputs.stack.stack, folder)
    rows = list_state_differences(current_state, new_state)
    if compute_state_digest(current_state) == compute_state_digest(new_state):
        raise UsageError(f"STATE is {saved_state.name!r}, which is what Pulumi knows already")
    run = new_run_id("state")
    draft, import_file = states.get_draft_file(run), states.get_draft_file(f"{run}-given")
    states.write_state(import_file, new_state)
    plan = build_state_restore_plan(
        stack_context.outputs, saved_state.file, new_state, current_state, run
    )
    if output.output_format == "table":
        output.print_rows("state-differences", ("what", "resource", "now", "then"), rows)
    options = options.as_destructive()
    with delete_after(draft, import_file):
        if execute_plan(plan, stack_context, output, options, program=folder):
            output.print_result(
                "state-restore",
                {"state": saved_state.name, "saved": run, "different": len(rows), "run": run},
            )


@app.command("drift")
def show_drift(context: typer.Context, program: ProgramOption = Path()) -> None:
    """What AWS has that the program does not say: a preview with a refresh. Exit code 3 on drift.

    Changes nothing, the state neither.
    """
    folder = program_of(program)
    stack_context, output = load_stack_context(context)
    arguments = ("preview", "--refresh", "--json", "--non-interactive", "--stack")
    shell = pulumi_steps.build_pulumi_shell(folder, *arguments, stack_context.outputs.stack.stack)
    drift_rows = list_drift(pulumi_steps.read_pulumi_json(shell))
    output.print_rows("state-drift", ("op", "resource", "properties"), drift_rows)
    if drift_rows:
        raise FindingsError(f"{len(drift_rows)} resources are not as the program says", "pulumi up")
    output.print_line("everything is as the program says")


@app.command("digest", hidden=True)
def print_state_digest(
    context: typer.Context,
    file: Annotated[Path | None, typer.Option(metavar="FILE", help="an export")] = None,
    stack: Annotated[
        str | None, typer.Option("--of", metavar="STACK", help="what Pulumi knows now")
    ] = None,
    program: ProgramOption = Path(),
) -> None:
    """What tells two states apart, as JSON: what a plan waits for."""
    if (file is None) is (stack is None):
        raise UsageError("one of --file and --of must be set")
    if file is not None:
        state = reconciling.read_pulumi_file("--file", file)
    else:
        state = states.export_state(str(stack), program_of(program))
    if not list_resource_ids(state):
        raise UsageError(f"--file is {str(file)!r}, must be a file of `pulumi stack export`")
    get_output(context).print_json("state-digest", {"digest": compute_state_digest(state)})


@app.command("previewed", hidden=True)
def print_preview_digest(
    context: typer.Context,
    stack: Annotated[str, typer.Option("--of", metavar="STACK", help="of the program")],
    program: ProgramOption = Path(),
) -> None:
    """What tells two previews apart, as JSON: what a plan waits for."""
    from ops.deploy import deployment as deploying

    stack_preview = deploying.run_preview(program_of(program), stack)
    get_output(context).print_json("state-previewed", {"digest": stack_preview.digest})


def _require_new_file(file: Path) -> None:
    if file.exists():
        raise UsageError(f"--to is {str(file)!r}, which is there already: it is not overwritten")
    if not file.absolute().parent.is_dir():
        raise UsageError(f"--to is {str(file)!r}, must be a file in a folder that is there")
