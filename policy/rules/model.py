"""A rule as data: what it looks at, which control it is of, and what it finds wrong.

A check is a pure function: it sees a resource's inputs and yields a line for each property that
is not as it may be. In a preview AWS has not said yet what some inputs will be; those are UNKNOWN,
count as given, and are looked at again in the update.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

Profile = Literal["dev", "prod"]
BOTH: Final[tuple[Profile, ...]] = ("dev", "prod")
PROD: Final[tuple[Profile, ...]] = ("prod",)


class Unknown:
    """The value of an input that only the update will know."""

    def __repr__(self) -> str:
        return "unknown"


UNKNOWN: Final = Unknown()


@dataclass(frozen=True)
class Resource:
    """A resource as the engine hands it on: `protect` is Pulumi's own option."""

    type: str
    name: str
    props: Mapping[str, Any]
    protect: bool = False
    urn: str = ""


Check: TypeAlias = Callable[[Resource], Iterable[str]]
StackCheck: TypeAlias = Callable[[Sequence[Resource]], Iterable[tuple[Resource, str]]]


@dataclass(frozen=True)
class Rule:
    """What each resource of `types` must hold. No types: every type of AWS.

    `controls` are ids of AWS Security Hub; `house` where none of them asks for it. `profiles` are
    those that it holds in.
    """

    name: str
    controls: tuple[str, ...]
    types: tuple[str, ...]
    what: str
    check: Check
    profiles: tuple[Profile, ...] = BOTH

    def violations(self, resource: Resource) -> list[str]:
        """A line for each property of a resource that is not as it may be."""
        mine = resource.type in self.types if self.types else resource.type.startswith("aws:")
        return list(self.check(resource)) if mine else []


@dataclass(frozen=True)
class StackRule:
    """What must hold between the resources of a stack."""

    name: str
    controls: tuple[str, ...]
    types: tuple[str, ...]
    what: str
    check: StackCheck
    profiles: tuple[Profile, ...] = BOTH

    def violations(self, resources: Sequence[Resource]) -> list[tuple[Resource, str]]:
        """(resource, line) for each resource that is not as it may be."""
        return list(self.check(resources))


@dataclass(frozen=True)
class May:
    """What a property may be: a test, and its words."""

    words: str
    test: Callable[[Any], bool]


TRUE: Final = May("true", lambda v: str(v).lower() == "true")
FALSE: Final = May("false", lambda v: str(v).lower() == "false")
FALSE_OR_UNSET: Final = May("false or not set", lambda v: v is None or str(v).lower() == "false")

NONE: Final = May("empty", lambda v: not v)


def given(words: str) -> May:
    """May be anything but nothing."""
    return May(words, lambda v: v not in (None, "", [], {}))


def at_least(least: float, unit: str) -> May:
    """May be a number that is not smaller."""
    return May(f"{least:g} {unit} or more", lambda v: _is_number(v) and v >= least)


def one_of(*values: object) -> May:
    """May be one of these."""
    return May(" or ".join(map(str, values)), lambda v: v in values)


def where_set(may: May) -> May:
    """May be that, where anything is said at all."""
    return May(may.words, lambda v: v is None or may.test(v))


def needs(**properties: May) -> Check:
    """A check of properties by name; __ stands for the dot before a nested one."""

    def check(resource: Resource) -> Iterator[str]:
        for key, may in properties.items():
            path = key.replace("__", ".")
            yield from judge(path, at(resource.props, path), may)

    return check


def judge(path: str, value: Any, may: May) -> Iterator[str]:
    """The line of a property whose value is not as it may be."""
    if value is not UNKNOWN and not may.test(value):
        yield line(path, value, may.words)


def line(path: str, value: Any, may: str) -> str:
    """What a property is, and what it may be."""
    return f"{path} is {shown(value)}, may be {may}"


def at(value: Any, path: str) -> Any:
    """The value at a dotted path: None where there is none, UNKNOWN where not known yet."""
    for part in path.split("."):
        if value is UNKNOWN:
            return UNKNOWN
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def listed(value: Any) -> list[Any]:
    """A value as a list: empty for none or what is not known yet."""
    if value is None or value is UNKNOWN:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]


def statements(document: Any) -> list[Mapping[str, Any]]:
    """The statements of a policy document, which may be text; none where it is not known yet."""
    try:
        found = json.loads(document) if isinstance(document, str) else document
    except ValueError:
        return []
    return [s for s in listed(at(found, "Statement")) if isinstance(s, Mapping)]


def shown(value: Any) -> str:
    """A value as a stack file would write it."""
    if value is None:
        return "not set"
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else repr(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
