"""The quantities that are billed for a resource. ops/prices has the prices."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, TypeAlias

ResourceInputs: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True)
class PricedResource:
    """A resource as far as its cost goes. Resources with the same `parent` belong together."""

    type: str
    name: str
    component: str
    inputs: ResourceInputs
    parent: str = ""


@dataclass(frozen=True)
class StackResources:
    """All resources of a stack on a day: the cost of one may depend on another, and on the day."""

    resources: Sequence[PricedResource]
    day: date

    def find_sibling(self, resource: PricedResource, type_: str) -> PricedResource | None:
        """The resource of a type under the same parent: the only one, else the one of that name."""
        siblings = [r for r in self.resources if r.type == type_ and r.parent == resource.parent]
        namesakes = [r for r in siblings if r.name == resource.name]
        candidates = namesakes or siblings
        return candidates[0] if len(candidates) == 1 else None


@dataclass(frozen=True)
class PriceTerm:
    """A quantity at a price: `price` is a field of ops/prices/price_table.py's PriceTable.

    If the field is a table, `entry` is a key of it; if the entry is several prices, `part` is the
    index of one. `factor` is another field, by which the price is multiplied.
    """

    price: str
    quantity: float = 1
    hourly: bool = False
    entry: str | None = None
    part: int | None = None
    factor: str | None = None


@dataclass(frozen=True)
class Charge:
    """One line of a bill: a sum of terms; without terms, what the amount depends on.

    `usage` is a key of ops/prices/price_table.py's USAGE_RATES; `unknown` says why there is no
    amount.    `unpriced_description` is the description if the price table lacks an entry.
    """

    description: str
    terms: tuple[PriceTerm, ...] = ()
    usage: str | None = None
    unknown: str | None = None
    unpriced_description: str | None = None


ChargeLister: TypeAlias = Callable[[PricedResource, StackResources], Iterable[Charge]]


def list_no_charges(_resource: PricedResource, _stack: StackResources) -> Iterable[Charge]:
    """The charges of a resource that costs nothing itself."""
    return ()


FREE: Final[ChargeLister] = list_no_charges


def build_hourly_charge(description: str, *, price: str, count: float = 1) -> Charge:
    """A charge by the hour."""
    return Charge(description, (PriceTerm(price, count, hourly=True),))


def build_monthly_charge(description: str, *, price: str, quantity: float = 1) -> Charge:
    """A charge by the month."""
    return Charge(description, (PriceTerm(price, quantity),))


def build_entry_charge(
    description: str, *, price: str, entry: str, count: float, factor: str | None = None
) -> Charge:
    """A charge by the hour for `count` of an entry of a price table, like an instance class."""
    return Charge(
        f"{count:g} x {entry}",
        (PriceTerm(price, count, hourly=True, entry=entry, factor=factor),),
        unpriced_description=f"{description} {entry}",
    )


def build_usage_charge(description: str, usage: str) -> Charge:
    """A charge that depends on use: only its rate is known."""
    return Charge(description, usage=usage)


def build_flat_lister(description: str, price: str) -> ChargeLister:
    """Lists one charge by the month, the same for every resource of the type."""
    return lambda _resource, _stack: (build_monthly_charge(description, price=price),)


def build_usage_lister(description: str, usage: str) -> ChargeLister:
    """Lists one charge that depends on use."""
    return lambda _resource, _stack: (build_usage_charge(description, usage),)
