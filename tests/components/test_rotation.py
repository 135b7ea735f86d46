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
from tests.components.stores import build_stores_graph
from tests.world import build_settings

LAMBDA_FUNCTION_TYPE = "aws:lambda/function:Function"
SECRET_VERSION_TYPE = "aws:secretsmanager/secretVersion:SecretVersion"
SECRET_ROTATION_TYPE = "aws:secretsmanager/secretRotation:SecretRotation"
ROTATION_NAMES = ("database-rotation", "cache-rotation")
BOTH_ROTATIONS_CONFIG: dict[str, JsonValue] = {"cache": {"enabled": True}, "compute": "both"}


@pytest.fixture
def both_rotations_graph() -> ResourceGraph:
    return build_stores_graph(BOTH_ROTATIONS_CONFIG)


def get_function_statements(graph: ResourceGraph, name: str) -> list[dict[str, Any]]:
    policy = graph.get_resource("aws:iam/rolePolicy:RolePolicy", f"{name}-role").inputs["policy"]
    return list(json.loads(policy)["Statement"])


@pytest.mark.parametrize("control", ["SecretsManager.1", "SecretsManager.4"])
@pytest.mark.parametrize("name", ROTATION_NAMES)
def test_each_secret_is_rotated_in_time(
    both_rotations_graph: ResourceGraph, control: str, name: str
) -> None:
    rotation = both_rotations_graph.get_resource(SECRET_ROTATION_TYPE, name).inputs
    assert (
        rotation["rotationLambdaArn"]
        == both_rotations_graph.get_resource(LAMBDA_FUNCTION_TYPE, name).outputs["arn"]
    ), control
    assert 1 <= rotation["rotationRules"]["automaticallyAfterDays"] <= 90, control


def test_the_first_rotation_comes_after_replicas_and_backup_replication() -> None:
    graph = build_stores_graph(
        BOTH_ROTATIONS_CONFIG
        | {"recoveryRegion": "eu-west-1", "database": {"replicas": 2, "crossRegionBackupDays": 7}}
    )
    rotations = graph.list_resources(SECRET_ROTATION_TYPE)
    assert [rotation.inputs["rotateImmediately"] for rotation in rotations] == [True, True]
    names = [(resource.type, resource.name) for resource in graph.resources]
    for rotation in rotations:
        position = names.index((rotation.type, rotation.name))
        policy = ("aws:iam/rolePolicy:RolePolicy", f"{rotation.name}-role")
        assert names.index(policy) < position
        assert names.index(("aws:lambda/permission:Permission", rotation.name)) < position
    disturbed_types = (
        "aws:rds/instance:Instance",
        "aws:rds/instanceAutomatedBackupsReplication:InstanceAutomatedBackupsReplication",
    )
    disturbed = [names.index(name) for name in names if name[0] in disturbed_types]
    assert len(disturbed) == 4
    assert max(disturbed) < names.index((SECRET_ROTATION_TYPE, "database-rotation"))


@pytest.mark.parametrize("name", ROTATION_NAMES)
def test_only_secrets_manager_may_call_and_only_for_this_secret(
    both_rotations_graph: ResourceGraph, name: str
) -> None:
    allowed = both_rotations_graph.get_resource("aws:lambda/permission:Permission", name).inputs
    secret = both_rotations_graph.get_resource(
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
def test_the_function_may_modify_only_its_own_database_or_cache(
    both_rotations_graph: ResourceGraph, name: str, actions: list[str], resource: str
) -> None:
    assert {
        "Effect": "Allow",
        "Action": actions,
        "Resource": [resource],
    } in get_function_statements(both_rotations_graph, name)


@pytest.mark.parametrize("name", ROTATION_NAMES)
def test_only_get_random_password_is_allowed_on_every_resource(
    both_rotations_graph: ResourceGraph, name: str
) -> None:
    wide = [s for s in get_function_statements(both_rotations_graph, name) if "*" in s["Resource"]]
    assert [s["Action"] for s in wide] == [["secretsmanager:GetRandomPassword"]]
    assert not [
        a
        for s in get_function_statements(both_rotations_graph, name)
        for a in s["Action"]
        if "*" in a
    ]


def test_kms_is_used_through_secrets_manager_only(both_rotations_graph: ResourceGraph) -> None:
    (kms,) = [
        s
        for s in get_function_statements(both_rotations_graph, ROTATION_NAMES[0])
        if "kms:Decrypt" in s["Action"]
    ]
    assert kms["Resource"] == [
        both_rotations_graph.get_resource("aws:kms/key:Key", "keys-data").outputs["arn"]
    ]
    assert kms["Condition"] == {
        "StringEquals": {"kms:ViaService": "secretsmanager.eu-north-1.amazonaws.com"}
    }
    assert not [
        s
        for s in get_function_statements(build_stores_graph(profile="dev"), ROTATION_NAMES[0])
        if any(a.startswith("kms:") for a in s["Action"])
    ]


@pytest.mark.parametrize("name", ROTATION_NAMES)
def test_the_function_may_restart_readers_of_the_secret(
    both_rotations_graph: ResourceGraph, name: str
) -> None:
    resources_by_action = {
        s["Action"][0]: s["Resource"] for s in get_function_statements(both_rotations_graph, name)
    }
    assert resources_by_action["ecs:UpdateService"] == [
        "arn:aws:ecs:eu-north-1:123456789012:service/bulwark-test/web"
    ]
    assert resources_by_action["autoscaling:StartInstanceRefresh"] == [
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
def test_secret_readers_are_services_and_fleet_with_database_credentials(
    values: dict[str, JsonValue], services: list[str], fleet: bool
) -> None:
    settings: Settings = build_settings(values)
    secret_readers = build_secret_readers(settings, "database")
    assert (secret_readers["services"], secret_readers["fleet"] is not None) == (services, fleet)
    assert secret_readers["cluster"] == settings.cluster_name


@pytest.mark.parametrize("name", ROTATION_NAMES)
def test_the_functions_environment_names_what_to_rotate(
    both_rotations_graph: ResourceGraph, name: str
) -> None:
    function = both_rotations_graph.get_resource(LAMBDA_FUNCTION_TYPE, name).inputs
    variables = function["environment"]["variables"]
    target = name.removesuffix("-rotation")
    assert variables["TARGET"] == target
    assert variables["IDENTIFIER"] == f"bulwark-test-{target}"
    (version,) = (
        version
        for version in both_rotations_graph.list_resources(SECRET_VERSION_TYPE)
        if version.name.startswith(target)
    )
    assert version.inputs["versionStages"] == [variables["FIRST_STAGE"]]
    assert json.loads(variables["RESTART"]) == build_secret_readers(
        build_settings(BOTH_ROTATIONS_CONFIG),
        target,  # type: ignore[arg-type]
    )
    assert (function["runtime"], function["architectures"]) == ("python3.13", ["arm64"])


@pytest.mark.parametrize("name", ROTATION_NAMES)
def test_the_function_logs_to_a_group_of_the_stack(
    both_rotations_graph: ResourceGraph, name: str
) -> None:
    function = both_rotations_graph.get_resource(LAMBDA_FUNCTION_TYPE, name).inputs
    group = both_rotations_graph.get_resource(
        "aws:cloudwatch/logGroup:LogGroup", f"{name}-log"
    ).inputs
    assert group["name"] == f"/aws/lambda/{function['name']}"
    assert function["loggingConfig"]["logGroup"] == group["name"]
    assert (group["retentionInDays"], bool(group["kmsKeyId"])) == (90, True)


def test_the_functions_code_imports_only_what_lambda_provides() -> None:
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
