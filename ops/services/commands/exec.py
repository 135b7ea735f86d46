"""`ops service exec`: a command in a running container."""

from typing import Annotated

import typer

from ops.cli.completion import complete_service_names
from ops.cli.execution import load_stack
from ops.cli.selection import Selection
from ops.services.exec import (
    DEFAULT_SHELL,
    build_exec_session,
    list_missing_programs,
    require_exec_command,
    run_exec_session,
)
from ops.services.model import get_service


def exec_in_service(
    context: typer.Context,
    service: Annotated[
        str | None,
        typer.Option(
            "--service",
            metavar="NAME",
            help="the service; may be left out if there is only one",
            autocompletion=complete_service_names,
        ),
    ] = None,
    task: Annotated[
        str | None,
        typer.Option(metavar="ID", help="task id or its start; default: any that accepts it"),
    ] = None,
    container: Annotated[
        str | None, typer.Option(metavar="NAME", help="default: the service's own container")
    ] = None,
    command: Annotated[
        str, typer.Option(metavar="TEXT", help="the command to run")
    ] = DEFAULT_SHELL,
    run: Annotated[
        bool, typer.Option("--run", help="run it here instead of printing the line")
    ] = False,
) -> None:
    """Checks that a container accepts ECS Exec, and prints the AWS CLI line that runs a command."""
    require_exec_command(command)
    outputs, aws, output = load_stack(context)
    selection = context.find_object(tuple)
    selected_stack: Selection | None = selection[0] if selection else None
    session = build_exec_session(
        aws,
        outputs,
        get_service(aws, outputs, service),
        command,
        task=task,
        container=container,
        profile=selected_stack.profile if selected_stack else None,
    )
    if run:
        run_exec_session(session)
    elif output.output_format == "json":
        output.print_json("service-exec", session.build_row())
    else:
        typer.echo(session.command_line)
        if missing_programs := list_missing_programs():
            typer.echo(
                f"the line needs programs that are not on this PATH: {', '.join(missing_programs)}",
                err=True,
            )
