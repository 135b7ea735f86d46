"""Rotation: when it happens, what the function may do, and who may call it."""

import ast
import json
import sys
from typing import Any

import pytest
from pydantic import JsonValue

from components.rotation import ROTATION_CODE_FILE, build_secret_readers
from components.settings import Settings
from sandbox.program import ResourceGraph
from tests.components.stores import stores
from tests.world import settings

FUNCTION = "aws:lambda/function:Function"
ROTATION = "aws:secretsmanager/secretRotation:SecretRotation"
NAMES = ("database-rotation", "cache-rotation")
BOTH: dict[str, JsonValue] = {"cache": {"enabled": True}, "compute": "both"}


@pytest.fixture
def both() -> ResourceGraph:
    return stores(BOTH)


def statements(graph: ResourceGraph, name: str) -> list[dict[str, Any]]:
    policy = graph.get_resource("aws:iam/rolePolicy:RolePolicy", f"{name}-role").inputs["policy"]
    return list(json.loads(policy)["Statement"])


@pytest.mark.parametrize("control", ["SecretsManager.1", "SecretsManager.4"])
@pytest.mark.parametrize("name", NAMES)
def test_each_secret_is_rotated_in_time(both: ResourceGraph, control: str, name: str) -> None:
    rotation = both.get_resource(ROTATION, name).inputs
    assert rotation["rotationLambdaArn"] == both.get_resource(FUNCTION, name).outputs["arn"], (
        control
    )
    assert 1 <= rotation["rotationRules"]["automaticallyAfterDays"] <= 90, control


def test_the_first_rotation_does_not_get_in_the_way_of_the_deployment(both: ResourceGraph) -> None:
    assert [r.inputs["rotateImmediately"] for r in both.list_resources(ROTATION)] == [False, False]


@pytest.mark.parametrize("name", NAMES)
def test_only_secrets_manager_may_call_and_only_for_this_secret(
    both: ResourceGraph, name: str
) -> None:
    allowed = both.get_resource("aws:lambda/permission:Permission", name).inputs
    secret = both.get_resource(
        "aws:secretsmanager/secret:Secret", name.replace("rotation", "credentials")
    )
    assert allowed["principal"] == "secretsmanager.amazonaws.com"
    assert allowed["sourceArn"] == secret.outputs["arn"]
    assert allowed["sourceAccount"] == "123456789012"


@pytest.mark.parametrize(
    ("name", "actions", "resource"),
    [
        (
            "database-rotation",
            ["rds:DescribeDBInstances", "rds:ModifyDBInstance"],
            "arn:aws:rds:eu-north-1:123456789012:db:bulwark-test-database",
        ),
        (
            "cache-rotation",
            ["elasticache:DescribeReplicationGroups", "elasticache:ModifyReplicationGroup"],
            "arn:aws:elasticache:eu-north-1:123456789012:replicationgroup:bulwark-test-cache",
        ),
    ],
)
def test_the_function_may_change_just_the_one_whose_secret_it_is(
    both: ResourceGraph, name: str, actions: list[str], resource: str
) -> None:
    assert {"Effect": "Allow", "Action": actions, "Resource": [resource]} in statements(both, name)


@pytest.mark.parametrize("name", NAMES)
def test_only_random_passwords_are_had_from_anywhere(both: ResourceGraph, name: str) -> None:
    wide = [s for s in statements(both, name) if "*" in s["Resource"]]
    assert [s["Action"] for s in wide] == [["secretsmanager:GetRandomPassword"]]
    assert not [a for s in statements(both, name) for a in s["Action"] if "*" in a]


def test_kms_is_used_through_secrets_manager_only(both: ResourceGraph) -> None:
    (kms,) = [s for s in statements(both, NAMES[0]) if "kms:Decrypt" in s["Action"]]
    assert kms["Resource"] == [both.get_resource("aws:kms/key:Key", "keys-data").outputs["arn"]]
    assert kms["Condition"] == {
        "StringEquals": {"kms:ViaService": "secretsmanager.eu-north-1.amazonaws.com"}
    }
    assert not [
        s
        for s in statements(stores(profile="dev"), NAMES[0])
        if any(a.startswith("kms:") for a in s["Action"])
    ]


@pytest.mark.parametrize("name", NAMES)
def test_what_reads_the_secret_at_its_start_may_be_replaced(both: ResourceGraph, name: str) -> None:
    found = {s["Action"][0]: s["Resource"] for s in statements(both, name)}
    assert found["ecs:UpdateService"] == [
        "arn:aws:ecs:eu-north-1:123456789012:service/bulwark-test/web"
    ]
    assert found["autoscaling:StartInstanceRefresh"] == [
        "arn:aws:autoscaling:eu-north-1:123456789012:autoScalingGroup:*:"
        "autoScalingGroupName/bulwark-test-fleet"
    ]


@pytest.mark.parametrize(
    ("values", "services", "fleet"),
    [
        ({}, ["web"], False),
        ({"compute": "fleet"}, [], True),
        ({"compute": "both"}, ["web"], True),
        ({"compute": "none"}, [], False),
        ({"services": {"a": {}, "b": {"paths": ["/b"], "database": False}}}, ["a"], False),
        ({"compute": "both", "fleet": {"database": False}}, ["web"], False),
    ],
)
def test_readers_are_those_with_the_databases_credentials(
    values: dict[str, JsonValue], services: list[str], fleet: bool
) -> None:
    known: Settings = settings(values)
    found = build_secret_readers(known, "database")
    assert (found["services"], found["fleet"] is not None) == (services, fleet)
    assert found["cluster"] == known.cluster_name


@pytest.mark.parametrize("name", NAMES)
def test_the_function_is_told_what_to_rotate(both: ResourceGraph, name: str) -> None:
    function = both.get_resource(FUNCTION, name).inputs
    variables = function["environment"]["variables"]
    target = name.removesuffix("-rotation")
    assert variables["TARGET"] == target
    assert variables["IDENTIFIER"] == f"bulwark-test-{target}"
    assert json.loads(variables["RESTART"]) == build_secret_readers(settings(BOTH), target)  # type: ignore[arg-type]
    assert (function["runtime"], function["architectures"]) == ("python3.13", ["arm64"])


@pytest.mark.parametrize("name", NAMES)
def test_the_function_logs_to_a_group_of_the_stack(both: ResourceGraph, name: str) -> None:
    function = both.get_resource(FUNCTION, name).inputs
    group = both.get_resource("aws:cloudwatch/logGroup:LogGroup", f"{name}-log").inputs
    assert group["name"] == f"/aws/lambda/{function['name']}"
    assert function["loggingConfig"]["logGroup"] == group["name"]
    assert (group["retentionInDays"], bool(group["kmsKeyId"])) == (90, True)


def test_the_code_needs_nothing_that_lambda_does_not_have() -> None:
    roots = {
        name.split(".")[0]
        for node in ast.walk(ast.parse(ROTATION_CODE_FILE.read_text()))
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert roots <= {"boto3", "botocore"} | set(sys.stdlib_module_names)
