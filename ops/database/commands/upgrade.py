"""`ops db upgrade`."""

from typing import Annotated

import typer

from ops.cli.execution import (
    ExecutionOptions,
    execute_plan,
    load_stack_context,
    mutating_command,
    new_run_id,
)
from ops.database import parameters
from ops.database.commands.queries import ViaOption
from ops.database.instance import get_primary, get_primary_or_replica
from ops.database.sql.connection import DatabaseClient
from ops.database.upgrade import (
    UPGRADE_TARGET_COLUMNS,
    build_database_upgrade_plan,
    list_database_upgrade_targets,
    resolve_upgrade_target,
)
from ops.database.upgrade_prechecks import (
    Precheck,
    fetch_family_parameters,
    precheck_major_upgrade,
    require_no_findings,
)

app = typer.Typer(add_completion=False)


@app.command("upgrade")
@mutating_command
def upgrade_database(
    context: typer.Context,
    version: Annotated[
        str | None,
        typer.Argument(metavar="VERSION", help="like 16.11 or 17; without it, lists the versions"),
    ] = None,
    via: ViaOption = None,
    *,
    options: ExecutionOptions,
) -> None:
    """Upgrades PostgreSQL after a snapshot; without VERSION, lists the available versions."""
    stack_context, output = load_stack_context(context)
    client = DatabaseClient(stack_context.outputs, stack_context.aws, via, read_only=True)
    instance = get_primary(stack_context.aws, stack_context.outputs)
    upgrade_targets = list_database_upgrade_targets(
        stack_context.aws, stack_context.outputs, instance
    )
    if version is None:
        output.print_rows(
            "db-versions",
            UPGRADE_TARGET_COLUMNS,
            [candidate.row() for candidate in upgrade_targets],
        )
        output.print_line(f"{instance.identifier} runs {instance.version}")
        return
    target = resolve_upgrade_target(instance, upgrade_targets, version)
    replicas = [
        get_primary_or_replica(stack_context.aws, stack_context.outputs, name)
        for name in instance.replicas
        if not name.startswith("arn:")  # of another region, which the precheck names
    ]
    user_parameters = (
        parameters.list_database_parameters(
            stack_context.aws, stack_context.outputs, str(instance.parameter_group), user_only=True
        )
        if target.is_major
        else []
    )
    precheck = Precheck()
    if target.is_major:
        current_family, target_family = (
            fetch_family_parameters(stack_context.aws, stack_context.outputs, family_version)
            for family_version in (instance.version, target.version)
        )
        precheck = precheck_major_upgrade(
            client, instance, target.version, user_parameters, current_family, target_family
        )
        client.close()
        require_no_findings(instance, target.version, precheck)
    run = new_run_id("upgrade")
    plan = build_database_upgrade_plan(
        stack_context.outputs, instance, replicas, target, user_parameters, run, precheck.notes
    )
    options = options.as_destructive()
    if execute_plan(plan, stack_context, output, options):
        after = get_primary(stack_context.aws, stack_context.outputs)
        body = {
            "from": instance.version,
            "to": after.version,
            "snapshot": f"{instance.identifier}-{run}",
        }
        output.print_result("db-upgrade", {**body, "run": run})
