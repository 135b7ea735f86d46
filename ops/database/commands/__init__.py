"""`ops db`: the database's state and changes to it."""

from typing import Annotated

import typer

from ops.cli.execution import (
    ExecutionOptions,
    execute_plan,
    load_stack,
    load_stack_context,
    mutating_command,
    new_run_id,
)
from ops.cli.render import Output
from ops.cli.watch import looking_command
from ops.core import clock
from ops.core.console_links import build_database_link
from ops.core.errors import UsageError
from ops.core.run_context import StackContext
from ops.database import failover
from ops.database.commands.connect import app as connect_app
from ops.database.commands.databases import app as databases_app
from ops.database.commands.events import app as events_app
from ops.database.commands.extension import app as extension_app
from ops.database.commands.insights import app as insights_app
from ops.database.commands.maintenance import app as maintenance_app
from ops.database.commands.parameters import app as parameters_app
from ops.database.commands.password import app as password_app
from ops.database.commands.queries import app as query_app
from ops.database.commands.reindex import app as reindex_app
from ops.database.commands.replica import app as replica_app
from ops.database.commands.sessions import app as session_app
from ops.database.commands.snapshot import app as snapshot_app
from ops.database.commands.upgrade import app as upgrade_app
from ops.database.commands.users import app as user_app
from ops.database.instance import (
    DATABASE_INSTANCE_COLUMNS,
    DatabaseInstance,
    find_instance,
    get_primary,
    get_primary_or_replica,
)
from ops.database.resize import (
    build_database_resize_plan,
    require_orderable_class,
)
from ops.database.storage import MAX_STORAGE_GIB, build_storage_plan
from ops.database.storage_use import STORAGE_USE_COLUMNS, fetch_storage_uses

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="The database: its state, backups and changes, and SQL.",
)
app.add_typer(snapshot_app, name="snapshot")
app.add_typer(replica_app, name="replica")
app.add_typer(maintenance_app, name="maintenance")
app.add_typer(query_app)
app.add_typer(databases_app)
app.add_typer(events_app)
app.add_typer(insights_app)
app.add_typer(session_app)
app.add_typer(reindex_app)
app.add_typer(extension_app, name="extension")
app.add_typer(connect_app)
app.add_typer(password_app)
app.add_typer(parameters_app)
app.add_typer(upgrade_app)
app.add_typer(user_app, name="user")


@app.command("status")
@looking_command
def show_database_status(context: typer.Context) -> None:
    """Shows the primary and its replicas: status, size, zones and pending changes."""
    outputs, aws, output = load_stack(context)
    rows: list[dict[str, object]] = []
    identifiers = [outputs.database.identifier, *outputs.database.replicas]
    for identifier in identifiers:
        instance = find_instance(aws, outputs, identifier)
        if instance is None:
            rows.append({"instance": identifier, "status": "absent"})
            continue
        rows.append({**instance.row(), "console": build_database_link(outputs, identifier)})
        identifiers += [name for name in instance.replicas if name not in identifiers]
    output.print_rows("db-status", DATABASE_INSTANCE_COLUMNS, rows)
    if "console" in rows[0]:
        link = build_database_link(outputs)
        output.print_line(link, link=link)


@app.command(name="failover")
@mutating_command
def fail_over_database(
    context: typer.Context,
    *,
    options: ExecutionOptions,
) -> None:
    """Fails over to the standby: an outage of one to two minutes."""
    stack_context, output = load_stack_context(context)
    before = get_primary(stack_context.aws, stack_context.outputs)
    run = new_run_id("failover")
    plan = failover.build_database_failover_plan(stack_context.outputs, before, run)
    if execute_plan(plan, stack_context, output, options):
        after = get_primary(stack_context.aws, stack_context.outputs)
        output.print_result(
            "db-failover",
            {"instance": after.identifier, "from": before.zone, "to": after.zone}
            | {"standby": after.standby_zone, "run": run},
        )


