"""`ops fleet`: the EC2 instances behind the load balancer: looked at, scaled, given an image."""

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
from ops.core import clock
from ops.fleet import deploy as fleet_deploying
from ops.fleet import model as fleet
from ops.fleet import refresh as fleet_refreshing
from ops.fleet import scale as fleet_scaling
from ops.fleet.commands import refresh as fleet_refresh
from ops.fleet.commands import run as fleet_run
from ops.fleet.commands.refresh import Checkpoint, Delay, Least, Most, WaitFor, how_replaced, told
from ops.services import images
from ops.services.commands import Url, checked_url

app = typer.Typer(no_args_is_help=True, add_completion=False, help="The fleet of EC2 instances.")
app.add_typer(fleet_refresh.app, name="refresh")
app.command(name="run")(fleet_run.run)


@app.command("instances")
def instances(context: typer.Context) -> None:
    """Every instance: its state and health, what it was launched from, how old it is."""
    outputs, aws, output = load_stack(context)
    found = fleet.observed(aws, outputs)
    output.print_rows("fleet-instances", fleet.COLUMNS, fleet.rows(aws, found, clock.now()))


@app.command("activities")
def activities(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="newest activities")] = 20,
) -> None:
    """What the group has launched and terminated and why, the newest first."""
    outputs, aws, output = load_stack(context)
    rows = fleet.activities(aws, fleet.part(outputs), limit)
    output.print_rows("fleet-activities", fleet.ACTIVITY_COLUMNS, rows)


@app.command("limits")
@mutating_command
def limits(
    context: typer.Context,
    least: Annotated[int | None, typer.Option("--min", min=0, help="fewest instances")] = None,
    most: Annotated[int | None, typer.Option("--max", min=0, help="most instances")] = None,
    *,
    how: ExecutionOptions,
) -> None:
    """The limits within which the fleet is scaled; with --min or --max, changes them."""
    of, output = load_stack_context(context)
    now = fleet.observed(of.aws, of.outputs)
    if least is None and most is None:
        row = fleet_scaling.limits_row(now)
        output.print_rows("fleet-limits", fleet_scaling.LIMIT_COLUMNS, [row])
        return
    run = new_run_id("limits")
    plan = fleet_scaling.change(of.outputs, now, run, least=least, most=most)
    if execute_plan(plan, of, output, how):
        after = fleet_scaling.limits_row(fleet.observed(of.aws, of.outputs))
        output.print_result(
            "fleet-limits-change", {"min": after["min"], "max": after["max"], "run": run}
        )


@app.command("scale")
@mutating_command
def scale(
    context: typer.Context,
    count: Annotated[str, typer.Argument(help="how many instances")],
    wait: WaitFor = True,
    *,
    how: ExecutionOptions,
) -> None:
    """Gives the fleet so many instances. Down to none is destructive."""
    number = fleet_scaling.number(count)
    of, output = load_stack_context(context)
    now = fleet.observed(of.aws, of.outputs)
    run = new_run_id("scale")
    plan = fleet_scaling.scale(of.outputs, now, number, run, wait=wait)
    how = how.as_destructive(number == 0)
    if execute_plan(plan, of, output, how):
        output.print_result("fleet-scale", {"instances": number, "completed": wait, "run": run})


@app.command("deploy")
@mutating_command
def deploy(
    context: typer.Context,
    image: Annotated[str, typer.Argument(help="repository with a tag or a digest")],
    checkpoint: Checkpoint = None,
    delay: Delay = 10,
    least: Least = None,
    most: Most = None,
    url: Url = None,
    wait: WaitFor = True,
    *,
    how: ExecutionOptions,
) -> None:
    """Puts another image on the fleet, and every instance anew. Failed: undone, exit 5."""
    checked_url(url, wait=wait)
    images.parse_image_reference(image)
    way = how_replaced(checkpoint, delay, least, most)
    of, output = load_stack_context(context)
    fleet.part(of.outputs)
    resolved = images.resolve_image(of.aws, image)
    now = fleet.observed(of.aws, of.outputs)
    fleet_refreshing.agree(least, most, now)
    run = new_run_id("deploy")
    plan = fleet_deploying.deploy(
        of.aws, of.outputs, now, resolved, run, how=way, wait=wait, url=url
    )
    with told(of):
        if execute_plan(plan, of, output, how):
            body = {"image": resolved.reference, "completed": wait, "run": run}
            output.print_result("fleet-deployment", body)
