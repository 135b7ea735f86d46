"""`ops db kill|kill-idle|vacuum`: changes made by SQL."""

from collections.abc import Mapping, Sequence
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
from ops.cli.render import Output
from ops.core.plan import Plan
from ops.database.commands.queries import ReplicaOption, ViaOption, resolve_replica, shorten_query
from ops.database.sql import sessions
from ops.database.sql.connection import DATABASE_ADDRESS_VARIABLE, DatabaseClient
from ops.database.sql.vacuum import (
    build_table_vacuum_plan,
    fetch_table_statistics,
    list_named_parents,
    select_tables_to_vacuum,
)
from ops.database.sql.vacuum_horizon import (
    HorizonHolder,
    count_dead_rows,
    list_horizon_holders,
)

app = typer.Typer(add_completion=False)
# Seconds that a transaction may be open before a vacuum's plan names it. Assumed.
LONG_TRANSACTION_SECONDS: Final = 60


def add_via_note(via: str | None, plan: Plan) -> Plan:
    """Adds a note with the address that a resume needs, which no plan contains."""
    if via is None:
        return plan
    note = f"to resume this run, set {DATABASE_ADDRESS_VARIABLE}={via} again"
    return plan.model_copy(update={"notes": (*plan.notes, note)})


@app.command("kill")
@mutating_command
def kill_session(
    context: typer.Context,
    pid: Annotated[int, typer.Argument(metavar="PID", min=1, help="from `ops db activity`")],
    terminate: Annotated[
        bool, typer.Option("--terminate", help="end the session, not only its query")
    ] = False,
    replica: ReplicaOption = None,
    via: ViaOption = None,
    *,
    options: ExecutionOptions,
) -> None:
    """Cancels a session's query, or ends the session with --terminate."""
    stack_context, output = load_stack_context(context)
    name = resolve_replica(stack_context.outputs, replica)
    client = DatabaseClient(stack_context.outputs, stack_context.aws, via)
    session = sessions.get_endable_session(client, name, pid)
    run = new_run_id("kill")
    plan = add_via_note(
        via,
        sessions.build_kill_session_plan(
            stack_context.outputs, session, name, run, terminate=terminate
        ),
    )
    output.print_line(f"{session.pid}: {shorten_query(session.query)}")
    if execute_plan(plan, stack_context, output, options, client):
        sessions.require_ended(client, name, session, terminate=terminate)
        state = "ended" if terminate else "cancelled"
        output.print_result(
            "db-kill", {"pid": pid, "user": session.user, "state": state, "run": run}
        )


@app.command(name="kill-idle")
@mutating_command
def kill_idle_sessions(
    context: typer.Context,
    older_than: Annotated[
        float, build_duration_option(minimum=0, default=30, text="only sessions idle for longer")
    ] = 30,
    in_transaction: Annotated[
        bool, typer.Option("--in-transaction", help="only sessions with an open transaction")
    ] = False,
    user: Annotated[str | None, typer.Option(help="only sessions of this user")] = None,
    application: Annotated[
        str | None, typer.Option(help="only sessions of this application")
    ] = None,
    replica: ReplicaOption = None,
    via: ViaOption = None,
    *,
    options: ExecutionOptions,
) -> None:
    """Ends sessions that have been idle for long; skips those that have become active."""
    stack_context, output = load_stack_context(context)
    name = resolve_replica(stack_context.outputs, replica)
    client = DatabaseClient(stack_context.outputs, stack_context.aws, via)
    idle_sessions = sessions.list_idle_sessions(
        client,
        name,
        older_than * 60,
        in_transaction=in_transaction,
        user=user,
        application=application,
    )
    run = new_run_id("kill-idle") if idle_sessions else None
    if idle_sessions and run:
        plan = add_via_note(
            via,
            sessions.build_kill_idle_sessions_plan(stack_context.outputs, idle_sessions, name, run),
        )
        if not execute_plan(plan, stack_context, output, options, client):
            return
    remaining_pids = (
        sessions.list_remaining_pids(client, name, idle_sessions) if idle_sessions else set()
    )
    ended_pids = [session.pid for session in idle_sessions if session.pid not in remaining_pids]
    output.print_result(
        "db-kill-idle", {"ended": ended_pids, "at_work_again": sorted(remaining_pids), "run": run}
    )


