"""The calls of Auto Scaling, of instances and of services, that several rooms read by."""

from typing import Final

AUTO_SCALING_GROUPS_API: Final = "autoscaling.describe_auto_scaling_groups"
GROUP_ACTIVITIES_API: Final = "autoscaling.describe_scaling_activities"
INSTANCE_REFRESHES_API: Final = "autoscaling.describe_instance_refreshes"
TEMPLATE_VERSIONS_API: Final = "ec2.describe_launch_template_versions"
SCALABLE_TARGETS_API: Final = "application-autoscaling.describe_scalable_targets"
SCALING_ACTIVITIES_API: Final = "application-autoscaling.describe_scaling_activities"
