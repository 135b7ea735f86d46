"""A secret is denied to the project's roles that do not read it, and to nobody else."""

import json

import pytest

from ops.bootstrap.roles import list_foundation_roles
from sandbox.policy_evaluation import is_statement_matching, list_statements
from tests.test_reach import FOUNDATION
from tests.world import ACCOUNT, run_whole_program

SECRET_TYPE = "aws:secretsmanager/secret:Secret"


def list_role_names(stack: str) -> set[str]:
    """The roles that a stack with everything makes."""
    graph = run_whole_program(stack, {"compute": "both", "cache": {"enabled": True}})
    return {role.inputs["name"] for role in graph.list_resources("aws:iam/role:Role")}


def is_denied(policy: str, principal: str, action: str = "secretsmanager:GetSecretValue") -> bool:
    context = {"aws:principalarn": f"arn:aws:iam::{ACCOUNT}:{principal}"}
    return any(
        is_statement_matching(statement, action, "arn:x", context)
        for statement in list_statements(json.loads(policy))
    )


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_only_the_stacks_own_readers_may_read_its_secrets(stack: str) -> None:
    graph = run_whole_program(stack, {"compute": "both", "cache": {"enabled": True}})
    secrets = graph.list_resources(SECRET_TYPE)
    assert len(secrets) == 2
    prefix = f"bulwark-{stack}-"
    readers = {
        *(name for name in list_role_names(stack) if name.startswith(f"{prefix}services-")),
        *(f"{prefix}{name}" for name in ("database-rotation-role", "cache-rotation-role")),
        *(f"{prefix}{name}" for name in ("fleet-instance", "operator", "recoverer")),
        *(f"bulwark-{name}-{stack}" for name in ("deploy", "operate")),
    }
    foundation = {FOUNDATION.get_role_name(role.name) for role in list_foundation_roles(FOUNDATION)}
    roles = foundation | set[str]().union(*(list_role_names(name) for name in ("dev", "prod")))
    assert readers < roles
    for secret in secrets:
        policy = secret.inputs["policy"]
        assert {name for name in roles if not is_denied(policy, f"role/{name}")} == readers
        assert is_denied(policy, "role/bulwark-preview", "secretsmanager:PutSecretValue")
        assert not is_denied(policy, "role/bulwark-preview", "secretsmanager:DescribeSecret")


@pytest.mark.parametrize(
    "principal",
    [
        "root",
        "user/admin",
        "role/Admin",
        "role/bulwark-admin",
        "role/aws-reserved/sso.amazonaws.com/eu-north-1/AWSReservedSSO_AdministratorAccess_1",
    ],
)
def test_a_secret_locks_no_administrator_out(principal: str) -> None:
    (secret,) = run_whole_program("prod", {"compute": "services"}).list_resources(SECRET_TYPE)
    assert not is_denied(secret.inputs["policy"], principal)