@app.command("vacuum")
@mutating_command
def vacuum_tables(
    context: typer.Context,
    tables: Annotated[
        list[str] | None,
        typer.Argument(metavar="[TABLE]...", help="default: up to ten tables that need it most"),
    ] = None,
    analyze: Annotated[bool, typer.Option("--analyze", help="also update the statistics")] = False,
    freeze: Annotated[
        bool, typer.Option("--freeze", help="also freeze old transaction ids")
    ] = False,
    full: Annotated[
        bool, typer.Option("--full", help="return space to the disk; locks the table meanwhile")
    ] = False,
    via: ViaOption = None,
    *,
    options: ExecutionOptions,
) -> None:
    """Vacuums tables, confirmed by PostgreSQL's vacuum count."""
    stack_context, output = load_stack_context(context)
    client = DatabaseClient(stack_context.outputs, stack_context.aws, via)
    all_tables = fetch_table_statistics(client)
    tables_to_vacuum = select_tables_to_vacuum(all_tables, tables or ())
    locked_tables = [
        table
        for table in (tables_to_vacuum if tables else all_tables)
        if table.locked_by is not None and (tables or table.can_be_vacuumed)
    ]
    for table in locked_tables:
        output.print_line(f"{table.full_name} is locked by {table.locked_by}: ops db locks")
    holders = list_horizon_holders(client)
    for holder in holders:
        if holder.seconds is None or holder.seconds > LONG_TRANSACTION_SECONDS:
            output.print_line(f"holds back what vacuum can remove: {holder.describe()}")
    run = new_run_id("vacuum") if tables_to_vacuum else None
    if tables_to_vacuum and run:
        plan = build_table_vacuum_plan(
            stack_context.outputs,
            tables_to_vacuum,
            run,
            analyze=analyze,
            freeze=freeze,
            full=full,
            parents=list_named_parents(all_tables, tables or ()),
        )
        plan = add_via_note(via, plan)
        options = options.as_destructive(full)
        if not execute_plan(plan, stack_context, output, options, client):
            return
    dead_rows = count_dead_rows(client, [table.oid for table in tables_to_vacuum])
    # VACUUM FULL does not count what it leaves.
    remaining_rows = {
        table.full_name: None if full else dead_rows.get(table.oid) for table in tables_to_vacuum
    }
    # Who held rows back when the vacuum began may have ended since.
    current_holders = list_horizon_holders(client) or holders
    is_held_back = full or any(remaining_rows.values())
    _print_vacuum_result(
        output,
        {
            "vacuumed": list(remaining_rows),
            "dead_rows_left": remaining_rows,
            "held_back_by": [
                asdict(holder) | {"command": holder.command}
                for holder in (current_holders if is_held_back and tables_to_vacuum else ())
            ],
            "locked": {table.full_name: table.locked_by for table in locked_tables},
            "run": run,
        },
        current_holders if any(remaining_rows.values()) else [],
    )


def _print_vacuum_result(
    output: Output, body: Mapping[str, Any], holders: Sequence[HorizonHolder]
) -> None:
    """Prints what was vacuumed, what had to stay, and who may still read it."""
    if output.output_format == "json":
        output.print_json("db-vacuum", body)
        return
    output.print_result("db-vacuum", {key: body[key] for key in ("vacuumed", "run")})
    for name, rows in body["dead_rows_left"].items():
        if rows:
            output.print_line(f"{name}: {rows} dead rows could not be removed, or died since")
    if holders:
        output.print_line("rows stay as long as a transaction may read them; the oldest first:")
    for holder in holders:
        output.print_line(f"  {holder.describe()}")
