"""`ops rotate`: what is rotated, by whom, and when next."""

from typing import Annotated

import typer

from ops.cli.watch import looking_command
from ops.findings.view import parse_view_keys, show_view

app = typer.Typer(add_completion=False)


@app.command(name="rotate")
@looking_command
def show_rotations(
    context: typer.Context,
    only: Annotated[
        str | None, typer.Option(metavar="KEY,...", help="keys of checks, with commas")
    ] = None,
) -> None:
    """What is rotated: by whom, how often, when last and when next; overdue and failed first.

    Passwords, tokens, KMS keys, access keys of the stack's users, certificates. Reads no secret
    and rotates nothing. Exit code 3 while something is overdue, failed or unknown.
    """
    show_view(context, "rotations", parse_view_keys("rotations", only))
