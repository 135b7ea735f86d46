"""The images that run: of tasks, with their sidecars, and of the fleet; and how ECR is asked."""

import re
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from ops.core.checks import (
    CheckFinding,
    ReadAnswer,
    ReadRequest,
    UnknownAnswerError,
    build_read,
    get_answer_items,
    split_into_chunks,
)
from ops.core.errors import UsageError
from ops.image.vulnerabilities import MANIFEST_MEDIA_TYPES, select_platform_digest
from ops.services.images import (
    ECR_REPOSITORY_PATTERN,
    IMAGE_ABSENT_CODES,
    IMAGE_REFERENCE_PATTERN,
)
from ops.services.lifecycle import INDEX_MEDIA_TYPES

if TYPE_CHECKING:
    from ops.outputs import Outputs

IMAGES_AREA: Final = "images"
_TASK_LIST_API: Final = "ecs.list_tasks"
_TASKS_API: Final = "ecs.describe_tasks"
_MANIFEST_API: Final = "ecr.batch_get_image"
SCAN_FINDINGS_API: Final = "ecr.describe_image_scan_findings"
_PARAMETER_API: Final = "ssm.get_parameter"
TASKS_PER_READ: Final = 100  # Source: ECS API reference, DescribeTasks
MAX_FINDINGS: Final = 1000  # a page. Source: ECR API reference, DescribeImageScanFindings
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
    region: str | None = None

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
        return f"ops image scan {self.service}"


ImageRoutine = Generator[Sequence[ReadRequest], list[ReadAnswer], list[CheckFinding]]
ListRoutine = Generator[
    Sequence[ReadRequest], list[ReadAnswer], tuple[list[RunningImage], list[CheckFinding]]
]


def list_running_images(outputs: "Outputs") -> ListRoutine:
    """The images of running tasks, each once, and the fleet's; and what could not be read."""
    gaps = list[CheckFinding]()
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
            image = locate_image(RunningImage("fleet", "app", reference, find_digest(reference)))
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
        locate_image(
            RunningImage(
                service,
                str(container["name"]),
                str(container["image"]),
                str(container.get("imageDigest") or find_digest(str(container["image"]))),
                architecture,
            )
        )
        for container in task.get("containers") or ()
        if container.get("image")
    ]


def find_digest(reference: str) -> str:
    match = re.search(r"@(sha256:[0-9a-f]{64})$", reference)
    return match[1] if match else ""


def locate_image(image: RunningImage) -> RunningImage:
    match = IMAGE_REFERENCE_PATTERN.fullmatch(image.reference)
    place = ECR_REPOSITORY_PATTERN.fullmatch(match["repository"]) if match else None
    if place is None:
        return image
    return replace(
        image, registry=place["account"], repository=place["name"], region=place["region"]
    )


def parse_ecr_image(option: str, reference: str) -> RunningImage:
    """The image that an option names. Raises UsageError unless it is one of ECR, with a tag."""
    match = IMAGE_REFERENCE_PATTERN.fullmatch(reference)
    image = locate_image(RunningImage("image", "image", reference, find_digest(reference)))
    if match is None or not image.repository or not (match["tag"] or match["digest"]):
        raise UsageError(
            f"{option} must be an image in ECR with a tag or a digest, like "
            f"123456789012.dkr.ecr.eu-north-1.amazonaws.com/app:v2, not {reference!r}"
        )
    return image


def select_platform_image(
    image: RunningImage,
) -> Generator[Sequence[ReadRequest], list[ReadAnswer], RunningImage]:
    """The image that is scanned: of an index, the one of the task's platform."""
    (answer,) = yield [
        build_read(
            _MANIFEST_API,
            "",
            region=image.region,
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


def build_scan_read(image: RunningImage) -> ReadRequest:
    return build_read(
        SCAN_FINDINGS_API,
        "",
        region=image.region,
        registryId=image.registry,
        repositoryName=image.repository,
        imageId=image.image_id,
        maxResults=MAX_FINDINGS,
        absent_codes=NO_SCAN_CODES,
    )
