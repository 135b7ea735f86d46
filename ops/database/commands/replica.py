"""`ops db replica`: read replicas beside those of the stack's settings."""

from typing import Annotated

import typer

from ops.cli.execution import (
    ExecutionOptions,
    execute_plan,
    load_stack_context,
    mutating_command,
    new_run_id,
)
from ops.database import replicas
from ops.database.instance import find_instance, get_primary
from ops.database.resize import require_orderable_class

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Read replicas.")
ReplicaNameArgument = Annotated[
    str, typer.Argument(metavar="NAME", help="added to the primary's identifier, after a hyphen")
]


@app.command("add")
@mutating_command
def add_replica(
    context: typer.Context,
    name: ReplicaNameArgument,
    size: Annotated[
        str | None, typer.Option("--class", metavar="CLASS", help="default: the primary's class")
    ] = None,
    *,
    options: ExecutionOptions,
) -> None:
    """Adds a read replica with the primary's settings."""
    stack_context, output = load_stack_context(context)
    replica = replicas.get_replica_identifier(stack_context.outputs, name)
    primary = replicas.get_instance_description(stack_context.aws, stack_context.outputs)
    if size is not None and size != primary["DBInstanceClass"]:
        instance = get_primary(stack_context.aws, stack_context.outputs)
        require_orderable_class(stack_context.aws, stack_context.outputs, instance, size, "--class")
    run = new_run_id("replica-add")
    plan = replicas.build_replica_creation_plan(
        stack_context.aws, stack_context.outputs, primary, name, run, instance_class=size
    )
    if execute_plan(plan, stack_context, output, options):
        replica_instance = find_instance(stack_context.aws, stack_context.outputs, replica)
        body = {
            "replica": replica,
            "status": replica_instance.status if replica_instance else "absent",
            "run": run,
        }
        output.print_result("db-replica", body)


@app.command("remove")
@mutating_command
def remove_replica(
    context: typer.Context,
    name: ReplicaNameArgument,
    *,
    options: ExecutionOptions,
) -> None:
    """Deletes a replica that `ops db replica add` created."""
    stack_context, output = load_stack_context(context)
    replica = replicas.get_replica_identifier(stack_context.outputs, name)
    primary = replicas.get_instance_description(stack_context.aws, stack_context.outputs)
    run = new_run_id("replica-remove")
    plan = replicas.build_replica_removal_plan(
        stack_context.aws, stack_context.outputs, primary, name, run
    )
    options = options.as_destructive()
    if execute_plan(plan, stack_context, output, options):
        output.print_result("db-replica", {"replica": replica, "status": "absent", "run": run})
