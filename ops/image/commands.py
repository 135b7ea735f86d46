"""`ops image`: what is known to be wrong with the images that run, and scans of them."""

from typing import Annotated

import typer

from ops.cli.context import load_stack
from ops.cli.execution import (
    ExecutionOptions,
    execute_plan,
    load_stack_context,
    mutating_command,
    new_run_id,
)
from ops.cli.watch import looking_command
from ops.core import clock
from ops.core.checks import CheckFinding
from ops.core.errors import UsageError
from ops.findings.view import show_view
from ops.image.running import (
    IMAGES_AREA,
    parse_ecr_image,
)
from ops.image.scan import (
    FINDINGS_COMMAND,
    SCAN_COLUMNS,
    build_image_scan_plan,
    build_scan_row,
    choose_images,
    read_image_scans,
)
from ops.outputs import Outputs

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="What is known to be wrong with the images that run: findings, scan.",
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
    require_image_owner(outputs, service)

    def is_of_service(finding: CheckFinding) -> bool:
        return finding.area != IMAGES_AREA or finding.subject.partition("/")[0] == service

    show_view(context, "images", is_shown=is_of_service)


@app.command("scan")
@mutating_command
def scan_images(
    context: typer.Context,
    service: Annotated[
        str | None, typer.Argument(help="one service, or `fleet`; default: all that runs")
    ] = None,
    image: Annotated[
        str | None,
        typer.Option("--image", help="an image in ECR instead, with its tag or digest"),
    ] = None,
    *,
    options: ExecutionOptions,
) -> None:
    """Has ECR scan the images that run, or one image, and shows what it found.

    Basic scanning alone: once per image in 24 hours. It changes nothing but what ECR knows.
    """
    if service is not None and image is not None:
        raise UsageError("give SERVICE or --image, not both")
    stack_context, output = load_stack_context(context)
    outputs, aws = stack_context.outputs, stack_context.aws
    if service is not None:
        require_image_owner(outputs, service)
    named = None if image is None else parse_ecr_image("--image", image)
    images, notes = choose_images(aws, outputs, service, named)
    plan = build_image_scan_plan(
        outputs,
        read_image_scans(aws, outputs, images),
        notes,
        new_run_id("image-scan"),
        clock.now(),
        arguments=f"--image {image}" if image is not None else service or "",
    )
    if not execute_plan(plan, stack_context, output, options):
        return
    scans = read_image_scans(aws, outputs, images)
    output.print_rows("image-scan", SCAN_COLUMNS, [build_scan_row(scan) for scan in scans])
    output.print_note(f"{FINDINGS_COMMAND} says what would mend them")


def require_image_owner(outputs: Outputs, service: str) -> None:
    """Raises UsageError unless it is a service of the stack, or its fleet."""
    services = outputs.services.services if outputs.services is not None else {}
    names = [*services, *(["fleet"] if outputs.fleet is not None else [])]
    if service not in names:
        raise UsageError(f"SERVICE must be one of {', '.join(names)}, not {service!r}")
