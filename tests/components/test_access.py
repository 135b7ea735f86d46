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
from tests.world import run_whole_program

IAM_ROLE_TYPE, IAM_POLICY_TYPE = "aws:iam/role:Role", "aws:iam/policy:Policy"
ROLE_POLICY_ATTACHMENT_TYPE = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
ACCOUNT_ROOT_ARN = "arn:aws:iam::123456789012:root"
USER_ARN = "arn:aws:iam::123456789012:user/alice"
SSO_ROLE_ARN = (
    "arn:aws:iam::123456789012:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Ops_0a1b"
)
SAML_PROVIDER_ARN = "arn:aws:iam::123456789012:saml-provider/okta"
MFA_CONDITION = {"Bool": {"aws:MultiFactorAuthPresent": "true"}}


def build_program_graph(stack: str = "prod", **overrides: JsonValue) -> ResourceGraph:
    """The whole program with these settings on top."""
    return run_whole_program(stack, overrides)


def get_trust_statements(
    access: Mapping[str, JsonValue], role: Role = "reader"
) -> list[dict[str, Any]]:
    """The statements of a role's trust policy."""
    role_resource = build_program_graph("dev", compute="none", access=dict(access)).get_resource(
        IAM_ROLE_TYPE, f"access-{role}"
    )
    statements: list[dict[str, Any]] = json.loads(role_resource.inputs["assumeRolePolicy"])[
        "Statement"
    ]
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
    graph = build_program_graph(stack, **overrides)
    outputs = parse_outputs(graph.exports)
    documents = build_role_policies(build_stack_names(outputs), role)
    assert set(documents) == set(POLICY_SERVICES)
    for part, policy in documents.items():
        policy_resource = graph.get_resource(IAM_POLICY_TYPE, f"access-{role}-{part}")
        assert json.loads(policy_resource.inputs["policy"]) == policy
        assert len(policy_resource.inputs["policy"]) <= MAX_POLICY_CHARACTERS
        attachment_inputs = graph.get_resource(
            ROLE_POLICY_ATTACHMENT_TYPE, f"access-{role}-{part}"
        ).inputs
        assert attachment_inputs["policyArn"] == policy_resource.outputs["arn"]
        assert attachment_inputs["role"] == f"{outputs.stack.project}-{outputs.stack.stack}-{role}"


def test_the_contract_names_the_roles() -> None:
    graph = build_program_graph("prod")
    access = parse_outputs(graph.exports).access
    assert access is not None
    assert [access.reader_role_arn, access.operator_role_arn, access.recoverer_role_arn] == [
        graph.get_resource(IAM_ROLE_TYPE, f"access-{role}").outputs["arn"] for role in ROLES
    ]


def test_iam_1_and_iam_21_no_policy_has_a_whole_service_or_everything() -> None:
    for policy in build_program_graph("prod", compute="both").list_resources(IAM_POLICY_TYPE):
        for statement in json.loads(policy.inputs["policy"])["Statement"]:
            if statement["Effect"] == "Deny":
                continue
            assert not [action for action in statement["Action"] if "*" in action]


def test_by_default_a_role_trusts_the_account_with_mfa() -> None:
    for role in ROLES:
        (statement,) = get_trust_statements({}, role)
        assert statement["Principal"] == {"AWS": [ACCOUNT_ROOT_ARN]}
        assert statement["Action"] == ["sts:AssumeRole"]
        assert statement["Condition"] == MFA_CONDITION


def test_mfa_is_required_of_users_and_not_of_roles_or_saml() -> None:
    people, roles, providers = get_trust_statements(
        {"readers": [USER_ARN, "210987654321", SSO_ROLE_ARN, SAML_PROVIDER_ARN]}
    )
    assert people["Principal"] == {"AWS": [USER_ARN, "210987654321"]}
    assert people["Condition"] == MFA_CONDITION
    assert roles["Principal"] == {"AWS": [SSO_ROLE_ARN]}
    assert "Condition" not in roles
    assert providers["Principal"] == {"Federated": [SAML_PROVIDER_ARN]}
    assert providers["Action"] == ["sts:AssumeRoleWithSAML"]
    assert providers["Condition"] == {
        "StringEquals": {"SAML:aud": "https://signin.aws.amazon.com/saml"}
    }


def test_each_access_role_trusts_its_own_principals() -> None:
    access: dict[str, JsonValue] = {"recoverers": [SSO_ROLE_ARN]}
    assert [s["Principal"] for s in get_trust_statements(access, "recoverer")] == [
        {"AWS": [SSO_ROLE_ARN]}
    ]
    assert [s["Principal"] for s in get_trust_statements(access, "reader")] == [
        {"AWS": [ACCOUNT_ROOT_ARN]}
    ]


def test_an_account_without_mfa_can_say_so() -> None:
    (statement,) = get_trust_statements({"mfa": False})
    assert "Condition" not in statement


def test_session_length_and_boundary_come_from_the_settings() -> None:
    boundary = "arn:aws:iam::123456789012:policy/boundary"
    access: dict[str, JsonValue] = {"sessionHours": 2, "permissionsBoundary": boundary}
    role_inputs = (
        build_program_graph("dev", compute="none", access=access)
        .get_resource(IAM_ROLE_TYPE, "access-operator")
        .inputs
    )
    assert role_inputs["maxSessionDuration"] == 7200
    assert role_inputs["permissionsBoundary"] == boundary
    assert role_inputs["name"] == "bulwark-dev-operator"


def test_access_roles_can_be_turned_off() -> None:
    graph = build_program_graph("dev", compute="none", access={"enabled": False})
    outputs: Outputs = parse_outputs(graph.exports)
    assert outputs.access is None
    assert not [
        role for role in graph.list_resources(IAM_ROLE_TYPE) if role.name.startswith("access-")
    ]
