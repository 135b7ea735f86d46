"""`ops cost rightsizing`: what is larger than its load, and what a smaller size would have left."""

from typing import Annotated

import typer

from ops.cli.watch import looking_command
from ops.findings.view import parse_view_keys, show_view


@looking_command
def show_rightsizing(
    context: typer.Context,
    only: Annotated[
        str | None,
        typer.Option(metavar="KEY,...", help="keys of checks, with commas: rightsizing-database"),
    ] = None,
) -> None:
    """What is larger than the load of two weeks: the saving, the risk, the headroom it would have.

    Proposes one size less at a time, and Graviton if that costs less. Fewer than two weeks of data
    are unknown. Reads only. Exit code 3 while something is open or unknown.
    """
    show_view(context, "rightsizing", parse_view_keys("rightsizing", only))
