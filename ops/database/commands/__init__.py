"""`ops db`: the database's state and changes of it."""

from typing import Annotated

import typer

from ops.cli.execution import How, carry_out, changing, new_run, opened, target
from ops.core import clock
from ops.core.errors import UsageError
from ops.database import failover
from ops.database import instance as database
from ops.database import resize as resizing
from ops.database.commands.connect import app as connect
from ops.database.commands.parameters import app as parameters
from ops.database.commands.password import app as password
from ops.database.commands.queries import app as sql
from ops.database.commands.replica import app as replica
from ops.database.commands.sessions import app as sql_acts
from ops.database.commands.snapshot import app as snapshot
from ops.database.commands.upgrade import app as upgrade

app = typer.Typer(no_args_is_help=True, add_completion=False, help="The database.")
app.add_typer(snapshot, name="snapshot")
app.add_typer(replica, name="replica")
app.add_typer(sql)
app.add_typer(sql_acts)
app.add_typer(connect)
app.add_typer(password)
app.add_typer(parameters)
app.add_typer(upgrade)


@app.command("status")
def status(context: typer.Context) -> None:
    """The primary and its replicas: state, size, zones, and what waits to be changed."""
    outputs, aws, output = opened(context)
    rows = []
    left = [outputs.database.identifier, *outputs.database.replicas]
    for identifier in left:
        found = database.look(aws, outputs, identifier)
        rows.append(found.row() if found else {"instance": identifier, "status": "absent"})
        left += [name for name in (found.replicas if found else ()) if name not in left]
    output.rows("db-status", database.COLUMNS, rows)


@app.command(name="failover")
@changing
def failover_(
    context: typer.Context,
    *,
    how: How,
) -> None:
    """The standby takes over: an outage of one to two minutes, proved by the change of zone."""
    of, output = target(context)
    before = database.primary(of.aws, of.outputs)
    run = new_run("failover")
    plan = failover.failover(of.outputs, before, run)
    if carry_out(plan, of, output, how):
        after = database.primary(of.aws, of.outputs)
        output.result(
            "db-failover",
            {"instance": after.identifier, "from": before.zone, "to": after.zone}
            | {"standby": after.standby, "run": run},
        )


@app.command("reboot")
@changing
def reboot(
    context: typer.Context,
    instance: Annotated[
        str | None, typer.Option(metavar="NAME", help="the primary, which it is, or a replica")
    ] = None,
    *,
    how: How,
) -> None:
    """Starts the server again, which makes static parameters take effect."""
    of, output = target(context)
    names = (of.outputs.database.identifier, *of.outputs.database.replicas)
    if instance is not None and instance not in names:
        raise UsageError(f"--instance is {instance!r}, may be {' or '.join(map(repr, names))}")
    found = database.member(of.aws, of.outputs, instance)
    since = failover.last_restart(of.aws, of.outputs, found.identifier, clock.now())
    run = new_run("reboot")
    plan = failover.reboot(of.outputs, found, since, run)
    if carry_out(plan, of, output, how):
        after = database.member(of.aws, of.outputs, instance)
        output.result(
            "db-reboot",
            {"instance": after.identifier, "zone": after.zone, "parameters": after.group_status}
            | {"run": run},
        )


@app.command("resize")
@changing
def resize(
    context: typer.Context,
    size: Annotated[str, typer.Argument(metavar="CLASS", help="such as db.m7g.large")],
    *,
    how: How,
) -> None:
    """Another class for the primary, a snapshot first; put back where the change fails."""
    of, output = target(context)
    found = database.primary(of.aws, of.outputs)
    resizing.orderable(of.aws, of.outputs, found, size)
    run = new_run("resize")
    plan = resizing.resize(of.outputs, found, size, run)
    if carry_out(plan, of, output, how):
        after = database.primary(of.aws, of.outputs)
        output.result("db-resize", {"from": found.size, "to": after.size, "run": run})


@app.command("storage")
@changing
def storage(
    context: typer.Context,
    size: Annotated[int, typer.Argument(metavar="GIB", min=20, max=65536, help="in all")],
    *,
    how: How,
) -> None:
    """More storage for the primary, a snapshot first. It never shrinks."""
    of, output = target(context)
    found = database.primary(of.aws, of.outputs)
    run = new_run("storage")
    plan = resizing.grow(of.outputs, found, size, run)
    if carry_out(plan, of, output, how):
        after = database.primary(of.aws, of.outputs)
        output.result("db-storage", {"from": found.storage, "to": after.storage, "run": run})
