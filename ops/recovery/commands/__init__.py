"""`ops recover`: restore, compare and promote the database; disaster recovery."""

from typing import Annotated, Any

import typer

from ops.cli.context import show_typed_time
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
from ops.core.plan import RUN_TAG
from ops.core.run_context import StackContext
from ops.database import replicas, snapshots
from ops.database.commands import fail_over_database
from ops.database.copied_settings import build_description_from_outputs
from ops.database.instance import find_instance, parse_tags
from ops.recovery.commands.compare import app as compare_app
from ops.recovery.commands.drill import app as drill_app
from ops.recovery.commands.options import (
    InstanceClassOption,
    RestoredNameOption,
    RestoredViaOption,
    SqlAccessOption,
    resolve_sql_access,
)
from ops.recovery.commands.promote import app as promote_app
from ops.recovery.commands.promote import replica_app
from ops.recovery.commands.ready import app as ready_app
from ops.recovery.commands.rebuild import app as rebuild_app
from ops.recovery.commands.reconcile import app as reconcile_app
from ops.recovery.commands.sources import app as sources_app
from ops.recovery.restore import (
    build_point_in_time_restore_plan,
    build_snapshot_restore_plan,
    list_restored_and_replaced_instances,
)
from ops.recovery.restore_request import (
    RestoreRequest,
    get_restorable_window,
    get_restored_identifier,
    parse_restore_time,
    require_instance_quota,
)
from ops.recovery.serving import ServingDatabase, describe_other_host, find_serving_database
from ops.recovery.sources import find_retained_backup, get_backup_window

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Disaster recovery.")
app.add_typer(compare_app)
app.add_typer(promote_app)
app.add_typer(drill_app)
app.add_typer(ready_app)
app.add_typer(rebuild_app)
app.add_typer(reconcile_app)
app.add_typer(sources_app)
app.add_typer(replica_app, name="replica")
app.command(name="failover")(fail_over_database)

RESTORED_INSTANCE_COLUMNS = (
    "instance",
    "status",
    "class",
    "version",
    "created",
    "run",
    "protected",
    "serves",
)


@app.command(name="point-in-time")
@mutating_command
def restore_point_in_time(
    context: typer.Context,
    to: Annotated[
        str,
        typer.Option(
            metavar="TIME", help="ISO 8601, local time unless it has an offset; or latest"
        ),
    ],
    name: RestoredNameOption = None,
    size: InstanceClassOption = None,
    sql: SqlAccessOption = None,
    via: RestoredViaOption = None,
    *,
    options: ExecutionOptions,
) -> None:
    """Restores the database to a time, beside the primary and with its settings.

    If the primary was deleted and its automated backups were retained, restores from these, under
    its name unless --name is set.
    """
    stack_context, output = load_stack_context(context)
    aws, outputs = stack_context.aws, stack_context.outputs
    run = new_run_id("restore")
    retained_backup = (
        None
        if find_instance(aws, outputs, outputs.database.identifier)
        else find_retained_backup(aws, outputs)
    )
    if retained_backup is None:
        source = replicas.get_instance_description(aws, outputs)
        window = get_restorable_window(aws, outputs, source)
    else:
        source = build_description_from_outputs(outputs, retained_backup.storage_gib)
        window = get_backup_window(retained_backup)
    restore_time = parse_restore_time(to, window)
    request = build_restore_request(
        stack_context,
        name,
        size,
        sql,
        via,
        run,
        storage_gib=source.get("AllocatedStorage"),
        is_primary_missing=retained_backup is not None,
    )
    if restore_time is not None:
        show_typed_time("--to", to, restore_time)
    plan = build_point_in_time_restore_plan(
        outputs,
        source,
        restore_time,
        request,
        run,
        clock.now(),
        resource_id=retained_backup.name if retained_backup else None,
    )
    if execute_plan(plan, stack_context, output, options):
        output.print_result(
            "recover", _build_restore_result(stack_context, request.identifier) | {"run": run}
        )


