"""`ops recover promote`, `discard` and `replica promote`: replaces the primary."""

from typing import Annotated, Any, Literal

import typer

from ops.cli.durations import build_duration_option
from ops.cli.execution import (
    ExecutionOptions,
    execute_plan,
    load_stack_context,
    mutating_command,
    new_run_id,
)
from ops.core import clock
from ops.core.errors import OpsError, UsageError
from ops.database import replicas
from ops.database.instance import find_instance
from ops.database.password import describe_database_secret
from ops.recovery.fence import build_fence_steps
from ops.recovery.promotion import (
    build_discard_plan,
    build_rename_promotion_plan,
    build_replica_promotion_plan,
    build_secret_promotion_plan,
    require_promotable,
)
from ops.recovery.rename import get_replaced_identifier
from ops.recovery.secret_switch import build_secret_return_steps
from ops.recovery.serving import (
    find_serving_database,
    find_serving_instance,
    require_not_serving,
)
from ops.services.model import ServiceState, list_service_states

app = typer.Typer(add_completion=False)
replica_app = typer.Typer(no_args_is_help=True, add_completion=False, help="Read replicas.")
DEFAULT_BACKUP_DAYS = 7  # days of backups without the option and the primary


@app.command("promote")
@mutating_command
def promote_instance(
    context: typer.Context,
    restored: Annotated[str, typer.Argument(help="its name, from `ops recover list`")],
    by: Annotated[
        Literal["rename", "secret"] | None,
        typer.Option(
            help="swap names, or change the address in the secret; without it, shows both"
        ),
    ] = None,
    sql: Annotated[
        bool | None,
        typer.Option("--sql/--no-sql", help="query it afterwards; default: if it can be reached"),
    ] = None,
    *,
    options: ExecutionOptions,
) -> None:
    """Makes a restored instance the primary and keeps the old one.

    Without --by, shows both methods with their downtime and changes nothing.
    """
    stack_context, output = load_stack_context(context)
    instance = replicas.get_instance_description(stack_context.aws, stack_context.outputs, restored)
    primary_identifier = stack_context.outputs.database.identifier
    source = (
        replicas.get_instance_description(stack_context.aws, stack_context.outputs)
        if _has_instance(stack_context, primary_identifier)
        else None
    )
    require_promotable(stack_context.outputs, instance)
    run, now = new_run_id("promote"), clock.now()
    plans: dict[str, Any] = {}
    aws, outputs = stack_context.aws, stack_context.outputs
    serving_database = find_serving_database(aws, outputs)
    serving = find_serving_instance(aws, outputs, serving_database, (primary_identifier, restored))
    leads_elsewhere = serving_database.host not in (None, outputs.database.endpoint)
    secret: Any = None
    service_states: list[ServiceState] = []
    if by != "rename" or leads_elsewhere:
        secret = describe_database_secret(aws, outputs)
        if outputs.services:
            service_parts = outputs.services.services.values()
            service_states = list_service_states(aws, outputs, service_parts)
    if by in (None, "rename"):
        from ops.database.sql.connection import is_database_reachable

        can_query = is_database_reachable(stack_context.outputs) if sql is None else sql
        try:
            plans["rename"] = build_rename_promotion_plan(
                outputs,
                source,
                instance,
                run,
                now,
                can_query=can_query,
                fence_steps=(
                    build_fence_steps(aws, outputs, serving, now, is_primary=False)
                    if serving
                    else ()
                ),
                secret_steps=(
                    build_secret_return_steps(aws, outputs, secret, service_states, run)
                    if leads_elsewhere
                    else ()
                ),
            )
        except OpsError as error:
            if by is not None:
                raise
            output.print_line(f"--by rename: not now: {error}")
    if by in (None, "secret"):
        plans["secret"] = build_secret_promotion_plan(
            aws, outputs, secret, instance, source, service_states, run, now, serving
        )
    if by is None:
        for method, plan in plans.items():
            output.print_line(f"--by {method}:")
            output.print_plan(plan, details=options.details)
        raise UsageError(
            "--by must be rename or secret: both plans are shown above"
            if "rename" in plans
            else "--by must be secret: the plan is shown above"
        )
    options = options.as_destructive()
    if execute_plan(plans[by], stack_context, output, options):
        replaced_identifier = (
            get_replaced_identifier(primary_identifier, run)
            if by == "rename" and source
            else primary_identifier
        )
        output.print_result(
            "recover-promote",
            {
                "primary": primary_identifier if by == "rename" else restored,
                "kept": replaced_identifier if source else None,
                "by": by,
                "run": run,
                "next": "ops recover reconcile" if by == "rename" else None,
            },
        )


@app.command("discard")
@mutating_command
def discard_instance(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="its name, from `ops recover list`")],
    save: Annotated[
        bool, typer.Option("--snapshot/--no-snapshot", help="take a snapshot first")
    ] = True,
    *,
    options: ExecutionOptions,
) -> None:
    """Deletes a restored instance or a replaced primary, by default after a snapshot."""
    stack_context, output = load_stack_context(context)
    instance = replicas.get_instance_description(stack_context.aws, stack_context.outputs, name)
    run = new_run_id("discard")
    require_not_serving(stack_context.aws, stack_context.outputs, name, "NAME", name)
    plan = build_discard_plan(stack_context.outputs, instance, run, with_snapshot=save)
    if execute_plan(plan, stack_context, output, options.as_destructive()):
        snapshot = f"{name}-{run}" if save else None
        output.print_result("recover-discard", {"instance": name, "snapshot": snapshot, "run": run})


@replica_app.command(name="promote")
@mutating_command
def promote_replica(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="its name, from `ops db status`")],
    days: Annotated[
        int | None,
        build_duration_option(
            "--backup-days",
            minimum=1,
            maximum=35,
            text="how long to keep backups; default: as the primary",
            unit="d",
            whole=True,
        ),
    ] = None,
    *,
    options: ExecutionOptions,
) -> None:
    """Makes a read replica a standalone instance, if the primary is lost or its data is bad."""
    stack_context, output = load_stack_context(context)
    primary = find_instance(
        stack_context.aws, stack_context.outputs, stack_context.outputs.database.identifier
    )
    replica = replicas.get_instance_description(stack_context.aws, stack_context.outputs, name)
    backup_days = days or (primary.backup_retention_days if primary else 0) or DEFAULT_BACKUP_DAYS
    run = new_run_id("promote")
    plan = build_replica_promotion_plan(stack_context.outputs, replica, backup_days, run)
    if execute_plan(plan, stack_context, output, options.as_destructive()):
        output.print_result(
            "recover-replica-promote", {"instance": name, "backups": backup_days, "run": run}
        )


def _has_instance(context: Any, name: str) -> bool:
    return find_instance(context.aws, context.outputs, name) is not None
