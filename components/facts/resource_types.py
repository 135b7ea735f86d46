"""The facts of all resource types: those of this folder's modules, one for each component.

A module that has `FACTS` is found by its place, so that nothing lists it again.
"""

from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Final

from components.facts import foreign
from components.facts.model import ResourceFact


def _list_component_facts() -> Iterator[ResourceFact]:
    """The facts of every module but this one and `foreign`, in the order of their names."""
    for file in sorted(Path(__file__).parent.glob("[a-z]*.py")):
        if file.stem not in ("foreign", "resource_types"):
            module = import_module(f"components.facts.{file.stem}")
            yield from getattr(module, "FACTS", ())


COMPONENT_FACTS: Final[tuple[ResourceFact, ...]] = tuple(_list_component_facts())
ALL_FACTS: Final[tuple[ResourceFact, ...]] = (*COMPONENT_FACTS, *foreign.FACTS)
FACTS_BY_TYPE: Final[Mapping[str, ResourceFact]] = {fact.type: fact for fact in ALL_FACTS}


def find_fact(type_: str) -> ResourceFact | None:
    """The fact of a resource type like `aws:rds/instance:Instance`, or None."""
    return FACTS_BY_TYPE.get(type_)


def is_free_type(type_: str) -> bool:
    """True if a resource of this type is known to cost nothing itself."""
    if not type_.startswith("aws:"):
        return True
    fact = find_fact(type_)
    if fact is not None:
        return fact.is_free
    return type_.split(":")[1].split("/")[0] in foreign.FREE_MODULES


def list_iam_services() -> tuple[str, ...]:
    """IAM's prefixes of the services that the components' resources belong to, sorted."""
    return tuple(sorted({fact.iam_service for fact in COMPONENT_FACTS}))
