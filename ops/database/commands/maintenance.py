"""`ops db maintenance list|apply`: what AWS has pending, now or in the next window."""

import shlex
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
from ops.database.instance import (
    DatabaseInstance,
    describe_instance,
    get_primary,
    parse_instance,
)
from ops.database.pending_maintenance import (
    IMMEDIATE,
    NEXT_WINDOW,
    PENDING_COLUMNS,
    UNDO_OPT_IN,
    OptIn,
    build_maintenance_plan,
    list_pending_actions,
    require_pending,
    select_actions,
)
from ops.outputs import Outputs

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Maintenance that AWS has pending."
)


def _describe_instances(aws: Aws, outputs: Outputs) -> dict[str, DatabaseInstance]:
    """The primary and its replicas by ARN, also replicas that are not of the stack."""
    instances: dict[str, DatabaseInstance] = {}
    identifiers = [outputs.database.identifier, *outputs.database.replicas]
    for identifier in identifiers:
        description = describe_instance(aws, outputs, identifier)
        if description is None:
            continue
        instance = parse_instance(description)
        instances[description["DBInstanceArn"]] = instance
        identifiers += [name for name in instance.replicas if name not in identifiers]
    return instances


@app.command("list")
@looking_command
def list_maintenance(context: typer.Context) -> None:
    """Lists what AWS has pending for the database and its replicas, and what it stops."""
    outputs, aws, output = load_stack(context)
    actions = list_pending_actions(aws, outputs, _describe_instances(aws, outputs))
    output.print_rows("db-maintenance", PENDING_COLUMNS, [action.row() for action in actions])


@app.command("apply")
@mutating_command
def apply_maintenance(
    context: typer.Context,
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[ACTION]...", help="like os-upgrade; default: all that is pending"),
    ] = None,
    instance: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="only of the primary or one replica; default: of all"),
    ] = None,
    next_window: Annotated[
        bool, typer.Option("--next-window", help="in the next maintenance window instead of now")
    ] = False,
    undo: Annotated[
        bool, typer.Option("--undo", help="take back what was chosen for the next window")
    ] = False,
    *,
    options: ExecutionOptions,
) -> None:
    """Applies pending maintenance now, replicas first; an engine upgrade after a snapshot."""
    if next_window and undo:
        raise UsageError("--next-window and --undo must not be given together")
    stack_context, output = load_stack_context(context)
    outputs, aws = stack_context.outputs, stack_context.aws
    instances = _describe_instances(aws, outputs)
    identifiers = [item.identifier for item in instances.values()]
    if instance is not None and instance not in identifiers:
        choices = " or ".join(map(repr, identifiers))
        raise UsageError(f"--instance must be {choices}, not {instance!r}")
    opt_in: OptIn = NEXT_WINDOW if next_window else UNDO_OPT_IN if undo else IMMEDIATE
    pending = list_pending_actions(aws, outputs, instances)
    actions = select_actions(pending, names or (), instance)
    require_pending(actions, instance)
    run = new_run_id("maintenance")
    words = [
        *(names or ()),
        *(["--instance", instance] if instance else []),
        *(["--next-window"] if next_window else ["--undo"] if undo else []),
    ]
    plan = build_maintenance_plan(
        outputs,
        actions,
        get_primary(aws, outputs),
        opt_in,
        run,
        arguments=shlex.join(words),
    )
    if execute_plan(plan, stack_context, output, options):
        remaining = list_pending_actions(aws, outputs, instances)
        output.print_result(
            "db-maintenance-apply",
            {
                "actions": [f"{a.action} of {a.instance.identifier}" for a in actions],
                "when": opt_in,
                "pending": [f"{a.action} of {a.instance.identifier}" for a in remaining],
                "run": run,
            },
        )
