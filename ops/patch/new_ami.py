"""The plan that replaces the fleet's instances by ones of a newer AMI.

The stack's setting `fleet.ami` brings an AMI too, with a deployment. This plan makes a version of
the launch template that differs in the AMI alone, so that nothing else comes with the patches.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from components.facts.fleet import AMI_PARAMETERS
from ops.core.aws import Aws
from ops.core.errors import OpsError, UsageError
from ops.core.plan import Call, Plan, Step, Wait
from ops.core.scaling_apis import TEMPLATE_VERSIONS_API
from ops.core.stack_plan import NO_COST, build_stack_plan
from ops.fleet.model import (
    INSTANCE_LOSS,
    FleetState,
    get_template_version_number,
    list_read_items,
    send_read_call,
)
from ops.fleet.refresh import list_earlier_refreshes
from ops.fleet.refresh_steps import (
    REFRESH_MARGIN_SECONDS,
    RefreshPreferences,
    build_refresh_pair,
    build_refresh_step,
    build_refresh_stop_step,
    describe_replacement,
)
from ops.fleet.scale import build_healthy_targets_step
from ops.outputs import Outputs
from ops.patch.apis import AMI_COMMAND, IN_PLACE_COMMAND

AMI_PATTERN: Final = re.compile(r"ami-([0-9a-f]{8}|[0-9a-f]{17})")
VERSION_VISIBLE_SECONDS: Final = 5 * 60
TEMPLATE_PATH: Final = "LaunchTemplateVersions[0]"


@dataclass(frozen=True)
class NewAmi:
    """The AMI to replace instances by, and the one that they have by the launch template."""

    ami: str
    current_ami: str
    built_at: datetime | None


def require_ami_id(ami: str | None) -> None:
    """Raises UsageError unless --ami is the id of an AMI, or not given."""
    if ami is not None and AMI_PATTERN.fullmatch(ami) is None:
        raise UsageError(f"--ami must be an AMI like ami-0123456789abcdef0, not {ami!r}")


def choose_ami(aws: Aws, fleet_state: FleetState, ami: str | None) -> NewAmi:
    """The AMI that is asked for, or the newest one that AWS recommends for the fleet.

    Raises UsageError if it is of another architecture or AWS does not show it, OpsError if the
    instances are of several architectures, or all have it already.
    """
    version = send_read_call(
        aws,
        Call(
            api=TEMPLATE_VERSIONS_API,
            params={
                "LaunchTemplateId": fleet_state.launch_template_id,
                "Versions": [fleet_state.launch_template_version],
            },
        ),
    )["LaunchTemplateVersions"][0]
    current_ami = str(version["LaunchTemplateData"]["ImageId"])
    instances = _list_instances(aws, fleet_state)
    architecture = _get_architecture(aws, instances, current_ami)
    if ami is None:
        path = AMI_PARAMETERS[architecture]
        parameter = send_read_call(aws, Call(api="ssm.get_parameter", params={"Name": path}))
        chosen_ami = str(parameter["Parameter"]["Value"])
    else:
        chosen_ami = ami
    image = _find_image(aws, chosen_ami)
    if ami is not None and image is None:
        raise UsageError(f"--ami is {ami!r}, but AWS shows no such AMI", AMI_COMMAND)
    if image is not None and image["Architecture"] != architecture:
        raise UsageError(
            f"--ami is {chosen_ami!r}, which is {image['Architecture']}; the fleet's instances "
            f"are {architecture}",
            AMI_COMMAND,
        )
    running_amis = {str(instance["ImageId"]) for instance in instances}
    if chosen_ami == current_ami:
        if running_amis <= {chosen_ami}:
            raise OpsError(
                f"the fleet runs {chosen_ami} already"
                + (", the newest AMI that AWS recommends" if ami is None else ""),
                IN_PLACE_COMMAND,
            )
        raise OpsError(
            f"the launch template has {chosen_ami} already, and instances of another AMI wait for "
            "a refresh",
            "ops fleet refresh start",
        )
    created = (image or {}).get("CreationDate")
    return NewAmi(chosen_ami, current_ami, datetime.fromisoformat(created) if created else None)


def _list_instances(aws: Aws, fleet_state: FleetState) -> list[Mapping[str, Any]]:
    ids = [instance["InstanceId"] for instance in fleet_state.instances]
    if not ids:
        return []
    filters = [{"Name": "instance-id", "Values": ids}]
    reservations = list_read_items(
        aws, "ec2.describe_instances", "Reservations", {"Filters": filters}
    )
    return [instance for reservation in reservations for instance in reservation["Instances"]]


def _get_architecture(aws: Aws, instances: Sequence[Mapping[str, Any]], current_ami: str) -> str:
    """The one architecture of the instances, or of the AMI if there are none."""
    architectures = {str(instance["Architecture"]) for instance in instances}
    if not architectures:
        image = _find_image(aws, current_ami)
        architectures = {str(image["Architecture"])} if image else set()
    if len(architectures) != 1 or not architectures <= AMI_PARAMETERS.keys():
        raise OpsError(
            "the fleet's instances must be of one architecture, for one AMI: they are "
            f"{', '.join(sorted(architectures)) or 'not known, since AWS shows no AMI of theirs'}",
            "ops fleet instances",
        )
    return architectures.pop()


def _find_image(aws: Aws, ami: str) -> Mapping[str, Any] | None:
    """The AMI's description; None if AWS does not show it."""
    filters = [{"Name": "image-id", "Values": [ami]}]
    call = Call(api="ec2.describe_images", params={"Filters": filters})
    images: list[Mapping[str, Any]] = send_read_call(aws, call)["Images"]
    return next(iter(images), None)


