"""`ops fleet refresh`: every instance of the fleet anew, a part at a time."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Annotated, TypeAlias

import typer

from ops.cli.execution import (
    ExecutionOptions,
    execute_plan,
    load_stack,
    load_stack_context,
    mutating_command,
    new_run_id,
)
from ops.core.errors import RolledBackError
from ops.core.run import StackContext
from ops.fleet import model as fleet
from ops.fleet import refresh as fleet_refreshing
from ops.fleet import refresh_steps as fleet_steps

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Instance refreshes.")
WaitFor: TypeAlias = Annotated[
    bool, typer.Option("--wait/--no-wait", help="until it is completed, or until it has begun")
]
Checkpoint: TypeAlias = Annotated[
    str | None,
    typer.Option(metavar="PERCENT,...", help="pause when so much of the fleet is replaced"),
]
# AWS pauses two days at the most: API reference, RefreshPreferences.
Delay: TypeAlias = Annotated[
    int,
    typer.Option("--checkpoint-delay", metavar="MINUTES", min=0, max=2880, help="of each pause"),
]
Least: TypeAlias = Annotated[
    int | None,
    typer.Option("--min-healthy", min=0, max=100, help="percent; else as the group says"),
]
Most: TypeAlias = Annotated[
    int | None,
    typer.Option("--max-healthy", min=100, max=200, help="percent; else as the group says"),
]


def how_replaced(
    checkpoint: str | None, delay: int, least: int | None, most: int | None
) -> fleet_steps.How:
    """How instances are replaced, as the options say. Raises UsageError."""
    points = fleet_refreshing.checkpoints(checkpoint)
    return fleet_steps.How(least, most, points, 60 * delay)


@contextmanager
def told(of: StackContext) -> Iterator[None]:
    """Adds to what failed why AWS says that it did, as far as that is seen."""
    part = fleet.part(of.outputs)
    earlier = fleet_refreshing.over(of.aws, part)
    try:
        yield
    except RolledBackError as error:
        reasons = fleet_refreshing.why(of.aws, part, earlier)
        looks = ("ops fleet activities", "ops fleet instances")
        raise RolledBackError("; ".join((str(error), *reasons)), *looks, *error.advice) from error


@app.command("start")
@mutating_command
def start(
    context: typer.Context,
    version: Annotated[
        str | None,
        typer.Option(
            "--template-version", metavar="NUMBER", help="or latest or default; else the group's"
        ),
    ] = None,
    checkpoint: Checkpoint = None,
    delay: Delay = 10,
    least: Least = None,
    most: Most = None,
    skip: Annotated[
        bool, typer.Option("--skip-matching", help="leave those alone that match already")
    ] = False,
    returns: Annotated[
        bool,
        typer.Option("--auto-rollback/--no-auto-rollback", help="AWS goes back where it fails"),
    ] = True,
    wait: WaitFor = True,
    *,
    how: ExecutionOptions,
) -> None:
    """Replaces every instance by one of a version of the launch template. Failed: exit 5."""
    way = how_replaced(checkpoint, delay, least, most)
    way = replace(way, skip=skip, returns=returns)
    fleet_refreshing.known_as(version)
    of, output = load_stack_context(context)
    now = fleet.observed(of.aws, of.outputs)
    fleet_refreshing.agree(least, most, now)
    number = fleet_refreshing.wanted(of.aws, now, version)
    run = new_run_id("refresh")
    plan = fleet_refreshing.start(of.aws, of.outputs, now, run, version=number, how=way, wait=wait)
    with told(of):
        if execute_plan(plan, of, output, how):
            output.print_result("fleet-refresh", {"version": number, "completed": wait, "run": run})


@app.command("status")
def status(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=1, max=100, help="newest refreshes")] = 1,
) -> None:
    """How the last instance refresh stands: how far it is, and why it ended as it did."""
    outputs, aws, output = load_stack(context)
    found = fleet_steps.listed(aws, fleet.part(outputs), limit)
    rows = [fleet_refreshing.row(it) for it in found]
    output.print_rows("fleet-refreshes", fleet_refreshing.COLUMNS, rows)


@app.command("cancel")
@mutating_command
def cancel(
    context: typer.Context,
    *,
    how: ExecutionOptions,
) -> None:
    """Stops the instance refresh at work. What it has replaced stays."""
    of, output = load_stack_context(context)
    run = new_run_id("refresh-cancel")
    now = fleet.observed(of.aws, of.outputs)
    plan = fleet_refreshing.cancel(of.aws, of.outputs, now, run)
    if execute_plan(plan, of, output, how):
        output.print_result("fleet-refresh", {"status": "Cancelled", "run": run})


@app.command("rollback")
@mutating_command
def rollback(
    context: typer.Context,
    *,
    how: ExecutionOptions,
) -> None:
    """Takes the instance refresh at work back, to the version of before."""
    of, output = load_stack_context(context)
    run = new_run_id("refresh-rollback")
    now = fleet.observed(of.aws, of.outputs)
    plan = fleet_refreshing.rollback(of.aws, of.outputs, now, run)
    with told(of):
        if execute_plan(plan, of, output, how):
            output.print_result("fleet-refresh", {"status": "RollbackSuccessful", "run": run})
