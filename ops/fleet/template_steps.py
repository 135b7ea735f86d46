"""Steps that bring the fleet to the launch template that a deployment leaves.

Pulumi changes the template and the group's instance types; the group keeps its version. A refresh
to the newest version then replaces the instances, and goes back by itself if it fails.
"""

from typing import Final

from ops.core.aws import Aws
from ops.core.plan import Call, Step, Wait
from ops.core.scaling_apis import TEMPLATE_VERSIONS_API
from ops.fleet.model import (
    FleetState,
    describe_group_call,
    find_fleet_state,
    get_template_version_number,
)
from ops.fleet.refresh import list_earlier_refreshes
from ops.fleet.refresh_steps import (
    UNDO_BAKE_SECONDS,
    PlannedRefresh,
    RefreshPreferences,
    build_refresh_step,
    build_refresh_stop_step,
)
from ops.outputs import Outputs

TEMPLATE_READ_SECONDS: Final = 60  # seconds in which two reads must be answered
POLICY_PATH: Final = "DesiredConfiguration.MixedInstancesPolicy"


def build_template_steps(aws: Aws, outputs: Outputs, *, is_changed: bool) -> list[Step]:
    """Builds the steps that follow a deployment, none if no newer version waits or will.

    `is_changed` is whether the deployment changes the template. Raises UsageError if a refresh is
    in progress then.
    """
    fleet_state = find_fleet_state(aws, outputs)
    if fleet_state is None or fleet_state.mixed_instances_policy is None:
        return []
    if not is_changed and not _is_version_waiting(aws, fleet_state):
        return []
    return _build_steps(fleet_state, list_earlier_refreshes(aws, fleet_state))


def _is_version_waiting(aws: Aws, fleet_state: FleetState) -> bool:
    version, newest = (
        get_template_version_number(aws, fleet_state, name)
        for name in (fleet_state.launch_template_version, "$Latest")
    )
    return version != newest


def _build_steps(fleet_state: FleetState, earlier_refreshes: tuple[str, ...]) -> list[Step]:
    part, version = fleet_state.part, fleet_state.launch_template_version
    template_call = Call(
        api=TEMPLATE_VERSIONS_API,
        params={"LaunchTemplateId": fleet_state.launch_template_id, "Versions": ["$Latest"]},
    )
    group_call = describe_group_call(part)
    refresh = PlannedRefresh(
        fleet_state,
        None,
        RefreshPreferences(
            checkpoints=part.checkpoints,
            delay_seconds=60 * part.checkpoint_minutes,
            skip_matching=True,
            auto_rollback=not version.startswith("$"),
        ),
        earlier_refreshes,
    )
    undo_refresh = PlannedRefresh(
        fleet_state,
        version,
        RefreshPreferences(skip_matching=True, bake_seconds=UNDO_BAKE_SECONDS),
        earlier_refreshes,
    )
    group_path = "group.AutoScalingGroups[0].MixedInstancesPolicy"
    policy = fleet_state.mixed_instances_policy or {}
    deployed_parts = [
        *(["InstancesDistribution"] if policy.get("InstancesDistribution") else []),
        *(["LaunchTemplate.Overrides"] if policy["LaunchTemplate"].get("Overrides") else []),
    ]
    return [
        Step(
            name="template",
            description="read the newest version of the fleet's launch template",
            action=template_call,
            goal=Wait(
                read=template_call,
                met={"LaunchTemplateVersions[0].LaunchTemplateId": fleet_state.launch_template_id},
                every=5,
                within=TEMPLATE_READ_SECONDS,
            ),
        ),
        Step(
            name="group",
            description="read the fleet's instance types",
            action=group_call,
            goal=Wait(
                read=group_call,
                met={"AutoScalingGroups[0].AutoScalingGroupName": part.group},
                every=5,
                within=TEMPLATE_READ_SECONDS,
            ),
        ),
        build_refresh_step(
            "fleet",
            refresh,
            "replace the instances that are not of that version",
            undo=(
                build_refresh_stop_step("fleet_stop", refresh),
                build_refresh_step(
                    "fleet_back", undo_refresh, f"replace them by ones of version {version}"
                ),
            ),
            refs={
                **{f"{POLICY_PATH}.{name}": f"{group_path}.{name}" for name in deployed_parts},
                f"{POLICY_PATH}.LaunchTemplate.LaunchTemplateSpecification.Version": (
                    "template.LaunchTemplateVersions[0].VersionNumber"
                ),
            },
        ),
    ]
