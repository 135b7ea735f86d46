"""`ops service`: the ECS services on Fargate."""

from typing import Annotated

import typer

from ops.cli.execution import (
    ExecutionOptions,
    execute_plan,
    load_stack,
    load_stack_context,
    mutating_command,
    new_run_id,
)
from ops.cli.watch import looking_command
from ops.core.aws import Aws
from ops.core.errors import UsageError
from ops.core.plan import RUN_TAG
from ops.outputs import Outputs
from ops.services.commands.deploy import deploy_service, explain_service_rollback, is_proven
from ops.services.commands.exec import exec_in_service
from ops.services.commands.images import list_images
from ops.services.commands.maintenance import app as maintenance_app
from ops.services.commands.options import (
    ServiceOption,
    ServiceWaitOption,
    UrlOption,
    require_valid_url,
)
from ops.services.commands.run import run_service_command
from ops.services.commands.show import show_service
from ops.services.deploy import (
    build_service_restart_plan,
    build_service_rollback_plan,
)
from ops.services.model import (
    SERVICE_COLUMNS,
    SERVICE_TASK_COLUMNS,
    ServiceState,
    build_task_row,
    get_arn_name,
    get_container_image,
    get_service,
    get_task_definition,
    list_service_states,
    list_service_tasks,
)
from ops.services.release_history import (
    find_revision_problem,
    list_rejected_revisions,
    list_releases,
)
from ops.services.scale import (
    SERVICE_LIMIT_COLUMNS,
    build_scaling_limits_plan,
    build_service_scale_plan,
    find_scaling_limits,
    parse_task_count,
    read_task_room_notes,
)
from ops.services.scale_failure import explain_scale_failure

app = typer.Typer(no_args_is_help=True, add_completion=False, help="The services on Fargate.")
app.add_typer(maintenance_app, name="maintenance")
app.command(name="deploy")(deploy_service)
app.command(name="exec")(exec_in_service)
app.command(name="images")(list_images)
app.command(name="run")(run_service_command)
app.command(name="show")(show_service)


@app.command("rollback")
@mutating_command
def roll_back_service(
    context: typer.Context,
    service: ServiceOption = None,
    to: Annotated[
        str | None,
        typer.Option(metavar="REVISION", help="default: the last proven release"),
    ] = None,
    url: UrlOption = None,
    wait: ServiceWaitOption = True,
    *,
    options: ExecutionOptions,
) -> None:
    """Rolls a service back to the last proven release: `ops service revisions` has the order."""
    stack_context, output = load_stack_context(context)
    require_valid_url(url, wait=wait)
    service_state = get_service(stack_context.aws, stack_context.outputs, service)
    run = new_run_id("rollback")
    plan = build_service_rollback_plan(
        stack_context.aws,
        stack_context.outputs,
        service_state,
        run,
        requested_revision=to,
        wait=wait,
        url=url,
        rejected_revisions=list_rejected_revisions(stack_context, service_state),
    )
    with explain_service_rollback(stack_context.aws, stack_context.outputs, service_state):
        if execute_plan(plan, stack_context, output, options):
            completed = is_proven(service_state, wait=wait)
            result = {"service": service_state.name, "run": run, "completed": completed}
            output.print_result("service-deployment", result)


@app.command("restart")
@mutating_command
def restart_service(
    context: typer.Context,
    service: ServiceOption = None,
    wait: ServiceWaitOption = True,
    *,
    options: ExecutionOptions,
) -> None:
    """Replaces every task of a service; new tasks start before old ones stop."""
    stack_context, output = load_stack_context(context)
    service_state = get_service(stack_context.aws, stack_context.outputs, service)
    run = new_run_id("restart")
    plan = build_service_restart_plan(
        stack_context.aws, stack_context.outputs, service_state, run, wait=wait
    )
    with explain_service_rollback(stack_context.aws, stack_context.outputs, service_state):
        if execute_plan(plan, stack_context, output, options):
            result = {"service": service_state.name, "run": run, "completed": wait}
            output.print_result("service-deployment", result)


@app.command("scale")
@mutating_command
def scale_service(
    context: typer.Context,
    count: Annotated[str, typer.Argument(help="number of tasks")],
    service: ServiceOption = None,
    wait: ServiceWaitOption = True,
    *,
    options: ExecutionOptions,
) -> None:
    """Sets a service's number of tasks. Scaling to 0 is destructive."""
    stack_context, output = load_stack_context(context)
    task_count = parse_task_count(count)
    service_state = get_service(stack_context.aws, stack_context.outputs, service)
    run = new_run_id("scale")
    scaling_limits = find_scaling_limits(stack_context.aws, service_state)
    task_definition, _ = get_task_definition(stack_context.aws, service_state.revision)
    plan = build_service_scale_plan(
        stack_context.outputs,
        service_state,
        scaling_limits,
        task_count,
        run,
        wait=wait,
        task_definition=task_definition,
        room_notes=read_task_room_notes(
            stack_context.aws, stack_context.outputs, service_state, task_definition, task_count
        ),
    )
    options = options.as_destructive(task_count == 0)
    with explain_scale_failure(stack_context.aws, service_state):
        is_executed = execute_plan(plan, stack_context, output, options)
    if is_executed:
        output.print_result(
            "service-scale", {"service": service_state.name, "tasks": task_count, "run": run}
        )


