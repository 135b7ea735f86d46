"""What is in the registry of a service: which image runs, of which revisions it is, what ends."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from botocore.exceptions import ClientError

from ops.core.aws import Aws, get_error_code
from ops.core.counts import format_count
from ops.core.errors import OpsError, UsageError
from ops.outputs import Outputs
from ops.services.description import RUNNING_STATE, UnknownParts
from ops.services.images import ECR_REPOSITORY_PATTERN, IMAGE_REFERENCE_PATTERN
from ops.services.lifecycle import (
    ImageDetail,
    ImageRemoval,
    get_pushed_time,
    has_image_index,
    plan_removals,
)
from ops.services.model import (
    DESCRIBE_REVISIONS_LIMIT,
    ServiceState,
    call_ecs,
    get_arn_name,
    get_container_image,
    get_task_definition,
    list_deployment_history,
    list_service_tasks,
)

NO_POLICY_CODE: Final = "LifecyclePolicyNotFoundException"
# Severities of findings, the worst first (ECR API reference, FindingSeverity).
IMAGE_SEVERITIES: Final = ("CRITICAL", "HIGH", "MEDIUM", "LOW", "INFORMATIONAL", "UNDEFINED")


@dataclass(frozen=True)
class ImageUse:
    """An image as a task or a revision has it: its reference, and its digest if ECS says it."""

    reference: str
    digest: str | None = None


@dataclass(frozen=True)
class ImageList:
    """The images of a repository, the newest first, and what is known of them.

    `running` has the number of running tasks and `revisions` the task definitions, both by digest;
    None if they are not known. `elsewhere` are references that tasks run from other repositories,
    `missing` those that tasks run and the repository has no more.
    """

    repository: str
    images: tuple[ImageDetail, ...]
    running: Mapping[str, int] | None
    revisions: Mapping[str, tuple[str, ...]] | None
    removals: Mapping[str, ImageRemoval] | None
    elsewhere: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    unknown: tuple[str, ...] = field(default=())

    def list_problems(self) -> list[str]:
        """What is not as it should be, or not known."""
        problems = [
            f"{reference} runs and is no longer in {self.repository}: no new task can start"
            for reference in self.missing
        ]
        for image in self.images:
            digest = str(image["imageDigest"])
            if (self.running or {}).get(digest) and digest in (self.removals or {}):
                problems.append(f"{digest} runs, and the lifecycle policy will remove it")
        return [*problems, *self.unknown]


def resolve_repository(outputs: Outputs, service: str) -> str:
    """The URL of a service's repository. Raises UsageError if the stack has none for it."""
    repositories = outputs.registry.repositories if outputs.registry is not None else {}
    if service not in repositories:
        raise UsageError(
            f"SERVICE is {service!r}, for which the stack {outputs.stack.stack} has no repository"
        )
    return repositories[service]


def read_image_list(aws: Aws, service: ServiceState, repository: str, now: datetime) -> ImageList:
    """Reads the repository and what runs from it. Raises OpsError if it cannot be listed."""
    match = ECR_REPOSITORY_PATTERN.fullmatch(repository)
    assert match is not None
    params: dict[str, Any] = {"registryId": match["account"], "repositoryName": match["name"]}
    images = sorted(
        aws.list_items("ecr.describe_images", "imageDetails", params, match["region"]),
        key=get_pushed_time,
        reverse=True,
    )
    unknown = UnknownParts()
    removals = unknown.read(
        "what the lifecycle policy removes",
        lambda: _read_removals(aws, params, match["region"], images, now),
    )
    tasks = unknown.read("what runs", lambda: _list_running_images(aws, service))
    revisions = unknown.read("revisions", lambda: _list_revision_images(aws, service))
    finder = _DigestFinder(repository, images)
    running: dict[str, int] = {}
    elsewhere: dict[str, None] = {}
    missing: dict[str, None] = {}
    for use in tasks or ():
        digest = finder.find(use)
        if digest is not None:
            running[digest] = running.get(digest, 0) + 1
        elif finder.is_of_repository(use):
            missing[use.reference] = None
        else:
            elsewhere[use.reference] = None
    revisions_by_digest: dict[str, list[str]] = {}
    for name, use in (revisions or {}).items():
        if (digest := finder.find(use)) is not None:
            revisions_by_digest.setdefault(digest, []).append(name)
    return ImageList(
        repository,
        tuple(images),
        None if tasks is None else running,
        None
        if revisions is None
        else {digest: tuple(names) for digest, names in revisions_by_digest.items()},
        removals,
        tuple(elsewhere),
        tuple(missing),
        tuple(unknown.reasons),
    )


def build_image_item(images: ImageList, image: ImageDetail) -> dict[str, Any]:
    """An image for `--output json`; null is unknown."""
    digest = str(image["imageDigest"])
    scan = image.get("imageScanStatus") or {}
    summary = image.get("imageScanFindingsSummary") or {}
    removal = (images.removals or {}).get(digest)
    return {
        "tags": sorted(image.get("imageTags") or ()),
        "digest": digest,
        "bytes": image.get("imageSizeInBytes"),
        "pushed": image["imagePushedAt"],
        "pulled": image.get("lastRecordedPullTime"),
        "status": image.get("imageStatus"),
        "scan": {
            "status": scan.get("status"),
            "reason": scan.get("description"),
            "at": summary.get("imageScanCompletedAt"),
            "findings": summary.get("findingSeverityCounts"),
        },
        "runningTasks": None if images.running is None else images.running.get(digest, 0),
        "revisions": None if images.revisions is None else list(images.revisions.get(digest, ())),
        "removal": None
        if removal is None
        else {"action": removal.action, "rule": removal.rule, "from": removal.due_at.isoformat()},
        "isRemovalKnown": images.removals is not None,
    }


