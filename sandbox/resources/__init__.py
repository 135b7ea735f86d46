"""The registry of entries: what each resource type that the program uses is in AWS.

One file a service. A type that stands in none is an error that names the file it belongs in.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from sandbox.resources.entry import REST, Call, Choice, Entries, Entry, Naming

__all__ = [
    "REST",
    "Call",
    "Choice",
    "Entries",
    "Entry",
    "Naming",
    "UnknownTypeError",
    "entries",
    "entry",
    "home",
]

_HERE: Final = Path(__file__).parent
# Pulumi's modules whose file has another name, as the module is one of Python's words or
# spread over several services of AWS.
_FILES: Final = {"lambda": "lambda_", "lb": "elbv2", "index": "random"}
_NOT_TABLES: Final = frozenset(
    {"__init__", "entry", "expressions", "type_conversion", "creation", "invokes"}
)


class UnknownTypeError(LookupError):
    """A resource type that no entry stands for."""

    def __init__(self, type_: str) -> None:
        super().__init__(
            f"{type_} has no entry: add it to sandbox/resources/{home(type_)}.py, "
            "where the other types of its service stand"
        )


def entry(type_: str, inputs: Mapping[str, Any]) -> Entry:
    """The entry of a type, for these inputs. Raises UnknownTypeError."""
    found = entries().get(type_)
    if found is None:
        raise UnknownTypeError(type_)
    return found.of(inputs) if isinstance(found, Choice) else found


@cache
def entries() -> Entries:
    """Every entry, by type."""
    return {type_: it for name in _tables() for type_, it in _table(name).items()}


def home(type_: str) -> str:
    """Name of the file in which a type's entry stands or belongs."""
    module = type_.split(":")[1].split("/")[0]
    return _FILES.get(module, module.replace("-", "_"))


def _tables() -> Iterator[str]:
    return iter(sorted(p.stem for p in _HERE.glob("*.py") if p.stem not in _NOT_TABLES))


def _table(name: str) -> Entries:
    table: Entries = import_module(f"sandbox.resources.{name}").ENTRIES
    return table
