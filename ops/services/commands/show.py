"""`ops service show`: what a service runs with."""

from typing import Annotated, TypeAlias

import typer

from ops.cli.completion import complete_service_names
from ops.cli.context import load_stack
from ops.cli.watch import looking_command
from ops.core.errors import FindingsError
from ops.services.description import describe_service_settings
from ops.services.description_rows import DESCRIPTION_COLUMNS, list_description_rows
from ops.services.model import list_service_states, resolve_service

ServiceArgument: TypeAlias = Annotated[
    str | None,
    typer.Argument(
        metavar="[SERVICE]",
        help="the service; may be left out if there is only one",
        autocompletion=complete_service_names,
    ),
]


@looking_command
def show_service(context: typer.Context, service: ServiceArgument = None) -> None:
    """Shows what a service runs with: image, environment, limits, deployment, scaling.

    Values that look secret are hidden, and of secrets the names are shown. Exit 3 if a part could
    not be read.
    """
    outputs, aws, output = load_stack(context)
    part = resolve_service(outputs, service, "SERVICE")
    (state,) = list_service_states(aws, outputs, [part])
    body, unread = describe_service_settings(aws, outputs, state)
    if output.output_format == "json":
        output.print_json("service-show", body)
    else:
        rows = list(list_description_rows(body))
        output.print_rows("service-show", DESCRIPTION_COLUMNS, rows)
        output.print_line(body["console"], link=body["console"])
    if unread:
        raise FindingsError(f"not everything of {part.name} could be read: {unread[0]}")
