"""EC2 launch templates: their own tags are not their instances', versions build on another."""

from typing import Any

from moto.ec2.models.launch_templates import LaunchTemplate, LaunchTemplateBackend
from moto.ec2.responses.launch_templates import LaunchTemplates

from sandbox.patches.patching import Mend

mend = Mend()
Record = dict[str, Any]


@mend.around(LaunchTemplateBackend, "create_launch_template")
def create(
    original: Any,
    backend: LaunchTemplateBackend,
    name: str,
    description: str,
    template_data: Record,
    tag_spec: Record,
) -> LaunchTemplate:
    """moto puts the template's tags among those that it gives to what it launches."""
    given = [t for t in template_data.get("TagSpecifications", []) if not _own(t)]
    data = {k: v for k, v in template_data.items() if k != "TagSpecifications"}
    if given:
        data["TagSpecifications"] = given
    made: LaunchTemplate = original(backend, name, description, data, tag_spec)
    return made


def _own(specification: Record) -> bool:
    return bool(specification["ResourceType"] == "launch-template")


@mend.around(LaunchTemplates, "create_launch_template_version")
def create_version(original: Any, response: LaunchTemplates) -> Any:
    """A version takes what it is not told from its source version."""
    source = response.params.get("SourceVersion")
    if source is not None:
        backend, given = response.ec2_backend, response.params
        if given.get("LaunchTemplateId"):
            template = backend.get_launch_template(given["LaunchTemplateId"])
        else:
            template = backend.get_launch_template_by_name(given["LaunchTemplateName"])
        base = template.get_version(source).data
        given["LaunchTemplateData"] = {**base, **given.get("LaunchTemplateData", {})}
    return original(response)
