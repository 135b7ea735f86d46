"""`ops service exec`: a command in a running container."""

from typing import Annotated

import typer

from ops.cli.completion import complete_service_names
from ops.cli.execution import load_stack
from ops.cli.selection import Selection
from ops.services import exec as executing
from ops.services import model as services


def exec_(
    context: typer.Context,
    service: Annotated[
        str | None,
        typer.Option(
            "--service",
            metavar="NAME",
            help="which, where there are several",
            autocompletion=complete_service_names,
        ),
    ] = None,
    task: Annotated[
        str | None, typer.Option(metavar="ID", help="its id, or how that begins; else one that can")
    ] = None,
    container: Annotated[
        str | None, typer.Option(metavar="NAME", help="instead of the service's own")
    ] = None,
    command: Annotated[
        str, typer.Option(metavar="TEXT", help="what is run in it")
    ] = executing.SHELL,
    run: Annotated[
        bool, typer.Option("--run", help="begin it here, instead of printing the line")
    ] = False,
) -> None:
    """Prints the line that runs a command in a container, once it is seen that it can be run."""
    executing.checked(command)
    outputs, aws, output = load_stack(context)
    selection = context.find_object(tuple)
    known: Selection | None = selection[0] if selection else None
    session = executing.session(
        aws,
        outputs,
        services.one(aws, outputs, service),
        command,
        task=task,
        container=container,
        profile=known.profile if known else None,
    )
    if run:
        executing.begin(session)
    elif output.output_format == "json":
        output.print_json("service-exec", session.row())
    else:
        typer.echo(session.line)
        if gone := executing.missing():
            typer.echo(f"needed, and not on the PATH here: {', '.join(gone)}", err=True)
