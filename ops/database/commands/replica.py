"""`ops db replica`: read replicas beside those of the settings."""

from typing import Annotated

import typer

from ops.cli.execution import How, carry_out, changing, new_run, target
from ops.database import instance as database
from ops.database import replicas
from ops.database import resize as resizing

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Read replicas.")
Name = Annotated[
    str, typer.Argument(metavar="NAME", help="behind the primary's identifier and a hyphen")
]


@app.command("add")
@changing
def add(
    context: typer.Context,
    name: Name,
    size: Annotated[
        str | None, typer.Option("--class", metavar="CLASS", help="else the primary's own")
    ] = None,
    *,
    how: How,
) -> None:
    """Adds a replica with the primary's settings: reads can go there, a moment behind."""
    of, output = target(context)
    replica = replicas.full_name(of.outputs, name)
    primary = replicas.described(of.aws, of.outputs)
    if size is not None and size != primary["DBInstanceClass"]:
        like = database.primary(of.aws, of.outputs)
        resizing.orderable(of.aws, of.outputs, like, size, "--class")
    run = new_run("replica-add")
    plan = replicas.add(of.aws, of.outputs, primary, name, run, size=size)
    if carry_out(plan, of, output, how):
        seen = database.look(of.aws, of.outputs, replica)
        body = {"replica": replica, "status": seen.status if seen else "absent", "run": run}
        output.result("db-replica", body)


@app.command("remove")
@changing
def remove(
    context: typer.Context,
    name: Name,
    *,
    how: How,
) -> None:
    """Deletes a replica that was added here. Those of the settings are the settings' own."""
    of, output = target(context)
    replica = replicas.full_name(of.outputs, name)
    primary = replicas.described(of.aws, of.outputs)
    run = new_run("replica-remove")
    plan = replicas.remove(of.aws, of.outputs, primary, name, run)
    how = how.grave()
    if carry_out(plan, of, output, how):
        output.result("db-replica", {"replica": replica, "status": "absent", "run": run})