@app.command("reboot")
@mutating_command
def reboot_database(
    context: typer.Context,
    instance: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="the primary or a replica; default: the primary"),
    ] = None,
    *,
    options: ExecutionOptions,
) -> None:
    """Reboots the server, so that static parameters take effect."""
    stack_context, output = load_stack_context(context)
    names = (stack_context.outputs.database.identifier, *stack_context.outputs.database.replicas)
    if instance is not None and instance not in names:
        raise UsageError(f"--instance must be {' or '.join(map(repr, names))}, not {instance!r}")
    db_instance = get_primary_or_replica(stack_context.aws, stack_context.outputs, instance)
    events_start = failover.get_reboot_events_start(
        stack_context.aws, stack_context.outputs, db_instance.identifier, clock.now()
    )
    run = new_run_id("reboot")
    plan = failover.build_database_reboot_plan(
        stack_context.outputs, db_instance, events_start, run
    )
    if execute_plan(plan, stack_context, output, options):
        after = get_primary_or_replica(stack_context.aws, stack_context.outputs, instance)
        output.print_result(
            "db-reboot",
            {
                "instance": after.identifier,
                "zone": after.zone,
                "parameters": after.parameter_group_status,
            }
            | {"run": run},
        )


@app.command("resize")
@mutating_command
def resize_database(
    context: typer.Context,
    size: Annotated[str, typer.Argument(metavar="CLASS", help="like db.m7g.large")],
    *,
    options: ExecutionOptions,
) -> None:
    """Changes the primary's class after a snapshot; restores the old class if the change fails."""
    stack_context, output = load_stack_context(context)
    db_instance = get_primary(stack_context.aws, stack_context.outputs)
    require_orderable_class(stack_context.aws, stack_context.outputs, db_instance, size)
    run = new_run_id("resize")
    plan = build_database_resize_plan(stack_context.outputs, db_instance, size, run)
    if execute_plan(plan, stack_context, output, options):
        after = get_primary(stack_context.aws, stack_context.outputs)
        output.print_result(
            "db-resize",
            {"from": db_instance.instance_class, "to": after.instance_class, "run": run},
        )


@app.command("storage")
@mutating_command
def show_or_grow_database_storage(
    context: typer.Context,
    size: Annotated[
        int | None,
        typer.Argument(metavar="GIB", min=20, max=MAX_STORAGE_GIB, help="the new total"),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(
            metavar="GIB",
            min=22,
            max=MAX_STORAGE_GIB,
            help="how far RDS may grow it by itself; default: as before, raised if GIB needs it",
        ),
    ] = None,
    *,
    options: ExecutionOptions,
) -> None:
    """Shows how full storage is, adds some after a snapshot, or moves its limit.

    Storage never shrinks. A database that is down because its storage is full gets more at once,
    without a snapshot. Without GIB and --limit nothing is changed.
    """
    stack_context, output = load_stack_context(context)
    db_instance = get_primary(stack_context.aws, stack_context.outputs)
    if size is None and limit is None:
        _show_storage_use(stack_context, db_instance, output)
        return
    run = new_run_id("storage")
    plan = build_storage_plan(stack_context.outputs, db_instance, size, limit, run)
    if execute_plan(plan, stack_context, output, options):
        after = get_primary(stack_context.aws, stack_context.outputs)
        output.print_result(
            "db-storage",
            {
                "from": db_instance.storage_gib,
                "to": after.storage_gib,
                "limit": after.storage_limit_gib,
                "run": run,
            },
        )


def _show_storage_use(
    stack_context: StackContext, primary: DatabaseInstance, output: Output
) -> None:
    """Shows the storage of the primary and of its replicas."""
    aws, outputs, now = stack_context.aws, stack_context.outputs, clock.now()
    replicas = [find_instance(aws, outputs, name) for name in primary.replicas]
    instances = [primary, *(replica for replica in replicas if replica is not None)]
    uses, problem = fetch_storage_uses(aws, outputs, instances, now)
    if problem is not None:
        output.print_note(f"free storage is unknown: {problem}")
    if output.output_format == "json":
        output.print_json("db-storage-use", {"items": [use.as_json() for use in uses]})
        return
    output.print_rows("db-storage-use", STORAGE_USE_COLUMNS, [use.row(now) for use in uses])
