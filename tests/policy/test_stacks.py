"""The project's own stacks hold every rule, or say why not and until when."""

from datetime import date
from typing import Any

import pytest
from pulumi.output import Unknown

from components.settings import Settings, parse_settings
from policy.pack import StackPolicyPack
from policy.rules.model import UNKNOWN, PolicyResource
from sandbox.program import ResourceGraph, load_stack_config, run_stack_program
from tests.test_program import PreviewMocks
from tests.world import run_whole_program

PACK_DATE = date(2026, 11, 26)  # not the wall's: that an exception ends is not to break a test
STACK_NAMES = ("dev", "staging", "prod", "sandbox")
CONFIG_SHAPES: dict[str, dict[str, Any]] = {
    "as it is": {},
    "with everything": {"compute": "both", "cache": {"enabled": True}},
    "with workers alone": {"services": {"mailer": {"kind": "worker"}}},
    "database only": {"compute": "none"},
}


def load_stack_settings(stack: str) -> Settings:
    project, config = load_stack_config(stack)
    return parse_settings(project, stack=stack, region=config["aws:region"], config=config)


def build_pack(stack: str) -> StackPolicyPack:
    settings = load_stack_settings(stack)
    return StackPolicyPack(PACK_DATE, settings.profile, settings.policy_exceptions)


def list_aws_resources(graph: ResourceGraph) -> list[PolicyResource]:
    return [
        PolicyResource(r.type, r.name, r.inputs, r.protect, r.urn) for r in graph if r.is_in_aws
    ]


def mark_unknown_values(value: Any) -> Any:
    """Inputs of a preview as the pack has them."""
    if isinstance(value, Unknown):
        return UNKNOWN
    if isinstance(value, dict):
        return {key: mark_unknown_values(entry) for key, entry in value.items()}
    return [mark_unknown_values(entry) for entry in value] if isinstance(value, list) else value


@pytest.mark.parametrize(
    ("stack", "shape"),
    [
        pytest.param(
            stack,
            shape,
            marks=() if stack in ("dev", "prod") or shape == "as it is" else pytest.mark.exhaustive,
        )
        for stack in STACK_NAMES
        for shape in CONFIG_SHAPES
    ],
)
def test_a_stack_holds_every_rule_or_has_its_exception(stack: str, shape: str) -> None:
    assert (
        build_pack(stack).list_violations(
            list_aws_resources(run_whole_program(stack, CONFIG_SHAPES[shape]))
        )
        == []
    )


@pytest.mark.parametrize("stack", STACK_NAMES)
def test_no_exception_is_there_that_is_not_needed(stack: str) -> None:
    assert (
        build_pack(stack).list_unused_exceptions(
            list_aws_resources(run_whole_program(stack, CONFIG_SHAPES["as it is"]))
        )
        == []
    )


def test_prod_and_dev_need_no_exception() -> None:
    assert not load_stack_settings("prod").policy_exceptions
    assert not load_stack_settings("dev").policy_exceptions


@pytest.mark.parametrize("stack", ["staging", "sandbox"])
@pytest.mark.exhaustive
def test_without_their_exceptions_other_stacks_violate_rules(stack: str) -> None:
    violations = StackPolicyPack(PACK_DATE, "prod").list_violations(
        list_aws_resources(run_whole_program(stack))
    )
    assert (
        "database-deletion-protection: database: deletionProtection is false, must be true"
        in violations
    )


def test_a_setting_that_loosens_prod_is_found() -> None:
    loose: dict[str, Any] = {
        "protect": False,
        "database": {"backupDays": 3, "crossRegionBackups": False},
    }
    violations = build_pack("prod").list_violations(
        list_aws_resources(run_whole_program("prod", loose))
    )
    assert (
        "database-backups: database: backupRetentionPeriod is 3, must be 7 days or more"
        in violations
    )
    assert "protected: database: the option protect is false, must be true" in violations


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_a_first_preview_has_no_violations(stack: str) -> None:
    """Then AWS has said nothing yet: no key has an ARN, no role one."""
    graph = run_stack_program(stack, PreviewMocks(), preview=True)
    violations = [
        PolicyResource(r.type, r.name, mark_unknown_values(dict(r.inputs)), r.protect, r.urn)
        for r in graph
        if r.is_in_aws
    ]
    assert sum(UNKNOWN in r.inputs.values() for r in violations) > 50
    assert build_pack(stack).list_violations(violations) == []
