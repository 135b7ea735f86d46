"""What the resources of a preview cost a month, before and after it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from ops.cost.estimate import Cost, Resource, by_component, estimate_known
from ops.cost.prices import TABLE, Prices
from ops.preview.changes import Change, Preview

# Inputs that name a class, and the table that has its price.
CLASSES: Final = {
    "instanceType": "instances",
    "instanceClass": "databases",
    "nodeType": "caches",
}
# Inputs that a price is made of: where one is not known yet, the figure is too low.
SIZES: Final = frozenset(
    """
    allocatedStorage blockDeviceMappings cpu desiredCount engine instanceClass instanceType memory
    metricQueries minSize mixedInstancesPolicy multiAz nodeType numCacheClusters rules subnetIds
    subnets
    """.split()
)


@dataclass(frozen=True)
class Costs:
    """The lines of an estimate before and after; of what stands in the file alone."""

    before: tuple[Cost, ...]
    after: tuple[Cost, ...]

    @property
    def components(self) -> dict[str, tuple[float, float]]:
        """The fixed part by component, before and after, in $ a month; the dearest first."""
        old, new = by_component(self.before), by_component(self.after)
        both = {name: (old.get(name, 0.0), new.get(name, 0.0)) for name in {**new, **old}}
        return dict(sorted(both.items(), key=lambda item: (-max(item[1]), item[0])))

    @property
    def fixed(self) -> tuple[float, float]:
        """The fixed part of all of it, before and after, in $ a month."""
        return total(self.before), total(self.after)

    @property
    def usage(self) -> list[tuple[str, str, str]]:
        """(component, what, rate) of all that depends on use afterwards, each said once."""
        found = ((c.component, c.what, c.usage) for c in self.after if c.usage is not None)
        return sorted(dict.fromkeys(found))


def total(costs: Iterable[Cost]) -> float:
    """The fixed part of some lines, in $ a month."""
    return sum(cost.monthly or 0.0 for cost in costs)


def costs(preview: Preview, at: Prices = TABLE) -> Costs:
    """The estimates of a preview."""
    old = [_resource(c, c.old) for c in preview.changes if c.before]
    new = [_resource(c, c.new) for c in preview.changes if c.after]
    unsure = [
        Cost(c.component, c.name, f"{c.name}: too low", None, f"not known yet: {', '.join(names)}")
        for c in preview.changes
        if c.after and (names := [name for name in c.unknown if name in SIZES])
    ]
    return Costs(tuple(estimate_known(old, at)), (*estimate_known(new, at), *unsure))


def classes(previews: Iterable[Preview]) -> dict[str, set[str]]:
    """The classes of instances, databases and caches whose prices previews depend on."""
    found: dict[str, set[str]] = {"instances": set(), "databases": set(), "caches": set()}
    for change in (c for one in previews for c in one.changes):
        for inputs in (change.old, change.new):
            for name, of in CLASSES.items():
                for value in _values(inputs, name):
                    found[of].add(value)
    return found


def _values(inputs: object, name: str) -> Iterator[str]:
    """Every text of that name, however deep."""
    if isinstance(inputs, Mapping):
        for key, value in inputs.items():
            if key == name and isinstance(value, str):
                yield value
            else:
                yield from _values(value, name)
    elif isinstance(inputs, list):
        for one in inputs:
            yield from _values(one, name)


def _resource(change: Change, inputs: Mapping[str, object]) -> Resource:
    return Resource(change.type, change.name, change.component, inputs, change.parent)
