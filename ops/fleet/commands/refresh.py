"""`ops fleet refresh`: instance refreshes, which replace every instance in batches."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Annotated, TypeAlias

import typer

from ops.cli.durations import build_duration_option
from ops.cli.execution import (
    ExecutionOptions,
    execute_plan,
    load_stack,
    load_stack_context,
    mutating_command,
    new_run_id,
)
from ops.cli.watch import looking_command
from ops.core.errors import RolledBackError
from ops.core.run_context import StackContext
from ops.fleet.model import get_fleet_part, get_fleet_state
from ops.fleet.refresh import (
    REFRESH_COLUMNS,
    build_refresh_cancel_plan,
    build_refresh_plan,
    build_refresh_rollback_plan,
    build_refresh_row,
    list_ended_refreshes,
    list_refresh_failures,
    parse_checkpoints,
    require_healthy_range,
    require_template_version,
    resolve_template_version,
)
from ops.fleet.refresh_steps import RefreshPreferences, list_refreshes
from ops.outputs import FleetPart

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Instance refreshes.")
FleetWaitOption: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--wait/--no-wait", help="wait until it is completed, or only until it has started"
    ),
]
CheckpointOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="PERCENT,...",
        help="pause when this much of the fleet is replaced; default: fleet.checkpoints",
    ),
]
# AWS's maximum is two days. Source: API reference, RefreshPreferences.
CheckpointDelayOption: TypeAlias = Annotated[
    float,
    build_duration_option(
        "--checkpoint-delay", minimum=0, maximum=2880, text="length of each pause"
    ),
]
MinHealthyOption: TypeAlias = Annotated[
    int | None,
    typer.Option("--min-healthy", min=0, max=100, help="percent; default: the group's"),
]
MaxHealthyOption: TypeAlias = Annotated[
    int | None,
    typer.Option("--max-healthy", min=100, max=200, help="percent; default: the group's"),
]


def build_refresh_preferences(
    checkpoint: str | None, delay: float, min_healthy: int | None, max_healthy: int | None
) -> RefreshPreferences:
    """Builds the preferences from the options. Raises UsageError if a checkpoint is wrong."""
    points = parse_checkpoints(checkpoint)
    return RefreshPreferences(min_healthy, max_healthy, points, round(60 * delay))


def add_declared_pauses(
    preferences: RefreshPreferences, fleet_part: FleetPart
) -> RefreshPreferences:
    """Adds the pauses of the stack's settings, unless options say others."""
    if preferences.checkpoints or not fleet_part.checkpoints:
        return preferences
    return replace(
        preferences,
        checkpoints=fleet_part.checkpoints,
        delay_seconds=60 * fleet_part.checkpoint_minutes,
    )


@contextmanager
def explain_refresh_failure(context: StackContext) -> Iterator[None]:
    """Adds AWS's reasons to the error of a failed refresh."""
    fleet_part = get_fleet_part(context.outputs)
    earlier_refreshes = list_ended_refreshes(context.aws, fleet_part)
    try:
        yield
    except RolledBackError as error:
        reasons = list_refresh_failures(context.aws, fleet_part, earlier_refreshes)
        advice = ("ops fleet activities", "ops fleet instances")
        raise RolledBackError("; ".join((str(error), *reasons)), *advice, *error.advice) from error


@app.command("start")
@mutating_command
def start_fleet_refresh(
    context: typer.Context,
    version: Annotated[
        str | None,
        typer.Option(
            "--template-version",
            metavar="NUMBER",
            help="or latest or default; if not given, the group's",
        ),
    ] = None,
    checkpoint: CheckpointOption = None,
    delay: CheckpointDelayOption = 10,
    least: MinHealthyOption = None,
    most: MaxHealthyOption = None,
    skip: Annotated[
        bool, typer.Option("--skip-matching", help="do not replace instances that already match")
    ] = False,
    returns: Annotated[
        bool,
        typer.Option("--auto-rollback/--no-auto-rollback", help="AWS rolls it back if it fails"),
    ] = True,
    wait: FleetWaitOption = True,
    *,
    options: ExecutionOptions,
) -> None:
    """Replaces every instance by one of a launch template version. Exit 5 if it failed."""
    preferences = build_refresh_preferences(checkpoint, delay, least, most)
    preferences = replace(preferences, skip_matching=skip, auto_rollback=returns)
    require_template_version(version)
    stack_context, output = load_stack_context(context)
    fleet_state = get_fleet_state(stack_context.aws, stack_context.outputs)
    require_healthy_range(least, most, fleet_state)
    preferences = add_declared_pauses(preferences, fleet_state.part)
    version_number = resolve_template_version(stack_context.aws, fleet_state, version)
    run = new_run_id("refresh")
    plan = build_refresh_plan(
        stack_context.aws,
        stack_context.outputs,
        fleet_state,
        run,
        version=version_number,
        preferences=preferences,
        wait=wait,
    )
    with explain_refresh_failure(stack_context):
        if execute_plan(plan, stack_context, output, options):
            output.print_result(
                "fleet-refresh", {"version": version_number, "completed": wait, "run": run}
            )


@app.command("status")
@looking_command
def show_fleet_refresh(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=1, max=100, help="newest refreshes")] = 1,
) -> None:
    """Shows the last instance refresh: status, progress and reason."""
    outputs, aws, output = load_stack(context)
    refreshes = list_refreshes(aws, get_fleet_part(outputs), limit)
    rows = [build_refresh_row(refresh) for refresh in refreshes]
    output.print_rows("fleet-refreshes", REFRESH_COLUMNS, rows)


@app.command("cancel")
@mutating_command
def cancel_fleet_refresh(
    context: typer.Context,
    *,
    options: ExecutionOptions,
) -> None:
    """Cancels the active instance refresh. Instances that it replaced stay."""
    stack_context, output = load_stack_context(context)
    run = new_run_id("refresh-cancel")
    fleet_state = get_fleet_state(stack_context.aws, stack_context.outputs)
    plan = build_refresh_cancel_plan(stack_context.aws, stack_context.outputs, fleet_state, run)
    if execute_plan(plan, stack_context, output, options):
        output.print_result("fleet-refresh", {"status": "Cancelled", "run": run})


@app.command("rollback")
@mutating_command
def roll_back_fleet_refresh(
    context: typer.Context,
    *,
    options: ExecutionOptions,
) -> None:
    """Rolls the active instance refresh back to the previous version."""
    stack_context, output = load_stack_context(context)
    run = new_run_id("refresh-rollback")
    fleet_state = get_fleet_state(stack_context.aws, stack_context.outputs)
    plan = build_refresh_rollback_plan(stack_context.aws, stack_context.outputs, fleet_state, run)
    with explain_refresh_failure(stack_context):
        if execute_plan(plan, stack_context, output, options):
            output.print_result("fleet-refresh", {"status": "RollbackSuccessful", "run": run})
