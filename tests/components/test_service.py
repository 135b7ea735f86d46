"""One Fargate service: its deployment, its roles, its firewall."""

import json
from typing import Any

import pytest
from pydantic import JsonValue

from components.service import compute_capacity_shares
from sandbox.program import ResourceGraph
from tests.components.neighbours import CACHE_SECRET_ARN, DATABASE_SECRET_ARN, build_services_graph
from tests.conftest import Build

ECS_SERVICE_TYPE = "aws:ecs/service:Service"
TASK_DEFINITION_TYPE = "aws:ecs/taskDefinition:TaskDefinition"
ROLE_POLICY_TYPE = "aws:iam/rolePolicy:RolePolicy"
ROLE_POLICY_ATTACHMENT_TYPE = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
EGRESS_RULE_TYPE = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
INGRESS_RULE_TYPE = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"


def _load_container_definition(graph: ResourceGraph) -> dict[str, Any]:
    (definition,) = json.loads(
        graph.get_resource(TASK_DEFINITION_TYPE).inputs["containerDefinitions"]
    )
    assert isinstance(definition, dict)
    return definition


def _list_role_statements(graph: ResourceGraph, role: str) -> list[dict[str, Any]]:
    policies = [
        p for p in graph.list_resources(ROLE_POLICY_TYPE) if p.name == f"services-web-{role}"
    ]
    return [s for p in policies for s in json.loads(p.inputs["policy"])["Statement"]]


def _get_secret_variables(graph: ResourceGraph) -> dict[str, str]:
    return {v["name"]: v["valueFrom"] for v in _load_container_definition(graph)["secrets"]}


@pytest.mark.parametrize("control", ["ECS.1", "ECS.2"])
def test_tasks_have_private_addresses_in_every_zone(build: Build, control: str) -> None:
    graph = build_services_graph(build)
    network = graph.get_resource(ECS_SERVICE_TYPE).inputs["networkConfiguration"]
    assert graph.get_resource(TASK_DEFINITION_TYPE).inputs["networkMode"] == "awsvpc"
    assert network["assignPublicIp"] is False
    assert len(set(network["subnets"])) == 3


def test_ecs_3_tasks_do_not_share_the_hosts_processes(build: Build) -> None:
    assert (
        build_services_graph(build).get_resource(TASK_DEFINITION_TYPE).inputs.get("pidMode") is None
    )


def test_ecs_8_a_task_names_secrets_by_their_arn_only(build: Build) -> None:
    graph = build_services_graph(build)
    assert _load_container_definition(graph)["environment"] == []
    assert _get_secret_variables(graph) == {
        "DB_HOST": f"{DATABASE_SECRET_ARN}:host::",
        "DB_NAME": f"{DATABASE_SECRET_ARN}:dbname::",
        "DB_PASSWORD": f"{DATABASE_SECRET_ARN}:password::",
        "DB_PORT": f"{DATABASE_SECRET_ARN}:port::",
        "DB_USER": f"{DATABASE_SECRET_ARN}:username::",
    }


def test_ecs_10_the_platform_is_the_latest(build: Build) -> None:
    assert (
        build_services_graph(build).get_resource(ECS_SERVICE_TYPE).inputs["platformVersion"]
        == "LATEST"
    )


def test_pulumi_ignores_task_count_and_task_definition(build: Build) -> None:
    service = build_services_graph(build).get_resource(ECS_SERVICE_TYPE)
    assert set(service.ignore_changes) == {"desiredCount", "taskDefinition"}
    assert service.inputs["desiredCount"] == 2
    assert service.protect


def test_old_revisions_stay_for_a_rollback(build: Build) -> None:
    assert (
        build_services_graph(build).get_resource(TASK_DEFINITION_TYPE).inputs["skipDestroy"] is True
    )


def test_a_deployment_that_fails_rolls_back(build: Build) -> None:
    service = (
        build_services_graph(build, alarms_by_service={"web": ("errors", "latency")})
        .get_resource(ECS_SERVICE_TYPE)
        .inputs
    )
    assert service["deploymentCircuitBreaker"] == {"enable": True, "rollback": True}
    assert service["alarms"] == {
        "alarmNames": ["errors", "latency"],
        "enable": True,
        "rollback": True,
    }


