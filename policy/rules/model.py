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
ALL_PROFILES: Final[tuple[Profile, ...]] = ("dev", "prod")
PROD_ONLY: Final[tuple[Profile, ...]] = ("prod",)


class UnknownValue:
    """The value of an input that only the update will know."""

    def __repr__(self) -> str:
        return "unknown"


UNKNOWN: Final = UnknownValue()


@dataclass(frozen=True)
class PolicyResource:
    """A resource as the engine hands it on: `protect` is Pulumi's own option."""

    type: str
    name: str
    inputs: Mapping[str, Any]
    protect: bool = False
    urn: str = ""


ResourceCheck: TypeAlias = Callable[[PolicyResource], Iterable[str]]
StackCheck: TypeAlias = Callable[[Sequence[PolicyResource]], Iterable[tuple[PolicyResource, str]]]


@dataclass(frozen=True)
class ResourceRule:
    """What each resource of `types` must hold. No types: every type of AWS.

    `controls` are ids of AWS Security Hub; `house` where none of them asks for it. `profiles` are
    those that it holds in.
    """

    name: str
    controls: tuple[str, ...]
    types: tuple[str, ...]
    description: str
    check: ResourceCheck
    profiles: tuple[Profile, ...] = ALL_PROFILES

    def list_violations(self, resource: PolicyResource) -> list[str]:
        """A line for each property of a resource that is not as it may be."""
        is_applicable = (
            resource.type in self.types if self.types else resource.type.startswith("aws:")
        )
        return list(self.check(resource)) if is_applicable else []


@dataclass(frozen=True)
class StackRule:
    """What must hold between the resources of a stack."""

    name: str
    controls: tuple[str, ...]
    types: tuple[str, ...]
    description: str
    check: StackCheck
    profiles: tuple[Profile, ...] = ALL_PROFILES

    def list_violations(
        self, resources: Sequence[PolicyResource]
    ) -> list[tuple[PolicyResource, str]]:
        """(resource, line) for each resource that is not as it may be."""
        return list(self.check(resources))


@dataclass(frozen=True)
class Requirement:
    """What a property may be: a test, and its words."""

    description: str
    is_met: Callable[[Any], bool]


IS_TRUE: Final = Requirement("true", lambda v: str(v).lower() == "true")
IS_FALSE: Final = Requirement("false", lambda v: str(v).lower() == "false")
IS_FALSE_OR_UNSET: Final = Requirement(
    "false or not set", lambda v: v is None or str(v).lower() == "false"
)

IS_EMPTY: Final = Requirement("empty", lambda v: not v)


def any_value(description: str) -> Requirement:
    """May be anything but nothing."""
    return Requirement(description, lambda v: v not in (None, "", [], {}))


def at_least(minimum: float, unit: str) -> Requirement:
    """May be a number that is not smaller."""
    return Requirement(f"{minimum:g} {unit} or more", lambda v: _is_number(v) and v >= minimum)


def one_of(*values: object) -> Requirement:
    """May be one of these."""
    return Requirement(" or ".join(map(str, values)), lambda v: v in values)


def unset_or(requirement: Requirement) -> Requirement:
    """May be that, where anything is said at all."""
    return Requirement(requirement.description, lambda v: v is None or requirement.is_met(v))


def build_property_check(**requirements: Requirement) -> ResourceCheck:
    """A check of properties by name; __ stands for the dot before a nested one."""

    def check_resource(resource: PolicyResource) -> Iterator[str]:
        for key, requirement in requirements.items():
            path = key.replace("__", ".")
            yield from check_value(path, find_property(resource.inputs, path), requirement)

    return check_resource


def check_value(path: str, value: Any, requirement: Requirement) -> Iterator[str]:
    """The line of a property whose value is not as it may be."""
    if value is not UNKNOWN and not requirement.is_met(value):
        yield format_violation(path, value, requirement.description)


def format_violation(path: str, value: Any, requirement: str) -> str:
    """What a property is, and what it may be."""
    return f"{path} is {format_value(value)}, must be {requirement}"


def find_property(value: Any, path: str) -> Any:
    """The value at a dotted path: None where there is none, UNKNOWN where not known yet."""
    for part in path.split("."):
        if value is UNKNOWN:
            return UNKNOWN
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def as_list(value: Any) -> list[Any]:
    """A value as a list: empty for none or what is not known yet."""
    if value is None or value is UNKNOWN:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]


def list_statements(document: Any) -> list[Mapping[str, Any]]:
    """The statements of a policy document, which may be text; none where it is not known yet."""
    try:
        policy_document = json.loads(document) if isinstance(document, str) else document
    except ValueError:
        return []
    return [
        statement
        for statement in as_list(find_property(policy_document, "Statement"))
        if isinstance(statement, Mapping)
    ]


def format_value(value: Any) -> str:
    """A value as a stack file would write it."""
    if value is None:
        return "not set"
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else repr(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
