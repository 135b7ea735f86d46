"""The launch template of the fleet: how each instance is made."""

from dataclasses import dataclass
from typing import Final

import pulumi_aws as aws
from pulumi import Input, Output

from components.component import Component
from components.facts.fleet import AMI_PARAMETERS
from components.naming import build_launch_tags

ROOT_DEVICE: Final = "/dev/xvda"  # of Amazon Linux


@dataclass(frozen=True, kw_only=True)
class LaunchTemplateArgs:
    """`data_key` encrypts the disk; None leaves it to AWS's own key."""

    profile_arn: Input[str]
    security_group_id: Input[str]
    user_data: Input[str]
    data_key: Input[str] | None


def get_image_id(component: Component) -> Input[str]:
    """The AMI of the settings, or the newest of its kind when the template is made."""
    fleet_settings = component.settings.fleet
    if fleet_settings.ami is not None:
        return fleet_settings.ami
    # The provider marks every parameter as secret; the name of a public image is none.
    return Output.unsecret(
        aws.ssm.get_parameter_output(name=AMI_PARAMETERS[fleet_settings.architecture]).value
    )


def create_launch_template(
    component: Component, args: LaunchTemplateArgs
) -> aws.ec2.LaunchTemplate:
    """An instance without a public address (EC2.9, .25), with one interface (EC2.17), IMDSv2
    within one hop (EC2.8, .170, AutoScaling.3, .4) and an encrypted disk (EC2.3, .181)."""
    settings = component.settings
    tags = build_launch_tags(settings, component.name) | {"Name": settings.fleet_name}
    disk: aws.ec2.LaunchTemplateBlockDeviceMappingEbsArgsDict = {
        "volume_type": "gp3",
        "volume_size": settings.fleet.disk_gb,
        "encrypted": "true",
        "delete_on_termination": "true",
    }
    if args.data_key is not None:
        disk["kms_key_id"] = args.data_key
    return aws.ec2.LaunchTemplate(
        component.name,
        name_prefix=f"{settings.fleet_name}-",
        image_id=get_image_id(component),
        instance_type=settings.fleet.instance_types[0],
        iam_instance_profile={"arn": args.profile_arn},
        user_data=args.user_data,
        ebs_optimized="true",
        monitoring={"enabled": True},
        metadata_options={
            "http_endpoint": "enabled",
            "http_tokens": "required",
            # The container is a hop further: it cannot take the instance's role.
            "http_put_response_hop_limit": 1,
            "instance_metadata_tags": "disabled",
        },
        network_interfaces=[
            {
                "device_index": 0,
                "associate_public_ip_address": "false",
                "delete_on_termination": "true",
                "security_groups": [args.security_group_id],
            }
        ],
        block_device_mappings=[{"device_name": ROOT_DEVICE, "ebs": disk}],
        tag_specifications=[
            {"resource_type": resource_type, "tags": tags}
            for resource_type in ("volume", "network-interface")
        ],
        update_default_version=True,
        # A newer AMI comes by `fleet.ami` alone: each one would replace all instances with the
        # next deployment of anything else.
        opts=component.build_child_options(
            ignore_changes=[] if settings.fleet.ami is not None else ["image_id"]
        ),
    )
