"""`ops service images`: what is in the registry of a service, and what runs of it."""

from typing import Annotated, Any, Final

import typer

from ops.cli.context import load_stack
from ops.cli.watch import looking_command
from ops.core import clock
from ops.core.counts import format_bytes, format_count
from ops.core.errors import FindingsError
from ops.core.times import format_local_second, parse_aws_time
from ops.services.commands.show import ServiceArgument
from ops.services.image_list import (
    build_image_item,
    describe_index_note,
    describe_running,
    describe_scan,
    is_worth_showing,
    read_image_list,
    resolve_repository,
)
from ops.services.model import list_service_states, resolve_service

IMAGE_COLUMNS: Final = (
    "tags",
    "pushed",
    "size",
    "runs",
    "revisions",
    "scan",
    "removed",
    "digest",
)
ImageLimitOption = Annotated[
    int,
    typer.Option(
        "--limit",
        min=1,
        max=10_000,
        metavar="COUNT",
        help="how many of the newest; older ones that run or were deployed are shown too",
    ),
]


@looking_command
def list_images(
    context: typer.Context,
    service: ServiceArgument = None,
    limit: ImageLimitOption = 50,
) -> None:
    """Lists the images of a service in the registry, the newest first, and which of them runs.

    With the findings of their scans, their revisions of the last 90 days, and what the lifecycle
    policy removes next. Exit 3 if one that runs is gone or will be removed, or on unknown parts.
    """
    outputs, aws, output = load_stack(context)
    part = resolve_service(outputs, service, "SERVICE")
    repository = resolve_repository(outputs, part.name)
    (state,) = list_service_states(aws, outputs, [part])
    images = read_image_list(aws, state, repository, clock.now())
    items = [build_image_item(images, image) for image in images.images]
    shown = [item for number, item in enumerate(items) if number < limit or is_worth_showing(item)]
    problems = images.list_problems()
    if output.output_format == "json":
        body = {
            "service": part.name,
            "repository": repository,
            "total": len(items),
            "items": shown,
            "elsewhere": list(images.elsewhere),
            "missing": list(images.missing),
            "unknown": list(images.unknown),
        }
        output.print_json("service-images", body)
    else:
        output.print_line(repository)
        output.print_rows("service-images", IMAGE_COLUMNS, map(_build_row, shown))
        for reference in images.elsewhere:
            output.print_note(f"runs from elsewhere: {reference}")
        if (note := describe_index_note(images)) is not None:
            output.print_note(note)
        if len(shown) < len(items):
            count = format_count(len(items) - len(shown), "older image")
            output.print_note(f"{count} not shown: --limit")
    if problems:
        raise FindingsError("; ".join(problems))


def _build_row(item: dict[str, Any]) -> dict[str, object]:
    removal = item["removal"]
    removed: str | None = None if item["isRemovalKnown"] else "unknown"
    if removal is not None:
        due_at = parse_aws_time(removal["from"])
        verb = "" if removal["action"] == "expire" else "archived "
        when = "within a day" if due_at <= clock.now() else format_local_second(due_at)
        removed = f"{verb}{when} (rule {removal['rule']})"
    return {
        "tags": item["tags"] or None,
        "pushed": format_local_second(parse_aws_time(item["pushed"])),
        "size": None if item["bytes"] is None else format_bytes(item["bytes"]),
        "runs": describe_running(item["runningTasks"]),
        "revisions": "unknown" if item["revisions"] is None else item["revisions"] or None,
        "scan": describe_scan(item["scan"]),
        "removed": removed,
        "digest": item["digest"],
    }
