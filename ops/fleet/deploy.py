"""The plan that deploys an image to the fleet: the image parameter, then an instance refresh."""

from typing import Final

from ops.core.aws import Aws
from ops.core.errors import UsageError
from ops.core.plan import Call, Plan, Step, Wait
from ops.core.stack_plan import NO_COST, build_stack_plan
from ops.fleet.model import (
    INSTANCE_LOSS,
    FleetState,
    describe_image_parameter_call,
    get_fleet_image,
    get_template_version_number,
)
from ops.fleet.refresh import list_earlier_refreshes
from ops.fleet.refresh_steps import (
    RefreshPreferences,
    build_fleet_version_step,
    build_refresh_pair,
    build_refresh_step,
    build_refresh_stop_step,
    describe_replacement,
)
from ops.fleet.scale import build_healthy_targets_step
from ops.outputs import Outputs
from ops.services.deployment_steps import build_url_answers_step
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
    """Builds the plan that deploys `image`: instances read its name from the parameter at boot.

    The undo stops the refresh, restores the parameter and replaces every instance again. AWS's own
    auto rollback is off: it does not restore the parameter, so its instances would boot the new
    image. Raises UsageError if the fleet runs the image already or a refresh is in progress.
    """
    earlier_refreshes = list_earlier_refreshes(aws, fleet_state)
    old_image, _ = get_fleet_image(aws, fleet_state.part)
    if old_image == image.reference:
        raise UsageError(
            f"IMAGE is {image.requested_reference!r}, but the fleet already runs it",
            "ops fleet refresh start",
        )
    version = get_template_version_number(aws, fleet_state, fleet_state.launch_template_version)
    refresh, undo_refresh = build_refresh_pair(
        fleet_state, version, version, preferences, earlier_refreshes
    )
    undo_steps = (
        build_image_parameter_step("image_back", fleet_state, old_image),
        build_refresh_step(
            "anew_back", undo_refresh, "replace every instance, back to the old image"
        ),
    )
    description = "replace every instance, to run the new image"
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
                    "healthy",
                    fleet_state,
                    fleet_state.target_group_arn,
                    min(fleet_state.desired_capacity, max(fleet_state.min_size, 1)),
                ),
            )
    if url is not None:
        steps = (*steps, build_url_answers_step(url))
    notes = (
        *([] if image.is_in_registry else [f"{image.unchecked_reason}, so it was not checked"]),
        describe_replacement(fleet_state, preferences),
        "instances launched meanwhile, also by automatic scaling, run the new image",
        "an undo replaces every instance again, back to the old image",
    )
    return build_stack_plan(
        outputs,
        run,
        "fleet deploy",
        *steps,
        changes=[f"image: {old_image} -> {image.reference}"],
        losses=[INSTANCE_LOSS],
        cost=NO_COST,
        notes=notes,
    )


def build_image_parameter_step(
    name: str, fleet_state: FleetState, image: str, undo: tuple[Step, ...] = ()
) -> Step:
    """Builds the step that sets the image parameter."""
    return Step(
        name=name,
        description=f"set the image of new instances to {image}",
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
            read=describe_image_parameter_call(fleet_state.part),
            met={PARAMETER_VALUE_PATH: image},
            every=5,
            within=IMAGE_PARAMETER_TIMEOUT_SECONDS,
        ),
        undo=undo,
    )
