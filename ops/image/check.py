"""Whether the images that run now have known vulnerabilities that a newer version mends."""

import re
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
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
from ops.image.vulnerabilities import (
    CONTINUOUS_STATUS,
    GRAVE_SEVERITIES,
    MANIFEST_MEDIA_TYPES,
    READABLE_STATUSES,
    Vulnerability,
    count_severities,
    parse_vulnerabilities,
    select_platform_digest,
)
from ops.services.images import (
    ECR_REPOSITORY_PATTERN,
    IMAGE_ABSENT_CODES,
    IMAGE_REFERENCE_PATTERN,
)
from ops.services.lifecycle import INDEX_MEDIA_TYPES

if TYPE_CHECKING:
    from ops.outputs import Outputs

IMAGES_AREA: Final = "images"
CHECK_KEY: Final = "image-vulnerabilities"
_TASK_LIST_API: Final = "ecs.list_tasks"
_TASKS_API: Final = "ecs.describe_tasks"
_MANIFEST_API: Final = "ecr.batch_get_image"
_SCAN_API: Final = "ecr.describe_image_scan_findings"
_IMAGES_API: Final = "ecr.describe_images"
_PARAMETER_API: Final = "ssm.get_parameter"
_HISTORY_API: Final = "ecs.list_service_deployments"
_REVISIONS_API: Final = "ecs.describe_service_revisions"
TASKS_PER_READ: Final = 100  # Source: ECS API reference, DescribeTasks
REVISIONS_PER_READ: Final = 20  # Source: ECS API reference, DescribeServiceRevisions
MAX_FINDINGS: Final = 1000  # a page. Source: ECR API reference, DescribeImageScanFindings
# Days after which a basic scan says nothing of what was found since (assumed: a month of new CVEs).
MAX_SCAN_AGE_SECONDS: Final = 30 * DAY_SECONDS
SCAN_REASON: Final = "ECR.1 (FSBP): images are scanned, so that known vulnerabilities are mended"
NO_SCAN_CODES: Final = ("ScanNotFoundException", *IMAGE_ABSENT_CODES)


@dataclass(frozen=True)
class RunningImage:
    """An image that runs: of which service and container, from which repository.

    `digest` is what ECS says that it pulled; `architecture` is the task's.
    """

    service: str
    container: str
    reference: str
    digest: str
    architecture: str = ""
    registry: str = ""
    repository: str = ""

    @property
    def subject(self) -> str:
        """As a person knows it."""
        return f"{self.service}/{self.container}"

    @property
    def image_id(self) -> dict[str, str]:
        """How ECR is asked for it: by digest, by tag if that is all that is known."""
        if self.digest:
            return {"imageDigest": self.digest}
        match = IMAGE_REFERENCE_PATTERN.fullmatch(self.reference)
        return {"imageTag": (match and match["tag"]) or "latest"}

    @property
    def scan_line(self) -> str:
        """The line that has it scanned."""
        ((key, value),) = self.image_id.items()
        return (
            f"aws ecr start-image-scan --registry-id {self.registry} --repository-name "
            f"{self.repository} --image-id {key}={value}"
        )


ImageRoutine = Generator[Sequence[ReadRequest], list[ReadAnswer], list[CheckFinding]]
ListRoutine = Generator[
    Sequence[ReadRequest], list[ReadAnswer], tuple[list[RunningImage], list[CheckFinding]]
]


def check_image_vulnerabilities(facts: CheckFacts) -> CheckRoutine:
    """No image that runs has a critical or high vulnerability that has a fix."""
    images, findings = yield from _list_running_images(facts)
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


