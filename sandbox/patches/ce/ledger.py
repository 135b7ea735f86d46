"""What the sandbox's stacks cost by day, as Cost Explorer knows it.

A stack's resources cost the list price of each day since STANDING_DAYS before it was deployed, so
that there are months to compare (assumed). What depends on use costs nothing here. Tags are active
unless somebody deactivates them (on AWS they are not: somebody has to activate them once).
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from typing import Any, Final

from moto.ce.models import CostExplorerBackend

from sandbox.patches.patching import backend_state

STANDING_DAYS: Final = 90
MONTH_HOURS: Final = 730  # as in the AWS Pricing Calculator
USAGE: Final = "Usage"
ACTIVE: Final = "Active"
INACTIVE: Final = "Inactive"
StackName = tuple[str, str]  # project and environment


@dataclass(frozen=True)
class BilledUsage:
    """Something that costs the same each hour, in $ a month."""

    service: str
    usage_type: str
    monthly_usd: float
    tags: Mapping[str, str]


@dataclass(frozen=True)
class CostItem:
    """What one usage type of one resource costs on a day, in $."""

    service: str
    usage_type: str
    usd: float
    tags: Mapping[str, str]
    record_type: str = USAGE


@dataclass
class Ledger:
    """The costs of an account. `extra_items` are those of single days."""

    usages: dict[StackName, tuple[date, tuple[BilledUsage, ...]]] = field(default_factory=dict)
    extra_items: list[tuple[date, CostItem]] = field(default_factory=list)
    inactive_tags: set[str] = field(default_factory=set)

    def list_items(self, day: date, now: datetime) -> Iterator[CostItem]:
        """The costs of a day; of today, those of the hours that are over."""
        midnight = datetime.combine(day, time(), UTC)
        hours = min(24.0, max(0.0, (now - midnight).total_seconds() / 3600))
        if hours <= 0:
            return
        for first_day, usages in self.usages.values():
            if day >= first_day:
                for usage in usages:
                    usd = usage.monthly_usd * hours / MONTH_HOURS
                    yield CostItem(usage.service, usage.usage_type, usd, usage.tags)
        yield from (item for item_day, item in self.extra_items if item_day == day)

    def find_first_day(self) -> date | None:
        """The first day that costs something; None if there is no such day."""
        return min((first_day for first_day, _ in self.usages.values()), default=None)


def get_ledger(backend: CostExplorerBackend) -> Ledger:
    """The ledger of a backend of moto: emptied when moto is reset."""
    return backend_state(backend, "ledger", Ledger)


def is_selected(expression: Mapping[str, Any] | None, item: CostItem, ledger: Ledger) -> bool:
    """True if an expression of Cost Explorer selects an item (API reference, "Expression")."""
    if not expression:
        return True
    ((kind, operand),) = ((k, v) for k, v in expression.items() if v is not None)
    if kind in ("And", "Or"):
        combine: Callable[[Iterator[bool]], bool] = all if kind == "And" else any
        return combine(is_selected(part, item, ledger) for part in operand)
    if kind == "Not":
        return not is_selected(operand, item, ledger)
    value = get_group_value("TAG" if kind == "Tags" else "DIMENSION", operand["Key"], item, ledger)
    return value in operand["Values"]


def get_group_value(kind: str, key: str, item: CostItem, ledger: Ledger) -> str:
    """The value of an item by a tag or a dimension; empty if a tag is missing or not active."""
    if kind == "TAG":
        return "" if key in ledger.inactive_tags else item.tags.get(key, "")
    dimensions = {
        "SERVICE": item.service,
        "USAGE_TYPE": item.usage_type,
        "RECORD_TYPE": item.record_type,
    }
    return dimensions[key]
