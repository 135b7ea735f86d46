"""Launch templates, Auto Scaling groups and what scales them."""

from typing import Final

from sandbox.resources.entry import REST, Call, Entries, Entry, Inputs, Naming

_FOUND: Final = Call("autoscaling.describe_auto_scaling_groups", {"AutoScalingGroupNames": ["id"]})


def _group(inputs: Inputs) -> Inputs:
    """Subnets are one text in AWS."""
    if subnets := inputs.pop("vpcZoneIdentifiers", None):
        inputs["vpcZoneIdentifier"] = ",".join(subnets)
    if template := inputs.pop("launchTemplate", None):
        names = {"id": "launchTemplateId", "name": "launchTemplateName", "version": "version"}
        inputs["launchTemplate"] = {names[k]: v for k, v in template.items()}
    inputs.setdefault("metricsGranularity", "1Minute")
    return inputs


def _template(inputs: Inputs) -> Inputs:
    """The groups of a network interface have another name."""
    for interface in inputs.get("networkInterfaces") or []:
        if groups := interface.pop("securityGroups", None):
            interface["groups"] = groups
    return inputs


ENTRIES: Entries = {
    "aws:ec2/launchTemplate:LaunchTemplate": Entry(
        Call(
            "ec2.create_launch_template",
            {
                "LaunchTemplateName": "in.name",
                "VersionDescription": "in.description",
                "TagSpecifications": [
                    {"ResourceType": "'launch-template'", "Tags": "pairs(in.tags)"}
                ],
            },
            fit=REST,
            into="LaunchTemplateData",
            rename={"vpcSecurityGroupIds": "SecurityGroupIds"},
        ),
        id="out.LaunchTemplate.LaunchTemplateId",
        naming=Naming(limit=128),
        shown="out.LaunchTemplate",
        left={
            "updateDefaultVersion": "it is for a change",
            "defaultVersion": "the first version is the default",
        },
        prepare=_template,
        outputs={
            "arn": "arn:${partition}:ec2:${region}:${account}:launch-template/${id}",
            "latestVersion": "out.LaunchTemplate.LatestVersionNumber",
            "defaultVersion": "out.LaunchTemplate.DefaultVersionNumber",
        },
        find=Call("ec2.describe_launch_templates", {"LaunchTemplateIds": ["id"]}),
        found="out.LaunchTemplates",
    ),
    "aws:autoscaling/group:Group": Entry(
        Call(
            "autoscaling.create_auto_scaling_group",
            fit=REST,
            rename={
                "name": "AutoScalingGroupName",
                "protectFromScaleIn": "NewInstancesProtectedFromScaleIn",
                "initialLifecycleHooks": "LifecycleHookSpecificationList",
            },
        ),
        id="in.name",
        naming=Naming(),
        prepare=_group,
        left={
            "forceDeleteWarmPool": "it is for the deletion",
            "ignoreFailedScalingActivities": "nothing fails to launch",
            "instanceRefresh": "it is for a change",
            "minElbCapacity": "its instances are there at once",
            "waitForCapacityTimeout": "its instances are there at once",
            "waitForElbCapacity": "its instances are there at once",
        },
        then=(
            Call(
                "autoscaling.enable_metrics_collection",
                {
                    "AutoScalingGroupName": "id",
                    "Granularity": "in.metricsGranularity",
                    "Metrics": "in.enabledMetrics",
                },
                when="in.enabledMetrics[0]",
            ),
            Call(
                "autoscaling.suspend_processes",
                {"AutoScalingGroupName": "id", "ScalingProcesses": "in.suspendedProcesses"},
                when="in.suspendedProcesses[0]",
            ),
            Call(
                "autoscaling.describe_auto_scaling_groups",
                {"AutoScalingGroupNames": ["id"]},
                keep="seen",
            ),
        ),
        outputs={
            "arn": "seen.AutoScalingGroups[0].AutoScalingGroupARN",
            "availabilityZones": "seen.AutoScalingGroups[0].AvailabilityZones",
            "desiredCapacity": "seen.AutoScalingGroups[0].DesiredCapacity",
        },
        find=_FOUND,
        found="out.AutoScalingGroups",
    ),
    "aws:autoscaling/policy:Policy": Entry(
        Call(
            "autoscaling.put_scaling_policy",
            fit=REST,
            rename={
                "name": "PolicyName",
                "autoscalingGroupName": "AutoScalingGroupName",
            },
        ),
        id="in.name",
        naming=Naming(prefix=None),
        then=(
            Call(
                "autoscaling.describe_policies",
                {"AutoScalingGroupName": "in.autoscalingGroupName", "PolicyNames": ["id"]},
                keep="seen",
            ),
        ),
        outputs={"arn": "seen.ScalingPolicies[0].PolicyARN"},
        find=Call("autoscaling.describe_policies", {"PolicyNames": ["id"]}),
        found="out.ScalingPolicies",
    ),
}
