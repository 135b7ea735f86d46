"""`ops db snapshot`: manual snapshots of the database."""

from typing import Annotated, Literal

import typer

from ops.cli.durations import build_duration_option
from ops.cli.execution import (
    ExecutionOptions,
    execute_plan,
    load_stack,
    load_stack_context,
    mutating_command,
    new_run_id,
)
from ops.cli.watch import looking_command
from ops.core import clock
from ops.core.errors import UsageError
from ops.core.stack_scope import list_stack_regions
from ops.database import snapshots
from ops.database.instance import get_primary
from ops.database.snapshot_export import (
    build_database_snapshot_export_plan,
    get_export_location,
    parse_export_tables,
)

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Snapshots of the database.")
SnapshotWaitOption = Annotated[
    bool,
    typer.Option("--wait/--no-wait", help="wait until it is complete, or only until it starts"),
]


@app.command("create")
@mutating_command
def create_database_snapshot(
    context: typer.Context,
    wait: SnapshotWaitOption = True,
    *,
    options: ExecutionOptions,
) -> None:
    """Takes a snapshot of the primary, named after it and the run."""
    stack_context, output = load_stack_context(context)
    run = new_run_id("snapshot")
    instance = get_primary(stack_context.aws, stack_context.outputs)
    plan = snapshots.build_database_snapshot_plan(stack_context.outputs, instance, run, wait=wait)
    if execute_plan(plan, stack_context, output, options):
        name = snapshots.get_snapshot_name(instance.identifier, run)
        output.print_result("db-snapshot", {"snapshot": name, "run": run, "whole": wait})


@app.command(name="list")
@looking_command
def show_snapshots(
    context: typer.Context,
    kind: Annotated[
        Literal["manual", "automated", "awsbackup", "shared", "all"],
        typer.Option(help="which to show"),
    ] = "manual",
) -> None:
    """Lists the primary's snapshots in its region and the recovery region, the newest first."""
    outputs, aws, output = load_stack(context)
    rows = [
        snapshot.row()
        for region in list_stack_regions(outputs.stack)
        for snapshot in snapshots.list_snapshots(aws, outputs, region)
        if kind in ("all", snapshot.kind)
    ]
    output.print_rows("db-snapshots", snapshots.SNAPSHOT_COLUMNS, rows)


@app.command("copy")
@mutating_command
def copy_snapshot(
    context: typer.Context,
    snapshot: Annotated[
        str | None, typer.Argument(help="its name; default: the newest that ops created")
    ] = None,
    encrypt: Annotated[
        bool,
        typer.Option(
            "--encrypt", help="copy one without encryption in its own region, under the data key"
        ),
    ] = False,
    wait: SnapshotWaitOption = True,
    *,
    options: ExecutionOptions,
) -> None:
    """Copies a snapshot to the recovery region, under that region's key; or encrypts it here."""
    stack_context, output = load_stack_context(context)
    run = new_run_id("copy")
    candidates = snapshots.list_snapshots(
        stack_context.aws, stack_context.outputs, stack_context.outputs.stack.region
    )
    source_snapshot = snapshots.select_snapshot(candidates, snapshot)
    plan = snapshots.build_database_snapshot_copy_plan(
        stack_context.outputs, source_snapshot, run, wait=wait, encrypt=encrypt
    )
    if execute_plan(plan, stack_context, output, options):
        stack = stack_context.outputs.stack
        copy_name = snapshots.get_snapshot_name(stack_context.outputs.database.identifier, run)
        output.print_result(
            "db-snapshot",
            {
                "snapshot": copy_name,
                "source": source_snapshot.name,
                "region": stack.region if encrypt else stack.recovery_region,
                "run": run,
                "whole": wait,
            },
        )


@app.command("export")
@mutating_command
def export_snapshot(
    context: typer.Context,
    snapshot: Annotated[
        str | None, typer.Argument(help="its name; default: the newest that ops created")
    ] = None,
    tables: Annotated[
        str | None,
        typer.Option(metavar="TABLE,...", help="only these tables, like orders,shop.parts"),
    ] = None,
    wait: SnapshotWaitOption = True,
    *,
    options: ExecutionOptions,
) -> None:
    """Exports a snapshot as Parquet files to the operations bucket, for analysis."""
    stack_context, output = load_stack_context(context)
    export_tables = parse_export_tables(stack_context.outputs, tables)
    candidates = snapshots.list_snapshots(
        stack_context.aws, stack_context.outputs, stack_context.outputs.stack.region
    )
    source_snapshot = snapshots.select_snapshot(candidates, snapshot)
    run = new_run_id("export")
    plan = build_database_snapshot_export_plan(
        stack_context.outputs, source_snapshot, export_tables, run, wait=wait
    )
    if execute_plan(plan, stack_context, output, options):
        location = get_export_location(stack_context.outputs, run)
        body = {"snapshot": source_snapshot.name, "to": location, "run": run, "whole": wait}
        output.print_result("db-export", body)


@app.command("prune")
@mutating_command(timeout=None)
def prune_snapshots(
    context: typer.Context,
    keep: Annotated[int, typer.Option(min=1, help="how many of the newest to keep")] = 7,
    older_than: Annotated[
        float,
        build_duration_option(
            minimum=0, default=30, text="delete only snapshots older than this", unit="d"
        ),
    ] = 30,
    where: Annotated[
        str | None, typer.Option(metavar="REGION", help="the stack's region or its recovery region")
    ] = None,
    *,
    options: ExecutionOptions,
) -> None:
    """Deletes old snapshots that ops created; always keeps the newest one."""
    stack_context, output = load_stack_context(context)
    regions = list_stack_regions(stack_context.outputs.stack)
    region = where or regions[0]
    if region not in regions:
        raise UsageError(f"--where must be {' or '.join(map(repr, regions))}, not {region!r}")
    region_snapshots = snapshots.list_snapshots(stack_context.aws, stack_context.outputs, region)
    prunable_snapshots = snapshots.list_prunable(region_snapshots, keep, older_than, clock.now())
    run = new_run_id("prune")
    if prunable_snapshots:
        plan = snapshots.build_database_snapshot_prune_plan(
            stack_context.outputs, prunable_snapshots, run
        )
        if not execute_plan(plan, stack_context, output, options.as_destructive()):
            return
    output.print_result(
        "db-snapshots-pruned",
        {
            "deleted": [snapshot.name for snapshot in prunable_snapshots],
            "region": region,
            "run": run if prunable_snapshots else None,
        },
    )
