"""`ops image`: what is known to be wrong with the images that run."""

import typer

from ops.cli.watch import looking_command
from ops.findings.view import show_view

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="What is known to be wrong with the images that run: findings.",
)


@app.callback()
def declare_image_group() -> None:
    """What is known to be wrong with the images that run."""


@app.command()
@looking_command
def findings(context: typer.Context) -> None:
    """Shows what ECR's scans found in the images that run now, and what would mend it.

    Reads only: the images of running tasks, with sidecars, and the fleet's. Exit code 3 while a
    critical or high vulnerability that may have a fix is open, or what a scan says is unknown.
    """
    show_view(context, "images")
