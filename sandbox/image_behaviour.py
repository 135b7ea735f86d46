"""How a container image behaves in the sandbox, by its name, its tag or its digest's tags."""

import re
from typing import Final, Literal

from moto.core.exceptions import JsonRESTError
from moto.ecr.exceptions import ImageNotFoundException, RepositoryNotFoundException
from moto.ecr.models import ecr_backends

# `errors` and `slow` pass their health checks, so that only users notice.
ImageBehaviour = Literal["healthy", "unhealthy", "exits", "missing", "errors", "slow"]
STARTING_BEHAVIOURS: Final[frozenset[ImageBehaviour]] = frozenset({"healthy", "errors", "slow"})
BEHAVIOUR_PATTERNS: Final[tuple[tuple[re.Pattern[str], ImageBehaviour], ...]] = (
    (re.compile(r"unhealthy|never-?healthy"), "unhealthy"),
    (re.compile(r"crash|exits"), "exits"),
    # Whole words of a tag: no letter of a name or digest makes a service fail.
    (re.compile(r"(?<![a-z])errors(?![a-z])"), "errors"),
    (re.compile(r"(?<![a-z])slow(?![a-z])"), "slow"),
)
PRIVATE_IMAGE_PATTERN: Final = re.compile(
    r"(?P<account>\d{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(?:\.cn)?/"
    r"(?P<repository>[^:@]+)(?::(?P<tag>[^@]+))?(?:@(?P<digest>sha256:[0-9a-f]+))?"
)


def get_image_behaviour(image: str) -> ImageBehaviour:
    """The behaviour of a task of this image; an image missing in ECR cannot be pulled."""
    searched_text = image
    if image_match := PRIVATE_IMAGE_PATTERN.fullmatch(image):
        tags = _find_image_tags(image_match)
        if tags is None:
            return "missing"
        searched_text = f"{image} {' '.join(tags)}"
    return next(
        (
            image_behaviour
            for pattern, image_behaviour in BEHAVIOUR_PATTERNS
            if pattern.search(searched_text)
        ),
        "healthy",
    )


def _find_image_tags(image_match: re.Match[str]) -> list[str] | None:
    """All tags of an image of ECR; None if there is no such image."""
    backend = ecr_backends[image_match["account"]][image_match["region"]]
    image_id = (
        {"imageDigest": image_match["digest"]}
        if image_match["digest"]
        else {"imageTag": image_match["tag"] or "latest"}
    )
    try:
        images = list(backend.describe_images(image_match["repository"], image_ids=[image_id]))
    except (ImageNotFoundException, RepositoryNotFoundException, JsonRESTError):
        return None
    return [tag for image in images for tag in image.image_tags]
