"""How a rotation is told: how often, by whom, the last one and the next."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from ops.core.times import parse_aws_time

ROTATION_AREA: Final = "rotation"


def describe_schedule(rotator: str, last: object, following: object) -> str:
    """In a line; a time that AWS does not say is not there."""
    return ", ".join(
        (
            rotator,
            f"last {format_day(last)}" if last else "not yet rotated",
            f"next {format_day(following)}" if following else "next not planned",
        )
    )


def format_day(time: object) -> str:
    """The day of a time of AWS, in UTC."""
    return f"{parse_aws_time(time):%Y-%m-%d}"


def find_last(*times: object) -> str | None:
    """The last of some times of AWS, None if there is none."""
    return max((str(time) for time in times if time), default=None, key=parse_aws_time)


def is_past(time: object, now: datetime, grace: timedelta = timedelta()) -> bool:
    """True if a time of AWS is over by more than a grace."""
    return parse_aws_time(time) + grace < now


def list_apart_labels(stages_by_version: Mapping[str, list[str]]) -> list[list[str]]:
    """The labels of versions that a rotation made and did not make current."""
    return [
        labels
        for labels in stages_by_version.values()
        if "AWSPENDING" in labels and "AWSCURRENT" not in labels
    ]
