"""ECR: when an image was pushed, how large it is, and what its scan on push found.

A scan finds nothing by itself; a test puts findings into `get_scan_findings`.
"""

import json
from typing import Any, Final

from moto.ecr.models import ECRBackend, Image
from moto.ecr.policy_validation import EcrLifecyclePolicyValidator

from sandbox.clock import get_sandbox_clock
from sandbox.patches.patching import ServicePatch, backend_state

patch = ServicePatch()
ApiRecord = dict[str, Any]
# What moto does not know of a lifecycle policy yet (ECR User Guide, "Lifecycle policy properties").
ARCHIVE_ACTION: Final = {"type": "transition", "targetStorageClass": "archive"}
PULL_COUNT_TYPES: Final = ("sinceImagePulled", "sinceImageTransitioned")


def get_scan_findings(backend: ECRBackend) -> dict[str, dict[str, int]]:
    """The counts of findings by severity, by the digest of the image."""
    return backend_state(backend, "scan findings", dict)


@patch.wrap(Image, "__init__")
def push_at_sandbox_time(original: Any, image: Image, *args: Any, **kwargs: Any) -> None:
    original(image, *args, **kwargs)
    image.image_pushed_at = int(get_sandbox_clock().now().timestamp())


@patch.wrap(Image, "get_image_size_in_bytes")
def get_size_of_layers(original: Any, image: Image) -> int | None:
    """The layers and the configuration (API reference, ImageDetail: the image's size in bytes)."""
    manifest = json.loads(image.image_manifest)
    if "layers" not in manifest:
        size: int | None = original(image)
        return size
    parts = [*manifest["layers"], manifest.get("config") or {}]
    return sum(int(part.get("size", 0)) for part in parts)


@patch.wrap(EcrLifecyclePolicyValidator, "_validate_action")
def accept_archiving(original: Any, validator: EcrLifecyclePolicyValidator, action: Any) -> None:
    if action != ARCHIVE_ACTION:
        original(validator, action)


@patch.wrap(EcrLifecyclePolicyValidator, "_validate_selection_count_type")
def accept_pull_times(
    original: Any, validator: EcrLifecyclePolicyValidator, count_type: Any
) -> None:
    if count_type not in PULL_COUNT_TYPES:
        original(validator, count_type)


@patch.wrap(ECRBackend, "describe_images")
def describe_scans(original: Any, backend: ECRBackend, *args: Any, **kwargs: Any) -> Any:
    """With the scan of each image, if its repository scans on push.

    API reference, ImageScanStatus and ImageScanFindingsSummary. That a scan is complete at once is
    an assumption; on AWS it takes a minute or so.
    """
    answer = original(backend, *args, **kwargs)
    for image in answer:
        repository = backend.repositories[image.repository_name]
        configuration: Any = repository.image_scanning_configuration
        if str(configuration.get("scanOnPush")).lower() != "true":
            continue
        image.image_scan_status = {
            "status": "COMPLETE",
            "description": "The scan was completed successfully.",
        }
        image.image_scan_findings_summary = {
            "imageScanCompletedAt": image.image_pushed_at,
            "vulnerabilitySourceUpdatedAt": image.image_pushed_at,
            "findingSeverityCounts": get_scan_findings(backend).get(image.image_digest, {}),
        }
    return answer
