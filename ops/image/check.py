"""Whether the images that run now have known vulnerabilities that a newer version mends."""

from collections.abc import Generator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from components.facts.units import DAY_SECONDS
from ops.core.checks import (
    CheckFacts,
    CheckFinding,
    CheckRoutine,
    ReadAnswer,
    ReadRequest,
    UnknownAnswerError,
    build_read,
    compute_age_seconds,
    get_answer_items,
    split_into_chunks,
)
from ops.findings.model import ResourceFinding, build_finding_id
from ops.findings.waivers import apply_waivers
from ops.image.running import (
    IMAGES_AREA,
    MAX_FINDINGS,
    ImageRoutine,
    RunningImage,
    build_scan_read,
    find_digest,
    list_running_images,
    select_platform_image,
)
from ops.image.vulnerabilities import (
    CONTINUOUS_STATUS,
    GRAVE_SEVERITIES,
    READABLE_STATUSES,
    Vulnerability,
    count_severities,
    parse_vulnerabilities,
)

if TYPE_CHECKING:
    from ops.outputs import Outputs

CHECK_KEY: Final = "image-vulnerabilities"
_IMAGES_API: Final = "ecr.describe_images"
_HISTORY_API: Final = "ecs.list_service_deployments"
_REVISIONS_API: Final = "ecs.describe_service_revisions"
REVISIONS_PER_READ: Final = 20  # Source: ECS API reference, DescribeServiceRevisions
# Days after which a basic scan says nothing of what was found since (assumed: a month of new CVEs).
MAX_SCAN_AGE_SECONDS: Final = 30 * DAY_SECONDS
SCAN_REASON: Final = "ECR.1 (FSBP): images are scanned, so that known vulnerabilities are mended"


def check_image_vulnerabilities(facts: CheckFacts) -> CheckRoutine:
    """No image that runs has a critical or high vulnerability that has a fix."""
    images, findings = yield from list_running_images(facts.outputs)
    ecr_images = [image for image in images if image.repository]
    for image in images:
        if not image.repository:
            evidence = f"{image.reference} is not in ECR, so its scans are not known here"
            findings.append(CheckFinding("unknown", IMAGES_AREA, image.subject, evidence))
    for image in ecr_images:
        findings += yield from _judge_image(facts, image)
    if not images and not findings:
        findings.append(CheckFinding("ok", IMAGES_AREA, "images", "nothing runs"))
    return (yield from apply_waivers(facts, findings))


def _judge_image(facts: CheckFacts, image: RunningImage) -> ImageRoutine:
    """What is open of one image, or why that is not known."""
    try:
        scanned = yield from select_platform_image(image)
        (answer,) = yield [build_scan_read(scanned)]
        items = get_answer_items(answer)
    except UnknownAnswerError as error:
        return [CheckFinding("unknown", IMAGES_AREA, image.subject, str(error), error.advice)]
    except ValueError as error:
        evidence = f"{image.reference}: {error}"
        return [CheckFinding("unknown", IMAGES_AREA, image.subject, evidence)]
    if problem := _find_scan_problem(facts, items[0] if items else None):
        evidence = f"{image.reference}: {problem}"
        return [CheckFinding("unknown", IMAGES_AREA, image.subject, evidence, scanned.scan_line)]
    vulnerabilities = parse_vulnerabilities(items[0])
    open_ones = [entry for entry in vulnerabilities if entry.is_open]
    evidence = f"{image.reference}: {count_severities(vulnerabilities)}"
    if not open_ones:
        return [CheckFinding("ok", IMAGES_AREA, image.subject, evidence)]
    origin = yield from _find_origin(facts.outputs, image)
    newest, mended = yield from _read_newest(image, open_ones)
    return [
        _build_finding(image, entry, origin, newest if entry.name in mended else "")
        for entry in open_ones
    ]


def _find_scan_problem(facts: CheckFacts, answer: dict[str, Any] | None) -> str:
    """Why a scan says nothing that can be believed now; empty if it does."""
    if answer is None:
        return "it was not scanned"
    status = answer.get("imageScanStatus") or {}
    if status.get("status") not in READABLE_STATUSES:
        return f"its scan is {status.get('status')}: {status.get('description') or 'no reason'}"
    if answer.get("nextToken"):
        return f"its scan found more than {MAX_FINDINGS}, which are not all read"
    completed = (answer.get("imageScanFindings") or {}).get("imageScanCompletedAt")
    if status["status"] == CONTINUOUS_STATUS or not completed:
        return ""
    age = compute_age_seconds(facts, str(completed))
    if age > MAX_SCAN_AGE_SECONDS:
        return f"it was scanned {age // DAY_SECONDS:g} days ago, and not for what was found since"
    return ""


