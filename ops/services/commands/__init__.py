"""`ops service`: the containers on Fargate: deployed, scaled, restarted, looked at."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, TypeAlias

import typer

from ops.cli.completion import complete_service_names
from ops.cli.execution import (
    ExecutionOptions,
    execute_plan,
    load_stack,
    load_stack_context,
    mutating_command,
    new_run_id,
)
from ops.core.aws import Aws
from ops.core.errors import RolledBackError, UsageError
from ops.outputs import Outputs
from ops.services import deploy as deployments
from ops.services import images
from ops.services import model as services
from ops.services import scale as scaling
from ops.services.commands import exec as service_exec
from ops.services.commands import maintenance as service_page
from ops.services.model import Service

app = typer.Typer(no_args_is_help=True, add_completion=False, help="The services on Fargate.")
app.add_typer(service_page.app, name="maintenance")
app.command(name="exec")(service_exec.exec_)
Name: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--service",
        metavar="NAME",
        help="which, where there are several",
        autocompletion=complete_service_names,
    ),
]
WaitFor: TypeAlias = Annotated[
    bool, typer.Option("--wait/--no-wait", help="until it is completed, or until it has begun")
]
Url: TypeAlias = Annotated[
    str | None, typer.Option(metavar="URL", help="must answer with 200 afterwards")
]


@app.command("deploy")
@mutating_command
def deploy(
    context: typer.Context,
    image: Annotated[str, typer.Argument(help="repository with a tag or a digest")],
    service: Name = None,
    url: Url = None,
    wait: WaitFor = True,
    *,
    how: ExecutionOptions,
) -> None:
    """Puts a service on another image, and sees that it runs it. Rolled back: exit 5."""
    of, output = load_stack_context(context)
    checked_url(url, wait=wait)
    images.parse_image_reference(image)
    part = services.chosen(of.outputs, service)
    found = services.one(of.aws, of.outputs, part.name)
    resolved = images.resolve_image(of.aws, image)
    run = new_run_id("deploy")
    plan = deployments.deploy(of.aws, of.outputs, found, resolved, run, wait=wait, url=url)
    how = how
    with told(of.aws, of.outputs, found):
        if execute_plan(plan, of, output, how):
            result = {"service": found.name, "image": resolved.reference}
            output.print_result("service-deployment", {**result, "run": run, "completed": wait})


@app.command("rollback")
@mutating_command
def rollback(
    context: typer.Context,
    service: Name = None,
    to: Annotated[
        str | None, typer.Option(metavar="REVISION", help="instead of the last proven one")
    ] = None,
    url: Url = None,
    wait: WaitFor = True,
    *,
    how: ExecutionOptions,
) -> None:
    """Puts a service back on the last revision that a deployment has proven."""
    of, output = load_stack_context(context)
    checked_url(url, wait=wait)
    found = services.one(of.aws, of.outputs, service)
    run = new_run_id("rollback")
    plan = deployments.rollback(of.aws, of.outputs, found, run, to=to, wait=wait, url=url)
    with told(of.aws, of.outputs, found):
        if execute_plan(plan, of, output, how):
            result = {"service": found.name, "run": run, "completed": wait}
            output.print_result("service-deployment", result)


@app.command("restart")
@mutating_command
def restart(
    context: typer.Context,
    service: Name = None,
    wait: WaitFor = True,
    *,
    how: ExecutionOptions,
) -> None:
    """Starts every task of a service anew, the new ones first."""
    of, output = load_stack_context(context)
    found = services.one(of.aws, of.outputs, service)
    run = new_run_id("restart")
    plan = deployments.restart(of.aws, of.outputs, found, run, wait=wait)
    with told(of.aws, of.outputs, found):
        if execute_plan(plan, of, output, how):
            result = {"service": found.name, "run": run, "completed": wait}
            output.print_result("service-deployment", result)


@app.command("scale")
@mutating_command
def scale(
    context: typer.Context,
    count: Annotated[str, typer.Argument(help="how many tasks")],
    service: Name = None,
    wait: WaitFor = True,
    *,
    how: ExecutionOptions,
) -> None:
    """Gives a service so many tasks. Down to none is destructive."""
    of, output = load_stack_context(context)
    number = scaling.number(count)
    found = services.one(of.aws, of.outputs, service)
    run = new_run_id("scale")
    limits = scaling.limits(of.aws, found)
    plan = scaling.scale(of.outputs, found, limits, number, run, wait=wait)
    how = how.as_destructive(number == 0)
    if execute_plan(plan, of, output, how):
        output.print_result("service-scale", {"service": found.name, "tasks": number, "run": run})


@app.command("autoscaling")
@mutating_command
def autoscaling(
    context: typer.Context,
    service: Name = None,
    least: Annotated[int | None, typer.Option("--min", min=0, help="fewest tasks")] = None,
    most: Annotated[int | None, typer.Option("--max", min=0, help="most tasks")] = None,
    suspend: Annotated[
        bool | None, typer.Option("--suspend/--resume", help="stop it, or let it go on")
    ] = None,
    *,
    how: ExecutionOptions,
) -> None:
    """Changes the limits of automatic scaling, or suspends it."""
    of, output = load_stack_context(context)
    found = services.one(of.aws, of.outputs, service)
    now = scaling.limits(of.aws, found)
    if now is None:
        raise UsageError(f"--service is {found.name!r}, which nothing scales by itself")
    run = new_run_id("autoscaling")
    plan = scaling.change(of.outputs, now, run, least=least, most=most, suspended=suspend)
    if execute_plan(plan, of, output, how):
        output.print_result("service-autoscaling", {"service": found.name, "run": run})


@app.command("limits")
def limits(context: typer.Context) -> None:
    """The limits of automatic scaling, of the services that have it."""
    outputs, aws, output = load_stack(context)
    found = (scaling.limits(aws, service) for service in _all(aws, outputs))
    output.print_rows("service-limits", scaling.COLUMNS, [item.row() for item in found if item])


@app.command(name="list")
def list_(context: typer.Context) -> None:
    """Every service: its tasks, its revision and image, and how its last deployment stands."""
    outputs, aws, output = load_stack(context)
    rows = []
    for service in _all(aws, outputs):
        revision, _ = services.definition(aws, service.revision)
        rows.append({**service.row(), "image": services.image_of(revision, service.part.container)})
    output.print_rows("services", services.COLUMNS, rows)


@app.command("tasks")
def tasks(
    context: typer.Context,
    service: Name = None,
    stopped: Annotated[
        bool, typer.Option("--stopped", help="those that stopped in the last hour, and why")
    ] = False,
) -> None:
    """The tasks that run, or those that stopped in the last hour and why."""
    outputs, aws, output = load_stack(context)
    rows = [
        services.task_row(of, task)
        for of in _some(aws, outputs, service)
        for task in services.tasks(aws, of, stopped=stopped)
    ]
    output.print_rows("service-tasks", services.TASK_COLUMNS, rows)


@app.command("revisions")
def revisions(context: typer.Context, service: Name = None) -> None:
    """The revisions that deployments have proven, the newest first: where a rollback can lead."""
    outputs, aws, output = load_stack(context)
    of = services.one(aws, outputs, service)
    rows = []
    for arn in services.proven(aws, of):
        revision, tags = services.definition(aws, arn)
        problem = deployments.unusable(aws, of, arn)
        rows.append(
            {
                "revision": services.short(arn),
                "image": services.image_of(revision, of.part.container),
                "run": next((t["value"] for t in tags if t["key"] == deployments.RUN_TAG), None),
                "usable": "yes" if problem is None else f"no, {problem}",
                "current": "yes" if arn == of.revision else "no",
            }
        )
    output.print_rows("service-revisions", ("revision", "image", "run", "usable", "current"), rows)


@app.command("events")
def events(
    context: typer.Context,
    service: Name = None,
    limit: Annotated[int, typer.Option(min=1, max=100, help="newest events of each")] = 20,
) -> None:
    """What ECS says of its services, the newest first."""
    outputs, aws, output = load_stack(context)
    rows = [
        {"at": event["createdAt"], "service": of.name, "event": event["message"]}
        for of in _some(aws, outputs, service)
        for event in of.events[:limit]
    ]
    rows.sort(key=lambda row: str(row["at"]), reverse=True)
    output.print_rows("service-events", ("at", "service", "event"), rows)


def _all(aws: Aws, outputs: Outputs) -> list[Service]:
    parts = outputs.services.services if outputs.services else {}
    return services.observed(aws, outputs, parts.values())


def _some(aws: Aws, outputs: Outputs, name: str | None) -> list[Service]:
    """The service of that name, or all."""
    return _all(aws, outputs) if name is None else [services.one(aws, outputs, name)]


def checked_url(url: str | None, *, wait: bool) -> None:
    """Raises UsageError where a URL cannot be asked, or nobody waits for its answer."""
    if url is None:
        return
    if not url.startswith(("http://", "https://")):
        raise UsageError(f"--url is {url!r}, may be a URL of http or https")
    if not wait:
        raise UsageError(f"--url is {url!r}, which wants --wait")


@contextmanager
def told(aws: Aws, outputs: Outputs, before: Service) -> Iterator[None]:
    """Adds to a deployment that was rolled back why its tasks stopped, as far as that is seen."""
    try:
        yield
    except RolledBackError as error:
        seen = f"ops service tasks --service {before.name} --stopped"
        reasons = services.failures(aws, outputs, before)
        message = "; ".join((str(error), *(f"stopped: {reason}" for reason in reasons)))
        advice = (seen, f"ops service events --service {before.name}", *error.advice)
        raise RolledBackError(message, *advice) from error
