"""What tells two states of Pulumi apart: for a person, and as a hash."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any, Final


def list_resource_ids(state: Mapping[str, Any]) -> dict[str, str]:
    """The id of each resource of a state, by URN."""
    state_resources = (state.get("deployment") or {}).get("resources") or ()
    return {str(resource["urn"]): str(resource.get("id", "")) for resource in state_resources}


def compute_state_digest(state: Mapping[str, Any]) -> str:
    """A hash of all that Pulumi would know: resources, pending operations, secrets provider.

    The order of resources and when they were written are not in it.
    """
    deployment = state.get("deployment") or {}
    resources = _index_resources(state)
    body = {
        "resources": [resources[urn] for urn in sorted(resources)],
        "pending": deployment.get("pending_operations") or [],
        "secrets": deployment.get("secrets_providers") or {},
    }
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:16]


# Fields of a resource in an export that say nothing about the resource itself.
VOLATILE_STATE_FIELDS: Final = ("modified", "created", "sourcePosition", "stackTrace")
# Fields whose difference is worth showing with both values: none of them is a secret.
SHOWN_STATE_FIELDS: Final = ("id", "protect", "retainOnDelete", "external", "provider", "parent")
# Inputs that decide whether data survive or can be reached: shown with both values.
SHOWN_STATE_INPUTS: Final = (
    "deletionProtection",
    "publiclyAccessible",
    "skipFinalSnapshot",
    "forceDestroy",
    "storageEncrypted",
    "multiAz",
    "backupRetentionPeriod",
)


def list_state_differences(
    current_state: Mapping[str, Any], new_state: Mapping[str, Any]
) -> list[dict[str, object]]:
    """Everything that giving a state back would change of what Pulumi knows.

    Values are shown if they are in SHOWN_STATE_FIELDS or SHOWN_STATE_INPUTS; others only by
    its name, since it may be a secret.
    """
    current_resources, new_resources = (
        _index_resources(state) for state in (current_state, new_state)
    )
    rows: list[dict[str, object]] = []
    for urn in sorted(current_resources.keys() | new_resources.keys()):
        resource = urn.split("::", 2)[-1]
        current, new = current_resources.get(urn), new_resources.get(urn)
        if current is None or new is None:
            what = "known again" if current is None else "removed from the state"
            ids = [(item or {}).get("id") for item in (current, new)]
            rows.append({"what": what, "resource": resource, "now": ids[0], "then": ids[1]})
            continue
        rows += [
            {"what": name, "resource": resource, "now": now, "then": then}
            for name, now, then in _list_field_differences(current, new)
        ]
    providers = [
        (state.get("deployment") or {}).get("secrets_providers") or {}
        for state in (current_state, new_state)
    ]
    if providers[0] != providers[1]:
        types = [str(provider.get("type")) for provider in providers]
        if types[0] == types[1]:
            types = ["one key", "another key"]
        rows.append(
            {
                "what": "secrets provider",
                "resource": "the whole state",
                "now": types[0],
                "then": types[1],
            }
        )
    return rows


def _index_resources(state: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The resources of a state by URN, without what changes by itself."""
    state_resources = (state.get("deployment") or {}).get("resources") or ()
    return {
        str(resource["urn"]): {
            name: value for name, value in resource.items() if name not in VOLATILE_STATE_FIELDS
        }
        for resource in state_resources
    }


def _list_field_differences(
    current: Mapping[str, Any], new: Mapping[str, Any]
) -> Iterator[tuple[str, object, object]]:
    """Name, value now and value then of each field that differs, inputs one by one."""
    for name in sorted(current.keys() | new.keys()):
        now, then = current.get(name), new.get(name)
        if now == then or name == "inputs":
            continue
        yield (name, now, then) if name in SHOWN_STATE_FIELDS else (name, "one", "another")
    inputs = [dict(item.get("inputs") or {}) for item in (current, new)]
    for name in sorted(inputs[0].keys() | inputs[1].keys()):
        now, then = inputs[0].get(name), inputs[1].get(name)
        if now != then:
            yield (name, now, then) if name in SHOWN_STATE_INPUTS else (name, "one", "another")
