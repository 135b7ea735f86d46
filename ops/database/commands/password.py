"""`ops db rotate-password`."""

from typing import Annotated

import typer

from ops.cli.execution import How, carry_out, changing, new_run, target
from ops.database import instance as database
from ops.database import password as rotating
from ops.database.commands.queries import Via
from ops.database.sql.connection import Database
from ops.services import model as services

app = typer.Typer(add_completion=False)


@app.command(name="rotate-password")
@changing
def rotate_password(
    context: typer.Context,
    check: Annotated[
        bool, typer.Option("--check", help="try the new password (takes a way to the database)")
    ] = False,
    via: Via = None,
    *,
    how: How,
) -> None:
    """Gives the database another password, and every service new tasks that have read it."""
    of, output = target(context)
    sql = Database(of.outputs, of.aws, via)
    found = database.primary(of.aws, of.outputs)
    rotating.settled(of.outputs, rotating.described(of.aws, of.outputs), found)
    parts = of.outputs.services.services.values() if of.outputs.services else ()
    listed = services.observed(of.aws, of.outputs, parts) if parts else []
    run = new_run("rotate")
    plan = rotating.rotate(of.aws, of.outputs, found, listed, run, check=check)
    if carry_out(plan, of, output, how, sql):
        output.result(
            "db-rotate-password",
            {"instance": found.identifier, "restarted": [s.name for s in listed], "run": run},
        )
