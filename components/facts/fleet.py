"""Facts of the fleet: its Auto Scaling group and launch template."""

from collections.abc import Iterable
from typing import Final

from components.facts.billing import (
    Charge,
    PricedResource,
    StackResources,
    build_entry_charge,
    build_monthly_charge,
    build_usage_charge,
)
from components.facts.model import (
    ASSUMPTION,
    DISK_ENCRYPTION,
    ChangeEffect,
    Guard,
    ProtectionRule,
    ResourceFact,
)

# The tag key of an instance's patch group. Without a space, so that instance metadata can show it
# (Systems Manager User Guide, "Patch groups").
PATCH_GROUP_TAG: Final = "PatchGroup"
# Newest ECS-optimized Amazon Linux 2023 ("Retrieving Amazon ECS-optimized Linux AMI metadata").
AMI_PARAMETERS: Final = {
    "arm64": "/aws/service/ecs/optimized-ami/amazon-linux-2023/arm64/recommended/image_id",
    "x86_64": "/aws/service/ecs/optimized-ami/amazon-linux-2023/recommended/image_id",
}
LAUNCH_TEMPLATE_TYPE: Final = "aws:ec2/launchTemplate:LaunchTemplate"
LAUNCH_TEMPLATE_EFFECT: Final = ChangeEffect(
    (
        "a version of the template that waits: `ops deploy`, or `ops fleet refresh start "
        "--template-version latest`, replaces the instances by it"
    ),
    ("none while a refresh keeps the healthy minimum; 3-5 min with a single instance"),
    f"EC2 Auto Scaling User Guide, Instance refresh; times are {ASSUMPTION}",
)
GROUP_TEMPLATE_EFFECT: Final = ChangeEffect(
    "instances launched from now on are of another template or other types; those that run stay",
    "none",
    "EC2 Auto Scaling API reference, UpdateAutoScalingGroup",
)
GROUP_POLICY_EFFECT: Final = ChangeEffect(
    "instances launched from now on are of other types; those that run stay, but for those that "
    "AWS replaces until another share of Spot is met",
    "none while AWS launches the new ones before it ends old ones",
    "EC2 Auto Scaling API reference, UpdateAutoScalingGroup",
)


def _list_group_charges(resource: PricedResource, stack: StackResources) -> Iterable[Charge]:
    """The smallest size of the group, of its first instance type."""
    template = stack.find_sibling(resource, LAUNCH_TEMPLATE_TYPE)
    policy = (resource.inputs.get("mixedInstancesPolicy") or {}).get("launchTemplate") or {}
    instance_types = [override["instanceType"] for override in policy.get("overrides") or ()]
    if not instance_types:
        instance_types = [template.inputs.get("instanceType") if template else None]
    count = resource.inputs.get("minSize") or 0
    yield build_entry_charge(
        "instances", price="instances", entry=str(instance_types[0]), count=count
    )
    disks = (template.inputs.get("blockDeviceMappings") if template else None) or ()
    size = sum((disk.get("ebs") or {}).get("volumeSize") or 0 for disk in disks)
    yield build_monthly_charge(
        f"{count:g} x {size:g} GB disk", price="ebs_gp3_gb", quantity=count * size
    )
    yield build_usage_charge("scaling", "scale")


# Its tags are a list, and reach its instances.
AUTO_SCALING_GROUP_TYPE: Final = "aws:autoscaling/group:Group"
FACTS: Final = (
    ResourceFact(
        type=AUTO_SCALING_GROUP_TYPE,
        harmless=(
            "capacityRebalance",
            "defaultCooldown",
            "defaultInstanceWarmup",
            "enabledMetrics",
            "healthCheckGracePeriod",
            "instanceMaintenancePolicy",
            "instanceRefresh",
            "metricsGranularity",
            "waitForCapacityTimeout",
        ),
        other_costs=("desiredCapacity", "maxSize"),
        protections=(
            ProtectionRule(
                "maxSize",
                "lower",
                "the fleet cannot scale out as far",
                "EC2 Auto Scaling User Guide, Scaling limits",
            ),
            ProtectionRule(
                "minSize",
                "lower",
                "fewer instances run when the load is low",
                "EC2 Auto Scaling User Guide, Scaling limits",
            ),
            ProtectionRule(
                "forceDelete",
                "on",
                "a later deletion does not wait for its instances",
                "EC2 Auto Scaling User Guide, Delete your Auto Scaling group",
            ),
            ProtectionRule(
                "healthCheckType",
                "changed",
                "instances are judged by another check: ones that answer no request may stay",
                "EC2 Auto Scaling User Guide, Health checks",
            ),
        ),
        list_charges=_list_group_charges,
        price_properties=("minSize", "mixedInstancesPolicy"),
        class_price=("instanceType", "instances"),
        updates={
            "targetGroupArns": ChangeEffect(
                "instances leave or enter target groups: no requests reach those that leave",
                "until the new targets are healthy",
                "EC2 Auto Scaling User Guide, Attach a target group",
            ),
            "desiredCapacity": ChangeEffect(
                "the number of instances changes",
                "none, unless it is 0",
                "EC2 Auto Scaling User Guide, Set desired capacity",
            ),
            "launchTemplate": GROUP_TEMPLATE_EFFECT,
            "mixedInstancesPolicy": GROUP_POLICY_EFFECT,
            "vpcZoneIdentifiers": ChangeEffect(
                "instances move to other subnets",
                "none while the healthy minimum is kept",
                "EC2 Auto Scaling User Guide, Add and remove subnets",
            ),
        },
        removal=ChangeEffect(
            "all its instances are terminated",
            "none while the new group is beside it, else some minutes",
            "EC2 Auto Scaling User Guide, Delete your Auto Scaling group",
        ),
        is_taggable=True,
    ),
    ResourceFact(
        type="aws:autoscaling/policy:Policy",
        replacing=("autoscalingGroupName",),
        protections=(
            ProtectionRule(
                "targetTrackingConfiguration",
                "changed",
                "the fleet scales at other values",
                "EC2 Auto Scaling User Guide, Target tracking",
            ),
            ProtectionRule(
                "policyType",
                "changed",
                "the fleet scales in another way",
                "EC2 Auto Scaling User Guide, Dynamic scaling",
            ),
        ),
        guard=Guard(
            "the fleet no longer scales with its load",
            "EC2 Auto Scaling User Guide, Delete a scaling policy",
        ),
    ),
    ResourceFact(
        type="aws:ec2/launchTemplate:LaunchTemplate",
        harmless=("tagSpecifications", "updateDefaultVersion", "monitoring", "ebsOptimized"),
        price_properties=("blockDeviceMappings", "instanceType"),
        class_price=("instanceType", "instances"),
        updates=dict.fromkeys(
            (
                "userData",
                "imageId",
                "instanceType",
                "blockDeviceMappings",
                "networkInterfaces",
                "iamInstanceProfile",
                "metadataOptions",
            ),
            LAUNCH_TEMPLATE_EFFECT,
        ),
        removal=LAUNCH_TEMPLATE_EFFECT,
        encryption=DISK_ENCRYPTION,
        is_taggable=True,
    ),
)
