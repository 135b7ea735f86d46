"""ECR: when an image was pushed, how large it is, and what its scan on push found.

A scan finds nothing by itself; a test puts findings into `get_scan_findings`.
"""

import json
from typing import Any, Final

from moto.ecr.exceptions import LimitExceededException, ValidationException
from moto.ecr.models import ECRBackend, Image
from moto.ecr.policy_validation import EcrLifecyclePolicyValidator

from sandbox.clock import get_sandbox_clock
from sandbox.patches.patching import ServicePatch, backend_state

patch = ServicePatch()
ApiRecord = dict[str, Any]
# What moto does not know of a lifecycle policy yet (ECR User Guide, "Lifecycle policy properties").
ARCHIVE_ACTION: Final = {"type": "transition", "targetStorageClass": "archive"}
SCAN_INTERVAL_SECONDS: Final = 24 * 3600
IMAGE_SCAN_SECONDS: Final = 60
PULL_COUNT_TYPES: Final = ("sinceImagePulled", "sinceImageTransitioned")


def get_scan_findings(backend: ECRBackend) -> dict[str, dict[str, int]]:
    """The counts of findings by severity, by the digest of the image."""
    return backend_state(backend, "scan findings", dict)


def set_vulnerabilities(backend: ECRBackend, digest: str, findings: list[ApiRecord]) -> None:
    """Puts what a scan of an image finds: basic findings, or enhanced ones.

    Shapes: ECR API reference, ImageScanFinding and EnhancedImageScanFinding.
    """
    _get_vulnerabilities(backend)[digest] = findings
    counts: dict[str, int] = {}
    for finding in findings:
        counts[finding["severity"]] = counts.get(finding["severity"], 0) + 1
    get_scan_findings(backend)[digest] = counts


def _get_vulnerabilities(backend: ECRBackend) -> dict[str, list[ApiRecord]]:
    return backend_state(backend, "vulnerabilities", dict)


def _is_scanned_on_push(backend: ECRBackend, repository: Any) -> bool:
    """True if its setting says so, or a rule of the registry."""
    configuration: Any = repository.image_scanning_configuration or {}
    frequency = repository.scanning_config.get("scanFrequency")
    return str(configuration.get("scanOnPush")).lower() == "true" or frequency in (
        "SCAN_ON_PUSH",
        "CONTINUOUS_SCAN",
    )


def _get_scan_starts(backend: ECRBackend) -> dict[str, float]:
    """When each scan by hand began, by the digest of the image."""
    return backend_state(backend, "scan starts", dict)


def _find_scan_start(backend: ECRBackend, repository: Any, image: Any) -> float | None:
    """When the last scan began, in seconds since the epoch; None if there was none."""
    if (started := _get_scan_starts(backend).get(image.image_digest)) is not None:
        return started
    return float(image.image_pushed_at) if _is_scanned_on_push(backend, repository) else None


@patch.wrap(ECRBackend, "batch_get_repository_scanning_configuration")
def describe_repository_scanning(
    original: Any, backend: ECRBackend, names: list[str]
) -> tuple[list[ApiRecord], list[str]]:
    """With the repository's own setting: `scanOnPush`, and without a rule its frequency (assumed).

    API reference, RepositoryScanningConfiguration. moto says that no repository scans on push.
    """
    configurations, missing = original(backend, names)
    answers = []
    for configuration in configurations:
        repository: Any = backend.repositories[configuration["repositoryName"]]
        own: Any = repository.image_scanning_configuration or {}
        is_on_push = str(own.get("scanOnPush")).lower() == "true"
        frequency = configuration["scanFrequency"]
        if is_on_push and frequency == "MANUAL":
            frequency = "SCAN_ON_PUSH"
        answers.append({**configuration, "scanOnPush": is_on_push, "scanFrequency": frequency})
    return answers, missing


@patch.wrap(ECRBackend, "start_image_scan")
def start_scan(
    _: Any, backend: ECRBackend, registry_id: str, repository_name: str, image_id: ApiRecord
) -> ApiRecord:
    """A basic scan, once in 24 hours, that on push included (API reference, StartImageScan).

    With enhanced scanning it is refused (github.com/alexjurkiewicz/ecr-scan-image, issue 44).
    """
    repository: Any = backend._get_repository(repository_name, registry_id)
    image = repository._get_image(image_id.get("imageTag"), image_id.get("imageDigest"))
    if backend.registry_scanning_configuration["scanType"] == "ENHANCED":
        raise ValidationException("This feature is disabled")
    now = get_sandbox_clock().now().timestamp()
    started = _find_scan_start(backend, repository, image)
    if started is not None and now - started < SCAN_INTERVAL_SECONDS:
        raise LimitExceededException
    _get_scan_starts(backend)[image.image_digest] = now
    return {
        "registryId": repository.registry_id,
        "repositoryName": repository_name,
        "imageId": {"imageDigest": image.image_digest},
        "imageScanStatus": {"status": "IN_PROGRESS"},
    }


@patch.wrap(ECRBackend, "describe_image_scan_findings")
def describe_findings(
    original: Any,
    backend: ECRBackend,
    registry_id: str,
    repository_name: str,
    image_id: ApiRecord,
) -> Any:
    """Of an image that was scanned, what `set_vulnerabilities` put; nothing without.

    moto has one and the same finding for every image. A scan by hand takes a minute, one on push no
    time: assumptions.
    """
    repository: Any = backend._get_repository(repository_name, registry_id)
    image = repository._get_image(image_id.get("imageTag"), image_id.get("imageDigest"))
    started = _find_scan_start(backend, repository, image)
    if started is None:
        return original(backend, registry_id, repository_name, image_id)  # which has no scan
    answer = {
        "registryId": repository.registry_id,
        "repositoryName": repository_name,
        "imageId": {"imageDigest": image.image_digest},
    }
    is_by_hand = started != image.image_pushed_at
    completed_at = started + (IMAGE_SCAN_SECONDS if is_by_hand else 0)
    if completed_at > get_sandbox_clock().now().timestamp():
        return {**answer, "imageScanStatus": {"status": "IN_PROGRESS"}}
    findings = _get_vulnerabilities(backend).get(image.image_digest, [])
    is_enhanced = any("packageVulnerabilityDetails" in finding for finding in findings)
    return {
        **answer,
        "imageScanStatus": {
            "status": "ACTIVE" if is_enhanced else "COMPLETE",
            "description": "The scan was completed successfully.",
        },
        "imageScanFindings": {
            "imageScanCompletedAt": int(completed_at),
            "findingSeverityCounts": get_scan_findings(backend).get(image.image_digest, {}),
            ("enhancedFindings" if is_enhanced else "findings"): findings,
        },
    }


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
