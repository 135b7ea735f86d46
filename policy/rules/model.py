"""A rule as data: the types it checks, its controls, and its check.

A check is a pure function: it gets a resource's inputs and yields a line for each property that
breaks the rule. In a preview some inputs are not known yet; they are UNKNOWN, pass every check, and
are checked again in the update.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, TypeAlias

Profile = Literal["dev", "prod"]
ALL_PROFILES: Final[tuple[Profile, ...]] = ("dev", "prod")
PROD_ONLY: Final[tuple[Profile, ...]] = ("prod",)


class UnknownValue:
    """The value of an input that is known only in the update."""

    def __repr__(self) -> str:
        return "unknown"


UNKNOWN: Final = UnknownValue()


@dataclass(frozen=True)
class PolicyResource:
    """A resource as the engine passes it: `protect` is Pulumi's own option."""

    type: str
    name: str
    inputs: Mapping[str, Any]
    protect: bool = False
    urn: str = ""


# Names of the provider for one module: `aws:alb/listener:Listener` is `aws:lb/listener:Listener`.
MODULE_ALIASES: Final[Mapping[str, str]] = {
    "alb": "lb",
    "applicationloadbalancing": "lb",
    "elasticloadbalancingv2": "lb",
}
TYPE_ALIASES: Final[Mapping[str, str]] = {
    "aws:s3/BucketObject:BucketObject": "aws:s3/bucketObjectv2:BucketObjectv2"
}
S3_ALIAS_SUFFIX: Final = "V2"  # of `aws:s3/bucketV2:BucketV2` and of a bucket's parts


def get_canonical_type(type_: str) -> str:
    """The name of a type by which rules know it: the provider has several for some."""
    type_ = TYPE_ALIASES.get(type_, type_)
    parts = type_.split(":")
    if len(parts) != 3 or parts[0] != "aws" or "/" not in parts[1]:
        return type_
    module, name = parts[1].split("/", 1)
    class_name = parts[2]
    if module == "s3" and class_name.startswith("Bucket") and class_name != "BucketObjectv2":
        name = name.removesuffix(S3_ALIAS_SUFFIX)
        class_name = class_name.removesuffix(S3_ALIAS_SUFFIX)
    return f"aws:{MODULE_ALIASES.get(module, module)}/{name}:{class_name}"


def normalize_type(resource: PolicyResource) -> PolicyResource:
    """The resource under the name by which rules know its type."""
    type_ = get_canonical_type(resource.type)
    return resource if type_ == resource.type else replace(resource, type=type_)


ResourceCheck: TypeAlias = Callable[[PolicyResource], Iterable[str]]
StackCheck: TypeAlias = Callable[[Sequence[PolicyResource]], Iterable[tuple[PolicyResource, str]]]


@dataclass(frozen=True)
class ResourceRule:
    """A rule for each resource of `types`. No types: every type of AWS.

    `controls` are ids of AWS Security Hub; `house` if no control requires it. `profiles` are
    the profiles that it applies to.
    """

    name: str
    controls: tuple[str, ...]
    types: tuple[str, ...]
    description: str
    check: ResourceCheck
    profiles: tuple[Profile, ...] = ALL_PROFILES

    def list_violations(self, resource: PolicyResource) -> list[str]:
        """Lists a line for each property of a resource that breaks the rule."""
        resource = normalize_type(resource)
        is_applicable = (
            resource.type in self.types if self.types else resource.type.startswith("aws:")
        )
        return list(self.check(resource)) if is_applicable else []


@dataclass(frozen=True)
class StackRule:
    """A rule between the resources of a stack."""

    name: str
    controls: tuple[str, ...]
    types: tuple[str, ...]
    description: str
    check: StackCheck
    profiles: tuple[Profile, ...] = ALL_PROFILES

    def list_violations(
        self, resources: Sequence[PolicyResource]
    ) -> list[tuple[PolicyResource, str]]:
        """Lists (resource, line) for each resource that breaks the rule."""
        return list(self.check([normalize_type(resource) for resource in resources]))


@dataclass(frozen=True)
class Requirement:
    """A requirement of a property: a test, and its words."""

    description: str
    is_met: Callable[[Any], bool]


IS_TRUE: Final = Requirement("true", lambda v: str(v).lower() == "true")
IS_FALSE: Final = Requirement("false", lambda v: str(v).lower() == "false")
IS_FALSE_OR_UNSET: Final = Requirement(
    "false or not set", lambda v: v is None or str(v).lower() == "false"
)

IS_EMPTY: Final = Requirement("empty", lambda v: not v)


def any_value(description: str) -> Requirement:
    """Requires any value: not null, not empty."""
    return Requirement(description, lambda v: v not in (None, "", [], {}))


def at_least(minimum: float, unit: str) -> Requirement:
    """Requires a number of at least this size."""
    return Requirement(f"{minimum:g} {unit} or more", lambda v: _is_number(v) and v >= minimum)


def one_of(*values: object) -> Requirement:
    """Requires one of these values."""
    return Requirement(" or ".join(map(str, values)), lambda v: v in values)


def unset_or(requirement: Requirement) -> Requirement:
    """Requires this value if the property is set."""
    return Requirement(requirement.description, lambda v: v is None or requirement.is_met(v))


def build_property_check(**requirements: Requirement) -> ResourceCheck:
    """Builds a check of properties by name; __ is the dot before a nested one."""

    def check_resource(resource: PolicyResource) -> Iterator[str]:
        for key, requirement in requirements.items():
            path = key.replace("__", ".")
            yield from check_value(path, find_property(resource.inputs, path), requirement)

    return check_resource


def check_value(path: str, value: Any, requirement: Requirement) -> Iterator[str]:
    """Lists the line of a property whose value breaks the requirement."""
    if value is not UNKNOWN and not requirement.is_met(value):
        yield format_violation(path, value, requirement.description)


def format_violation(path: str, value: Any, requirement: str) -> str:
    """Formats what a property is, and what it must be."""
    return f"{path} is {format_value(value)}, must be {requirement}"


def find_property(value: Any, path: str) -> Any:
    """The value at a dotted path: None if it is missing, UNKNOWN if it is not known yet."""
    for part in path.split("."):
        if value is UNKNOWN:
            return UNKNOWN
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def as_list(value: Any) -> list[Any]:
    """A value as a list: empty if it is missing or not known yet."""
    if value is None or value is UNKNOWN:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]


def list_statements(document: Any) -> list[Mapping[str, Any]]:
    """The statements of a policy document, which may be text; empty if it is not known yet."""
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
    """Formats a value as a stack file writes it."""
    if value is None:
        return "not set"
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else repr(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
