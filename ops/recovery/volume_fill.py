"""How long the volume of a restored database takes to load from its backup."""

from typing import Final

VOLUME_FILL_MIB_PER_SECOND: Final = 100  # MiB per second
VOLUME_FILL_RATE_SOURCE: Final = (
    "an assumption: the lowest rate in the EBS User Guide, 'Initialize Amazon EBS volumes'; RDS "
    "gives no figure"
)
# Limit of a fill: twice as long as at that rate, and at least a day. Assumptions.
VOLUME_FILL_LIMIT_FACTOR, MIN_VOLUME_FILL_LIMIT_SECONDS = 2, 24 * 3600


def compute_typical_fill(storage_gib: int) -> float:
    """Seconds until a volume of so many GiB is loaded (VOLUME_FILL_RATE_SOURCE)."""
    return storage_gib * 1024 / VOLUME_FILL_MIB_PER_SECOND


def compute_fill_limit(storage_gib: int) -> float:
    """Seconds after which the fill of a volume of so many GiB has failed."""
    return max(
        VOLUME_FILL_LIMIT_FACTOR * compute_typical_fill(storage_gib),
        float(MIN_VOLUME_FILL_LIMIT_SECONDS),
    )
