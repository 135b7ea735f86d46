"""`ops service maintenance`: the page that everybody sees instead of the services."""

import typer

from ops.cli.execution import (
    ExecutionOptions,
    execute_plan,
    load_stack_context,
    mutating_command,
    new_run_id,
)
from ops.services import maintenance_page as maintenance

app = typer.Typer(no_args_is_help=True, add_completion=False, help="The maintenance page.")


@app.command("on")
@mutating_command(timeout=None)
def on(
    context: typer.Context,
    *,
    how: ExecutionOptions,
) -> None:
    """Shows the maintenance page to everybody, instead of every service."""
    _turn(context, how.as_destructive(), on=True)


@app.command("off")
@mutating_command(timeout=None)
def off(
    context: typer.Context,
    *,
    how: ExecutionOptions,
) -> None:
    """Lets the services answer again."""
    _turn(context, how, on=False)


def _turn(context: typer.Context, how: ExecutionOptions, *, on: bool) -> None:
    of, output = load_stack_context(context)
    run = new_run_id("maintenance")
    if execute_plan(maintenance.turn(of.outputs, run, on=on), of, output, how):
        output.print_result("service-maintenance", {"page": "on" if on else "off", "run": run})
