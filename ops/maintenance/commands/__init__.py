"""`ops maintenance`: a window in which something is changed, and what waits for one."""

from typing import Annotated, Literal

import typer

from ops.alarms import announcement as announcing
from ops.alarms import mute as muting
from ops.alarms.mute_state import has_mute_rules
from ops.cli.execution import (
    ExecutionOptions,
    execute_plan,
    load_stack_context,
    mutating_command,
    new_run_id,
)
from ops.core import clock
from ops.core import steps as verifying
from ops.core.errors import UsageError
from ops.database import instance as database
from ops.database.commands.sessions import add_via_note
from ops.database.snapshots import get_snapshot_name
from ops.database.sql.connection import (
    DatabaseClient,
    is_database_reachable,
    parse_database_address,
)
from ops.maintenance import window as windows
from ops.maintenance.commands.status import app as status_app

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Maintenance windows: run, status."
)
app.add_typer(status_app)


@app.command("run")
@mutating_command
def run(
    context: typer.Context,
    parameters: Annotated[
        str | None, typer.Option(metavar="NAME=VALUE,...", help="set these parameters")
    ] = None,
    patch: Annotated[
        str | None, typer.Option(metavar="VERSION", help="upgrade to this minor version")
    ] = None,
    reboot: Annotated[bool, typer.Option("--reboot", help="start the server again")] = False,
    vacuum: Annotated[
        str | None, typer.Option(metavar="TABLE,...", help="vacuum these tables")
    ] = None,
    minutes: Annotated[
        str | None,
        typer.Option("--for", metavar="MINUTES", help="how long; else twice the usual time"),
    ] = None,
    message: Annotated[str, typer.Option(metavar="TEXT", help="said with the announcement")] = "",
    tell: Annotated[
        Literal["warn", "page"], typer.Option(help="the topic that it is announced to")
    ] = "warn",
    by: Annotated[
        Literal["rules", "actions"] | None,
        typer.Option(help="mute rules, or actions disabled; else rules where the region has them"),
    ] = None,
    sql: Annotated[
        bool | None,
        typer.Option("--sql/--no-sql", help="ask the database; else where it answers from here"),
    ] = None,
    via: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="the way to the database: a tunnel")
    ] = None,
    *,
    how: ExecutionOptions,
) -> None:
    """Announces, mutes, saves, acts in the order of the options, looks, unmutes, announces the end.

    An act that fails is undone as far as it can be; then it is unmuted, and announced that the
    window was broken off. So it is when a killed run is resumed or undone.
    """
    wanted = windows.Wanted(windows.asked(parameters), patch, reboot, windows.listed(vacuum))
    if wanted == windows.Wanted():
        raise UsageError("none of --parameters, --patch, --reboot, --vacuum is set, may be some")
    if wanted.tables and sql is False:
        raise UsageError("--vacuum is set, and --no-sql as well: may be one of them")
    if via is not None:
        parse_database_address("--via", via)
    if minutes is not None:
        windows.minutes(minutes, ())
    words = announcing.parse_message(message)
    of, output = load_stack_context(context)
    on = None
    if (
        wanted.tables
        or (via is not None if sql is None else sql)
        or (sql is None and is_database_reachable(of.outputs))
    ):
        on = DatabaseClient(of.outputs, of.aws, via)
    name = new_run_id(windows.VERB)
    found = database.get_primary(of.aws, of.outputs)
    seen = windows.Seen(of.aws, of.outputs, found, wanted, name, clock.now(), on)
    made = windows.acts(seen)
    verifying.require_services_stable(of.aws, of.outputs)
    steps = windows.body(seen, made)
    by = by or ("rules" if has_mute_rules(of.aws, of.outputs) else "actions")
    length = windows.minutes(minutes, steps)
    told = windows.Told(tell, words, by, length)
    alarms = muting.list_stack_alarms(of.aws, of.outputs)
    plan = windows.window(seen, made, steps, alarms, told)
    grave = wanted.patch is not None  # an upgrade has no way back but the snapshot
    if execute_plan(add_via_note(via, plan), of, output, how.as_destructive(grave), on):
        after = database.get_primary(of.aws, of.outputs)
        body = {
            "acts": list(made),
            "minutes": length,
            "snapshot": get_snapshot_name(found.identifier, name),
        }
        output.print_result(
            "maintenance-run",
            {
                **body,
                "version": after.version,
                "parameters": after.parameter_group_status,
                "run": name,
            },
        )
