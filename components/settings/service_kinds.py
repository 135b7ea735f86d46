"""The kinds of Fargate services: what each has, and which settings fit no other.

A new kind is a row of `SERVICE_KINDS`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal, get_args

from pydantic import JsonValue

ServiceKindName = Literal["web", "worker"]
DEFAULT_KIND: Final = "web"

_FOR_CONTAINER: Final = "the load balancer checks its targets by healthPath"
_FOR_QUEUE: Final = "queue and backlogPerTask scale workers; a web service scales with its requests"
_NO_PORT: Final = "a worker answers nobody"
_NO_TARGETS: Final = "a worker has no target group"


@dataclass(frozen=True, kw_only=True)
class ServiceKind:
    """A kind of service. `refused_keys` are those that fit only other kinds, each with why."""

    has_targets: bool
    refused_keys: Mapping[str, str]


SERVICE_KINDS: Final[Mapping[ServiceKindName, ServiceKind]] = {
    "web": ServiceKind(
        has_targets=True,
        refused_keys={
            "healthCheck.command": _FOR_CONTAINER,
            "healthCheck.retries": _FOR_CONTAINER,
            "healthCheck.startPeriodSeconds": _FOR_CONTAINER,
            "scaling": _FOR_QUEUE,
        },
    ),
    "worker": ServiceKind(
        has_targets=False,
        refused_keys={
            "port": _NO_PORT,
            "paths": _NO_PORT,
            "hosts": _NO_PORT,
            "healthPath": _NO_PORT,
            "healthCheck.matcher": _NO_TARGETS,
            "healthCheck.healthyThreshold": _NO_TARGETS,
            "healthCheck.unhealthyThreshold": _NO_TARGETS,
            "drainSeconds": _NO_TARGETS,
            "stickySeconds": _NO_TARGETS,
            "graceSeconds": "healthCheck.startPeriodSeconds is the same for a worker",
            "requestsTarget": _NO_TARGETS,
        },
    ),
}


def find_refused_key(kind: ServiceKindName, keys: Iterator[str]) -> str | None:
    """Describes the first key that does not fit the kind; None if all do."""
    refused_keys = SERVICE_KINDS[kind].refused_keys
    for key in keys:
        if (reason := refused_keys.get(key)) is not None:
            return f"{key} is set, must not be with kind {kind!r}: {reason}"
    return None


def drop_refused_keys(defaults: Mapping[str, JsonValue], kind: JsonValue) -> dict[str, JsonValue]:
    """The defaults of all services without those that do not fit a service's kind."""
    refused_keys: Mapping[str, str] = {}
    for name in get_args(ServiceKindName):
        if name == kind:
            refused_keys = SERVICE_KINDS[name].refused_keys
    return _drop_keys(defaults, refused_keys=refused_keys)


def _drop_keys(
    values: Mapping[str, JsonValue], *, refused_keys: Mapping[str, str], path: str = ""
) -> dict[str, JsonValue]:
    return {
        key: _drop_keys(value, refused_keys=refused_keys, path=f"{path}{key}.")
        if isinstance(value, dict)
        else value
        for key, value in values.items()
        if f"{path}{key}" not in refused_keys
    }
