"""`ops db extension`: the PostgreSQL extensions that other commands of ops read from."""

from typing import Annotated

import typer

from ops.cli.execution import (
    ExecutionOptions,
    execute_plan,
    load_stack_context,
    mutating_command,
    new_run_id,
)
from ops.database.commands.queries import ViaOption
from ops.database.sql.connection import DatabaseClient
from ops.database.sql.extensions import build_extension_plan, require_extension_name

app = typer.Typer(add_completion=False)


@app.command("extension")
@mutating_command
def create_extension(
    context: typer.Context,
    extension: Annotated[
        str, typer.Argument(metavar="EXTENSION", help="pg_stat_statements or pgstattuple")
    ],
    via: ViaOption = None,
    *,
    options: ExecutionOptions,
) -> None:
    """Creates an extension that `ops db slow` or `ops db bloat` reads, or updates it."""
    name = require_extension_name(extension)
    stack_context, output = load_stack_context(context)
    client = DatabaseClient(stack_context.outputs, stack_context.aws, via)
    run = new_run_id("extension")
    plan = build_extension_plan(stack_context.outputs, client, name, run)
    if plan is not None and not execute_plan(plan, stack_context, output, options, client):
        return
    output.print_result(
        "db-extension",
        {
            "extension": name,
            "state": "up to date already" if plan is None else "created or updated",
            "run": None if plan is None else run,
        },
    )
