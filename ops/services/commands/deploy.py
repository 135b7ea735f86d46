"""`ops service deploy`: an image deployed to a service, if wanted after a command with it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, TypeAlias

import typer

from ops.cli.execution import (
    ExecutionOptions,
    execute_plan,
    load_stack_context,
    mutating_command,
    new_run_id,
)
from ops.core.aws import Aws
from ops.core.errors import RolledBackError
from ops.outputs import Outputs
from ops.services.command_task import parse_before_command
from ops.services.commands.options import (
    ServiceOption,
    ServiceWaitOption,
    UrlOption,
    require_valid_url,
)
from ops.services.commands.task_log import follow_command_log
from ops.services.deploy import build_service_deploy_plan
from ops.services.images import parse_image_reference, require_full_reference, resolve_image
from ops.services.model import (
    ServiceState,
    get_service,
    list_task_failures,
    resolve_service,
)
from ops.services.release_history import list_rejected_revisions

BeforeOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="COMMAND", help="run it first with the new image, like a migration of the database"
    ),
]


@mutating_command
def deploy_service(
    context: typer.Context,
    image: Annotated[str, typer.Argument(help="repository with a tag or a digest")],
    service: ServiceOption = None,
    url: UrlOption = None,
    wait: ServiceWaitOption = True,
    before: BeforeOption = None,
    *,
    options: ExecutionOptions,
) -> None:
    """Deploys an image to a service and checks that it runs. Exit 5 if it was rolled back.

    With --before a command runs first, once, in a task with the new image; unless it ends with exit
    code 0, nothing is deployed.
    """
    before_command = parse_before_command(before)
    stack_context, output = load_stack_context(context)
    require_valid_url(url, wait=wait)
    parse_image_reference(image)
    part = resolve_service(stack_context.outputs, service)
    service_state = get_service(stack_context.aws, stack_context.outputs, part.name)
    require_full_reference(stack_context.outputs, image)
    outputs = stack_context.outputs
    container_image = resolve_image(stack_context.aws, image, outputs.stack.account, outputs)
    run = new_run_id("deploy")
    plan = build_service_deploy_plan(
        stack_context.aws,
        stack_context.outputs,
        service_state,
        container_image,
        run,
        wait=wait,
        url=url,
        before=before_command,
        rejected_revisions=list_rejected_revisions(stack_context, service_state),
    )
    with (
        explain_service_rollback(stack_context.aws, outputs, service_state),
        follow_command_log(stack_context.aws, outputs, part.name, output) as display,
    ):
        if execute_plan(plan, stack_context, output, options, listener=display):
            result = {"service": service_state.name, "image": container_image.reference}
            output.print_result(
                "service-deployment",
                {**result, "run": run, "completed": is_proven(service_state, wait=wait)},
            )


def is_proven(service: ServiceState, *, wait: bool) -> bool:
    """True if the deployment was waited for, and had tasks."""
    return wait and service.desired_count > 0


@contextmanager
def explain_service_rollback(aws: Aws, outputs: Outputs, service: ServiceState) -> Iterator[None]:
    """Adds to the error of a rolled-back deployment why its tasks stopped."""
    try:
        yield
    except RolledBackError as error:
        tasks_command = f"ops service tasks --service {service.name} --stopped"
        reasons = list_task_failures(aws, outputs, service)
        message = "; ".join((str(error), *(f"task stopped: {reason}" for reason in reasons)))
        advice = (tasks_command, f"ops service events --service {service.name}", *error.advice)
        raise RolledBackError(message, *advice) from error
