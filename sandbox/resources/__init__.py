"""The registry of entries: what each resource type that the program uses is in AWS.

One file a service. A type without an entry is an error that names the file for it.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from sandbox.resources.entry import (
    REMAINING_INPUTS,
    EntryCall,
    EntryChoice,
    EntryTable,
    PhysicalNaming,
    ResourceEntry,
)

__all__ = [
    "REMAINING_INPUTS",
    "EntryCall",
    "EntryChoice",
    "EntryTable",
    "PhysicalNaming",
    "ResourceEntry",
    "UnknownResourceTypeError",
    "get_entry",
    "get_entry_module_name",
    "load_entries",
]

_RESOURCES_FOLDER: Final = Path(__file__).parent
# Pulumi's modules whose file has another name, as the module is one of Python's words or
# spread over several services of AWS.
_MODULE_NAMES: Final = {"lambda": "lambda_", "lb": "elbv2", "index": "random"}
_OTHER_MODULES: Final = frozenset(
    {"__init__", "entry", "expressions", "type_conversion", "creation", "invokes"}
)


class UnknownResourceTypeError(LookupError):
    """A resource type without an entry."""

    def __init__(self, type_: str) -> None:
        super().__init__(
            f"{type_} has no entry: add it to sandbox/resources/{get_entry_module_name(type_)}.py, "
            "where the other types of its service stand"
        )


def get_entry(type_: str, inputs: Mapping[str, Any]) -> ResourceEntry:
    """The entry of a type, for these inputs. Raises UnknownResourceTypeError."""
    entry_or_choice = load_entries().get(type_)
    if entry_or_choice is None:
        raise UnknownResourceTypeError(type_)
    return (
        entry_or_choice.select_entry(inputs)
        if isinstance(entry_or_choice, EntryChoice)
        else entry_or_choice
    )


@cache
def load_entries() -> EntryTable:
    """Every entry, by type."""
    return {
        type_: resource_entry
        for name in _list_module_names()
        for type_, resource_entry in _load_module_entries(name).items()
    }


def get_entry_module_name(type_: str) -> str:
    """Name of the file for a type's entry."""
    pulumi_module = type_.split(":")[1].split("/")[0]
    return _MODULE_NAMES.get(pulumi_module, pulumi_module.replace("-", "_"))


def _list_module_names() -> Iterator[str]:
    return iter(
        sorted(
            path.stem for path in _RESOURCES_FOLDER.glob("*.py") if path.stem not in _OTHER_MODULES
        )
    )


def _load_module_entries(name: str) -> EntryTable:
    module_entries: EntryTable = import_module(f"sandbox.resources.{name}").ENTRIES
    return module_entries
