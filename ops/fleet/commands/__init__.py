"""`ops fleet`: the EC2 instances of the Auto Scaling group."""

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
from ops.core import clock
from ops.fleet.ami import AMI_COLUMNS, build_ami_rows
from ops.fleet.commands.console import show_console_output, show_session_command
from ops.fleet.commands.refresh import (
    CheckpointDelayOption,
    CheckpointOption,
    FleetWaitOption,
    MaxHealthyOption,
    MinHealthyOption,
    add_declared_pauses,
    build_refresh_preferences,
    explain_refresh_failure,
)
from ops.fleet.commands.refresh import app as refresh_app
from ops.fleet.commands.run import run_fleet_command
from ops.fleet.deploy import build_fleet_deploy_plan
from ops.fleet.model import (
    FLEET_ACTIVITY_COLUMNS,
    FLEET_INSTANCE_COLUMNS,
    build_instance_rows,
    get_fleet_part,
    get_fleet_state,
    list_fleet_activities,
)
from ops.fleet.refresh import require_healthy_range
from ops.fleet.scale import (
    FLEET_LIMIT_COLUMNS,
    build_fleet_limits_plan,
    build_fleet_limits_row,
    build_fleet_scale_plan,
    parse_instance_count,
    read_instance_room_notes,
)
from ops.services.commands.options import UrlOption, require_valid_url
from ops.services.images import parse_image_reference, require_full_reference, resolve_image

app = typer.Typer(no_args_is_help=True, add_completion=False, help="The fleet of EC2 instances.")
app.add_typer(refresh_app, name="refresh")
app.command(name="run")(run_fleet_command)
app.command(name="console")(show_console_output)
app.command(name="session")(show_session_command)


@app.command("instances")
@looking_command
def show_fleet_instances(context: typer.Context) -> None:
    """Lists the instances: state, health, launch template version, image and age."""
    outputs, aws, output = load_stack(context)
    fleet_state = get_fleet_state(aws, outputs)
    output.print_rows(
        "fleet-instances",
        FLEET_INSTANCE_COLUMNS,
        build_instance_rows(aws, fleet_state, clock.now()),
    )


@app.command("ami")
@looking_command
def show_fleet_ami(context: typer.Context) -> None:
    """Shows the AMI in use, the newest one, their ages, and the line that sets it."""
    outputs, aws, output = load_stack(context)
    rows = build_ami_rows(aws, outputs, get_fleet_state(aws, outputs), clock.now())
    output.print_rows("fleet-amis", AMI_COLUMNS, rows)
    if output.output_format != "json":
        for row in rows:
            if command := row.get("command"):
                output.print_line(f"{command}, then ops deploy {outputs.stack.stack}")


@app.command("activities")
@looking_command
def show_fleet_activities(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="newest activities")] = 20,
) -> None:
    """Shows what the group launched and terminated, and why, newest first."""
    outputs, aws, output = load_stack(context)
    rows = list_fleet_activities(aws, get_fleet_part(outputs), limit)
    output.print_rows("fleet-activities", FLEET_ACTIVITY_COLUMNS, rows)


@app.command("limits")
@mutating_command
def manage_fleet_limits(
    context: typer.Context,
    least: Annotated[
        int | None, typer.Option("--min", min=0, help="minimum number of instances")
    ] = None,
    most: Annotated[
        int | None, typer.Option("--max", min=0, help="maximum number of instances")
    ] = None,
    *,
    options: ExecutionOptions,
) -> None:
    """Shows the fleet's limits; changes them if --min or --max is given."""
    stack_context, output = load_stack_context(context)
    fleet_state = get_fleet_state(stack_context.aws, stack_context.outputs)
    if least is None and most is None:
        row = build_fleet_limits_row(fleet_state)
        output.print_rows("fleet-limits", FLEET_LIMIT_COLUMNS, [row])
        return
    run = new_run_id("limits")
    plan = build_fleet_limits_plan(
        stack_context.outputs, fleet_state, run, min_size=least, max_size=most
    )
    if execute_plan(plan, stack_context, output, options):
        new_row = build_fleet_limits_row(get_fleet_state(stack_context.aws, stack_context.outputs))
        output.print_result(
            "fleet-limits-change", {"min": new_row["min"], "max": new_row["max"], "run": run}
        )


@app.command("scale")
@mutating_command
def scale_fleet(
    context: typer.Context,
    count: Annotated[str, typer.Argument(help="number of instances")],
    wait: FleetWaitOption = True,
    *,
    options: ExecutionOptions,
) -> None:
    """Sets the fleet's number of instances. Scaling to 0 is destructive."""
    instance_count = parse_instance_count(count)
    stack_context, output = load_stack_context(context)
    fleet_state = get_fleet_state(stack_context.aws, stack_context.outputs)
    run = new_run_id("scale")
    plan = build_fleet_scale_plan(
        stack_context.outputs,
        fleet_state,
        instance_count,
        run,
        wait=wait,
        room_notes=read_instance_room_notes(
            stack_context.aws, stack_context.outputs, fleet_state, instance_count
        ),
    )
    options = options.as_destructive(instance_count == 0)
    if execute_plan(plan, stack_context, output, options):
        output.print_result(
            "fleet-scale", {"instances": instance_count, "completed": wait, "run": run}
        )


@app.command("deploy")
@mutating_command
def deploy_fleet(
    context: typer.Context,
    image: Annotated[str, typer.Argument(help="repository with a tag or a digest")],
    checkpoint: CheckpointOption = None,
    delay: CheckpointDelayOption = 10,
    least: MinHealthyOption = None,
    most: MaxHealthyOption = None,
    url: UrlOption = None,
    wait: FleetWaitOption = True,
    *,
    options: ExecutionOptions,
) -> None:
    """Deploys an image by replacing every instance. Exit 5 if it failed and was undone."""
    require_valid_url(url, wait=wait)
    parse_image_reference(image)
    preferences = build_refresh_preferences(checkpoint, delay, least, most)
    stack_context, output = load_stack_context(context)
    get_fleet_part(stack_context.outputs)
    require_full_reference(stack_context.outputs, image)
    container_image = resolve_image(stack_context.aws, image, stack_context.outputs.stack.account)
    fleet_state = get_fleet_state(stack_context.aws, stack_context.outputs)
    require_healthy_range(least, most, fleet_state)
    preferences = add_declared_pauses(preferences, fleet_state.part)
    run = new_run_id("deploy")
    plan = build_fleet_deploy_plan(
        stack_context.aws,
        stack_context.outputs,
        fleet_state,
        container_image,
        run,
        preferences=preferences,
        wait=wait,
        url=url,
    )
    with explain_refresh_failure(stack_context):
        if execute_plan(plan, stack_context, output, options):
            body = {"image": container_image.reference, "completed": wait, "run": run}
            output.print_result("fleet-deployment", body)
