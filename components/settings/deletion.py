"""Settings of deletions: what is lost with its resource, and what outlives it."""

from collections import Counter
from typing import Annotated, Final, Literal, get_args

from pydantic import Field, StringConstraints, field_validator

from components.settings.section import Section

DataKind = Literal[
    "database",
    "automatedBackups",
    "recoveryPoints",
    "cache",
    "buckets",
    "images",
    "logs",
    "secrets",
    "records",
    "keys",
]
# A type without its package and a resource's logical name.
ResourceKey = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+/[A-Za-z0-9]+ [a-z][a-z0-9-]*$")]
# What a deletion keeps is of no use without the key that encrypts it.
ENCRYPTED_KINDS: Final[tuple[DataKind, ...]] = tuple(
    kind for kind in get_args(DataKind) if kind not in ("records", "keys")
)


class DeletionSettings(Section):
    """What a deletion takes with it. `protect` decides whether there may be one."""

    discard: tuple[DataKind, ...] = Field(
        default=(),
        description="what is lost with its resource: database and cache (no final snapshot), "
        "automatedBackups, recoveryPoints, buckets, images and logs (emptied and deleted, "
        "instead of left in AWS), secrets (no recovery window), records (of the stack's own "
        "zone, whoever wrote them), keys (scheduled for deletion)",
    )

    release: tuple[ResourceKey, ...] = Field(
        default=(),
        description="protected resources that the next deployment may remove or replace, by type "
        "and logical name, like `ecs/service services-web`; deploy with it, then with the change",
    )

    @field_validator("release")
    @classmethod
    def _validate_release(cls, keys: tuple[str, ...]) -> tuple[str, ...]:
        if duplicates := [key for key, count in Counter(keys).items() if count > 1]:
            raise ValueError(f"must name {duplicates[0]!r} only once")
        return keys

    @field_validator("discard")
    @classmethod
    def _validate_discard(cls, kinds: tuple[DataKind, ...]) -> tuple[DataKind, ...]:
        if duplicates := [kind for kind, count in Counter(kinds).items() if count > 1]:
            raise ValueError(f"must name {duplicates[0]!r} only once")
        missing = [kind for kind in ENCRYPTED_KINDS if kind not in kinds]
        if "keys" in kinds and missing:
            raise ValueError(
                f"must not hold 'keys' without {', '.join(map(repr, missing))}: what stays is "
                "encrypted with them, and nobody reads it without"
            )
        return kinds
