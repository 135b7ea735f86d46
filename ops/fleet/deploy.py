"""Another image on the fleet: the parameter that names it, then every instance anew."""

from dataclasses import replace
from typing import Final

from ops.core.aws import Aws
from ops.core.errors import UsageError
from ops.core.plan import Call, Plan, Step, Wait
from ops.core.stack_plan import build_stack_plan
from ops.fleet import model as fleet
from ops.fleet.model import FleetState
from ops.fleet.refresh import describe_replacement, list_earlier_refreshes
from ops.fleet.refresh_steps import (
    UNDO_BAKE_SECONDS,
    PlannedRefresh,
    RefreshPreferences,
    build_fleet_version_step,
    build_refresh_step,
    build_refresh_stop_step,
)
from ops.fleet.scale import build_healthy_targets_step
from ops.outputs import Outputs
from ops.services.deploy import build_url_answers_step
from ops.services.images import ContainerImage

PARAMETER_VALUE_PATH: Final = "Parameter.Value"
IMAGE_PARAMETER_TIMEOUT_SECONDS: Final = 5 * 60


def build_fleet_deploy_plan(
    aws: Aws,
    outputs: Outputs,
    fleet_state: FleetState,
    image: ContainerImage,
    run: str,
    *,
    preferences: RefreshPreferences,
    wait: bool = True,
    url: str | None = None,
) -> Plan:
    """The fleet runs `image`: new instances read its name from the parameter when they boot.

    Undone: the refresh is stopped, the parameter says what it said, and every instance is a new
    one again. AWS must not go back by itself here: it knows of no image, and would start the new
    one on the instances that it brings back.
    """
    earlier_refreshes = list_earlier_refreshes(aws, fleet_state)
    old_image, _ = fleet.get_fleet_image(aws, fleet_state.part)
    if old_image == image.reference:
        raise UsageError(
            f"IMAGE is {image.requested_reference!r}, which the fleet runs already",
            "ops fleet refresh start",
        )
    version = fleet.get_template_version_number(
        aws, fleet_state, fleet_state.launch_template_version
    )
    refresh = PlannedRefresh(
        fleet_state,
        version,
        replace(preferences, skip_matching=False, auto_rollback=False),
        earlier_refreshes,
    )
    undo_refresh = PlannedRefresh(
        fleet_state,
        version,
        RefreshPreferences(
            preferences.min_healthy, preferences.max_healthy, bake_seconds=UNDO_BAKE_SECONDS
        ),
        earlier_refreshes,
    )
    undo_steps = (
        build_image_parameter_step("image_back", fleet_state, old_image),
        build_refresh_step(
            "anew_back", undo_refresh, "replace the instances of the fleet by ones of the old image"
        ),
    )
    description = "replace the instances of the fleet by ones of the new image"
    steps: tuple[Step, ...] = (
        build_image_parameter_step("image", fleet_state, image.reference, undo=undo_steps),
        build_refresh_step(
            "refresh",
            refresh,
            description,
            wait=wait,
            undo=(build_refresh_stop_step("stop", refresh),),
        ),
    )
    if wait:
        steps = (*steps, build_fleet_version_step("confirm", fleet_state, version))
        if fleet_state.target_group_arn is not None:
            steps = (
                *steps,
                build_healthy_targets_step(
                    "healthy", fleet_state.target_group_arn, fleet_state.desired_capacity
                ),
            )
    if url is not None:
        steps = (*steps, build_url_answers_step(url))
    notes = (
        f"image: {old_image} -> {image.reference}",
        *(
            []
            if image.is_in_registry
            else [f"{image.requested_reference} is of another registry: not looked at"]
        ),
        describe_replacement(fleet_state, preferences),
        "whatever is launched meanwhile, also by automatic scaling, runs the new image",
        "undone, every instance is replaced once more, by one of the old image",
    )
    return build_stack_plan(outputs, run, "fleet deploy", *steps, notes=notes)


def build_image_parameter_step(
    name: str, fleet_state: FleetState, image: str, undo: tuple[Step, ...] = ()
) -> Step:
    """The parameter names an image."""
    return Step(
        name=name,
        description=f"have new instances run {image}",
        action=Call(
            api="ssm.put_parameter",
            params={
                "Name": fleet_state.part.image_parameter,
                "Value": image,
                "Type": "String",
                "Overwrite": True,
            },
        ),
        goal=Wait(
            read=fleet.describe_image_parameter_call(fleet_state.part),
            met={PARAMETER_VALUE_PATH: image},
            every=5,
            within=IMAGE_PARAMETER_TIMEOUT_SECONDS,
        ),
        undo=undo,
    )
