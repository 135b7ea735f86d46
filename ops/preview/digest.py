"""A hash of everything that an update would do, by its preview."""

import hashlib
import json
from collections.abc import Iterable
from typing import Any, Final

from ops.preview.document import CHANGE_KIND_BY_OP, SIGNATURE_KEY, UNKNOWN_VALUES, PreviewStep

UNKNOWN_PLACEHOLDER: Final = "[unknown]"


def compute_steps_digest(steps: Iterable[PreviewStep]) -> str:
    """Returns a hash of everything that an update would do: to resources, components, providers.

    It covers each step's operation, reasons, provider, protection, and all inputs before and after;
    an asset by the engine's hash. The engine prints no unknown values and no secrets: each of them
    counts as one placeholder. That a secret changes is among the reasons.
    """
    lines = sorted(
        json.dumps(_list_step_facts(step), sort_keys=True, default=str)
        for step in steps
        if CHANGE_KIND_BY_OP.get(step.op, "changed") != "same"
    )
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def _list_step_facts(step: PreviewStep) -> list[Any]:
    states = (step.oldState, step.newState)
    return [
        step.urn,
        step.op,
        step.provider.rpartition("::")[0],  # behind it is an id, unknown until it exists
        sorted(step.detailedDiff or {}),
        sorted(step.diffReasons or ()),
        sorted(step.replaceReasons or ()),
        *(
            state
            and [
                state.type,
                state.protect,
                state.retainOnDelete,
                _mask_unprinted_values(state.inputs),
            ]
            for state in states
        ),
    ]


def _mask_unprinted_values(value: Any) -> Any:
    """The value, with one placeholder for all that is unknown and the hash of each asset."""
    if isinstance(value, dict):
        if SIGNATURE_KEY in value:
            return {"special": value[SIGNATURE_KEY], "hash": value.get("hash")}
        return {name: _mask_unprinted_values(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_mask_unprinted_values(item) for item in value]
    return UNKNOWN_PLACEHOLDER if isinstance(value, str) and value in UNKNOWN_VALUES else value
