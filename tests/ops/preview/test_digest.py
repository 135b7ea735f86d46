"""The hash of a preview: everything that would be done is in it."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ops.preview.changes import parse_live
from ops.preview.document import SIGNATURE_KEY, UNKNOWN_VALUES

URN = "urn:pulumi:prod::bulwark::bulwark:index:Database$aws:rds/instance:Instance::database"
PROVIDER = "urn:pulumi:prod::bulwark::pulumi:providers:aws::default::{id}"
ASSET = {SIGNATURE_KEY: "c44067f5952c0a294b673a41bacd8c17", "hash": "a" * 64}
STEP: dict[str, Any] = {
    "op": "update",
    "urn": URN,
    "provider": PROVIDER.format(id="1"),
    "oldState": {"type": "aws:rds/instance:Instance", "inputs": {"multiAz": True}},
    "newState": {
        "type": "aws:rds/instance:Instance",
        "protect": True,
        "inputs": {"multiAz": False, "code": ASSET, "password": "[secret]", "arn": "known"},
    },
    "diffReasons": ["multiAz"],
}


def compute_digest(*steps: dict[str, Any]) -> str:
    return parse_live({"steps": list(steps)}, "prod").digest


def change_inputs(**inputs: Any) -> Callable[[dict[str, Any]], None]:
    return lambda step: step["newState"]["inputs"].update(inputs)


@pytest.mark.parametrize(
    "change",
    [
        change_inputs(multiAz=True),
        change_inputs(code={**ASSET, "hash": "b" * 64}),
        change_inputs(arn=min(UNKNOWN_VALUES)),
        change_inputs(new="x"),
        lambda step: step["newState"].update(protect=False),
        lambda step: step["newState"].update(retainOnDelete=True),
        lambda step: step["oldState"]["inputs"].update(multiAz=False),
        lambda step: step.update(op="replace"),
        lambda step: step.update(replaceReasons=["multiAz"]),
        lambda step: step.update(diffReasons=["multiAz", "password"]),
        lambda step: step.update(provider=PROVIDER.replace("default", "other").format(id="1")),
    ],
)
def test_any_different_step_has_another_digest(
    change: Callable[[dict[str, Any]], object],
) -> None:
    step = copy.deepcopy(STEP)
    change(step)
    assert compute_digest(step) != compute_digest(STEP)


def test_the_digest_covers_providers_and_components() -> None:
    provider = {
        "op": "update",
        "urn": "urn:pulumi:prod::bulwark::pulumi:providers:aws::default",
        "newState": {"type": "pulumi:providers:aws", "inputs": {"region": "eu-north-1"}},
    }
    elsewhere = copy.deepcopy(provider)
    elsewhere["newState"]["inputs"]["region"] = "eu-west-1"  # type: ignore[index]
    assert (
        len({compute_digest(STEP), *(compute_digest(STEP, p) for p in (provider, elsewhere))}) == 3
    )


def test_the_same_update_has_the_same_hash() -> None:
    """In another order, with what does not change, before the provider has its id."""
    same = {"op": "same", "urn": URN.replace("database", "other"), "newState": {"inputs": {"a": 1}}}
    later = {**copy.deepcopy(STEP), "provider": PROVIDER.format(id=min(UNKNOWN_VALUES))}
    other = {**copy.deepcopy(STEP), "urn": f"{URN}-2"}
    assert compute_digest(later, other, same) == compute_digest(other, STEP)


def test_a_recorded_preview_has_a_digest_of_16_characters() -> None:
    file = Path(__file__).parents[1] / "previews" / "change.json"
    document = json.loads(file.read_text(encoding="utf-8"))
    assert len(parse_live(document, "prod").digest) == 16
