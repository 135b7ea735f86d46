"""`ops service exec`: a command in a running container."""

from typing import Annotated

import typer

from ops.cli.completion import complete_service_names
from ops.cli.execution import load_stack
from ops.cli.selection import Selection
from ops.services import exec as executing
from ops.services import model as services


def exec_in_service(
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
    ] = executing.DEFAULT_SHELL,
    run: Annotated[
        bool, typer.Option("--run", help="begin it here, instead of printing the line")
    ] = False,
) -> None:
    """Prints the line that runs a command in a container, once it is seen that it can be run."""
    executing.require_exec_command(command)
    outputs, aws, output = load_stack(context)
    selection = context.find_object(tuple)
    selected_stack: Selection | None = selection[0] if selection else None
    session = executing.build_exec_session(
        aws,
        outputs,
        services.get_service(aws, outputs, service),
        command,
        task=task,
        container=container,
        profile=selected_stack.profile if selected_stack else None,
    )
    if run:
        executing.run_exec_session(session)
    elif output.output_format == "json":
        output.print_json("service-exec", session.build_row())
    else:
        typer.echo(session.command_line)
        if missing_programs := executing.list_missing_programs():
            typer.echo(f"needed, and not on the PATH here: {', '.join(missing_programs)}", err=True)
