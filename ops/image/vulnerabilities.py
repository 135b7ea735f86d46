"""What ECR's scans found in an image, basic and enhanced alike."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ops.findings.model import FindingSeverity
from ops.services.lifecycle import INDEX_MEDIA_TYPES

MANIFEST_MEDIA_TYPES: Final = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
# ECS's names of architectures (API reference, RuntimePlatform) and those of image indexes.
PLATFORMS: Final = {"x86_64": "amd64", "arm64": "arm64"}
# Scans that ended, or go on without end (API reference, ImageScanStatus).
READABLE_STATUSES: Final = ("COMPLETE", "ACTIVE")
CONTINUOUS_STATUS: Final = "ACTIVE"
GRAVE_SEVERITIES: Final[Mapping[str, FindingSeverity]] = {"CRITICAL": "critical", "HIGH": "high"}


@dataclass(frozen=True)
class Vulnerability:
    """One vulnerability of one package of an image.

    `fixed_in` is the version that mends it. `has_fix` is None if the scan does not say: a basic one
    does not (ECR API reference, ImageScanFinding). `since` is ISO 8601, empty if it is not said.
    """

    name: str
    severity: str
    package: str
    version: str
    fixed_in: str
    has_fix: bool | None
    score: str
    since: str

    @property
    def is_open(self) -> bool:
        """True if it is critical or high, and not known to have no fix."""
        return self.severity in GRAVE_SEVERITIES and self.has_fix is not False


def parse_vulnerabilities(answer: Mapping[str, Any]) -> list[Vulnerability]:
    """The vulnerabilities of an answer of DescribeImageScanFindings."""
    findings = answer.get("imageScanFindings") or {}
    return [
        *(_parse_basic(item, findings) for item in findings.get("findings") or ()),
        *(
            vulnerability
            for item in findings.get("enhancedFindings") or ()
            for vulnerability in _parse_enhanced(item)
        ),
    ]


def _parse_basic(item: Mapping[str, Any], findings: Mapping[str, Any]) -> Vulnerability:
    attributes = {entry["key"]: str(entry.get("value", "")) for entry in item.get("attributes", ())}
    score = next((v for k, v in attributes.items() if k.endswith("_SCORE")), "")
    return Vulnerability(
        str(item.get("name", "unnamed")),
        str(item.get("severity", "UNDEFINED")),
        attributes.get("package_name", ""),
        attributes.get("package_version", ""),
        "",
        None,
        score,
        str(findings.get("imageScanCompletedAt") or ""),
    )


def _parse_enhanced(item: Mapping[str, Any]) -> Iterator[Vulnerability]:
    """One of each package (ECR API reference, EnhancedImageScanFinding)."""
    if item.get("status", "ACTIVE") != "ACTIVE":
        return
    details = item.get("packageVulnerabilityDetails") or {}
    ratings = details.get("cvss") or ()
    scores = [str(rating["baseScore"]) for rating in ratings if "baseScore" in rating]
    score = str(item.get("score") or (scores[0] if scores else ""))
    availability = item.get("fixAvailable")
    packages: Sequence[Mapping[str, Any]] = details.get("vulnerablePackages") or ({},)
    for package in packages:
        fixed_in = str(package.get("fixedInVersion") or "").replace("NotAvailable", "")
        has_fix = None if availability is None else availability in ("YES", "PARTIAL")
        yield Vulnerability(
            str(details.get("vulnerabilityId") or item.get("title") or "unnamed"),
            str(item.get("severity", "UNTRIAGED")),
            str(package.get("name") or ""),
            str(package.get("version") or ""),
            fixed_in,
            True if fixed_in else has_fix,
            score,
            str(item.get("firstObservedAt") or ""),
        )


def select_platform_digest(manifest: str, media_type: str, architecture: str) -> str | None:
    """The digest of the platform's own manifest, if a manifest is an index; None if it is none.

    Raises ValueError if the index has no manifest for the platform.
    """
    document = json.loads(manifest)
    if (document.get("mediaType") or media_type) not in INDEX_MEDIA_TYPES:
        return None
    platform = PLATFORMS.get(architecture.lower(), architecture)
    by_platform = {
        str((entry.get("platform") or {}).get("architecture")): str(entry["digest"])
        for entry in document.get("manifests") or ()
    }
    # What attests to an image is in its index as well, for the platform "unknown" (BuildKit docs).
    by_platform.pop("unknown", None)
    if platform in by_platform:
        return by_platform[platform]
    if not platform and len(by_platform) == 1:
        return next(iter(by_platform.values()))
    if not platform:
        raise ValueError("its index has several platforms, and which one runs is not known")
    raise ValueError(f"its index has no image for {platform}")


def count_severities(vulnerabilities: list[Vulnerability]) -> str:
    """The number of each severity, for a person."""
    counts: dict[str, int] = {}
    for vulnerability in vulnerabilities:
        counts[vulnerability.severity] = counts.get(vulnerability.severity, 0) + 1
    return ", ".join(f"{count} {name.lower()}" for name, count in counts.items()) or "none"
