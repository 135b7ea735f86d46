"""The checklists: the lines of ops/core/check_record.py with their checks from the registry."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from ops.checks.model import (
    ChecklistFacts,
    ChecklistItem,
    ChecklistResult,
    build_read_sender,
    run_checklist_items,
)
from ops.core.aws import Aws
from ops.core.check_record import CHECKLIST_LINES
from ops.health.registry import list_line_checks
from ops.outputs import Outputs

# What each list is for. A list that is longer in time holds the shorter ones as well.
CHECKLISTS: Final[Mapping[str, str]] = {
    "daily": "each morning: that all is well, and was saved in the night",
    "weekly": "each week: that, and what will not be well soon",
    "monthly": "each month: that, and what is only missed when it is needed",
    "pre-deploy": "before a deployment: that nothing is in its way",
    "post-deploy": "after a deployment: that it has done no harm",
}
CHECKLIST_ITEMS: Final[tuple[ChecklistItem, ...]] = tuple(
    ChecklistItem(name, line.meaning, line.checklists, list_line_checks(name))
    for name, line in CHECKLIST_LINES.items()
)


def list_checklist_items(name: str) -> tuple[ChecklistItem, ...]:
    """Returns the items of a checklist."""
    return tuple(item for item in CHECKLIST_ITEMS if name in item.checklists)


def list_checklist_apis(name: str) -> tuple[str, ...]:
    """Returns the AWS calls that a checklist may make."""
    return tuple(
        sorted(
            {
                api
                for item in list_checklist_items(name)
                for check in item.checks
                for api in check.apis
            }
        )
    )


def evaluate_checklist(
    name: str, outputs: Outputs, aws: Aws, now: datetime, lookback_seconds: float
) -> list[ChecklistResult]:
    """Returns the results of a checklist on a stack, in the order of its items."""
    facts = ChecklistFacts(outputs, now, lookback_seconds=lookback_seconds)
    return run_checklist_items(
        list_checklist_items(name), facts, build_read_sender(aws, outputs.stack.region)
    )
