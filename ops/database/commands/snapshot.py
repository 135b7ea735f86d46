"""`ops db snapshot`: backups that a person asks for."""

from typing import Annotated, Literal

import typer

from ops.cli.execution import How, carry_out, changing, new_run, opened, target
from ops.core import clock
from ops.core.errors import UsageError
from ops.database import instance as database
from ops.database import snapshot_export as exporting
from ops.database import snapshots

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Snapshots of the database.")
WaitFor = Annotated[
    bool, typer.Option("--wait/--no-wait", help="until it is whole, or until it has begun")
]


@app.command("create")
@changing
def create(
    context: typer.Context,
    wait: WaitFor = True,
    *,
    how: How,
) -> None:
    """Takes a snapshot of the primary, called after it and the run."""
    of, output = target(context)
    run = new_run("snapshot")
    instance = database.primary(of.aws, of.outputs)
    plan = snapshots.create(of.outputs, instance, run, wait=wait)
    if carry_out(plan, of, output, how):
        name = snapshots.name_of(instance.identifier, run)
        output.result("db-snapshot", {"snapshot": name, "run": run, "whole": wait})


@app.command(name="list")
def list_(
    context: typer.Context,
    kind: Annotated[
        Literal["manual", "automated", "all"], typer.Option(help="which to show")
    ] = "manual",
) -> None:
    """The primary's snapshots, in its region and in the recovery region, the newest first."""
    outputs, aws, output = opened(context)
    rows = [
        snapshot.row()
        for region in snapshots.regions(outputs)
        for snapshot in snapshots.found(aws, outputs, region)
        if kind in ("all", snapshot.kind)
    ]
    output.rows("db-snapshots", snapshots.COLUMNS, rows)


@app.command("copy")
@changing
def copy(
    context: typer.Context,
    snapshot: Annotated[
        str | None, typer.Argument(help="which; else the newest that operations made")
    ] = None,
    wait: WaitFor = True,
    *,
    how: How,
) -> None:
    """Copies a snapshot to the recovery region, under that region's key."""
    of, output = target(context)
    run = new_run("copy")
    listed = snapshots.found(of.aws, of.outputs, of.outputs.stack.region)
    chosen = snapshots.source(listed, snapshot)
    plan = snapshots.copy(of.outputs, chosen, run, wait=wait)
    if carry_out(plan, of, output, how):
        made = snapshots.name_of(of.outputs.database.identifier, run)
        output.result(
            "db-snapshot",
            {
                "snapshot": made,
                "source": chosen.name,
                "region": of.outputs.stack.recovery_region,
                "run": run,
                "whole": wait,
            },
        )


@app.command("export")
@changing
def export(
    context: typer.Context,
    snapshot: Annotated[
        str | None, typer.Argument(help="which; else the newest that operations made")
    ] = None,
    tables: Annotated[
        str | None, typer.Option(metavar="TABLE,...", help="only these, like orders,shop.parts")
    ] = None,
    wait: WaitFor = True,
    *,
    how: How,
) -> None:
    """Exports a snapshot's data as Parquet files to the operations bucket: to analyse."""
    of, output = target(context)
    only = exporting.parts(of.outputs, tables)
    listed = snapshots.found(of.aws, of.outputs, of.outputs.stack.region)
    chosen = snapshots.source(listed, snapshot)
    run = new_run("export")
    plan = exporting.export(of.outputs, chosen, only, run, wait=wait)
    if carry_out(plan, of, output, how):
        to = exporting.place(of.outputs, run)
        body = {"snapshot": chosen.name, "to": to, "run": run, "whole": wait}
        output.result("db-export", body)


@app.command("prune")
@changing(timeout=None)
def prune(
    context: typer.Context,
    keep: Annotated[int, typer.Option(min=1, help="how many of the newest stay")] = 7,
    older_than: Annotated[
        float, typer.Option(min=0, metavar="DAYS", help="younger ones stay as well")
    ] = 30,
    where: Annotated[
        str | None, typer.Option(metavar="REGION", help="the stack's region or its recovery region")
    ] = None,
    *,
    how: How,
) -> None:
    """Deletes snapshots that operations made: old ones beyond the newest, never the last one."""
    of, output = target(context)
    regions = snapshots.regions(of.outputs)
    region = where or regions[0]
    if region not in regions:
        raise UsageError(f"--where is {region!r}, may be {' or '.join(map(repr, regions))}")
    listed = snapshots.found(of.aws, of.outputs, region)
    gone = snapshots.superfluous(listed, keep, older_than, clock.now())
    run = new_run("prune")
    if gone:
        plan = snapshots.prune(of.outputs, gone, run)
        if not carry_out(plan, of, output, how.grave()):
            return
    output.result(
        "db-snapshots-pruned",
        {"deleted": [s.name for s in gone], "region": region, "run": run if gone else None},
    )
