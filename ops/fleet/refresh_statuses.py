"""Statuses of an instance refresh that operations tell apart (API reference, InstanceRefresh)."""

from typing import Final

UNFINISHED_REFRESH_STATUSES: Final = (
    "Pending",
    "InProgress",
    "Cancelling",
    "RollbackInProgress",
    "Baking",
)
FAILED_REFRESH_STATUSES: Final = ("Failed", "RollbackSuccessful", "RollbackFailed")
