"""What a run creates and AWS names: found by the tag that the run gave it, also after a kill."""

from collections.abc import Mapping
from typing import Final

from pydantic import JsonValue

from ops.core.plan import RUN_TAG, Call, Step, Wait

# Of what the read by tags answers.
TAGGED_ARN_PATH: Final = "ResourceTagMappingList[0].ResourceARN"
SEEN_WITHIN_SECONDS: Final = 600  # until the tagging API shows it: assumed
LOOK_WITHIN_SECONDS: Final = 120


def build_tagged_read(
    run: str, resource_type: str, region: str, other_tags: Mapping[str, str] | None = None
) -> Call:
    """Builds the read of what has the run's tag, and these tags, of a type like `kms:key`."""
    tags = {RUN_TAG: run, **(other_tags or {})}
    filters: list[JsonValue] = [{"Key": key, "Values": [value]} for key, value in tags.items()]
    return Call(
        api="resourcegroupstaggingapi.get_resources",
        params={"TagFilters": filters, "ResourceTypeFilters": [resource_type]},
        region=region,
    )


def build_creation_goal(read: Call) -> Wait:
    """Builds the wait until what was created is found."""
    return Wait(
        read=read,
        met={"length(ResourceTagMappingList)": 1},
        every=5,
        within=SEEN_WITHIN_SECONDS,
    )


def build_find_step(name: str, description: str, read: Call) -> Step:
    """Builds the step of an undo that finds what was created, if anything was."""
    return Step(
        name=name,
        description=description,
        action=read,
        goal=Wait(
            read=read,
            met={"type(ResourceTagMappingList)": "array"},
            every=5,
            within=LOOK_WITHIN_SECONDS,
        ),
    )
