"""The monthly cost of a preview's resources, before and after it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from components.facts.resource_types import ALL_FACTS, find_fact
from ops.preview.changes import Preview, ResourceChange
from ops.prices.estimate import Cost, PricedResource, estimate_known_costs, sum_by_component
from ops.prices.price_table import DEFAULT_PRICE_TABLE, PriceTable

# Properties that name a class, and the table that has its price.
PRICE_CLASS_PROPERTIES: Final = dict(
    fact.class_price for fact in ALL_FACTS if fact.class_price is not None
)
# Properties that a price depends on: while one is unknown, the figure is too low.
PRICE_PROPERTIES: Final = frozenset(name for fact in ALL_FACTS for name in fact.price_properties)


@dataclass(frozen=True)
class CostComparison:
    """Estimates before and after, of the resources in the file only."""

    before: tuple[Cost, ...]
    after: tuple[Cost, ...]

    @property
    def component_totals(self) -> dict[str, tuple[float, float]]:
        """Fixed costs by component, before and after, in $ per month; highest first."""
        old, new = sum_by_component(self.before), sum_by_component(self.after)
        totals = {name: (old.get(name, 0.0), new.get(name, 0.0)) for name in {**new, **old}}
        return dict(sorted(totals.items(), key=lambda item: (-max(item[1]), item[0])))

    @property
    def totals(self) -> tuple[float, float]:
        """Total fixed costs before and after, in $ per month."""
        return sum_monthly_costs(self.before), sum_monthly_costs(self.after)

    @property
    def usage_rates(self) -> list[tuple[str, str, str]]:
        """Distinct (component, what, rate) of usage costs afterwards."""
        rates = (
            (cost.component, cost.what, cost.usage) for cost in self.after if cost.usage is not None
        )
        return sorted(dict.fromkeys(rates))


def sum_monthly_costs(costs: Iterable[Cost]) -> float:
    """Sums fixed costs, in $ per month."""
    return sum(cost.monthly or 0.0 for cost in costs)


def compare_costs(
    preview: Preview, price_table: PriceTable = DEFAULT_PRICE_TABLE
) -> CostComparison:
    """Estimates the costs before and after a preview."""
    old_resources = [
        _build_priced_resource(change, change.old)
        for change in preview.changes
        if change.exists_before
    ]
    new_resources = [
        _build_priced_resource(change, change.new)
        for change in preview.changes
        if change.exists_after
    ]
    uncertain_costs = [
        Cost(
            change.component,
            change.name,
            f"{change.name}: the estimate is too low",
            None,
            f"not known yet: {', '.join(names)}",
        )
        for change in preview.changes
        if change.exists_after
        and (names := [name for name in change.unknown_properties if name in PRICE_PROPERTIES])
    ]
    unpriced_costs = [
        Cost(
            change.component,
            change.name,
            f"{change.name}: the change is not priced",
            None,
            f"not in the estimate: {', '.join(names)}",
        )
        for change in preview.changes
        if (fact := find_fact(change.type)) is not None
        and (names := [name for name in change.properties if name in fact.other_costs])
    ]
    return CostComparison(
        tuple(estimate_known_costs(old_resources, price_table)),
        (*estimate_known_costs(new_resources, price_table), *uncertain_costs, *unpriced_costs),
    )


def list_price_classes(previews: Iterable[Preview]) -> dict[str, set[str]]:
    """Lists the instance, database and cache classes in the previews."""
    price_classes: dict[str, set[str]] = {"instances": set(), "databases": set(), "caches": set()}
    for change in (resource_change for preview in previews for resource_change in preview.changes):
        for inputs in (change.old, change.new):
            for name, table_name in PRICE_CLASS_PROPERTIES.items():
                for value in _list_values(inputs, name):
                    price_classes[table_name].add(value)
    return price_classes


def _list_values(inputs: object, name: str) -> Iterator[str]:
    """Yields every string with that key, at any depth."""
    if isinstance(inputs, Mapping):
        for key, value in inputs.items():
            if key == name and isinstance(value, str):
                yield value
            else:
                yield from _list_values(value, name)
    elif isinstance(inputs, list):
        for item in inputs:
            yield from _list_values(item, name)


def _build_priced_resource(change: ResourceChange, inputs: Mapping[str, object]) -> PricedResource:
    return PricedResource(change.type, change.name, change.component, inputs, change.parent)
