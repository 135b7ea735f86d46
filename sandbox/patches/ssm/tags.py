"""SSM: a patch baseline takes tags, with its creation and afterwards.

API reference, AddTagsToResource: PatchBaseline is one of the resource types; moto takes the type
and then finds none.
"""

from typing import Any, Final

from moto.ssm.models import SimpleSystemManagerBackend

from sandbox.patches.patching import ServicePatch

patch = ServicePatch()
BASELINE_TAG_TYPE: Final = "PatchBaseline"


@patch.wrap(SimpleSystemManagerBackend, "_validate_resource_type_and_id")
def validate_resource_type_and_id(
    original: Any, backend: SimpleSystemManagerBackend, resource_type: str, resource_id: str
) -> str:
    """A baseline that is there is a resource with tags."""
    if resource_type == BASELINE_TAG_TYPE and resource_id in backend.baselines:
        return resource_id
    resource: str = original(backend, resource_type, resource_id)
    return resource