@app.command("autoscaling")
@mutating_command
def change_service_scaling(
    context: typer.Context,
    service: ServiceOption = None,
    least: Annotated[
        int | None, typer.Option("--min", min=0, help="minimum number of tasks")
    ] = None,
    most: Annotated[
        int | None, typer.Option("--max", min=0, help="maximum number of tasks")
    ] = None,
    suspend: Annotated[
        bool | None,
        typer.Option("--suspend/--resume", help="suspend automatic scaling, or resume it"),
    ] = None,
    *,
    options: ExecutionOptions,
) -> None:
    """Changes a service's automatic scaling limits, or suspends scaling."""
    stack_context, output = load_stack_context(context)
    service_state = get_service(stack_context.aws, stack_context.outputs, service)
    scaling_limits = find_scaling_limits(stack_context.aws, service_state)
    if scaling_limits is None:
        raise UsageError(f"--service is {service_state.name!r}, which has no automatic scaling")
    run = new_run_id("autoscaling")
    plan = build_scaling_limits_plan(
        stack_context.outputs, scaling_limits, run, min_tasks=least, max_tasks=most, suspend=suspend
    )
    if execute_plan(plan, stack_context, output, options):
        output.print_result("service-autoscaling", {"service": service_state.name, "run": run})


@app.command("limits")
@looking_command
def show_service_limits(context: typer.Context) -> None:
    """Shows the automatic scaling limits of the services that have them."""
    outputs, aws, output = load_stack(context)
    service_limits = (
        find_scaling_limits(aws, service) for service in _list_all_services(aws, outputs)
    )
    output.print_rows(
        "service-limits",
        SERVICE_LIMIT_COLUMNS,
        [item.build_row() for item in service_limits if item],
    )


@app.command(name="list")
@looking_command
def show_services(context: typer.Context) -> None:
    """Lists the services: task counts, revision, image and rollout state."""
    outputs, aws, output = load_stack(context)
    rows = []
    for service in _list_all_services(aws, outputs):
        revision, _ = get_task_definition(aws, service.revision)
        rows.append(
            {
                **service.build_row(),
                "image": get_container_image(revision, service.part.container),
            }
        )
    output.print_rows("services", SERVICE_COLUMNS, rows)


@app.command("tasks")
@looking_command
def show_service_tasks(
    context: typer.Context,
    service: ServiceOption = None,
    stopped: Annotated[
        bool, typer.Option("--stopped", help="show tasks that stopped in the last hour, and why")
    ] = False,
) -> None:
    """Lists the running tasks, or those that stopped in the last hour and why."""
    outputs, aws, output = load_stack(context)
    rows = [
        build_task_row(service_state, task)
        for service_state in _list_selected_services(aws, outputs, service)
        for task in list_service_tasks(aws, service_state, stopped=stopped)
    ]
    output.print_rows("service-tasks", SERVICE_TASK_COLUMNS, rows)


@app.command("revisions")
@looking_command
def show_service_revisions(context: typer.Context, service: ServiceOption = None) -> None:
    """Lists the releases: the targets of a rollback in their order, then those not proven.

    Proven: ECS deployed it successfully, tasks of it ran, no run undid it, and the service was not
    put back from it.
    """
    stack_context, output = load_stack_context(context)
    aws = stack_context.aws
    service_state = get_service(aws, stack_context.outputs, service)
    rejected_revisions = list_rejected_revisions(stack_context, service_state)
    rows = []
    for release in list_releases(aws, service_state, rejected_revisions):
        definition, tags = get_task_definition(aws, release.revision)
        problem = find_revision_problem(aws, service_state, release.revision)
        rows.append(
            {
                "revision": get_arn_name(release.revision),
                "image": get_container_image(definition, service_state.part.container),
                "run": next(
                    (tag["value"] for tag in tags if tag["key"] == RUN_TAG),
                    None,
                ),
                "proven": "yes" if release.doubt is None else f"no: {release.doubt}",
                "usable": "yes" if problem is None else f"no, {problem}",
                "current": "yes" if release.revision == service_state.revision else "no",
            }
        )
    output.print_rows(
        "service-revisions", ("revision", "image", "run", "proven", "usable", "current"), rows
    )


@app.command("events")
@looking_command
def show_service_events(
    context: typer.Context,
    service: ServiceOption = None,
    limit: Annotated[int, typer.Option(min=1, max=100, help="newest events per service")] = 20,
) -> None:
    """Shows the services' ECS events, newest first."""
    outputs, aws, output = load_stack(context)
    rows = [
        {"at": event["createdAt"], "service": service_state.name, "event": event["message"]}
        for service_state in _list_selected_services(aws, outputs, service)
        for event in service_state.events[:limit]
    ]
    rows.sort(key=lambda row: str(row["at"]), reverse=True)
    output.print_rows("service-events", ("at", "service", "event"), rows)


def _list_all_services(aws: Aws, outputs: Outputs) -> list[ServiceState]:
    parts = outputs.services.services if outputs.services else {}
    return list_service_states(aws, outputs, parts.values())


def _list_selected_services(aws: Aws, outputs: Outputs, name: str | None) -> list[ServiceState]:
    """Returns the named service, or all services."""
    return _list_all_services(aws, outputs) if name is None else [get_service(aws, outputs, name)]
