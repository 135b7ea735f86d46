"""A stack of fifty services and a fleet: within AWS's limits, by their sources."""

import json
from collections import Counter
from collections.abc import Iterator

import pytest
from pydantic import JsonValue

from sandbox.program import RegisteredResource, ResourceGraph
from tests.world import run_whole_program

pytestmark = pytest.mark.exhaustive

SERVICE_NAMES = [f"service-{number:02}-{'x' * 9}" for number in range(49)]
SECRET_ARN_PREFIX = "arn:aws:secretsmanager:eu-north-1:123456789012:secret:team/"
FIFTY_SERVICES: dict[str, JsonValue] = {
    name: {"paths": [f"/{name}/*"], "secrets": {"TOKEN": f"{SECRET_ARN_PREFIX}{name}-AbCdEf"}}
    for name in SERVICE_NAMES
}
CONFIG: dict[str, JsonValue] = {
    "bulwark:compute": "both",
    "bulwark:services": FIFTY_SERVICES | {"web": {}},
    "bulwark:cache": {"enabled": True},
    "bulwark:database": {"replicas": 5},
}
# IAM User Guide, "IAM and AWS STS quotas": characters without white space.
MAX_MANAGED_POLICY, MAX_ROLE_POLICIES, MAX_TRUST_POLICY = 6_144, 10_240, 2_048
MAX_ATTACHMENTS = 10
# SSM User Guide, "Managing parameter tiers": bytes of an advanced parameter.
MAX_PARAMETER_BYTES = 8_192
# ELB, "Quotas for your Application Load Balancers"; VPC User Guide, "Amazon VPC quotas".
MAX_RULES, MAX_TARGET_GROUPS, MAX_GROUP_RULES = 100, 100, 60
# CloudWatch User Guide, "CloudWatch service quotas".
MAX_WIDGETS, MAX_WIDGET_METRICS, MAX_DASHBOARD_METRICS, MAX_WIDGET_ALARMS = 500, 500, 2_500, 100
MAX_RULE_ALARMS, MAX_RULE_CHARACTERS = 100, 10_240
MAX_RESOURCE_NAMES = {
    "aws:iam/role:Role": ("name", 64),
    "aws:cloudwatch/metricAlarm:MetricAlarm": ("name", 255),
    "aws:lb/loadBalancer:LoadBalancer": ("name", 32),
}


@pytest.fixture(scope="module")
def graph() -> ResourceGraph:
    return run_whole_program("prod", CONFIG)


def list_inputs(graph: ResourceGraph, type_: str) -> Iterator[RegisteredResource]:
    resources = graph.list_resources(type_)
    assert resources, type_
    return iter(resources)


def measure_policy(document: str) -> int:
    return len("".join(document.split()))


def test_the_load_balancer_has_a_rule_and_a_target_group_for_each(graph: ResourceGraph) -> None:
    priorities = [
        rule.inputs["priority"] for rule in list_inputs(graph, "aws:lb/listenerRule:ListenerRule")
    ]
    assert len(priorities) == len({*priorities}) == 52 <= MAX_RULES
    groups = [*list_inputs(graph, "aws:lb/targetGroup:TargetGroup")]
    assert len(groups) == 51 <= MAX_TARGET_GROUPS


@pytest.mark.parametrize("direction", ["Ingress", "Egress"])
def test_no_security_group_has_too_many_rules(graph: ResourceGraph, direction: str) -> None:
    type_ = f"aws:vpc/securityGroup{direction}Rule:SecurityGroup{direction}Rule"
    counts = Counter(rule.inputs["securityGroupId"] for rule in list_inputs(graph, type_))
    assert max(counts.values()) <= MAX_GROUP_RULES


def test_policies_are_within_the_limits_of_iam(graph: ResourceGraph) -> None:
    role_policies: Counter[str] = Counter()
    for policy in list_inputs(graph, "aws:iam/rolePolicy:RolePolicy"):
        role_policies[policy.inputs["role"]] += measure_policy(policy.inputs["policy"])
    assert max(role_policies.values()) <= MAX_ROLE_POLICIES
    for policy in list_inputs(graph, "aws:iam/policy:Policy"):
        assert measure_policy(policy.inputs["policy"]) <= MAX_MANAGED_POLICY, policy.name
    for role in list_inputs(graph, "aws:iam/role:Role"):
        assert measure_policy(role.inputs["assumeRolePolicy"]) <= MAX_TRUST_POLICY, role.name
    attachments = Counter(
        item.inputs["role"]
        for item in list_inputs(graph, "aws:iam/rolePolicyAttachment:RolePolicyAttachment")
    )
    assert max(attachments.values()) <= MAX_ATTACHMENTS


def test_what_is_published_fits_its_parameters(graph: ResourceGraph) -> None:
    for parameter in list_inputs(graph, "aws:ssm/parameter:Parameter"):
        assert len(parameter.inputs["value"].encode()) <= MAX_PARAMETER_BYTES, parameter.name


def test_dashboards_have_at_most_as_many_widgets_and_metrics(graph: ResourceGraph) -> None:
    for dashboard in list_inputs(graph, "aws:cloudwatch/dashboard:Dashboard"):
        widgets = json.loads(dashboard.inputs["dashboardBody"])["widgets"]
        metric_counts = [len(widget["properties"].get("metrics", [])) for widget in widgets]
        alarm_counts = [len(widget["properties"].get("alarms", [])) for widget in widgets]
        assert len(widgets) <= MAX_WIDGETS, dashboard.name
        assert max(metric_counts) <= MAX_WIDGET_METRICS, dashboard.name
        assert sum(metric_counts) <= MAX_DASHBOARD_METRICS, dashboard.name
        assert max(alarm_counts) <= MAX_WIDGET_ALARMS, dashboard.name


def test_composite_alarms_name_at_most_as_many_alarms(graph: ResourceGraph) -> None:
    rules = [
        alarm.inputs["alarmRule"]
        for alarm in list_inputs(graph, "aws:cloudwatch/compositeAlarm:CompositeAlarm")
    ]
    assert max(rule.count("ALARM(") for rule in rules) <= MAX_RULE_ALARMS
    assert max(map(len, rules)) <= MAX_RULE_CHARACTERS


@pytest.mark.parametrize("type_", MAX_RESOURCE_NAMES)
def test_names_are_short_enough(graph: ResourceGraph, type_: str) -> None:
    key, limit = MAX_RESOURCE_NAMES[type_]
    names = [str(item.inputs[key]) for item in list_inputs(graph, type_) if key in item.inputs]
    assert max(map(len, names)) <= limit
    assert len(names) == len({*names})


def test_every_task_definition_is_within_its_size(graph: ResourceGraph) -> None:
    """ECS Developer Guide, "Amazon ECS service quotas": 64 KB a definition."""
    for definition in list_inputs(graph, "aws:ecs/taskDefinition:TaskDefinition"):
        assert len(definition.inputs["containerDefinitions"].encode()) <= 64 * 1024
