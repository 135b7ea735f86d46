"""`ops cost unused`: what costs and serves nothing, and the line that ends it."""

from typing import Annotated

import typer

from ops.cli.watch import looking_command
from ops.findings.view import parse_view_keys, show_view


@looking_command
def show_unused(
    context: typer.Context,
    only: Annotated[
        str | None,
        typer.Option(metavar="KEY,...", help="keys of checks, with commas: unused-volumes"),
    ] = None,
) -> None:
    """What costs and serves nothing in the account: whose it is, its price, what ends it.

    Looks at the stack's region and its recovery region. What is another stack's is named and is no
    finding. Reads only. Exit code 3 while something is open or unknown.
    """
    show_view(context, "unused", parse_view_keys("unused", only))
