"""`ops db reindex`: rebuilds indexes while the application reads and writes."""

import shlex
from dataclasses import asdict
from typing import Annotated, Any, Final

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
from ops.core.counts import format_bytes
from ops.core.errors import OpsError
from ops.database.commands.queries import ViaOption
from ops.database.commands.sessions import add_via_note
from ops.database.free_storage import fetch_free_bytes, require_free_bytes
from ops.database.sql.connection import DatabaseClient
from ops.database.sql.indexes import fetch_indexes
from ops.database.sql.reindex import (
    IndexSelection,
    build_reindex_plan,
    list_leftovers,
    require_names_or_invalid,
    select_invalid_indexes,
    select_named_indexes,
)
from ops.database.sql.reindex_waits import list_waited_for

app = typer.Typer(add_completion=False)
DEFAULT_LOCK_TIMEOUT_MINUTES: Final = 30.0  # an assumption: longer than a report takes


@app.command("reindex")
@mutating_command
def reindex_database(
    context: typer.Context,
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[INDEX]...", help="an index, or a table with all of its indexes"),
    ] = None,
    invalid: Annotated[
        bool, typer.Option("--invalid", help="all invalid indexes: rebuilt, leftovers dropped")
    ] = False,
    lock_timeout: Annotated[
        float,
        build_duration_option(
            "--lock-timeout",
            minimum=0.05,
            maximum=24 * 60,
            default=DEFAULT_LOCK_TIMEOUT_MINUTES,
            text="how long to wait for one transaction before giving up",
        ),
    ] = DEFAULT_LOCK_TIMEOUT_MINUTES,
    without_space_check: Annotated[
        bool,
        typer.Option("--without-space-check", help="do not ask CloudWatch for free storage"),
    ] = False,
    via: ViaOption = None,
    *,
    options: ExecutionOptions,
) -> None:
    """Rebuilds indexes concurrently, and drops what interrupted builds left."""
    require_names_or_invalid(names or (), invalid=invalid)
    stack_context, output = load_stack_context(context)
    client = DatabaseClient(stack_context.outputs, stack_context.aws, via)
    indexes = fetch_indexes(client)
    selection = (
        select_invalid_indexes(indexes) if invalid else select_named_indexes(indexes, names or ())
    )
    free_bytes = None
    if selection.rebuilt and not without_space_check:
        free_bytes = fetch_free_bytes(stack_context.aws, stack_context.outputs, clock.now())
        require_free_bytes(free_bytes, selection.needed_bytes, "the rebuild")
        output.print_note(
            f"up to {format_bytes(selection.needed_bytes)} more is used meanwhile, of "
            f"{format_bytes(free_bytes or 0)} free"
        )
    holders = list_waited_for(client, selection.table_oids) if selection.table_oids else []
    for holder in holders:
        output.print_note(f"waits for {holder.describe()}")
    run = new_run_id("reindex") if selection.table_oids else None
    if run:
        plan = build_reindex_plan(
            stack_context.outputs,
            selection,
            run,
            arguments=shlex.join(["--invalid"] if invalid else names or []),
            lock_timeout=lock_timeout * 60,
        )
        try:
            if not execute_plan(add_via_note(via, plan), stack_context, output, options, client):
                return
        except (OpsError, KeyboardInterrupt):
            _name_leftovers(client, selection, run)
            raise
    _print_result(output, selection, [asdict(holder) for holder in holders], run)


def _name_leftovers(client: DatabaseClient, selection: IndexSelection, run: str) -> None:
    """Says on stderr which invalid indexes a run that did not end has left, if it can be read."""
    client.close()
    try:
        leftovers = list_leftovers(client, selection.table_oids)
    except OpsError:
        return
    for name in leftovers:
        typer.echo(
            f"left invalid: {name}; `ops runs resume {run}` goes on and drops it, "
            f"`ops runs undo {run}` only drops it",
            err=True,
        )


def _print_result(
    output: Any, selection: IndexSelection, holders: list[dict[str, Any]], run: str | None
) -> None:
    """Prints what was rebuilt, dropped and left."""
    body = {
        "rebuilt": [index.full_name for index in selection.rebuilt],
        "dropped": [index.full_name for index in selection.dropped],
        "skipped": {index.full_name: reason for index, reason in selection.skipped},
        "run": run,
    }
    if output.output_format == "json":
        output.print_json("db-reindex", {**body, "waited_for": holders})
        return
    output.print_result("db-reindex", {key: body[key] for key in ("rebuilt", "dropped", "run")})
    for index, reason in selection.skipped:
        output.print_line(f"not rebuilt: {index.full_name}: {reason}")