def describe_scan(scan: Mapping[str, Any]) -> str:
    """A scan for a person: its findings by severity, or why there are none to show."""
    status, findings = scan["status"], scan["findings"]
    if status is None and findings is None:
        return "not scanned"
    if findings is None:
        return f"{status}: {scan['reason']}" if scan["reason"] else str(status)
    known = [name for name in IMAGE_SEVERITIES if findings.get(name)]
    others = [name for name in findings if name not in IMAGE_SEVERITIES and findings[name]]
    counts = [f"{findings[name]} {name.lower()}" for name in (*known, *others)]
    return ", ".join(counts) or "no findings"


def describe_running(count: int | None) -> str | None:
    """How many tasks run it, for a person."""
    if count is None:
        return "unknown"
    return format_count(count, "task") if count else None


def is_worth_showing(item: Mapping[str, Any]) -> bool:
    """True if an old image is shown too: it runs, or it is what a rollback can go back to."""
    return bool(item["runningTasks"] or item["revisions"])


def describe_index_note(images: ImageList) -> str | None:
    """What is said if images of the list may be parts of another; None if not."""
    if not images.removals or not has_image_index(images.images):
        return None
    return "images of several platforms stay as long as the list that names them"


class _DigestFinder:
    """Finds which image of a repository is meant."""

    def __init__(self, repository: str, images: Sequence[ImageDetail]) -> None:
        self._repository = repository
        self._digests = {str(image["imageDigest"]) for image in images}
        self._digest_by_tag = {
            str(tag): str(image["imageDigest"])
            for image in images
            for tag in image.get("imageTags") or ()
        }

    def find(self, use: ImageUse) -> str | None:
        """The digest of an image of the repository; None if it is not in it."""
        match = IMAGE_REFERENCE_PATTERN.fullmatch(use.reference)
        if match is None or match["repository"] != self._repository:
            return None
        for digest in (use.digest, match["digest"]):
            if digest in self._digests:
                return digest
        if match["digest"] or use.digest:
            return None
        return self._digest_by_tag.get(str(match["tag"]))

    def is_of_repository(self, use: ImageUse) -> bool:
        """True if its reference names the repository."""
        match = IMAGE_REFERENCE_PATTERN.fullmatch(use.reference)
        return match is not None and match["repository"] == self._repository


def _list_running_images(aws: Aws, service: ServiceState) -> list[ImageUse]:
    """The image of the service's container in each task that runs."""
    return [
        ImageUse(str(container["image"]), container.get("imageDigest"))
        for task in list_service_tasks(aws, service, stopped=False)
        if task["lastStatus"] == RUNNING_STATE
        for container in task.get("containers") or ()
        if container["name"] == service.part.container and container.get("image")
    ]


def _list_revision_images(aws: Aws, service: ServiceState) -> dict[str, ImageUse]:
    """The image of each task definition that was deployed in the last 90 days, and the current's.

    ECS lists deployments of that time only (API reference, ListServiceDeployments).
    """
    definition, _ = get_task_definition(aws, service.revision)
    image = get_container_image(definition, service.part.container)
    uses = {get_arn_name(service.revision): ImageUse(image)}
    arns = [
        str(item["targetServiceRevisionArn"])
        for item in list_deployment_history(aws, service)
        if item.get("targetServiceRevisionArn")
    ]
    unique_arns = list(dict.fromkeys(arns))
    for start in range(0, len(unique_arns), DESCRIBE_REVISIONS_LIMIT):
        page = {"serviceRevisionArns": unique_arns[start : start + DESCRIBE_REVISIONS_LIMIT]}
        answer = call_ecs(aws, "ecs.describe_service_revisions", page)
        for name, use in _list_uses(answer["serviceRevisions"], service.part.container):
            if uses.get(name, ImageUse("")).digest is None:
                uses[name] = use
    return uses


def _list_uses(revisions: Sequence[Any], container: str) -> Iterator[tuple[str, ImageUse]]:
    for revision in revisions:
        for item in revision.get("containerImages") or ():
            if item.get("containerName") == container and item.get("image"):
                name = get_arn_name(str(revision["taskDefinition"]))
                yield name, ImageUse(str(item["image"]), item.get("imageDigest"))


def _read_removals(
    aws: Aws, params: dict[str, Any], region: str, images: Sequence[ImageDetail], now: datetime
) -> dict[str, ImageRemoval]:
    try:
        answer: Any = aws.call("ecr.get_lifecycle_policy", params, region)
    except ClientError as error:
        if get_error_code(error) == NO_POLICY_CODE:
            return {}
        raise
    try:
        return plan_removals(str(answer["lifecyclePolicyText"]), images, now)
    except (ValueError, KeyError) as error:
        raise OpsError(f"its rules are not understood: {error}") from None
