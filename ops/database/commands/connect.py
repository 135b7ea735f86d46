"""`ops db connect`: the lines that lead to the database. Reads only."""

from typing import Annotated

import typer

from ops.cli.execution import opened
from ops.cli.selection import Selection
from ops.database import tunnel as connecting
from ops.database.commands.queries import Replica, replica_of
from ops.services import exec as executing

app = typer.Typer(add_completion=False)


@app.command("connect")
def connect(
    context: typer.Context,
    replica: Replica = None,
    local_port: Annotated[
        int, typer.Option(min=1, max=65535, metavar="PORT", help="the tunnel's end here")
    ] = connecting.PORT,
) -> None:
    """Prints the tunnel to the database, and what to type behind it: for `ops`, and for psql."""
    outputs, aws, output = opened(context)
    name = replica_of(outputs, replica)
    selection = context.find_object(tuple)
    known: Selection | None = selection[0] if selection else None
    through = connecting.tunnel(aws, outputs)
    found = connecting.lines(
        aws,
        outputs,
        through,
        replica=name,
        port=local_port,
        profile=known.profile if known else None,
    )
    if output.form == "json":
        output.data("db-connect", found.row())
        return
    typer.echo(f"# through {found.through}; leave it open in a terminal of its own")
    typer.echo(found.tunnel)
    typer.echo("# for `ops db activity` and the like")
    typer.echo(found.variable)
    typer.echo("# or psql; the password is not shown")
    typer.echo(found.psql)
    if gone := executing.missing():
        typer.echo(f"needed, and not on the PATH here: {', '.join(gone)}", err=True)
