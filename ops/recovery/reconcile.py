"""Pulumi's state after another instance has the primary's name: what to type, and what to look at.

Pulumi knows a DB instance by its resource id, which a rename does not change: its state goes on
meaning the old instance. Here the id is put anew in an export of the state, and a refresh fills in
the rest; no resource is deleted, imported or replaced.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ops.core.errors import UsageError
from ops.outputs import Outputs

PULUMI_INSTANCE_TYPE: Final = "aws:rds/instance:Instance"
# Steps of a preview that do away with something (Pulumi, `preview --json`).
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
    """What to type, one after another."""

    urn: str
    lines: tuple[str, ...]


def read_pulumi_file(option: str, path: Path) -> dict[str, Any]:
    """A JSON file that Pulumi wrote. Raises UsageError."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{option} is {str(path)!r}, {error.strerror}") from None
    except ValueError as error:
        raise UsageError(f"{option} is {str(path)!r}, which is no JSON: {error}") from None
    if not isinstance(document, dict):
        raise UsageError(f"{option} is {str(path)!r}, must be a file with an object")
    return document


def get_exported_primary(
    state: Mapping[str, Any], outputs: Outputs, option: str, path: Path
) -> dict[str, Any]:
    """The primary in an exported state. Raises UsageError where it is not there, or not once."""
    resources = (state.get("deployment") or {}).get("resources")
    if not isinstance(resources, list):
        raise UsageError(
            f"{option} is {str(path)!r}, must be a file of `pulumi stack export --stack "
            f"{outputs.stack.stack}`"
        )
    identifier = outputs.database.identifier
    instances: list[dict[str, Any]] = [
        resource
        for resource in resources
        if resource.get("type") == PULUMI_INSTANCE_TYPE
        and (resource.get("inputs") or {}).get("identifier") == identifier
        and not resource.get("delete")
    ]
    if len(instances) != 1:
        raise UsageError(
            f"{option} is {str(path)!r}, which has {len(instances)} instances "
            f"{identifier}, must have one: is "
            f"it the state of {outputs.stack.stack}?"
        )
    return instances[0]


def replace_resource_id(
    state: dict[str, Any], outputs: Outputs, resource_id: str, option: str, path: Path
) -> tuple[dict[str, Any], bool]:
    """The state with the instance of this resource id as the primary, and whether it was another.

    The state is changed in place. Raises UsageError.
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
    """What brings the state and the stack together again, and shows that nothing is replaced."""
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
    """The URN of the primary, as the stack's program names it."""
    stack = outputs.stack
    parents = "bulwark:index:Database"
    return f"urn:pulumi:{stack.stack}::{stack.project}::{parents}${PULUMI_INSTANCE_TYPE}::database"


def list_preview_losses(
    preview: Mapping[str, Any], option: str, path: Path
) -> list[dict[str, str]]:
    """What a preview would delete or replace. Raises UsageError where it is no preview."""
    steps = preview.get("steps")
    if not isinstance(steps, list):
        raise UsageError(f"{option} is {str(path)!r}, must be a file of `pulumi preview --json`")
    return [
        {"op": str(step.get("op")), "urn": str(step.get("urn"))}
        for step in steps
        if step.get("op") in LOSS_OPERATIONS
    ]
