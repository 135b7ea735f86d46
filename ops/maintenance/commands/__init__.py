"""`ops maintenance`: maintenance windows and pending maintenance."""

from typing import Annotated, Literal

import typer

from ops.alarms.announcement import parse_message
from ops.alarms.mute import list_stack_alarms
from ops.alarms.mute_state import has_mute_rules
from ops.cli.durations import parse_minutes_text
from ops.cli.execution import (
    ExecutionOptions,
    execute_plan,
    load_stack_context,
    mutating_command,
    new_run_id,
)
from ops.core import clock
from ops.core.errors import UsageError
from ops.core.steps import require_services_stable
from ops.database.commands.sessions import add_via_note
from ops.database.instance import get_primary
from ops.database.snapshots import get_snapshot_name
from ops.database.sql.connection import (
    DatabaseClient,
    is_database_reachable,
    parse_database_address,
)
from ops.maintenance.commands.status import app as status_app
from ops.maintenance.window import (
    MAINTENANCE_RUN_KIND,
    MaintenanceAnnouncement,
    MaintenanceObservation,
    MaintenanceRequest,
    build_maintenance_window_plan,
    build_window_plans,
    build_window_steps,
    parse_parameters_option,
    parse_vacuum_option,
    parse_window_minutes,
)

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Maintenance windows: run, status."
)
app.add_typer(status_app)


@app.command("run")
@mutating_command
def run_maintenance(
    context: typer.Context,
    parameters: Annotated[
        str | None, typer.Option(metavar="NAME=VALUE,...", help="set these parameters")
    ] = None,
    patch: Annotated[
        str | None, typer.Option(metavar="VERSION", help="upgrade to this minor version")
    ] = None,
    reboot: Annotated[bool, typer.Option("--reboot", help="reboot the server")] = False,
    vacuum: Annotated[
        str | None, typer.Option(metavar="TABLE,...", help="vacuum these tables")
    ] = None,
    minutes: Annotated[
        str | None,
        typer.Option(
            "--for",
            metavar="DURATION",
            help="how long, up to 1d; default: twice the usual time",
            callback=parse_minutes_text,
        ),
    ] = None,
    message: Annotated[str, typer.Option(metavar="TEXT", help="added to the announcement")] = "",
    tell: Annotated[
        Literal["warn", "page"], typer.Option(help="topic of the announcement")
    ] = "warn",
    by: Annotated[
        Literal["rules", "actions"] | None,
        typer.Option(help="mute rules or disabled actions; default: rules if the region has them"),
    ] = None,
    sql: Annotated[
        bool | None,
        typer.Option("--sql/--no-sql", help="use SQL; default: if the database can be reached"),
    ] = None,
    via: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="local end of a tunnel to the database")
    ] = None,
    *,
    options: ExecutionOptions,
) -> None:
    """Runs a maintenance window: announces it, mutes alarms, takes a snapshot, makes the changes.

    Then it checks the stack, unmutes the alarms and announces the end. If a change fails, it is
    undone as far as possible, the alarms are unmuted and the cancellation is announced. The same
    happens when a killed run is resumed or undone.
    """
    request = MaintenanceRequest(
        parse_parameters_option(parameters),
        patch,
        reboot,
        parse_vacuum_option(vacuum),
    )
    if request == MaintenanceRequest():
        raise UsageError("one or more of --parameters, --patch, --reboot, --vacuum must be set")
    if request.tables and sql is False:
        raise UsageError("--vacuum and --no-sql cannot both be set")
    if via is not None:
        parse_database_address("--via", via)
    if minutes is not None:
        parse_window_minutes(minutes, ())
    announcement_text = parse_message(message)
    stack_context, output = load_stack_context(context)
    database_client = None
    if (
        request.tables
        or (via is not None if sql is None else sql)
        or (sql is None and is_database_reachable(stack_context.outputs))
    ):
        database_client = DatabaseClient(stack_context.outputs, stack_context.aws, via)
    run_id = new_run_id(MAINTENANCE_RUN_KIND)
    instance = get_primary(stack_context.aws, stack_context.outputs)
    observation = MaintenanceObservation(
        stack_context.aws,
        stack_context.outputs,
        instance,
        request,
        run_id,
        clock.now(),
        database_client,
    )
    plans = build_window_plans(observation)
    require_services_stable(stack_context.aws, stack_context.outputs)
    steps = build_window_steps(observation, plans)
    by = by or ("rules" if has_mute_rules(stack_context.aws, stack_context.outputs) else "actions")
    window_minutes = parse_window_minutes(minutes, steps)
    announcement = MaintenanceAnnouncement(tell, announcement_text, by, window_minutes)
    alarms = list_stack_alarms(stack_context.aws, stack_context.outputs)
    plan = build_maintenance_window_plan(observation, plans, steps, alarms, announcement)
    is_destructive = request.patch is not None  # an upgrade has no undo
    if execute_plan(
        add_via_note(via, plan),
        stack_context,
        output,
        options.as_destructive(is_destructive),
        database_client,
    ):
        after = get_primary(stack_context.aws, stack_context.outputs)
        result = {
            "acts": list(plans),
            "minutes": window_minutes,
            "snapshot": get_snapshot_name(instance.identifier, run_id),
        }
        output.print_result(
            "maintenance-run",
            {
                **result,
                "version": after.version,
                "parameters": after.parameter_group_status,
                "run": run_id,
            },
        )
