"""The monthly cost of a stack, from the resources that it registers. No call to AWS.

Reads plain resources (type, name, component, inputs), as the sandbox records them or a preview
prints them; calls no AWS. What is billed is in components/facts, prices in
ops/prices/price_table.py. A fixed price is a figure; what depends on use is named with its rate.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from components.facts.billing import Charge, PricedResource, PriceTerm, StackResources
from components.facts.resource_types import find_fact, is_free_type
from ops.core import clock
from ops.prices.price_table import DEFAULT_PRICE_TABLE, HOURS, USAGE_RATES, PriceTable

__all__ = [
    "Cost",
    "PricedResource",
    "UnpricedError",
    "estimate_costs",
    "estimate_known_costs",
    "is_free_type",
    "sum_by_component",
]


@dataclass(frozen=True)
class Cost:
    """One line of an estimate. `monthly` is None if only `usage`, a rate, is known."""

    component: str
    resource: str
    what: str
    monthly: float | None
    usage: str | None = None


class UnpricedError(LookupError):
    """A resource type that no fact prices or calls free."""


def estimate_costs(
    resources: Sequence[PricedResource],
    price_table: PriceTable = DEFAULT_PRICE_TABLE,
    day: date | None = None,
) -> list[Cost]:
    """The lines of an estimate for a day (not set: today), in the order of the resources.

    Raises UnpricedError.
    """
    stack = StackResources(resources, day or clock.now().date())
    return [
        cost
        for resource in resources
        for cost in _list_resource_costs(resource, stack, price_table)
    ]


def estimate_known_costs(
    resources: Sequence[PricedResource],
    price_table: PriceTable = DEFAULT_PRICE_TABLE,
    day: date | None = None,
) -> list[Cost]:
    """The lines of an estimate of any resources: what cannot be priced is a line that says so."""
    lines: list[Cost] = []
    stack = StackResources(resources, day or clock.now().date())
    for resource in resources:
        try:
            lines += _list_resource_costs(resource, stack, price_table)
        except UnpricedError:
            reason = f"the price table of {price_table.taken} has no {resource.type}"
            lines.append(Cost(resource.component, resource.name, "not priced", None, reason))
        except (LookupError, TypeError, ValueError, AttributeError):
            reason = "an input that the price depends on is not known yet"
            lines.append(Cost(resource.component, resource.name, "not priced", None, reason))
    return lines


def _list_resource_costs(
    resource: PricedResource, stack: StackResources, price_table: PriceTable
) -> list[Cost]:
    fact = find_fact(resource.type)
    if fact is not None and fact.list_charges is not None:
        charges = fact.list_charges(resource, stack)
        return [_price_charge(resource, charge, price_table) for charge in charges]
    if is_free_type(resource.type):
        return []
    raise UnpricedError(f"{resource.type} has no price and is not known to be free")


def _price_charge(resource: PricedResource, charge: Charge, price_table: PriceTable) -> Cost:
    component, name = resource.component, resource.name
    if not charge.terms:
        usage = charge.unknown if charge.usage is None else USAGE_RATES[charge.usage]
        return Cost(component, name, charge.description, None, usage)
    monthly = 0.0
    for term in charge.terms:
        price = _find_monthly_price(term, price_table)
        if price is None:
            reason = f"no price of {term.entry} in the table of {price_table.taken}"
            description = charge.unpriced_description or charge.description
            return Cost(component, name, description, None, reason)
        monthly += price * term.quantity
    return Cost(component, name, charge.description, monthly, None)


def _find_monthly_price(term: PriceTerm, price_table: PriceTable) -> float | None:
    """The price of one unit in $ a month, or None if a table of prices lacks the entry."""
    price = getattr(price_table, term.price)
    if term.entry is not None:
        price = price.get(term.entry)
    if price is None:
        return None
    if term.part is not None:
        price = price[term.part]
    if term.factor is not None:
        price = price * getattr(price_table, term.factor)
    monthly: float = price * HOURS if term.hourly else price
    return monthly


def sum_by_component(costs: Iterable[Cost]) -> dict[str, float]:
    """Sums the fixed costs by component, in $ per month, highest first."""
    sums: dict[str, float] = defaultdict(float)
    for cost in costs:
        sums[cost.component] += cost.monthly or 0.0
    return dict(sorted(sums.items(), key=lambda item: -item[1]))
