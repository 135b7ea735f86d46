"""`ops db connect`: prints the commands to connect to the database. Reads only."""

from typing import Annotated

import typer

from ops.cli.execution import load_stack
from ops.cli.selection import Selection
from ops.database.commands.queries import ReplicaOption, resolve_replica
from ops.database.tunnel import DEFAULT_TUNNEL_PORT, build_connection_commands, get_tunnel_target
from ops.services.exec import list_missing_programs

app = typer.Typer(add_completion=False)


@app.command("connect")
def show_connection_commands(
    context: typer.Context,
    replica: ReplicaOption = None,
    local_port: Annotated[
        int, typer.Option(min=1, max=65535, metavar="PORT", help="local port of the tunnel")
    ] = DEFAULT_TUNNEL_PORT,
) -> None:
    """Prints the commands to open a tunnel to the database and to use it with ops and psql."""
    outputs, aws, output = load_stack(context)
    replica_identifier = resolve_replica(outputs, replica)
    context_objects = context.find_object(tuple)
    selection: Selection | None = context_objects[0] if context_objects else None
    tunnel_target = get_tunnel_target(aws, outputs)
    commands = build_connection_commands(
        aws,
        outputs,
        tunnel_target,
        replica=replica_identifier,
        port=local_port,
        profile=selection.profile if selection else None,
    )
    if output.output_format == "json":
        output.print_json("db-connect", commands.row())
        return
    typer.echo(f"# tunnel through {commands.target_description}; leave it open in its own terminal")
    typer.echo(commands.tunnel_command)
    typer.echo("# then, for `ops db activity` and other SQL commands")
    typer.echo(commands.export_command)
    typer.echo("# or psql; the password is not printed")
    typer.echo(commands.psql_command)
    if missing_programs := list_missing_programs():
        typer.echo(f"missing on the PATH: {', '.join(missing_programs)}", err=True)
