"""What a bucket stores in each storage class, and what that costs a month."""

from collections.abc import Mapping
from typing import Final

from components.facts.units import GIB_BYTES
from ops.prices.price_table import DEFAULT_PRICE_TABLE

STANDARD_STORAGE: Final = "StandardStorage"
# The StorageType of BucketSizeBytes, and what it is called here; with the overheads that S3 bills
# (S3 User Guide, "Metrics and dimensions"; AIA is Archive Instant Access).
STORAGE_CLASSES: Final[Mapping[str, str]] = {
    STANDARD_STORAGE: "Standard",
    "IntelligentTieringFAStorage": "Intelligent-Tiering, frequent",
    "IntelligentTieringIAStorage": "Intelligent-Tiering, infrequent",
    "IntelligentTieringAIAStorage": "Intelligent-Tiering, archive instant",
    "IntelligentTieringAAStorage": "Intelligent-Tiering, archive",
    "IntelligentTieringDAAStorage": "Intelligent-Tiering, deep archive",
    "StandardIAStorage": "Standard-IA",
    "StandardIASizeOverhead": "Standard-IA, billed below 128 KiB",
    "OneZoneIAStorage": "One Zone-IA",
    "OneZoneIASizeOverhead": "One Zone-IA, billed below 128 KiB",
    "ReducedRedundancyStorage": "Reduced Redundancy",
    "GlacierInstantRetrievalStorage": "Glacier Instant",
    "GlacierIRSizeOverhead": "Glacier Instant, billed below 128 KiB",
    "GlacierStorage": "Glacier Flexible",
    "GlacierStagingStorage": "Glacier Flexible, unfinished uploads",
    "GlacierObjectOverhead": "Glacier Flexible, index",
    "GlacierS3ObjectOverhead": "Glacier Flexible, names",
    "DeepArchiveStorage": "Deep Archive",
    "DeepArchiveStagingStorage": "Deep Archive, unfinished uploads",
    "DeepArchiveObjectOverhead": "Deep Archive, index",
    "DeepArchiveS3ObjectOverhead": "Deep Archive, names",
}


def compute_monthly_usd(storage_type: str, size_bytes: float) -> float | None:
    """What bytes of a storage class cost a month at the list price; None if that is not known.

    Without requests, retrievals and what Intelligent-Tiering charges for watching objects.
    """
    price = DEFAULT_PRICE_TABLE.s3_gb.get(storage_type)
    return None if price is None else price * size_bytes / GIB_BYTES


def describe_price() -> str:
    """Which prices these are."""
    table = DEFAULT_PRICE_TABLE
    return f"list prices of {table.region}, {table.taken}, without requests and retrievals"
