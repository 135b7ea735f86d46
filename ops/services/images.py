"""Container image references, and whether ECR has the image."""

import re
from dataclasses import dataclass
from typing import Any, Final

from botocore.exceptions import ClientError

from ops.core.aws import Aws
from ops.core.errors import DeniedError, OpsError, UsageError
from ops.outputs import Outputs

REGISTRY_DOMAIN_PATTERN: Final = r"(?:localhost|[a-zA-Z0-9-]+(?:\.[a-zA-Z0-9-]+)+)(?::[0-9]{1,5})?"
IMAGE_REFERENCE_PATTERN: Final = re.compile(
    rf"(?P<repository>(?:{REGISTRY_DOMAIN_PATTERN}/)?[a-z0-9]+(?:[._/-]+[a-z0-9]+)*)"
    r"(?::(?P<tag>\w[\w.-]{0,127}))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?"
)
ECR_REPOSITORY_PATTERN: Final = re.compile(
    r"(?P<account>\d{12})\.dkr\.ecr(?:-fips)?\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(?:\.cn)?/"
    r"(?P<name>.+)"
)
IMAGE_ABSENT_CODES: Final = ("ImageNotFoundException", "RepositoryNotFoundException")


@dataclass(frozen=True)
class ContainerImage:
    """An image as requested, and the reference a task uses: by digest if that is known.

    `unchecked_reason` is why it is not known that its registry has it; empty if it is.
    """

    requested_reference: str
    reference: str
    digest: str | None
    unchecked_reason: str = ""

    @property
    def is_in_registry(self) -> bool:
        """True if ECR has the image."""
        return not self.unchecked_reason


def parse_image_reference(image: str) -> re.Match[str]:
    """Parses a reference. Raises UsageError unless it has a tag or a digest."""
    reference_match = IMAGE_REFERENCE_PATTERN.fullmatch(image)
    if reference_match is None or not (reference_match["tag"] or reference_match["digest"]):
        raise UsageError(
            f"IMAGE must be a repository with a tag or a digest, like "
            f"123456789012.dkr.ecr.eu-north-1.amazonaws.com/app:v2, not {image!r}"
        )
    return reference_match


def require_full_reference(outputs: Outputs, image: str) -> None:
    """Raises UsageError if an image without registry has the name of one of the stack's own.

    Docker would pull it from Docker Hub, where the name is somebody else's.
    """
    parts = parse_image_reference(image)
    domain, _, name = parts["repository"].rpartition("/")
    if domain or outputs.registry is None:
        return
    for url in sorted(outputs.registry.repositories.values()):
        if url.endswith(f"/{name}"):
            suffix = image.removeprefix(name)
            raise UsageError(
                f"IMAGE must name its registry, not {image!r}, which is pulled from Docker Hub: "
                f"that of the stack is {url}{suffix}"
            )


def resolve_image(
    aws: Aws, image: str, own_account: str | None = None, outputs: Outputs | None = None
) -> ContainerImage:
    """Resolves a tag in ECR to its digest: a tag can move between the check and the deployment.

    Images of other registries are returned unchecked, and so are those of another account's or
    region's ECR that these credentials may not look at: `own_account` is the stack's. Raises
    UsageError if ECR does not have it, with the command that lists what there is; `outputs` tell
    whether ops has one for the repository.
    """
    parts = parse_image_reference(image)
    repository_match = ECR_REPOSITORY_PATTERN.fullmatch(parts["repository"])
    if repository_match is None:
        return ContainerImage(image, image, parts["digest"], f"{image} is not in ECR")
    image_id = {"imageDigest": parts["digest"]} if parts["digest"] else {"imageTag": parts["tag"]}
    try:
        digest = _find_digest(aws, repository_match, image_id)
    except DeniedError:
        account, region = repository_match["account"], repository_match["region"]
        if (own_account or account, aws.region) == (account, region):
            raise
        reason = (
            f"{image} is in the registry of account {account} in {region}, which may not be looked "
            "at from here (the tasks' execution role must be allowed to pull it)"
        )
        return ContainerImage(image, image, parts["digest"], reason)
    if digest is None:
        listing_command = _build_listing_command(parts["repository"], repository_match, outputs)
        raise UsageError(
            f"IMAGE is {image!r}, but ECR does not have it; push it first, or list what there is",
            listing_command,
        )
    return ContainerImage(image, f"{parts['repository']}@{digest}", digest)


def _build_listing_command(
    url: str, repository_match: re.Match[str], outputs: Outputs | None
) -> str:
    """The line that lists the images of a repository; that of ops if it is a service's own."""
    services = outputs.services.services if outputs and outputs.services else {}
    repositories = outputs.registry.repositories if outputs and outputs.registry else {}
    for name in services:
        if repositories.get(name) == url:
            return f"ops service images {name}"
    return (
        f"aws ecr describe-images --registry-id {repository_match['account']} "
        f"--region {repository_match['region']} --repository-name {repository_match['name']}"
    )


def is_image_available(aws: Aws, image: str, own_account: str | None = None) -> bool:
    """True if ECR still has the image. Images that cannot be looked at are assumed to exist."""
    try:
        resolve_image(aws, image, own_account)
    except UsageError:
        return False
    return True


def _find_digest(aws: Aws, repository_match: re.Match[str], image_id: dict[str, str]) -> str | None:
    params: dict[str, Any] = {
        "registryId": repository_match["account"],
        "repositoryName": repository_match["name"],
        "imageIds": [image_id],
    }
    try:
        response: Any = aws.call("ecr.describe_images", params, repository_match["region"])
    except ClientError as error:
        if error.response["Error"]["Code"] in IMAGE_ABSENT_CODES:
            return None
        error_detail = error.response["Error"]
        raise OpsError(
            f"ecr.describe_images: {error_detail['Code']}: {error_detail.get('Message')}"
        ) from error
    details = response.get("imageDetails") or []
    return str(details[0]["imageDigest"]) if details else None