def _list_running_images(facts: CheckFacts) -> ListRoutine:
    """The images of running tasks, each once, and the fleet's; and what could not be read."""
    outputs, gaps = facts.outputs, list[CheckFinding]()
    services = outputs.services.services if outputs.services is not None else {}
    cluster = outputs.services.cluster if outputs.services is not None else ""
    lists = yield [
        build_read(
            _TASK_LIST_API,
            "taskArns",
            cluster=cluster,
            serviceName=part.name,
            desiredStatus="RUNNING",
        )
        for part in services.values()
    ]
    images: dict[tuple[str, str, str], RunningImage] = {}
    for name, answer in zip(services, lists, strict=True):
        try:
            arns = [str(arn) for arn in get_answer_items(answer)]
            pages = yield [
                build_read(_TASKS_API, "tasks", cluster=cluster, tasks=chunk)
                for chunk in split_into_chunks(arns, TASKS_PER_READ)
            ]
            for task in (task for page in pages for task in get_answer_items(page)):
                for image in _list_task_images(name, task):
                    images[image.subject, image.reference, image.digest] = image
        except UnknownAnswerError as error:
            gaps.append(CheckFinding("unknown", IMAGES_AREA, name, str(error), error.advice))
    if outputs.fleet is not None:
        (answer,) = yield [build_read(_PARAMETER_API, "", Name=outputs.fleet.image_parameter)]
        try:
            reference = str(get_answer_items(answer)[0]["Parameter"]["Value"])
            image = _locate(RunningImage("fleet", "app", reference, _find_digest(reference)))
            images[image.subject, image.reference, image.digest] = image
        except UnknownAnswerError as error:
            gaps.append(CheckFinding("unknown", IMAGES_AREA, "fleet", str(error), error.advice))
    return list(images.values()), gaps


def _list_task_images(service: str, task: dict[str, Any]) -> list[RunningImage]:
    if task.get("lastStatus") != "RUNNING":
        return []
    attributes = {entry["name"]: str(entry.get("value")) for entry in task.get("attributes") or ()}
    architecture = attributes.get("ecs.cpu-architecture", "x86_64")
    return [
        _locate(
            RunningImage(
                service,
                str(container["name"]),
                str(container["image"]),
                str(container.get("imageDigest") or _find_digest(str(container["image"]))),
                architecture,
            )
        )
        for container in task.get("containers") or ()
        if container.get("image")
    ]


def _find_digest(reference: str) -> str:
    match = re.search(r"@(sha256:[0-9a-f]{64})$", reference)
    return match[1] if match else ""


def _locate(image: RunningImage) -> RunningImage:
    match = IMAGE_REFERENCE_PATTERN.fullmatch(image.reference)
    place = ECR_REPOSITORY_PATTERN.fullmatch(match["repository"]) if match else None
    if place is None:
        return image
    return replace(image, registry=place["account"], repository=place["name"])


def _judge_image(facts: CheckFacts, image: RunningImage) -> ImageRoutine:
    """What is open of one image, or why that is not known."""
    try:
        scanned = yield from _select_platform_image(image)
        (answer,) = yield [_build_scan_read(scanned)]
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


def _select_platform_image(
    image: RunningImage,
) -> Generator[Sequence[ReadRequest], list[ReadAnswer], RunningImage]:
    """The image that is scanned: of an index, the one of the task's platform."""
    (answer,) = yield [
        build_read(
            _MANIFEST_API,
            "",
            registryId=image.registry,
            repositoryName=image.repository,
            imageIds=[image.image_id],
            acceptedMediaTypes=[*sorted(INDEX_MEDIA_TYPES), *MANIFEST_MEDIA_TYPES],
            absent_codes=IMAGE_ABSENT_CODES,
        )
    ]
    found = [entry for item in get_answer_items(answer) for entry in item.get("images") or ()]
    if not found:
        raise ValueError("it runs and is no longer in its repository")
    digest = select_platform_digest(
        str(found[0]["imageManifest"]),
        str(found[0].get("imageManifestMediaType") or ""),
        image.architecture,
    )
    return image if digest is None else replace(image, digest=digest)


def _build_scan_read(image: RunningImage) -> ReadRequest:
    return build_read(
        _SCAN_API,
        "",
        registryId=image.registry,
        repositoryName=image.repository,
        imageId=image.image_id,
        maxResults=MAX_FINDINGS,
        absent_codes=NO_SCAN_CODES,
    )


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
                and image.digest in (entry.get("imageDigest"), _find_digest(entry.get("image", "")))
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
        candidate = yield from _select_platform_image(candidate)
        (scan,) = yield [_build_scan_read(candidate)]
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
