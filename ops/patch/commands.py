"""`ops patch`: what the stack's parts lack of patches, scanned and installed."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated

import typer

from ops.cli.execution import (
    ExecutionOptions,
    execute_plan,
    load_stack_context,
    mutating_command,
    new_run_id,
)
from ops.cli.watch import looking_command
from ops.core import clock
from ops.core.errors import OpsError, RolledBackError, UsageError
from ops.core.plan import Plan
from ops.core.run_context import StackContext
from ops.findings.view import parse_view_keys, show_view
from ops.fleet.commands.refresh import (
    CheckpointDelayOption,
    CheckpointOption,
    MaxHealthyOption,
    MinHealthyOption,
    add_declared_pauses,
    build_refresh_preferences,
    explain_refresh_failure,
)
from ops.fleet.model import FleetState, get_fleet_part, get_fleet_state
from ops.fleet.refresh import list_earlier_refreshes, require_healthy_range
from ops.patch.closures import describe_closures
from ops.patch.in_place import build_in_place_plan, require_room, select_unpatched
from ops.patch.instance_patches import (
    PATCH_COLUMNS,
    InstancePatches,
    build_patch_row,
    read_instance_patches,
)
from ops.patch.new_ami import build_new_ami_plan, choose_ami, require_ami_id
from ops.patch.scan import build_patch_scan_plan

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Patches of the fleet, database and cache."
)


@app.command("status")
@looking_command
def show_patch_status(
    context: typer.Context,
    only: Annotated[
        str | None, typer.Option(metavar="KEY,...", help="keys of checks, with commas")
    ] = None,
) -> None:
    """Shows what lacks patches or support: instances, AMI, database, cache, services, functions.

    Exit code 3 while something is open or unknown.
    """
    show_view(context, "patches", parse_view_keys("patches", only))


@app.command("scan")
@mutating_command
def scan_patches(context: typer.Context, *, options: ExecutionOptions) -> None:
    """Scans the fleet for missing patches and shows what was found. Installs nothing."""
    stack_context, output = load_stack_context(context)
    fleet_state = get_fleet_state(stack_context.aws, stack_context.outputs)
    run = new_run_id("patch-scan")
    plan = build_patch_scan_plan(
        stack_context.outputs,
        fleet_state,
        read_fleet_patches(stack_context, fleet_state),
        run,
        clock.now(),
    )
    if not execute_plan(plan, stack_context, output, options):
        return
    instances = read_fleet_patches(stack_context, fleet_state)
    output.print_rows("patch-scan", PATCH_COLUMNS, [build_patch_row(i) for i in instances])
    began = plan.started
    unscanned = [
        i.instance_id
        for i in instances
        if i.is_managed and (i.scanned_at is None or i.scanned_at.timestamp() < began)
    ]
    if unscanned:
        raise OpsError(
            f"the scan reported nothing of {', '.join(unscanned)}", f"ops runs show {run}"
        )


@app.command("apply")
@mutating_command
def apply_patches(
    context: typer.Context,
    in_place: Annotated[
        bool,
        typer.Option(
            "--in-place", help="install on the instances that run, instead of replacing them"
        ),
    ] = False,
    at_a_time: Annotated[
        int | None,
        typer.Option(
            "--at-a-time",
            metavar="COUNT",
            min=1,
            help="with --in-place: instances out of service at once; default: 1",
        ),
    ] = None,
    reboot: Annotated[
        bool,
        typer.Option("--reboot/--no-reboot", help="with --in-place: reboot if a patch needs it"),
    ] = True,
    ami: Annotated[
        str | None, typer.Option(metavar="AMI", help="default: the newest that AWS recommends")
    ] = None,
    checkpoint: CheckpointOption = None,
    delay: CheckpointDelayOption = 10,
    least: MinHealthyOption = None,
    most: MaxHealthyOption = None,
    *,
    options: ExecutionOptions,
) -> None:
    """Patches the fleet: replaces instances by a newer AMI, or installs in place, in waves.

    The plan says which CVEs each way closes. Exit 5 if it failed and was undone.
    """
    require_ami_id(ami)
    preferences = build_refresh_preferences(checkpoint, delay, least, most)
    require_options_fit(
        in_place=in_place,
        in_place_options={"--at-a-time": at_a_time is not None, "--no-reboot": not reboot},
        replacing_options={
            "--ami": ami is not None,
            "--checkpoint": checkpoint is not None,
            "--min-healthy": least is not None,
            "--max-healthy": most is not None,
        },
    )
    stack_context, output = load_stack_context(context)
    fleet_part = get_fleet_part(stack_context.outputs)
    fleet_state = get_fleet_state(stack_context.aws, stack_context.outputs)
    run = new_run_id("patch-apply")
    if in_place:
        count = 1 if at_a_time is None else at_a_time
        plan = plan_in_place(stack_context, fleet_state, run, at_a_time=count, reboot=reboot)
    else:
        require_healthy_range(least, most, fleet_state)
        new_ami = choose_ami(stack_context.aws, fleet_state, ami)
        instances = read_fleet_patches(stack_context, fleet_state)
        plan = build_new_ami_plan(
            stack_context.aws,
            stack_context.outputs,
            fleet_state,
            new_ami,
            run,
            preferences=add_declared_pauses(preferences, fleet_part),
            closures=describe_closures(stack_context.aws, instances, new_ami),
        )
    explain = explain_unpatched if in_place else explain_refresh_failure
    with explain(stack_context):
        if not execute_plan(plan, stack_context, output, options):
            return
    new_state = get_fleet_state(stack_context.aws, stack_context.outputs)
    rows = [build_patch_row(i) for i in read_fleet_patches(stack_context, new_state)]
    output.print_rows("patch-apply", PATCH_COLUMNS, rows)


@contextmanager
def explain_unpatched(stack_context: StackContext) -> Iterator[None]:
    """Adds to the error of a failed run which instances are patched and which are not."""
    try:
        yield
    except RolledBackError as error:
        try:
            fleet_state = get_fleet_state(stack_context.aws, stack_context.outputs)
            instances = read_fleet_patches(stack_context, fleet_state)
        except OpsError as read_error:
            outcome = f"which instances are patched is not known: {read_error}"
        else:
            patched = [i.instance_id for i in instances if not i.is_open and i.scanned_at]
            others = [i.instance_id for i in instances if i.instance_id not in patched]
            outcome = (
                f"patched: {', '.join(patched) or 'none'}; "
                f"not patched: {', '.join(others) or 'none'}"
            )
        raise RolledBackError(f"{error}; {outcome}", *error.advice) from error


def require_options_fit(
    *, in_place: bool, in_place_options: Mapping[str, bool], replacing_options: Mapping[str, bool]
) -> None:
    """Raises UsageError if an option of the other way is given."""
    for option, is_given in (replacing_options if in_place else in_place_options).items():
        if is_given:
            need = "must not be" if in_place else "must be"
            raise UsageError(f"{option} is set, so --in-place {need}")


def read_fleet_patches(
    stack_context: StackContext, fleet_state: FleetState
) -> list[InstancePatches]:
    """Reads the patches of all instances of the fleet."""
    ids = sorted(str(instance["InstanceId"]) for instance in fleet_state.instances)
    return read_instance_patches(stack_context.aws, ids)


def plan_in_place(
    stack_context: StackContext, fleet_state: FleetState, run: str, *, at_a_time: int, reboot: bool
) -> Plan:
    """Plans waves. Raises OpsError before any further read if the fleet cannot be patched so."""
    list_earlier_refreshes(stack_context.aws, fleet_state)  # none is in progress
    instances = read_fleet_patches(stack_context, fleet_state)
    select_unpatched(instances)
    require_room(fleet_state, at_a_time)
    closures: list[str] = []
    new_ami = None
    try:
        new_ami = choose_ami(stack_context.aws, fleet_state, None)
    except OpsError as error:
        closures = [f"a new AMI instead: {error}"]
    closures = [*describe_closures(stack_context.aws, instances, new_ami), *closures]
    return build_in_place_plan(
        stack_context.outputs,
        fleet_state,
        instances,
        run,
        clock.now(),
        at_a_time=at_a_time,
        reboot_option="RebootIfNeeded" if reboot else "NoReboot",
        closures=closures,
    )