def build_new_ami_plan(
    aws: Aws,
    outputs: Outputs,
    fleet_state: FleetState,
    new_ami: NewAmi,
    run: str,
    *,
    preferences: RefreshPreferences,
    closures: Sequence[str] = (),
) -> Plan:
    """Builds the plan: a launch template version with the AMI, then an instance refresh.

    The undo stops the refresh, makes a version like the old one the newest again, and replaces
    what is new. Raises UsageError if a refresh is in progress.
    """
    earlier_refreshes = list_earlier_refreshes(aws, fleet_state)
    version = get_template_version_number(aws, fleet_state, fleet_state.launch_template_version)
    refresh, undo_refresh = build_refresh_pair(
        fleet_state, None, version, preferences, earlier_refreshes, undo_skips_matching=True
    )
    template_path = (
        "MixedInstancesPolicy.LaunchTemplate.LaunchTemplateSpecification"
        if fleet_state.mixed_instances_policy
        else "LaunchTemplate"
    )
    steps = [
        _build_version_step(
            "version",
            fleet_state,
            version,
            new_ami.ami,
            run,
            undo=(
                _build_version_step(
                    "version_back", fleet_state, version, new_ami.current_ami, f"{run}-back"
                ),
                build_refresh_step(
                    "refresh_back", undo_refresh, f"replace what is new by version {version}"
                ),
            ),
        ),
        build_refresh_step(
            "refresh",
            refresh,
            f"replace every instance by one of {new_ami.ami}",
            undo=(build_refresh_stop_step("stop", refresh),),
            refs={
                f"DesiredConfiguration.{template_path}.Version": (
                    f"version.{TEMPLATE_PATH}.VersionNumber"
                )
            },
        ),
        _build_confirm_step(fleet_state, new_ami.ami),
    ]
    if fleet_state.target_group_arn is not None:
        steps.append(
            build_healthy_targets_step(
                "healthy",
                fleet_state,
                fleet_state.target_group_arn,
                min(fleet_state.desired_capacity, max(fleet_state.min_size, 1)),
            )
        )
    stack = outputs.stack
    notes = (
        *closures,
        describe_replacement(fleet_state, preferences),
        "instances launched meanwhile, also by automatic scaling, are of the new version",
        "set it in the stack's settings before the next deployment, which else may bring the old "
        f"AMI back: pulumi config set --stack {stack.stack} --path {stack.project}:fleet.ami "
        f"{new_ami.ami}",
        "an undo replaces the new instances again, back to the old AMI and what it lacks",
    )
    return build_stack_plan(
        outputs,
        run,
        "patch apply",
        *steps,
        changes=[f"AMI: {new_ami.current_ami} -> {new_ami.ami}"],
        losses=[INSTANCE_LOSS],
        cost=NO_COST,
        notes=notes,
        arguments=f"--ami {new_ami.ami}",
    )


def _build_version_step(
    name: str,
    fleet_state: FleetState,
    source_version: str,
    ami: str,
    label: str,
    undo: tuple[Step, ...] = (),
) -> Step:
    """Builds the step that makes a version like another one with an AMI, the newest.

    Its description is its label, by which it is found again.
    """
    template = {"LaunchTemplateId": fleet_state.launch_template_id}
    return Step(
        name=name,
        description=f"make a launch template version with {ami}, else like {source_version}",
        action=Call(
            api="ec2.create_launch_template_version",
            params={
                **template,
                "SourceVersion": source_version,
                "VersionDescription": label,
                "ClientToken": label,
                "LaunchTemplateData": {"ImageId": ami},
            },
        ),
        goal=Wait(
            read=Call(api=TEMPLATE_VERSIONS_API, params={**template, "Versions": ["$Latest"]}),
            met={
                f"{TEMPLATE_PATH}.VersionDescription": label,
                f"{TEMPLATE_PATH}.LaunchTemplateData.ImageId": ami,
            },
            every=5,
            within=VERSION_VISIBLE_SECONDS,
        ),
        undo=undo,
    )


def _build_confirm_step(fleet_state: FleetState, ami: str) -> Step:
    """Builds the step that sees that every instance of the group runs the AMI."""
    read = Call(
        api="ec2.describe_instances",
        params={
            "Filters": [
                {"Name": "tag:aws:autoscaling:groupName", "Values": [fleet_state.part.group]},
                {"Name": "instance-state-name", "Values": ["pending", "running"]},
            ]
        },
    )
    return Step(
        name="confirm",
        description=f"check that every instance runs {ami}",
        action=read,
        goal=Wait(
            read=read,
            met={f"Reservations[].Instances[?ImageId != `{json.dumps(ami)}`][].InstanceId": []},
            every=30,
            within=REFRESH_MARGIN_SECONDS,
        ),
    )
