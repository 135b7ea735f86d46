"""EC2 launch templates: their tags are not their instances'; a version builds on another."""

from typing import Any

from moto.ec2.models.launch_templates import LaunchTemplate, LaunchTemplateBackend
from moto.ec2.responses.launch_templates import LaunchTemplates

from sandbox.patches.patching import ServicePatch

patch = ServicePatch()
ApiRecord = dict[str, Any]


@patch.wrap(LaunchTemplateBackend, "create_launch_template")
def create_untagged_launch_template(
    original: Any,
    backend: LaunchTemplateBackend,
    name: str,
    description: str,
    template_data: ApiRecord,
    tag_spec: ApiRecord,
) -> LaunchTemplate:
    """Keeps the template's tags off its instances, to which moto gives them."""
    specifications = [
        t for t in template_data.get("TagSpecifications", []) if not _is_template_specification(t)
    ]
    data = {k: v for k, v in template_data.items() if k != "TagSpecifications"}
    if specifications:
        data["TagSpecifications"] = specifications
    template: LaunchTemplate = original(backend, name, description, data, tag_spec)
    return template


def _is_template_specification(specification: ApiRecord) -> bool:
    return bool(specification["ResourceType"] == "launch-template")


@patch.wrap(LaunchTemplates, "create_launch_template_version")
def create_launch_template_version(original: Any, response: LaunchTemplates) -> Any:
    """A version takes settings that are not given from its source version."""
    source = response.params.get("SourceVersion")
    if source is not None:
        backend, params = response.ec2_backend, response.params
        if params.get("LaunchTemplateId"):
            template = backend.get_launch_template(params["LaunchTemplateId"])
        else:
            template = backend.get_launch_template_by_name(params["LaunchTemplateName"])
        base = template.get_version(source).data
        params["LaunchTemplateData"] = {**base, **params.get("LaunchTemplateData", {})}
    return original(response)
