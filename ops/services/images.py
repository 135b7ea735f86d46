"""Container images: how a reference is read, and whether what it names is in ECR."""

import re
from dataclasses import dataclass
from typing import Any, Final

from botocore.exceptions import ClientError

from ops.core.aws import Aws
from ops.core.errors import OpsError, UsageError

DOMAIN: Final = r"(?:localhost|[a-zA-Z0-9-]+(?:\.[a-zA-Z0-9-]+)+)(?::[0-9]{1,5})?"
REFERENCE: Final = re.compile(
    rf"(?P<repository>(?:{DOMAIN}/)?[a-z0-9]+(?:[._/-]+[a-z0-9]+)*)"
    r"(?::(?P<tag>\w[\w.-]{0,127}))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?"
)
ECR: Final = re.compile(
    r"(?P<account>\d{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(?:\.cn)?/(?P<name>.+)"
)
ABSENT: Final = ("ImageNotFoundException", "RepositoryNotFoundException")


@dataclass(frozen=True)
class Image:
    """An image as it was asked for, and as a task names it: by digest where that is known."""

    asked: str
    reference: str
    digest: str | None

    @property
    def checked(self) -> bool:
        """Whether it was seen in its registry."""
        return self.digest is not None and ECR.match(self.asked) is not None


def parsed(image: str) -> re.Match[str]:
    """The parts of a reference. Raises UsageError."""
    found = REFERENCE.fullmatch(image)
    if found is None or not (found["tag"] or found["digest"]):
        raise UsageError(
            f"IMAGE is {image!r}, may be a repository with a tag or a digest, like "
            "123456789012.dkr.ecr.eu-north-1.amazonaws.com/app:v2"
        )
    return found


def resolved(aws: Aws, image: str) -> Image:
    """The image, by digest where ECR has it. Raises UsageError where ECR has it not.

    A tag can be moved; what runs must be what was looked at. Of other registries nothing is known.
    """
    parts = parsed(image)
    where = ECR.fullmatch(parts["repository"])
    if where is None:
        return Image(image, image, parts["digest"])
    wanted = {"imageDigest": parts["digest"]} if parts["digest"] else {"imageTag": parts["tag"]}
    digest = _digest(aws, where, wanted)
    if digest is None:
        raise UsageError(
            f"IMAGE is {image!r}, which is not in ECR; push it first, or name one of "
            f"`aws ecr describe-images --repository-name {where['name']}`"
        )
    return Image(image, f"{parts['repository']}@{digest}", digest)


def still_there(aws: Aws, image: str) -> bool:
    """Whether an image of an earlier revision can still be pulled; of other registries assumed."""
    try:
        resolved(aws, image)
    except UsageError:
        return False
    return True


def _digest(aws: Aws, where: re.Match[str], wanted: dict[str, str]) -> str | None:
    asked: dict[str, Any] = {
        "registryId": where["account"],
        "repositoryName": where["name"],
        "imageIds": [wanted],
    }
    try:
        answer: Any = aws.call("ecr.describe_images", asked, where["region"])
    except ClientError as error:
        if error.response["Error"]["Code"] in ABSENT:
            return None
        said = error.response["Error"]
        raise OpsError(f"ecr.describe_images: {said['Code']}: {said.get('Message')}") from error
    details = answer.get("imageDetails") or []
    return str(details[0]["imageDigest"]) if details else None
