"""`ops recover`: the database restored, compared, and put in the primary's place."""

from typing import Annotated, Any

import typer

from ops.cli.execution import (
    ExecutionOptions,
    execute_plan,
    load_stack,
    load_stack_context,
    mutating_command,
    new_run_id,
)
from ops.core import clock
from ops.core.run import StackContext
from ops.database import instance as database
from ops.database import replicas, snapshots
from ops.database.commands import fail_over_database
from ops.database.copied_settings import build_description_from_outputs
from ops.recovery import restore as restoring
from ops.recovery.commands.compare import app as comparing
from ops.recovery.commands.drill import app as drilling
from ops.recovery.commands.options import Ask, Named, Size, Via, asked_of
from ops.recovery.commands.promote import app as promoting
from ops.recovery.commands.promote import replica
from ops.recovery.commands.ready import app as ready
from ops.recovery.commands.rebuild import app as rebuilding
from ops.recovery.commands.reconcile import app as reconciling
from ops.recovery.restore import Wanted

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Disaster recovery.")
app.add_typer(comparing)
app.add_typer(promoting)
app.add_typer(drilling)
app.add_typer(ready)
app.add_typer(rebuilding)
app.add_typer(reconciling)
app.add_typer(replica, name="replica")
app.command(name="failover")(fail_over_database)

COLUMNS = ("instance", "status", "class", "version", "created", "run", "protected")


@app.command(name="point-in-time")
@mutating_command
def point_in_time(
    context: typer.Context,
    to: Annotated[str, typer.Option(metavar="TIME", help="UTC, ISO 8601; or latest")],
    name: Named = None,
    size: Size = None,
    sql: Ask = None,
    via: Via = None,
    *,
    how: ExecutionOptions,
) -> None:
    """The database as it was at a time, beside the one that there is, with all its settings."""
    of, output = load_stack_context(context)
    run = new_run_id("restore")
    source = replicas.get_instance_description(of.aws, of.outputs)
    at = restoring.moment(to, restoring.window(of.aws, of.outputs, source))
    wanted = wanted_of(of, name, size, sql, via, run)
    plan = restoring.to_time(of.outputs, source, at, wanted, run, clock.now())
    if execute_plan(plan, of, output, how):
        output.print_result("recover", _made(of, wanted.name) | {"run": run})


@app.command("snapshot")
@mutating_command
def snapshot(
    context: typer.Context,
    snapshot: Annotated[str, typer.Argument(help="which, from `ops db snapshot list`")],
    name: Named = None,
    size: Size = None,
    sql: Ask = None,
    via: Via = None,
    *,
    how: ExecutionOptions,
) -> None:
    """What a snapshot holds, beside the database that there is, with all its settings.

    Where there is no primary any more, it takes the primary's name, unless --name says another.
    """
    of, output = load_stack_context(context)
    run = new_run_id("restore")
    listed = snapshots.list_snapshots(of.aws, of.outputs, of.outputs.stack.region)
    chosen = snapshots.select_snapshot(listed, snapshot)
    own = of.outputs.database.identifier
    there = database.find_instance(of.aws, of.outputs, own)
    source: Any = (
        replicas.get_instance_description(of.aws, of.outputs)
        if there
        else build_description_from_outputs(of.outputs, chosen.storage_gib)
    )
    wanted = wanted_of(of, name, size, sql, via, run, gone=there is None)
    plan = restoring.from_snapshot(of.outputs, source, chosen, wanted, run, clock.now())
    if execute_plan(plan, of, output, how):
        output.print_result(
            "recover", _made(of, wanted.name) | {"snapshot": chosen.name, "run": run}
        )


@app.command(name="list")
def list_(context: typer.Context) -> None:
    """What stands beside the primary: restored instances, and old ones that were replaced."""
    outputs, aws, output = load_stack(context)
    rows = [row(one) for one in restoring.found(aws, outputs)]
    output.print_rows("recover-list", COLUMNS, rows)


def wanted_of(
    of: StackContext,
    name: str | None,
    size: str | None,
    sql: bool | None,
    via: str | None,
    run: str,
    *,
    gone: bool = False,
) -> Wanted:
    """What is to be restored. Raises UsageError where it cannot be."""
    own = of.outputs.database.identifier
    whole = own if gone and name is None else restoring.named(of.outputs, name, run)
    wanted = Wanted(whole, size, asked_of(of.outputs, sql, via), via)
    restoring.room(of.aws, of.outputs, wanted)
    return wanted


def row(seen: dict[str, Any]) -> dict[str, object]:
    """What a person sees of an instance beside the primary."""
    tags = database.parse_tags(seen.get("TagList"))
    return {
        "instance": seen["DBInstanceIdentifier"],
        "status": seen["DBInstanceStatus"],
        "class": seen["DBInstanceClass"],
        "version": seen["EngineVersion"],
        "created": seen.get("InstanceCreateTime"),
        "run": tags.get(snapshots.DATABASE_RUN_TAG),
        "protected": "yes" if seen.get("DeletionProtection") else "no",
    }


def _made(of: StackContext, name: str) -> dict[str, object]:
    seen = replicas.get_instance_description(of.aws, of.outputs, name)
    endpoint = seen.get("Endpoint") or {}
    return {
        "instance": name,
        "status": seen["DBInstanceStatus"],
        "address": f"{endpoint.get('Address')}:{endpoint.get('Port')}",
        "next": f"ops recover compare {of.outputs.database.identifier} {name}",
    }