def _find_origin(
    outputs: "Outputs", image: RunningImage
) -> Generator[Sequence[ReadRequest], list[ReadAnswer], str]:
    """Which deployment of the last 90 days first had the image; why that is not known."""
    if outputs.services is None or image.service not in outputs.services.services:
        return ""
    part = outputs.services.services[image.service]
    (answer,) = yield [
        build_read(
            _HISTORY_API,
            "serviceDeployments",
            cluster=outputs.services.cluster,
            service=part.name,
        )
    ]
    try:
        arns = sorted({str(i["targetServiceRevisionArn"]) for i in get_answer_items(answer)})
        pages = yield [
            build_read(_REVISIONS_API, "serviceRevisions", serviceRevisionArns=chunk)
            for chunk in split_into_chunks(arns, REVISIONS_PER_READ)
        ]
        revisions = [
            revision
            for page in pages
            for revision in get_answer_items(page)
            if any(
                entry.get("containerName") == image.container
                and image.digest
                and image.digest in (entry.get("imageDigest"), find_digest(entry.get("image", "")))
                for entry in revision.get("containerImages") or ()
            )
        ]
    except UnknownAnswerError as error:
        return f"which deployment brought it is not known: {error}"
    if not revisions:
        return "brought by a deployment of more than 90 days ago"
    first = min(revisions, key=lambda revision: str(revision.get("createdAt")))
    name = str(first["taskDefinition"]).rpartition("/")[2]
    return f"brought by {name} on {str(first.get('createdAt'))[:10]}"


def _read_newest(
    image: RunningImage, open_ones: Sequence[Vulnerability]
) -> Generator[Sequence[ReadRequest], list[ReadAnswer], tuple[str, set[str]]]:
    """The newest image of the repository, and the open vulnerabilities that it has no more."""
    (answer,) = yield [
        build_read(
            _IMAGES_API,
            "imageDetails",
            region=image.region,
            registryId=image.registry,
            repositoryName=image.repository,
        )
    ]
    try:
        tagged = [item for item in get_answer_items(answer) if item.get("imageTags")]
        newest = max(tagged, key=lambda item: str(item["imagePushedAt"]), default=None)
        if newest is None or newest["imageDigest"] == image.digest:
            return "", set()
        candidate = replace(image, digest=str(newest["imageDigest"]))
        candidate = yield from select_platform_image(candidate)
        (scan,) = yield [build_scan_read(candidate)]
        items = get_answer_items(scan)
    except (UnknownAnswerError, ValueError):
        return "", set()
    if not items or (items[0].get("imageScanStatus") or {}).get("status") not in READABLE_STATUSES:
        return "", set()
    remaining = {entry.name for entry in parse_vulnerabilities(items[0])}
    repository = image.reference.partition("@")[0].rpartition("/")
    name = f"{repository[0]}/{repository[2].partition(':')[0]}:{sorted(newest['imageTags'])[0]}"
    return name, {entry.name for entry in open_ones} - remaining


def _build_finding(
    image: RunningImage, entry: Vulnerability, origin: str, newest: str
) -> ResourceFinding:
    fix = f", mended in {entry.fixed_in}" if entry.fixed_in else ""
    if entry.has_fix is None and not entry.fixed_in:
        fix = ", which version mends it is not said by a basic scan"
    parts = [
        f"{entry.name} in {entry.package} {entry.version}{fix}",
        f"CVSS {entry.score}" if entry.score else "",
        origin,
        f"{newest} has it no more"
        if newest
        else "no newer image is without it: build one on a newer base, and push it",
    ]
    if not newest:
        command = f"ops service images {image.service}" if image.service != "fleet" else ""
    elif image.service == "fleet":
        command = f"ops fleet deploy {newest}"
    else:
        command = f"ops service deploy {newest} --service {image.service}"
    return ResourceFinding(
        "failing",
        IMAGES_AREA,
        image.subject,
        "; ".join(part for part in parts if part),
        command,
        id=build_finding_id(CHECK_KEY, f"{image.subject}/{entry.name}/{entry.package or 'image'}"),
        severity=GRAVE_SEVERITIES[entry.severity],
        reason=SCAN_REASON,
        since=entry.since,
    )
