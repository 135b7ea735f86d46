"""`ops recover promote` and `replica promote`: another instance in the primary's place."""

from typing import Annotated, Any, Literal

import typer

from ops.cli.execution import (
    ExecutionOptions,
    execute_plan,
    load_stack_context,
    mutating_command,
    new_run_id,
)
from ops.core import clock
from ops.core.errors import UsageError
from ops.database import instance as database
from ops.database import password as rotating
from ops.database import replicas
from ops.recovery import promotion as promoting
from ops.services import model as services

app = typer.Typer(add_completion=False)
replica = typer.Typer(no_args_is_help=True, add_completion=False, help="Read replicas.")
DAYS = 7  # of backups where neither the option nor the primary says how many


@app.command("promote")
@mutating_command
def promote(
    context: typer.Context,
    restored: Annotated[str, typer.Argument(help="which, from `ops recover list`")],
    by: Annotated[
        Literal["rename", "secret"] | None,
        typer.Option(help="the name, or the address in the secret; without it both are shown"),
    ] = None,
    sql: Annotated[
        bool | None,
        typer.Option("--sql/--no-sql", help="ask it afterwards; else where it answers from here"),
    ] = None,
    *,
    how: ExecutionOptions,
) -> None:
    """A restored instance takes the primary's place; the old one is kept.

    Without --by both ways are shown with their downtime, and nothing is changed.
    """
    of, output = load_stack_context(context)
    found = replicas.get_instance_description(of.aws, of.outputs, restored)
    own = of.outputs.database.identifier
    source = replicas.get_instance_description(of.aws, of.outputs) if _there(of, own) else None
    promoting.checked(of.outputs, source, found)
    run, now = new_run_id("promote"), clock.now()
    plans: dict[str, Any] = {}
    if by in (None, "rename"):
        from ops.database.sql.connection import is_database_reachable

        asked = is_database_reachable(of.outputs) if sql is None else sql
        plans["rename"] = promoting.by_rename(of.outputs, source, found, run, now, sql=asked)
    if by in (None, "secret"):
        secret: Any = rotating.describe_database_secret(of.aws, of.outputs)
        parts = of.outputs.services.services.values() if of.outputs.services else ()
        listed = services.list_service_states(of.aws, of.outputs, parts) if parts else []
        plans["secret"] = promoting.by_secret(
            of.aws, of.outputs, secret, found, source, listed, run, now
        )
    if by is None:
        for way, plan in plans.items():
            output.print_line(f"--by {way}:")
            output.print_plan(plan)
        raise UsageError("--by is not set, may be rename or secret: both are shown above")
    how = how.as_destructive()
    if execute_plan(plans[by], of, output, how):
        kept = promoting.kept_name(own, run) if by == "rename" and source else own
        output.print_result(
            "recover-promote",
            {
                "primary": own if by == "rename" else restored,
                "kept": kept if source else None,
                "by": by,
                "run": run,
                "next": "ops recover reconcile" if by == "rename" else None,
            },
        )


@app.command("discard")
@mutating_command
def discard(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="which, from `ops recover list`")],
    save: Annotated[
        bool, typer.Option("--snapshot/--no-snapshot", help="take a snapshot of it first")
    ] = True,
    *,
    how: ExecutionOptions,
) -> None:
    """Deletes a restored instance, or an old one that was replaced, a snapshot first."""
    of, output = load_stack_context(context)
    found = replicas.get_instance_description(of.aws, of.outputs, name)
    run = new_run_id("discard")
    plan = promoting.discard(of.outputs, found, run, save=save)
    if execute_plan(plan, of, output, how.as_destructive()):
        snapshot = f"{name}-{run}" if save else None
        output.print_result("recover-discard", {"instance": name, "snapshot": snapshot, "run": run})


@replica.command(name="promote")
@mutating_command
def promote_replica(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="which, from `ops db status`")],
    days: Annotated[
        int | None, typer.Option("--backup-days", min=1, max=35, help="else as the primary has")
    ] = None,
    *,
    how: ExecutionOptions,
) -> None:
    """A read replica stands alone: the primary is gone, or its data are not wanted."""
    of, output = load_stack_context(context)
    own = database.find_instance(of.aws, of.outputs, of.outputs.database.identifier)
    found = replicas.get_instance_description(of.aws, of.outputs, name)
    kept = days or (own.backup_retention_days if own else 0) or DAYS
    run = new_run_id("promote")
    plan = promoting.promote_replica(of.outputs, found, kept, run)
    if execute_plan(plan, of, output, how.as_destructive()):
        output.print_result(
            "recover-replica-promote", {"instance": name, "backups": kept, "run": run}
        )


def _there(of: Any, name: str) -> bool:
    return database.find_instance(of.aws, of.outputs, name) is not None
