"""How a container image behaves in the sandbox: as its name, its tag or its digest's tags say."""

import re
from typing import Final, Literal

from moto.core.exceptions import JsonRESTError
from moto.ecr.exceptions import ImageNotFoundException, RepositoryNotFoundException
from moto.ecr.models import ecr_backends

# `errors` and `slow` pass their health checks: nothing stops them but whoever asks.
Behaviour = Literal["healthy", "unhealthy", "exits", "missing", "errors", "slow"]
STARTS: Final[frozenset[Behaviour]] = frozenset({"healthy", "errors", "slow"})
SAYS: Final[tuple[tuple[re.Pattern[str], Behaviour], ...]] = (
    (re.compile(r"unhealthy|never-?healthy"), "unhealthy"),
    (re.compile(r"crash|exits"), "exits"),
    # Whole words of a tag: no letter of a name or digest makes a service fail.
    (re.compile(r"(?<![a-z])errors(?![a-z])"), "errors"),
    (re.compile(r"(?<![a-z])slow(?![a-z])"), "slow"),
)
PRIVATE: Final = re.compile(
    r"(?P<account>\d{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(?:\.cn)?/"
    r"(?P<repository>[^:@]+)(?::(?P<tag>[^@]+))?(?:@(?P<digest>sha256:[0-9a-f]+))?"
)


def behaviour(image: str) -> Behaviour:
    """What a task of this image does: an image of ECR that is not there cannot be pulled."""
    words = image
    if found := PRIVATE.fullmatch(image):
        tags = _tags(found)
        if tags is None:
            return "missing"
        words = f"{image} {' '.join(tags)}"
    return next((how for pattern, how in SAYS if pattern.search(words)), "healthy")


def _tags(found: re.Match[str]) -> list[str] | None:
    """All tags of an image of ECR; None where there is no such image."""
    backend = ecr_backends[found["account"]][found["region"]]
    wanted = (
        {"imageDigest": found["digest"]}
        if found["digest"]
        else {"imageTag": found["tag"] or "latest"}
    )
    try:
        images = list(backend.describe_images(found["repository"], image_ids=[wanted]))
    except (ImageNotFoundException, RepositoryNotFoundException, JsonRESTError):
        return None
    return [tag for image in images for tag in image.image_tags]