def test_without_deployment_alarms_a_deployment_watches_none(build: Build) -> None:
    assert "alarms" not in build_services_graph(build).get_resource(ECS_SERVICE_TYPE).inputs


def test_a_deployment_keeps_all_desired_tasks_healthy(build: Build) -> None:
    service = build_services_graph(build).get_resource(ECS_SERVICE_TYPE).inputs
    assert service["deploymentMinimumHealthyPercent"] == 100
    assert service["deploymentMaximumPercent"] == 200
    assert service["availabilityZoneRebalancing"] == "ENABLED"


@pytest.mark.parametrize(
    ("share", "expected"),
    [
        (0, [("FARGATE", 1, 100)]),
        (30, [("FARGATE", 1, 70), ("FARGATE_SPOT", 0, 30)]),
        (100, [("FARGATE", 1, 0), ("FARGATE_SPOT", 0, 100)]),
    ],
)
def test_the_first_task_never_runs_on_spot(
    share: int, expected: list[tuple[str, int, int]]
) -> None:
    assert compute_capacity_shares(share) == expected


def test_changing_the_spot_share_does_not_replace_the_service(build: Build) -> None:
    # The provider replaces it unless a deployment is forced (hashicorp/aws, aws_ecs_service).
    assert (
        build_services_graph(build).get_resource(ECS_SERVICE_TYPE).inputs["forceNewDeployment"]
        is True
    )


def test_the_service_is_named_as_in_the_settings(build: Build) -> None:
    graph = build_services_graph(build, {"services": {"api": {"port": 9000}}})
    service = graph.get_resource(ECS_SERVICE_TYPE)
    assert (service.name, service.inputs["name"]) == ("services-api", "api")
    assert service.inputs["loadBalancers"][0]["containerName"] == "api"
    assert service.inputs["loadBalancers"][0]["containerPort"] == 9000
    assert graph.get_resource(TASK_DEFINITION_TYPE).inputs["family"] == "bulwark-test-api"


@pytest.mark.parametrize(("architecture", "cpu"), [("arm64", "ARM64"), ("x86_64", "X86_64")])
def test_tasks_run_on_the_processor_of_the_settings(
    build: Build, architecture: str, cpu: str
) -> None:
    graph = build_services_graph(build, {"cluster": {"architecture": architecture}})
    assert (
        graph.get_resource(TASK_DEFINITION_TYPE).inputs["runtimePlatform"]["cpuArchitecture"] == cpu
    )


@pytest.mark.parametrize("control", ["IAM.1", "IAM.21", "KMS.1", "KMS.2"])
def test_no_role_has_a_whole_service_or_decrypts_everything(build: Build, control: str) -> None:
    graph = build_services_graph(build, {"cache": {"enabled": True}})
    statements = [*_list_role_statements(graph, "execution"), *_list_role_statements(graph, "task")]
    assert statements
    for statement in statements:
        assert not [action for action in statement["Action"] if action.endswith("*")]
        if "kms:Decrypt" in statement["Action"]:
            assert "*" not in statement["Resource"]


def test_the_execution_role_reads_exactly_the_secrets_of_its_service(build: Build) -> None:
    secret_arn = "arn:aws:secretsmanager:eu-north-1:123456789012:secret:own-abc123"
    parameter = "arn:aws:ssm:eu-north-1:123456789012:parameter/own/flag"
    graph = build_services_graph(
        build,
        {
            "cache": {"enabled": True},
            "services": {
                "web": {
                    "secrets": {"A": f"{secret_arn}:a::", "B": f"{secret_arn}:b::", "C": parameter}
                }
            },
        },
    )
    by_sid = {s.get("Sid"): s for s in _list_role_statements(graph, "execution")}
    assert by_sid["Secrets"]["Resource"] == [DATABASE_SECRET_ARN, CACHE_SECRET_ARN, secret_arn]
    assert by_sid["Parameters"]["Resource"] == [parameter]
    assert by_sid["DecryptThem"]["Resource"] == [
        "arn:aws:kms:eu-north-1:123456789012:key/keys-data"
    ]
    assert _get_secret_variables(graph)["A"] == f"{secret_arn}:a::"
    assert _get_secret_variables(graph)["C"] == parameter


