"""The checklists: the lines of ops/core/check_record.py with their checks from the registry."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from difflib import get_close_matches
from typing import Final

from ops.checks.model import (
    ChecklistFacts,
    ChecklistItem,
    ChecklistResult,
    build_read_sender,
    get_item_key,
    run_checklist_items,
)
from ops.core.aws import Aws
from ops.core.check_record import CHECKLIST_LINES
from ops.core.errors import UsageError
from ops.health.registry import list_line_checks
from ops.outputs import Outputs

ACCOUNT_ITEM: Final = "account"
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


def parse_item_selection(name: str, text: str | None) -> tuple[str, ...]:
    """The keys of the items that --only names; none stands for all.

    Raises UsageError, which names the nearest keys, for a word that is no item of the list.
    """
    if text is None:
        return ()
    keys = [item.key for item in list_checklist_items(name)]
    words = [get_item_key(word) for word in text.split(",")]
    for word in words:
        if word not in keys:
            nearest = get_close_matches(word.lower(), keys, cutoff=0.5)
            hint = f"nearest: {', '.join(nearest)}" if nearest else f"must be of {', '.join(keys)}"
            raise UsageError(f"--only is {text!r}, must be keys of items of this list ({hint})")
    return tuple(words)


def evaluate_checklist(
    name: str,
    outputs: Outputs,
    aws: Aws,
    now: datetime,
    lookback_seconds: float,
    keys: Sequence[str] = (),
    *,
    is_recorded: bool = False,
) -> list[ChecklistResult]:
    """Returns the results of a checklist on a stack, or of some items, in the order of its items.

    The account is always checked as well: with another one's credentials nothing is known.
    """
    facts = ChecklistFacts(
        outputs,
        now,
        lookback_seconds=lookback_seconds,
        checklist=name,
        is_recorded=is_recorded,
    )
    items = [
        item
        for item in list_checklist_items(name)
        if not keys or item.key in keys or item.name == ACCOUNT_ITEM
    ]
    return run_checklist_items(items, facts, build_read_sender(aws, outputs.stack.region))
