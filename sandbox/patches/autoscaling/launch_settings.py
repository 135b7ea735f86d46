"""EC2 Auto Scaling: what a group launches, also while an instance refresh changes that."""

from dataclasses import dataclass
from typing import Any

from moto.autoscaling.models import FakeAutoScalingGroup
from moto.ec2.models.launch_templates import LaunchTemplate, LaunchTemplateVersion

ApiRecord = dict[str, Any]


@dataclass(frozen=True)
class LaunchSettings:
    """What a group launches: a version of a template, and a mixed instances policy around it."""

    template: LaunchTemplate | None
    version: str
    policy: ApiRecord | None

    @property
    def version_number(self) -> str | None:
        """The version's number, also for $Latest and $Default."""
        if self.template is None:
            return None
        return str(self.template.get_version(self.version).number)


def get_launch_settings(group: FakeAutoScalingGroup) -> LaunchSettings:
    """What a group launches now."""
    version = getattr(group, "launch_template_version", "$Default")
    return LaunchSettings(group.ec2_launch_template, version, group.mixed_instances_policy)


def build_template_arguments(version: LaunchTemplateVersion | None) -> ApiRecord:
    """The disks and the metadata options of an instance of a template.

    moto gives its own: a second root volume, without encryption, and metadata without tokens. An
    instance takes them from its template (EC2 User Guide, "Launch instances using a template").
    """
    data: ApiRecord = version.data if version else {}
    names = {"BlockDeviceMappings": "block_device_mappings", "MetadataOptions": "metadata_options"}
    return {argument: data[key] for key, argument in names.items() if data.get(key)}


def set_launch_settings(group: FakeAutoScalingGroup, settings: LaunchSettings) -> None:
    """Sets what the group launches from now on."""
    group.ec2_launch_template, group.mixed_instances_policy = settings.template, settings.policy
    group.launch_template_version = settings.version
    vars(group)["provided_launch_template_version"] = settings.version


def get_current_launch_settings(group: FakeAutoScalingGroup) -> LaunchSettings:
    """What a group launches now, including an instance refresh in progress."""
    settings: LaunchSettings | None = vars(group).get("sandbox_launching")
    return settings or get_launch_settings(group)
