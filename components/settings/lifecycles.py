"""What becomes of old data in the operations bucket: cheaper storage, and its end."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from pydantic import Field, model_validator

from components.settings.section import Section
from ops.outputs import EXPORTS_PREFIX, RUNS_PREFIX

DataKind = Literal[
    "baselines", "checks", "drills", "exports", "incidents", "journals", "states", "waivers"
]
# Days that an object in Deep Archive is billed at least; each takes 12 to 48 hours to be read again
# (S3 User Guide, "Understanding S3 Glacier storage classes").
DEEP_ARCHIVE_MIN_DAYS: Final = 180
MAX_OBJECT_DAYS: Final = 36_500


@dataclass(frozen=True)
class DataKindRule:
    """What a kind of data allows: its prefix, and what would take it away before it can matter.

    `min_expire_days` None means that it is never deleted by its age.
    """

    prefix: str
    min_expire_days: int | None
    can_be_archived: bool = False


# Only exports may need hours to be read. All else is read by commands, in the night too: every line
# of a journal by `ops runs resume` and `undo`, the first line of each by `ops runs list`. A waiver
# says itself when it ends. A year of runs, drills and incidents is an assumption of how long
# somebody asks; two months of checklists are what `ops health` and the last run need.
DATA_KIND_RULES: Final[Mapping[DataKind, DataKindRule]] = {
    "baselines": DataKindRule("baselines/", 30),
    "checks": DataKindRule("checks/", 62),
    "drills": DataKindRule("drills/", 365),
    "exports": DataKindRule(EXPORTS_PREFIX, 1, can_be_archived=True),
    "incidents": DataKindRule("incidents/", 365),
    "journals": DataKindRule(RUNS_PREFIX, 365),
    "states": DataKindRule("states/", 90),
    "waivers": DataKindRule("waivers/", None),
}


class DataLifecycle(Section):
    """What becomes of one kind of old data; what is not set does not happen."""

    tier_days: int | None = Field(
        default=None,
        ge=0,
        le=MAX_OBJECT_DAYS,
        description="days until objects of 128 KiB or more move to Intelligent-Tiering, which is "
        "read at once, and cheaper after 30 days without a read",
    )
    archive_days: int | None = Field(
        default=None,
        ge=1,
        le=MAX_OBJECT_DAYS,
        description="days until objects of 128 KiB or more move to Glacier Deep Archive; exports "
        "only: they take 12 to 48 hours to be read again, and are billed for 180 days at least",
    )
    expire_days: int | None = Field(
        default=None,
        ge=1,
        le=MAX_OBJECT_DAYS,
        description="days until they are deleted; their versions stay for journalDays",
    )

    @model_validator(mode="after")
    def _validate_order(self) -> "DataLifecycle":
        """An object moves down before it ends (S3 User Guide, "Lifecycle and other bucket
        configurations", conflicting rules)."""
        tier, archive, expire = self.tier_days, self.archive_days, self.expire_days
        if tier is not None and archive is not None and archive <= tier:
            raise ValueError(f"archiveDays is {archive}, must be more than tierDays ({tier})")
        if tier is not None and expire is not None and expire <= tier:
            raise ValueError(f"expireDays is {expire}, must be more than tierDays ({tier})")
        if archive is not None and expire is not None and expire < archive + DEEP_ARCHIVE_MIN_DAYS:
            raise ValueError(
                f"expireDays is {expire}, must be {archive + DEEP_ARCHIVE_MIN_DAYS} or more: "
                f"objects in Deep Archive are billed for {DEEP_ARCHIVE_MIN_DAYS} days at least"
            )
        return self


def list_lifecycle_faults(lifecycles: Mapping[DataKind, DataLifecycle]) -> list[str]:
    """What lifecycles would take away before it can matter, each with what it must be."""
    faults = []
    for kind, lifecycle in lifecycles.items():
        rule = DATA_KIND_RULES[kind]
        if lifecycle.archive_days is not None and not rule.can_be_archived:
            faults.append(
                f"{kind}.archiveDays is {lifecycle.archive_days}, must not be set: commands read "
                f"{kind} at once, and Deep Archive takes 12 to 48 hours; tierDays is read at once"
            )
        if lifecycle.expire_days is None:
            continue
        if rule.min_expire_days is None:
            faults.append(
                f"{kind}.expireDays is {lifecycle.expire_days}, must not be set: each says when it "
                "ends"
            )
        elif lifecycle.expire_days < rule.min_expire_days:
            faults.append(
                f"{kind}.expireDays is {lifecycle.expire_days}, must be {rule.min_expire_days} or "
                "more: commands need them"
            )
    return faults
