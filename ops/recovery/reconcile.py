"""Fixes Pulumi's state after a promotion by rename.

Pulumi identifies a DB instance by its resource id, which a rename does not change, so its state
still refers to the old instance. This replaces the id in an export of the state; a refresh updates
the rest. No resource is deleted, imported or replaced.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from components.facts.database import DB_INSTANCE_TYPE
from ops.core.errors import UsageError
from ops.outputs import Outputs

# Operations of `pulumi preview --json` that delete or replace a resource.
LOSS_OPERATIONS: Final = (
    "delete",
    "delete-replaced",
    "discard",
    "discard-replaced",
    "replace",
    "create-replacement",
)


@dataclass(frozen=True)
class ReconcileCommands:
    """Commands to run in order."""

    urn: str
    lines: tuple[str, ...]


def read_pulumi_file(option: str, path: Path) -> dict[str, Any]:
    """Reads a JSON object that Pulumi wrote. Raises UsageError, naming the option."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{option}: cannot read {str(path)!r}: {error.strerror}") from None
    except ValueError as error:
        raise UsageError(
            f"{option} must be a JSON file, but {str(path)!r} is not: {error}"
        ) from None
    if not isinstance(document, dict):
        raise UsageError(f"{option} must be a file with a JSON object, not {str(path)!r}")
    return document


def get_exported_primary(
    state: Mapping[str, Any], outputs: Outputs, option: str, path: Path
) -> dict[str, Any]:
    """Returns the primary in an exported state. Raises UsageError unless there is exactly one."""
    resources = (state.get("deployment") or {}).get("resources")
    if not isinstance(resources, list):
        raise UsageError(
            f"{option} must be a file of `pulumi stack export --stack {outputs.stack.stack}`, not "
            f"{str(path)!r}"
        )
    identifier = outputs.database.identifier
    instances: list[dict[str, Any]] = [
        resource
        for resource in resources
        if resource.get("type") == DB_INSTANCE_TYPE
        and (resource.get("inputs") or {}).get("identifier") == identifier
        and not resource.get("delete")
    ]
    if len(instances) != 1:
        raise UsageError(
            f"{option} must contain {identifier} once, but {str(path)!r} contains it "
            f"{len(instances)} times: is it the state of {outputs.stack.stack}?"
        )
    return instances[0]


def replace_resource_id(
    state: dict[str, Any], outputs: Outputs, resource_id: str, option: str, path: Path
) -> tuple[dict[str, Any], bool]:
    """Sets the primary's resource id in the state, in place; returns the state and if it changed.

    Raises UsageError as `get_exported_primary` does.
    """
    instance = get_exported_primary(state, outputs, option, path)
    if instance["id"] == resource_id:
        return state, False
    instance["id"] = resource_id
    instance_outputs = instance.get("outputs")
    if isinstance(instance_outputs, dict):
        instance_outputs |= {
            key: resource_id for key in ("id", "resourceId") if key in instance_outputs
        }
    return state, True


def list_reconcile_commands(outputs: Outputs, urn: str) -> tuple[str, ...]:
    """Lists the commands that fix the state and verify that nothing is replaced."""
    stack = outputs.stack.stack
    return (
        f"pulumi stack export --stack {stack} --file before.json",
        "ops recover reconcile --state before.json --to after.json",
        f"pulumi stack import --stack {stack} --file after.json",
        f"pulumi refresh --stack {stack} --target '{urn}' --yes",
        f"pulumi preview --stack {stack} --refresh --json > preview.json",
        "ops recover reconcile --preview preview.json",
    )


def build_primary_urn(outputs: Outputs) -> str:
    """Returns the URN of the primary in the stack's program."""
    stack = outputs.stack
    parents = "bulwark:index:Database"
    return f"urn:pulumi:{stack.stack}::{stack.project}::{parents}${DB_INSTANCE_TYPE}::database"


def list_preview_losses(
    preview: Mapping[str, Any], option: str, path: Path
) -> list[dict[str, str]]:
    """Lists what a preview deletes or replaces. Raises UsageError if it is not a preview."""
    steps = preview.get("steps")
    if not isinstance(steps, list):
        raise UsageError(f"{option} must be a file of `pulumi preview --json`, not {str(path)!r}")
    return [
        {"op": str(step.get("op")), "urn": str(step.get("urn"))}
        for step in steps
        if step.get("op") in LOSS_OPERATIONS
    ]
