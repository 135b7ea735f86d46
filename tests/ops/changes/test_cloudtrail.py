"""Which calls CloudTrail's history has of a stack, and who made them."""

import json
from typing import Any

import pytest

from ops.changes.cloudtrail import build_event, find_actor, list_resource_parts
from tests.ops.stage import ACCOUNT, REGION, STACK_PREFIX, build_stack_outputs

OUTPUTS = build_stack_outputs()
PARTS = list_resource_parts(OUTPUTS)


def build_item(
    name: str,
    parameters: Any,
    *,
    source: str = "ec2",
    resources: tuple[str, ...] = (),
    **record: Any,
) -> dict[str, Any]:
    return {
        "EventId": "1",
        "EventName": name,
        "EventSource": f"{source}.amazonaws.com",
        "EventTime": "2026-11-30T02:00:00Z",
        "ReadOnly": "false",
        "Username": "ada",
        "Resources": [{"ResourceName": resource} for resource in resources],
        "CloudTrailEvent": json.dumps({"requestParameters": parameters, **record}),
    }


@pytest.mark.parametrize(
    ("name", "source", "parameters", "part", "named"),
    [
        (
            "RevokeSecurityGroupIngress",
            "ec2",
            {"groupId": "sg-database"},
            "database",
            "sg-database",
        ),
        ("DeleteNatGateway", "ec2", {"NatGatewayId": "nat-a"}, "network", "nat-a"),
        (
            "UpdateService",
            "ecs",
            {
                "cluster": f"arn:aws:ecs:{REGION}:{ACCOUNT}:cluster/{STACK_PREFIX}",
                "service": "backend",
                "desiredCount": 0,
            },
            "backend",
            "backend",
        ),
        (
            "ModifyDBInstance",
            "rds",
            {"dBInstanceIdentifier": f"{STACK_PREFIX}-database", "masterUserPassword": "****"},
            "database",
            f"{STACK_PREFIX}-database",
        ),
        (
            "ModifyRule",
            "elasticloadbalancing",
            {
                "ruleArn": f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:listener-rule/app/"
                f"{STACK_PREFIX}-alb/1/2/3"
            },
            "load-balancer",
            f"{STACK_PREFIX}-alb",
        ),
        (
            "DisableAlarmActions",
            "monitoring",
            {"alarmNames": [f"{STACK_PREFIX}-x"]},
            "alarms",
            f"{STACK_PREFIX}-x",
        ),
        (
            "PutScalingPolicy",
            "autoscaling",
            {"policyName": "cpu", "resourceId": f"service/{STACK_PREFIX}/backend"},
            "backend",
            f"service/{STACK_PREFIX}/backend",
        ),
        (
            "DeleteRule",
            "events",
            {"name": f"{STACK_PREFIX}-services-frontend-x"},
            "frontend",
            f"{STACK_PREFIX}-services-frontend-x",
        ),
        ("PutParameter", "ssm", {"name": "/bulwark/test/fleet/image"}, "fleet", "image"),
        ("PutParameter", "ssm", {"name": "/bulwark/test/other"}, "stack", "/bulwark/test/other"),
    ],
)
def test_writes_on_the_stack_are_of_their_part(
    name: str, source: str, parameters: Any, part: str, named: str
) -> None:
    event = build_event(build_item(name, parameters, source=source), PARTS, OUTPUTS)
    assert event is not None
    assert (event.part, event.actor, event.outcome) == (part, "ada", None)
    assert event.what.startswith(f"{source}:{name} ")
    assert event.what.endswith(named)


@pytest.mark.parametrize(
    "item",
    [
        build_item("RevokeSecurityGroupIngress", {"groupId": "sg-another"}),
        build_item("ModifyDBInstance", {"dBInstanceIdentifier": "bulwark-production-database"}),
        build_item("ModifyDBInstance", {"dBInstanceIdentifier": "bulwark-tester"}, source="rds"),
        build_item("UpdateService", {"cluster": "another", "service": "backend"}, source="ecs"),
        build_item("AssumeRole", {"roleArn": f"arn:aws:iam::1:role/{STACK_PREFIX}-reader"}),
        build_item("CreateLogStream", {"logGroupName": "/bulwark/test/fleet"}, source="logs"),
        {**build_item("DescribeX", {"groupId": "sg-database"}), "ReadOnly": "true"},
        build_item("RunInstances", None),
    ],
)
def test_what_is_of_others_or_changes_nothing_is_left_out(item: dict[str, Any]) -> None:
    assert build_event(item, PARTS, OUTPUTS) is None


def test_a_resource_is_enough_to_name_the_stack() -> None:
    item = build_item("RotateSecret", None, resources=(OUTPUTS.database.secret_arn,))
    event = build_event(item, PARTS, OUTPUTS)
    assert event is not None
    assert event.part == "database"


def test_parameters_are_never_shown() -> None:
    parameters = {"secretId": f"{STACK_PREFIX}-database", "secretString": f"{STACK_PREFIX}-hunter2"}
    event = build_event(build_item("PutSecretValue", parameters), PARTS, OUTPUTS)
    assert event is not None
    assert "hunter2" not in str(event)


def test_a_refused_call_says_so_and_a_client_is_named() -> None:
    item = build_item(
        "DeleteDBInstance",
        {"dBInstanceIdentifier": f"{STACK_PREFIX}-database"},
        source="rds",
        errorCode="AccessDenied",
        userAgent="aws-cli/2.31 md/awscrt#0.27",
    )
    event = build_event(item, PARTS, OUTPUTS)
    assert event is not None
    assert event.outcome == "refused: AccessDenied"
    assert event.what.endswith("by the AWS CLI")


@pytest.mark.parametrize(
    ("identity", "actor"),
    [
        ({"type": "IAMUser", "userName": "ada"}, "ada"),
        ({"type": "Root", "arn": "arn:aws:iam::1:root"}, "root"),
        (
            {
                "type": "AssumedRole",
                "principalId": "AROA:ada@example.com",
                "sessionContext": {"sessionIssuer": {"userName": "operator"}},
            },
            "ada@example.com (operator)",
        ),
        ({"type": "AWSService", "invokedBy": "ecs.amazonaws.com"}, "ecs.amazonaws.com"),
        ({}, None),
    ],
)
def test_who_made_a_call(identity: dict[str, Any], actor: str | None) -> None:
    assert find_actor(identity) == actor