@app.command("snapshot")
@mutating_command
def restore_snapshot(
    context: typer.Context,
    snapshot: Annotated[str, typer.Argument(help="its name, from `ops db snapshot list`")],
    name: RestoredNameOption = None,
    size: InstanceClassOption = None,
    sql: SqlAccessOption = None,
    via: RestoredViaOption = None,
    *,
    options: ExecutionOptions,
) -> None:
    """Restores a snapshot, beside the primary and with its settings.

    If the primary is gone, the restored instance gets its name, unless --name is set.
    """
    stack_context, output = load_stack_context(context)
    run = new_run_id("restore")
    region_snapshots = snapshots.list_snapshots(
        stack_context.aws, stack_context.outputs, stack_context.outputs.stack.region
    )
    source_snapshot = snapshots.select_snapshot(region_snapshots, snapshot)
    primary_identifier = stack_context.outputs.database.identifier
    primary = find_instance(stack_context.aws, stack_context.outputs, primary_identifier)
    source: Any = (
        replicas.get_instance_description(stack_context.aws, stack_context.outputs)
        if primary
        else build_description_from_outputs(stack_context.outputs, source_snapshot.storage_gib)
    )
    request = build_restore_request(
        stack_context,
        name,
        size,
        sql,
        via,
        run,
        storage_gib=source_snapshot.storage_gib,
        is_primary_missing=primary is None,
    )
    plan = build_snapshot_restore_plan(
        stack_context.outputs, source, source_snapshot, request, run, clock.now()
    )
    if execute_plan(plan, stack_context, output, options):
        output.print_result(
            "recover",
            _build_restore_result(stack_context, request.identifier)
            | {"snapshot": source_snapshot.name, "run": run},
        )


@app.command(name="list")
@looking_command
def show_restored_instances(context: typer.Context) -> None:
    """Lists restored instances and old ones that were replaced, and which of them serves."""
    outputs, aws, output = load_stack(context)
    serving = find_serving_database(aws, outputs)
    rows = [
        build_restored_instance_row(instance, serving)
        for instance in list_restored_and_replaced_instances(aws, outputs)
    ]
    output.print_rows("recover-list", RESTORED_INSTANCE_COLUMNS, rows)
    serving_names = [str(row["instance"]) for row in rows if row["serves"] == "yes"]
    if note := describe_other_host(outputs, serving, serving_names):
        Output("table", to_stderr=True).print_line(note)


def build_restore_request(
    context: StackContext,
    name: str | None,
    instance_class: str | None,
    sql: bool | None,
    via: str | None,
    run: str,
    *,
    storage_gib: float | None,
    is_primary_missing: bool = False,
) -> RestoreRequest:
    """Builds the request of a restore. Raises UsageError or OpsError if it is not possible."""
    primary_identifier = context.outputs.database.identifier
    identifier = (
        primary_identifier
        if is_primary_missing and name is None
        else get_restored_identifier(context.outputs, name, run)
    )
    request = RestoreRequest(
        identifier, instance_class, resolve_sql_access(context.outputs, sql, via), via
    )
    return require_instance_quota(context.aws, context.outputs, request, storage_gib)


def build_restored_instance_row(
    instance: dict[str, Any], serving: ServingDatabase
) -> dict[str, object]:
    """What a person sees of an instance beside the primary; `serves`: services use it now."""
    address = (instance.get("Endpoint") or {}).get("Address")
    serves = serving.serves(instance["DBInstanceIdentifier"], address)
    tags = parse_tags(instance.get("TagList"))
    return {
        "instance": instance["DBInstanceIdentifier"],
        "status": instance["DBInstanceStatus"],
        "class": instance["DBInstanceClass"],
        "version": instance["EngineVersion"],
        "created": instance.get("InstanceCreateTime"),
        "run": tags.get(RUN_TAG),
        "protected": "yes" if instance.get("DeletionProtection") else "no",
        "serves": "unknown" if serves is None else "yes" if serves else "no",
    }


def _build_restore_result(context: StackContext, name: str) -> dict[str, object]:
    instance = replicas.get_instance_description(context.aws, context.outputs, name)
    endpoint = instance.get("Endpoint") or {}
    return {
        "instance": name,
        "status": instance["DBInstanceStatus"],
        "address": f"{endpoint.get('Address')}:{endpoint.get('Port')}",
        "next": f"ops recover compare {context.outputs.database.identifier} {name}",
    }
