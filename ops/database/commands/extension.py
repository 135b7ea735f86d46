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
from ops.database.commands.sessions import add_via_note
from ops.database.sql.connection import DatabaseClient
from ops.database.sql.extensions import (
    build_extension_plan,
    fetch_extension_state,
    require_extension_name,
)

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
    state = fetch_extension_state(client, name)
    run = None if state.is_current else new_run_id("extension")
    if run is not None:
        plan = add_via_note(via, build_extension_plan(stack_context.outputs, state, run))
        if not execute_plan(plan, stack_context, output, options, client):
            return
    output.print_result("db-extension", {"extension": name, "version": state.available, "run": run})