def test_the_execution_role_writes_into_its_own_log_group_only(build: Build) -> None:
    (write_statement,) = [
        s for s in _list_role_statements(build_services_graph(build), "execution") if "Sid" not in s
    ]
    assert write_statement["Resource"] == [
        "arn:aws:cloudwatch:eu-north-1:123456789012:loggroup/services-web-log:*"
    ]


def test_a_service_without_database_and_cache_reaches_neither(build: Build) -> None:
    lonely: JsonValue = {"web": {"database": False, "cache": False}}
    graph = build_services_graph(build, {"cache": {"enabled": True}, "services": lonely})
    assert _get_secret_variables(graph) == {}
    assert {s.get("Sid") for s in _list_role_statements(graph, "execution")} == {
        "Token",
        "Pull",
        None,
    }
    assert sorted(r.name for r in graph.list_resources(EGRESS_RULE_TYPE)) == [
        "services-web-alb",
        "services-web-https",
    ]


def test_a_service_gets_the_caches_address_and_token(build: Build) -> None:
    variables = _get_secret_variables(build_services_graph(build, {"cache": {"enabled": True}}))
    assert {k: v for k, v in variables.items() if k.startswith("CACHE")} == {
        "CACHE_HOST": f"{CACHE_SECRET_ARN}:host::",
        "CACHE_PORT": f"{CACHE_SECRET_ARN}:port::",
        "CACHE_READER_HOST": f"{CACHE_SECRET_ARN}:reader_host::",
        "CACHE_TOKEN": f"{CACHE_SECRET_ARN}:token::",
    }


def test_the_task_may_open_exec_sessions_only_where_exec_is_on(build: Build) -> None:
    statement_ids = {
        s.get("Sid") for s in _list_role_statements(build_services_graph(build), "task")
    }
    assert statement_ids == {"Exec", "Session", None}
    graph = build_services_graph(build, {"cluster": {"exec": False}})
    assert _list_role_statements(graph, "task") == []
    assert graph.get_resource(ECS_SERVICE_TYPE).inputs["enableExecuteCommand"] is False
    assert graph.get_resource(TASK_DEFINITION_TYPE).inputs.get("volumes", []) == []


def test_the_task_role_gets_the_policies_of_the_settings(build: Build) -> None:
    arn = "arn:aws:iam::123456789012:policy/uploads"
    graph = build_services_graph(build, {"services": {"web": {"policyArns": [arn]}}})
    assert graph.get_resource(ROLE_POLICY_ATTACHMENT_TYPE).inputs["policyArn"] == arn
    assert graph.get_resource(ROLE_POLICY_ATTACHMENT_TYPE).name == "services-web-task-uploads"


def test_roles_are_for_tasks_of_this_account_only(build: Build) -> None:
    roles = build_services_graph(build).list_resources("aws:iam/role:Role")
    assert sorted(r.name for r in roles) == ["services-web-execution", "services-web-task"]
    for role in roles:
        (statement,) = json.loads(role.inputs["assumeRolePolicy"])["Statement"]
        assert statement["Principal"] == {"Service": ["ecs-tasks.amazonaws.com"]}
        assert statement["Condition"]["StringEquals"] == {"aws:SourceAccount": "123456789012"}


def test_tasks_are_called_by_the_load_balancer_and_call_what_they_need(build: Build) -> None:
    graph = build_services_graph(build, {"cache": {"enabled": True}})
    group = graph.get_resource("aws:ec2/securityGroup:SecurityGroup")
    into = [
        r
        for r in graph.list_resources(INGRESS_RULE_TYPE)
        if r.inputs["securityGroupId"] == group.id
    ]
    assert [(r.inputs["referencedSecurityGroupId"], r.inputs["fromPort"]) for r in into] == [
        ("sg-0123456789abcdef1", 8080)
    ]
    out = {
        r.name: r.inputs
        for r in graph.list_resources(EGRESS_RULE_TYPE)
        if r.inputs["securityGroupId"] == group.id
    }
    assert {name: rule["fromPort"] for name, rule in out.items()} == {
        "services-web-database": 5433,
        "services-web-cache": 6379,
        "services-web-https": 443,
    }
    world = [name for name, rule in out.items() if rule.get("cidrIpv4") == "0.0.0.0/0"]
    assert world == ["services-web-https"]
