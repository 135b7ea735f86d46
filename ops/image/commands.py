"""`ops image`: what is known to be wrong with the images that run."""

from typing import Annotated

import typer

from ops.cli.context import load_stack
from ops.cli.watch import looking_command
from ops.core.checks import CheckFinding
from ops.core.errors import UsageError
from ops.findings.view import show_view
from ops.image.check import IMAGES_AREA

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
def findings(
    context: typer.Context,
    service: Annotated[
        str | None, typer.Argument(help="one service, or `fleet`; default: all that runs")
    ] = None,
) -> None:
    """Shows what ECR's scans found in the images that run now, and what would mend it.

    Reads only: the images of running tasks, with sidecars, and the fleet's. Exit code 3 while a
    critical or high vulnerability that may have a fix is open, or what a scan says is unknown.
    """
    if service is None:
        show_view(context, "images")
        return
    outputs, _, _ = load_stack(context)
    services = outputs.services.services if outputs.services is not None else {}
    names = [*services, *(["fleet"] if outputs.fleet is not None else [])]
    if service not in names:
        raise UsageError(f"SERVICE must be one of {', '.join(names)}, not {service!r}")

    def is_of_service(finding: CheckFinding) -> bool:
        return finding.area != IMAGES_AREA or finding.subject.partition("/")[0] == service

    show_view(context, "images", is_shown=is_of_service)
