"""IAM as data."""

import json

import pulumi
import pytest

from components.account import Account
from components.component import Component
from components.policies import (
    Statement,
    build_policy_document,
    build_trust_policy,
    create_service_role,
    format_compact_json,
)
from tests.conftest import Build
from tests.world import ACCOUNT, build_settings


def test_a_statement_omits_empty_fields() -> None:
    assert Statement(actions=["s3:GetObject"], resources=["arn:x"]).to_json() == {
        "Effect": "Allow",
        "Action": ["s3:GetObject"],
        "Resource": ["arn:x"],
    }


@pytest.mark.parametrize(
    ("principals", "principal_value"),
    [
        ({"*": ["*"]}, "*"),
        ({"AWS": ["*"]}, {"AWS": ["*"]}),
        ({"Service": ["x"]}, {"Service": ["x"]}),
    ],
)
def test_principals_are_written_as_iam_reads_them(
    principals: dict[str, list[str]], principal_value: object
) -> None:
    statement = Statement(
        sid="S", effect="Deny", actions=["s3:*"], principals=principals, conditions={"Bool": {}}
    ).to_json()
    assert statement["Principal"] == principal_value
    assert (statement["Sid"], statement["Effect"]) == ("S", "Deny")


def test_documents_resolve_outputs(build: Build) -> None:
    def program() -> None:
        Component("Anything", "anything", settings=build_settings())
        arn = pulumi.Output.from_input("arn:x")
        pulumi.export("policy", build_policy_document(Statement(actions=["a:b"], resources=[arn])))
        account = Account.get_current()
        trust_policy = build_trust_policy(
            "ecs-tasks.amazonaws.com", account=account, source_arn=arn
        )
        pulumi.export("trust", trust_policy)
        pulumi.export("unstated", build_trust_policy("x.amazonaws.com", account=account))

    exports = build(program).exports
    assert json.loads(exports["policy"])["Statement"][0]["Resource"] == ["arn:x"]
    [statement] = json.loads(exports["trust"])["Statement"]
    assert statement["Principal"] == {"Service": ["ecs-tasks.amazonaws.com"]}
    assert statement["Condition"] == {
        "StringEquals": {"aws:SourceAccount": ACCOUNT},
        "ArnLike": {"aws:SourceArn": "arn:x"},
    }
    [unstated] = json.loads(exports["unstated"])["Statement"]
    assert unstated["Condition"] == {"StringEqualsIfExists": {"aws:SourceAccount": ACCOUNT}}


@pytest.mark.parametrize("statements", [[], [Statement(actions=["a:b"], resources=["arn:x"])]])
def test_a_service_role_has_its_policies(build: Build, statements: list[Statement]) -> None:
    def program() -> None:
        component = Component("Anything", "anything", settings=build_settings())
        create_service_role(
            component,
            "worker",
            service="x.amazonaws.com",
            account=Account.get_current(),
            statements=statements,
            managed_policies=["service-role/Managed"],
        )

    graph = build(program)
    assert graph.get_resource("aws:iam/role:Role").inputs["name"] == "bulwark-test-anything-worker"
    assert len(graph.list_resources("aws:iam/rolePolicy:RolePolicy")) == len(statements)
    attachment = graph.get_resource("aws:iam/rolePolicyAttachment:RolePolicyAttachment")
    assert attachment.name == "anything-worker-Managed"
    assert attachment.inputs["policyArn"] == "arn:aws:iam::aws:policy/service-role/Managed"


def test_json_is_the_same_for_the_same_value() -> None:
    assert format_compact_json({"b": [1], "a": {"d": 1, "c": 2}}) == '{"a":{"c":2,"d":1},"b":[1]}'
