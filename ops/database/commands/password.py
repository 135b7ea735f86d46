"""`ops db rotate-password`."""

from typing import Annotated

import typer

from ops.cli.execution import (
    ExecutionOptions,
    execute_plan,
    load_stack_context,
    mutating_command,
    new_run_id,
)
from ops.database.commands.queries import ViaOption
from ops.database.instance import get_primary
from ops.database.password import (
    build_password_rotation_plan,
    describe_database_secret,
    require_rotatable,
)
from ops.database.sql.connection import DatabaseClient
from ops.services.model import list_service_states

app = typer.Typer(add_completion=False)


@app.command(name="rotate-password")
@mutating_command
def rotate_password(
    context: typer.Context,
    check: Annotated[
        bool, typer.Option("--check", help="log in with the new password; needs database access")
    ] = False,
    via: ViaOption = None,
    *,
    options: ExecutionOptions,
) -> None:
    """Rotates the database password and restarts every service."""
    stack_context, output = load_stack_context(context)
    client = DatabaseClient(stack_context.outputs, stack_context.aws, via)
    instance = get_primary(stack_context.aws, stack_context.outputs)
    require_rotatable(
        stack_context.outputs,
        describe_database_secret(stack_context.aws, stack_context.outputs),
        instance,
    )
    service_outputs = (
        stack_context.outputs.services.services.values() if stack_context.outputs.services else ()
    )
    stack_services = (
        list_service_states(stack_context.aws, stack_context.outputs, service_outputs)
        if service_outputs
        else []
    )
    run = new_run_id("rotate")
    plan = build_password_rotation_plan(
        stack_context.aws, stack_context.outputs, instance, stack_services, run, check=check
    )
    if execute_plan(plan, stack_context, output, options, client):
        output.print_result(
            "db-rotate-password",
            {
                "instance": instance.identifier,
                "restarted": [service.name for service in stack_services],
                "run": run,
            },
        )
