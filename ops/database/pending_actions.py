"""Maintenance that AWS has pending, as the looks read it; the plan is in pending_maintenance."""

from collections.abc import Mapping
from typing import Any, Final

PENDING_ACTIONS_API: Final = "rds.describe_pending_maintenance_actions"
DUE_DATE_FIELDS: Final = ("ForcedApplyDate", "AutoAppliedAfterDate", "CurrentApplyDate")
APPLY_COMMAND: Final = "ops db maintenance apply"
PENDING_COMMAND: Final = "ops db maintenance list"


def get_due_date(action: Mapping[str, Any]) -> str | None:
    """Returns the first date on which AWS applies an action by itself, None if it does not."""
    return min(filter(None, (action.get(key) for key in DUE_DATE_FIELDS)), default=None)
