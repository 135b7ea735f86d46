"""The three roles: who may assume them, and that they may what their commands call, no more."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from pydantic import JsonValue

from ops.core.declaration import ROLES, Role
from ops.outputs import Outputs, parse_outputs
from ops.permissions.names import build_stack_names
from ops.permissions.policies import MAX_POLICY_CHARACTERS, POLICY_SERVICES, build_role_policies
from sandbox.program import ResourceGraph
from tests.world import whole

ROLE, POLICY = "aws:iam/role:Role", "aws:iam/policy:Policy"
ATTACHED = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
HERE = "arn:aws:iam::123456789012:root"
PERSON = "arn:aws:iam::123456789012:user/alice"
SSO = "arn:aws:iam::123456789012:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Ops_0a1b"
OKTA = "arn:aws:iam::123456789012:saml-provider/okta"
MFA = {"Bool": {"aws:MultiFactorAuthPresent": "true"}}


def program(stack: str = "prod", **overrides: JsonValue) -> ResourceGraph:
    """The whole program with these settings on top."""
    return whole(stack, overrides)


def trust(access: Mapping[str, JsonValue], role: Role = "reader") -> list[dict[str, Any]]:
    """The statements of a role's trust policy."""
    made = program("dev", compute="none", access=dict(access)).get_resource(ROLE, f"access-{role}")
    statements: list[dict[str, Any]] = json.loads(made.inputs["assumeRolePolicy"])["Statement"]
    return statements


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(
    ("stack", "overrides"),
    [
        ("prod", {"compute": "both"}),
        pytest.param("prod", {}, marks=pytest.mark.exhaustive),
        pytest.param("dev", {"compute": "none"}, marks=pytest.mark.exhaustive),
    ],
)
def test_a_roles_policies_are_those_that_ops_computes(
    stack: str, overrides: dict[str, JsonValue], role: Role
) -> None:
    graph = program(stack, **overrides)
    outputs = parse_outputs(graph.exports)
    wanted = build_role_policies(build_stack_names(outputs), role)
    assert set(wanted) == set(POLICY_SERVICES)
    for part, policy in wanted.items():
        made = graph.get_resource(POLICY, f"access-{role}-{part}")
        assert json.loads(made.inputs["policy"]) == policy
        assert len(made.inputs["policy"]) <= MAX_POLICY_CHARACTERS
        attached = graph.get_resource(ATTACHED, f"access-{role}-{part}").inputs
        assert attached["policyArn"] == made.outputs["arn"]
        assert attached["role"] == f"{outputs.stack.project}-{outputs.stack.stack}-{role}"


def test_the_contract_names_the_roles() -> None:
    graph = program("prod")
    access = parse_outputs(graph.exports).access
    assert access is not None
    assert [access.reader_role_arn, access.operator_role_arn, access.recoverer_role_arn] == [
        graph.get_resource(ROLE, f"access-{role}").outputs["arn"] for role in ROLES
    ]


def test_iam_1_and_iam_21_no_policy_has_a_whole_service_or_everything() -> None:
    for made in program("prod", compute="both").list_resources(POLICY):
        for statement in json.loads(made.inputs["policy"])["Statement"]:
            assert statement["Effect"] == "Allow"
            assert not [action for action in statement["Action"] if "*" in action]


def test_by_default_whom_the_accounts_iam_lets_may_assume_them_with_mfa() -> None:
    for role in ROLES:
        (statement,) = trust({}, role)
        assert statement["Principal"] == {"AWS": [HERE]}
        assert statement["Action"] == ["sts:AssumeRole"]
        assert statement["Condition"] == MFA


def test_people_are_asked_for_mfa_and_roles_and_saml_have_asked_already() -> None:
    people, roles, providers = trust({"readers": [PERSON, "210987654321", SSO, OKTA]})
    assert people["Principal"] == {"AWS": [PERSON, "210987654321"]}
    assert people["Condition"] == MFA
    assert roles["Principal"] == {"AWS": [SSO]}
    assert "Condition" not in roles
    assert providers["Principal"] == {"Federated": [OKTA]}
    assert providers["Action"] == ["sts:AssumeRoleWithSAML"]
    assert providers["Condition"] == {
        "StringEquals": {"SAML:aud": "https://signin.aws.amazon.com/saml"}
    }


def test_each_role_has_its_own_people() -> None:
    access: dict[str, JsonValue] = {"recoverers": [SSO]}
    assert [s["Principal"] for s in trust(access, "recoverer")] == [{"AWS": [SSO]}]
    assert [s["Principal"] for s in trust(access, "reader")] == [{"AWS": [HERE]}]


def test_an_account_without_mfa_can_say_so() -> None:
    (statement,) = trust({"mfa": False})
    assert "Condition" not in statement


def test_sessions_and_the_boundary_are_as_set() -> None:
    boundary = "arn:aws:iam::123456789012:policy/boundary"
    access: dict[str, JsonValue] = {"sessionHours": 2, "permissionsBoundary": boundary}
    made = (
        program("dev", compute="none", access=access).get_resource(ROLE, "access-operator").inputs
    )
    assert made["maxSessionDuration"] == 7200
    assert made["permissionsBoundary"] == boundary
    assert made["name"] == "bulwark-dev-operator"


def test_a_stack_may_do_without_them() -> None:
    graph = program("dev", compute="none", access={"enabled": False})
    outputs: Outputs = parse_outputs(graph.exports)
    assert outputs.access is None
    assert not [made for made in graph.list_resources(ROLE) if made.name.startswith("access-")]
