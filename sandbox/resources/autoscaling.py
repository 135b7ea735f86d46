"""Launch templates, Auto Scaling groups and what scales them."""

from typing import Final

from sandbox.resources.entry import (
    REMAINING_INPUTS,
    EntryCall,
    EntryInputs,
    EntryTable,
    PhysicalNaming,
    ResourceEntry,
)

_DESCRIBE_GROUP: Final = EntryCall(
    "autoscaling.describe_auto_scaling_groups", {"AutoScalingGroupNames": ["id"]}
)


def _prepare_group(inputs: EntryInputs) -> EntryInputs:
    """Subnets are one text in AWS."""
    if subnets := inputs.pop("vpcZoneIdentifiers", None):
        inputs["vpcZoneIdentifier"] = ",".join(subnets)
    if template := inputs.pop("launchTemplate", None):
        names = {"id": "launchTemplateId", "name": "launchTemplateName", "version": "version"}
        inputs["launchTemplate"] = {names[name]: value for name, value in template.items()}
    inputs.setdefault("metricsGranularity", "1Minute")
    return inputs


def _prepare_launch_template(inputs: EntryInputs) -> EntryInputs:
    """The groups of a network interface have another name."""
    for interface in inputs.get("networkInterfaces") or []:
        if groups := interface.pop("securityGroups", None):
            interface["groups"] = groups
    return inputs


ENTRIES: EntryTable = {
    "aws:ec2/launchTemplate:LaunchTemplate": ResourceEntry(
        EntryCall(
            "ec2.create_launch_template",
            {
                "LaunchTemplateName": "in.name",
                "VersionDescription": "in.description",
                "TagSpecifications": [
                    {"ResourceType": "'launch-template'", "Tags": "pairs(in.tags)"}
                ],
            },
            inputs=REMAINING_INPUTS,
            params_member="LaunchTemplateData",
            rename={"vpcSecurityGroupIds": "SecurityGroupIds"},
        ),
        id="out.LaunchTemplate.LaunchTemplateId",
        naming=PhysicalNaming(max_length=128),
        description="out.LaunchTemplate",
        ignored_inputs={
            "updateDefaultVersion": "it is for a change",
            "defaultVersion": "the first version is the default",
        },
        prepare=_prepare_launch_template,
        outputs={
            "arn": "arn:${partition}:ec2:${region}:${account}:launch-template/${id}",
            "latestVersion": "out.LaunchTemplate.LatestVersionNumber",
            "defaultVersion": "out.LaunchTemplate.DefaultVersionNumber",
        },
        find_call=EntryCall("ec2.describe_launch_templates", {"LaunchTemplateIds": ["id"]}),
        find_result="out.LaunchTemplates",
    ),
    "aws:autoscaling/group:Group": ResourceEntry(
        EntryCall(
            "autoscaling.create_auto_scaling_group",
            inputs=REMAINING_INPUTS,
            rename={
                "name": "AutoScalingGroupName",
                "protectFromScaleIn": "NewInstancesProtectedFromScaleIn",
                "initialLifecycleHooks": "LifecycleHookSpecificationList",
            },
        ),
        id="in.name",
        naming=PhysicalNaming(),
        prepare=_prepare_group,
        ignored_inputs={
            "forceDeleteWarmPool": "it is for the deletion",
            "ignoreFailedScalingActivities": "nothing fails to launch",
            "instanceRefresh": "it is for a change",
            "minElbCapacity": "its instances are there at once",
            "waitForCapacityTimeout": "its instances are there at once",
            "waitForElbCapacity": "its instances are there at once",
        },
        later_calls=(
            EntryCall(
                "autoscaling.enable_metrics_collection",
                {
                    "AutoScalingGroupName": "id",
                    "Granularity": "in.metricsGranularity",
                    "Metrics": "in.enabledMetrics",
                },
                condition="in.enabledMetrics[0]",
            ),
            EntryCall(
                "autoscaling.suspend_processes",
                {"AutoScalingGroupName": "id", "ScalingProcesses": "in.suspendedProcesses"},
                condition="in.suspendedProcesses[0]",
            ),
            EntryCall(
                "autoscaling.describe_auto_scaling_groups",
                {"AutoScalingGroupNames": ["id"]},
                result_name="seen",
            ),
        ),
        outputs={
            "arn": "seen.AutoScalingGroups[0].AutoScalingGroupARN",
            "availabilityZones": "seen.AutoScalingGroups[0].AvailabilityZones",
            "desiredCapacity": "seen.AutoScalingGroups[0].DesiredCapacity",
        },
        find_call=_DESCRIBE_GROUP,
        find_result="out.AutoScalingGroups",
    ),
    "aws:autoscaling/policy:Policy": ResourceEntry(
        EntryCall(
            "autoscaling.put_scaling_policy",
            inputs=REMAINING_INPUTS,
            rename={
                "name": "PolicyName",
                "autoscalingGroupName": "AutoScalingGroupName",
            },
        ),
        id="in.name",
        naming=PhysicalNaming(prefix=None),
        later_calls=(
            EntryCall(
                "autoscaling.describe_policies",
                {"AutoScalingGroupName": "in.autoscalingGroupName", "PolicyNames": ["id"]},
                result_name="seen",
            ),
        ),
        outputs={"arn": "seen.ScalingPolicies[0].PolicyARN"},
        find_call=EntryCall("autoscaling.describe_policies", {"PolicyNames": ["id"]}),
        find_result="out.ScalingPolicies",
    ),
}
