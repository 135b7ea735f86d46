"""`ops service maintenance`: the page shown instead of the services."""

import typer

from ops.cli.execution import (
    ExecutionOptions,
    execute_plan,
    load_stack_context,
    mutating_command,
    new_run_id,
)
from ops.services.maintenance_page import build_maintenance_page_plan

app = typer.Typer(no_args_is_help=True, add_completion=False, help="The maintenance page.")


@app.command("on")
@mutating_command(timeout=None)
def show_maintenance_page(
    context: typer.Context,
    *,
    options: ExecutionOptions,
) -> None:
    """Shows the maintenance page to all requests, instead of every service."""
    _set_maintenance_page(context, options.as_destructive(), enabled=True)


@app.command("off")
@mutating_command(timeout=None)
def hide_maintenance_page(
    context: typer.Context,
    *,
    options: ExecutionOptions,
) -> None:
    """Lets the services answer again."""
    _set_maintenance_page(context, options, enabled=False)


def _set_maintenance_page(
    context: typer.Context, options: ExecutionOptions, *, enabled: bool
) -> None:
    stack_context, output = load_stack_context(context)
    run = new_run_id("maintenance")
    if execute_plan(
        build_maintenance_page_plan(stack_context.outputs, run, enabled=enabled),
        stack_context,
        output,
        options,
    ):
        output.print_result("service-maintenance", {"page": "on" if enabled else "off", "run": run})
