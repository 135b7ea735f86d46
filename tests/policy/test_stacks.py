"""The project's own stacks hold every rule, or say why not and until when."""

from datetime import date
from typing import Any

import pytest
from pulumi.output import Unknown

from components.settings import Settings, load
from policy.pack import Pack
from policy.rules.model import UNKNOWN, Resource
from sandbox.program import ResourceGraph, load_stack_config, run_stack_program
from tests.test_program import Unknowing
from tests.world import whole

TODAY = date(2026, 11, 26)  # not the wall's: that an exception ends is not to break a test
STACKS = ("dev", "staging", "prod", "sandbox")
SHAPES: dict[str, dict[str, Any]] = {
    "as it is": {},
    "with everything": {"compute": "both", "cache": {"enabled": True}},
    "database only": {"compute": "none"},
}


def of_stack(stack: str) -> Settings:
    project, config = load_stack_config(stack)
    return load(project, stack, config["aws:region"], config)


def pack(stack: str) -> Pack:
    found = of_stack(stack)
    return Pack(TODAY, found.profile, found.policy_exceptions)


def resources(graph: ResourceGraph) -> list[Resource]:
    return [Resource(r.type, r.name, r.inputs, r.protect, r.urn) for r in graph if r.is_in_aws]


def judged(value: Any) -> Any:
    """Inputs of a preview as the pack has them."""
    if isinstance(value, Unknown):
        return UNKNOWN
    if isinstance(value, dict):
        return {key: judged(entry) for key, entry in value.items()}
    return [judged(entry) for entry in value] if isinstance(value, list) else value


@pytest.mark.parametrize(
    ("stack", "shape"),
    [
        pytest.param(
            stack,
            shape,
            marks=() if stack in ("dev", "prod") or shape == "as it is" else pytest.mark.exhaustive,
        )
        for stack in STACKS
        for shape in SHAPES
    ],
)
def test_a_stack_holds_every_rule_or_has_its_exception(stack: str, shape: str) -> None:
    assert pack(stack).all(resources(whole(stack, SHAPES[shape]))) == []


@pytest.mark.parametrize("stack", STACKS)
def test_no_exception_is_there_that_is_not_needed(stack: str) -> None:
    assert pack(stack).unused(resources(whole(stack, SHAPES["as it is"]))) == []


def test_prod_and_dev_need_no_exception() -> None:
    assert not of_stack("prod").policy_exceptions
    assert not of_stack("dev").policy_exceptions


@pytest.mark.parametrize("stack", ["staging", "sandbox"])
@pytest.mark.exhaustive
def test_without_their_exceptions_the_others_do_not_hold_the_rules(stack: str) -> None:
    found = Pack(TODAY, "prod").all(resources(whole(stack)))
    assert (
        "database-deletion-protection: database: deletionProtection is false, may be true" in found
    )


def test_a_setting_that_loosens_prod_is_found() -> None:
    loose: dict[str, Any] = {
        "protect": False,
        "database": {"backupDays": 3, "crossRegionBackups": False},
    }
    found = pack("prod").all(resources(whole("prod", loose)))
    assert "database-backups: database: backupRetentionPeriod is 3, may be 7 days or more" in found
    assert "protected: database: the option protect is false, may be true" in found


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_a_first_preview_finds_nothing_either(stack: str) -> None:
    """Then AWS has said nothing yet: no key has an ARN, no role one."""
    graph = run_stack_program(stack, Unknowing(), preview=True)
    found = [
        Resource(r.type, r.name, judged(dict(r.inputs)), r.protect, r.urn)
        for r in graph
        if r.is_in_aws
    ]
    assert sum(UNKNOWN in r.props.values() for r in found) > 50
    assert pack(stack).all(found) == []
