"""What the lifecycle policy of an ECR repository will delete next, computed from its rules.

Source: Amazon ECR User Guide, "Automate the cleanup of images by using lifecycle policies" and
"Lifecycle policy properties". ECR acts within 24 hours after an image meets a rule.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from ops.core.times import parse_aws_time

ImageDetail = Mapping[str, Any]
ARCHIVED_STATUS: Final = "ARCHIVED"
INDEX_MEDIA_TYPES: Final = (
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.index.v1+json",
)


@dataclass(frozen=True)
class ImageRemoval:
    """What a rule does to an image, `expire` or `transition` (to the archive), and from when."""

    rule: int
    action: str
    due_at: datetime


def plan_removals(
    policy_text: str, images: Sequence[ImageDetail], now: datetime
) -> dict[str, ImageRemoval]:
    """What the policy does to which image, by digest, if no other image is pushed or pulled.

    A rule of ages names every image that it applies to, with the time at which it is old enough; a
    rule of numbers those that are too many already. Raises ValueError if the policy is not known.
    """
    removals: dict[str, ImageRemoval] = {}
    claimed_digests: set[str] = set()
    rules = sorted(json.loads(policy_text)["rules"], key=lambda rule: int(rule["rulePriority"]))
    for rule in rules:
        selection, action = rule["selection"], str(rule["action"]["type"])
        selected = [image for image in images if _is_selected(image, selection)]
        for digest, due_at in _list_due_times(selected, selection, now):
            if digest not in claimed_digests:
                removals[digest] = ImageRemoval(int(rule["rulePriority"]), action, due_at)
        # "An image that matches the tagging requirements of a rule cannot be expired by a rule
        # with a lower priority."
        claimed_digests |= {str(image["imageDigest"]) for image in selected}
    return removals


def has_image_index(images: Sequence[ImageDetail]) -> bool:
    """True if an image is a list of others, which ECR keeps as long as the list."""
    return any(image.get("imageManifestMediaType") in INDEX_MEDIA_TYPES for image in images)


def _is_selected(image: ImageDetail, selection: Mapping[str, Any]) -> bool:
    is_archived = image.get("imageStatus") == ARCHIVED_STATUS
    if is_archived != (selection.get("storageClass") == "archive"):
        return False
    tags = [str(tag) for tag in image.get("imageTags") or ()]
    status = selection["tagStatus"]
    if status == "any":
        return True
    if status == "untagged":
        return not tags
    patterns = [_compile_pattern(text) for text in selection.get("tagPatternList") or ()] + [
        re.compile(f"{re.escape(text)}.*") for text in selection.get("tagPrefixList") or ()
    ]
    # Each pattern must match a tag of the image.
    return bool(patterns) and all(any(map(pattern.fullmatch, tags)) for pattern in patterns)


def _compile_pattern(text: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, text.split("*"))))


def _list_due_times(
    images: Sequence[ImageDetail], selection: Mapping[str, Any], now: datetime
) -> list[tuple[str, datetime]]:
    """The digests that a rule applies to, and from when."""
    count_type, number = str(selection["countType"]), int(selection["countNumber"])
    get_time = _IMAGE_TIMES.get(count_type)
    if count_type == "imageCountMoreThan":
        newest_first = sorted(images, key=get_pushed_time, reverse=True)
        return [(str(image["imageDigest"]), now) for image in newest_first[number:]]
    if get_time is None or selection.get("countUnit", "days") != "days":
        raise ValueError(f"the rule counts by {count_type} {selection.get('countUnit', '')}")
    age = timedelta(days=number)
    return [(str(image["imageDigest"]), get_time(image) + age) for image in images]


def get_pushed_time(image: ImageDetail) -> datetime:
    """When it was pushed, or taken out of the archive if that was later."""
    return parse_aws_time(image.get("lastActivatedAt") or image["imagePushedAt"])


def _get_pulled_time(image: ImageDetail) -> datetime:
    """When it was pulled last; one that never was counts from its push, an assumption."""
    return parse_aws_time(image.get("lastRecordedPullTime") or image["imagePushedAt"])


def _get_archived_time(image: ImageDetail) -> datetime:
    return parse_aws_time(image.get("lastArchivedAt") or image["imagePushedAt"])


_IMAGE_TIMES: Final[Mapping[str, Callable[[ImageDetail], datetime]]] = {
    "sinceImagePushed": get_pushed_time,
    "sinceImagePulled": _get_pulled_time,
    "sinceImageTransitioned": _get_archived_time,
}
