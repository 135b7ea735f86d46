"""Changes and what the report says of them: each property is judged, and the dangerous are told."""

import json
from pathlib import Path
from typing import Any

import pytest

from components.facts.model import HARMLESS_PROPERTIES, REPLACING_PROPERTIES, ResourceFact
from components.facts.resource_types import COMPONENT_FACTS, find_fact
from ops.preview.changes import parse_live, read_previews
from ops.preview.dangers import Danger, list_dangers
from sandbox.program import PROJECT_ROOT
from tests.world import run_whole_program

CHANGES_FOLDER = PROJECT_ROOT.parent / "shared" / "reference" / "pulumi" / "changes"
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
STACKS = ("dev", "staging", "prod", "sandbox")
SHAPES: dict[str, dict[str, Any]] = {
    "as it is": {},
    "with everything": {"compute": "both", "cache": {"enabled": True}},
    "database only": {"compute": "none"},
}
INGRESS_RULE = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
EGRESS_RULE = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
LIFECYCLE = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"
PUBLIC_ACCESS = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
INSTANCE = "aws:rds/instance:Instance"
ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
SERVICE = "aws:ecs/service:Service"
SECRET_VERSION = "aws:secretsmanager/secretVersion:SecretVersion"
SCALING_TARGET = "aws:appautoscaling/target:Target"


def build_lifecycle(days: int | None) -> dict[str, Any]:
    rule = {"id": "logs", "status": "Enabled", **({"expiration": {"days": days}} if days else {})}
    return {"bucket": "logs", "rules": [rule]}


def build_plan(days: int | None, copies: tuple[str, ...] = ("vault",)) -> dict[str, Any]:
    actions = [{"destinationVaultArn": vault, "lifecycle": {"deleteAfter": 30}} for vault in copies]
    rule = {"ruleName": "daily", "lifecycle": {"deleteAfter": days}, "copyActions": actions}
    return {"name": "backups", "rules": [rule]}


def judge(
    type_: str, old: dict[str, Any] | None, new: dict[str, Any] | None, op: str = ""
) -> list[Danger]:
    """The dangers of one step; it is an update unless one side is None."""
    step: dict[str, Any] = {
        "op": op or ("create" if old is None else "delete" if new is None else "update"),
        "urn": f"urn:pulumi:prod::bulwark::{type_}::it",
    }
    if old is not None:
        step["oldState"] = {"type": type_, "inputs": old}
    if new is not None:
        step["newState"] = {"type": type_, "inputs": new}
    return list_dangers(parse_live({"steps": [step]}, "prod"))


def list_registered_inputs() -> dict[str, set[str]]:
    """Every type that a stack registers, and all inputs that any of its resources has."""
    inputs: dict[str, set[str]] = {}
    for stack in STACKS:
        for overrides in SHAPES.values():
            for resource in run_whole_program(stack, overrides):
                if resource.type.startswith("aws:"):  # a change of a random value replaces it
                    inputs.setdefault(resource.type, set()).update(resource.inputs)
    return inputs


def test_every_registered_property_is_in_one_of_the_tables() -> None:
    unjudged = [
        f"{type_}.{name}"
        for type_, names in sorted(list_registered_inputs().items())
        for name in sorted(names)
        if (fact := find_fact(type_)) is None
        or not (fact.judges_update(name) or fact.is_replacing(name))
    ]
    assert unjudged == []


def test_no_property_is_harmless_and_dangerous() -> None:
    for fact in COMPONENT_FACTS:
        dangerous = {*fact.updates, *(rule.get_input() for rule in fact.protections)}
        assert not dangerous & {*fact.harmless, *fact.replacing, *HARMLESS_PROPERTIES}, fact.type
        assert not {*fact.harmless} & {*fact.replacing, *REPLACING_PROPERTIES}, fact.type


@pytest.mark.parametrize(
    ("type_", "old", "new", "kind", "text"),
    [
        (INGRESS_RULE, {"fromPort": 5432}, None, "interrupts", "what it let in is refused"),
        (EGRESS_RULE, {"fromPort": 5432}, None, "interrupts", "what it let out is refused"),
        (INGRESS_RULE, {"fromPort": 1}, {"fromPort": 2}, "interrupts", "no longer covers"),
        (EGRESS_RULE, {"toPort": 1}, {"toPort": 2}, "interrupts", "no longer covers"),
        ("aws:backup/plan:Plan", build_plan(365), build_plan(7), "protects less", "fewer days"),
        ("aws:backup/plan:Plan", build_plan(None), build_plan(7), "protects less", "fewer days"),
        (
            "aws:backup/plan:Plan",
            build_plan(7),
            build_plan(7, ()),
            "protects less",
            "no longer copied to that vault",
        ),
        (
            "aws:backup/plan:Plan",
            build_plan(7),
            {"name": "backups", "rules": []},
            "protects less",
            "a rule is removed",
        ),
        (
            "aws:s3/bucketVersioning:BucketVersioning",
            {"versioningConfiguration": {"status": "Enabled"}},
            {"versioningConfiguration": {"status": "Suspended"}},
            "protects less",
            "keeps no versions",
        ),
        (LIFECYCLE, build_lifecycle(365), build_lifecycle(1), "data", "objects older"),
        (LIFECYCLE, build_lifecycle(None), build_lifecycle(1), "data", "objects older"),
        (LIFECYCLE, {"rules": []}, build_lifecycle(1), "data", "objects older"),
        (
            LIFECYCLE,
            {"rules": [{"id": "a", "noncurrentVersionExpiration": {"noncurrentDays": 90}}]},
            {"rules": [{"id": "a", "noncurrentVersionExpiration": {"noncurrentDays": 1}}]},
            "data",
            "versions that were overwritten",
        ),
        (
            "aws:lb/listenerRule:ListenerRule",
            {"conditions": [{"pathPattern": {"values": ["/api/*"]}}]},
            {"conditions": [{"pathPattern": {"values": ["/v2/*"]}}]},
            "interrupts",
            "go to the next rule",
        ),
        (
            "aws:lb/targetGroup:TargetGroup",
            {"healthCheck": {"path": "/"}},
            {"healthCheck": {"path": "/health"}},
            "interrupts",
            "fail the new check",
        ),
        (INSTANCE, {"backupRetentionPeriod": 7}, {"backupRetentionPeriod": 0}, "data", "BACKUPS"),
        (
            INSTANCE,
            {"backupRetentionPeriod": 0},
            {"backupRetentionPeriod": 7},
            "interrupts",
            "an outage",
        ),
        (
            INSTANCE,
            {"publiclyAccessible": False},
            {"publiclyAccessible": True},
            "protects less",
            "a public address",
        ),
        (INSTANCE, {"dbSubnetGroupName": "a"}, {"dbSubnetGroupName": "b"}, "interrupts", "subnets"),
        (INSTANCE, {"multiAz": True}, {"multiAz": False}, "interrupts", "nothing takes over"),
        (ALARM, {"threshold": 1}, None, "protects less", "nobody is notified"),
        (ALARM, {"alarmActions": ["a"]}, {"alarmActions": []}, "protects less", "no longer"),
        (ALARM, {"alarmActions": ["a", "b"]}, {"alarmActions": ["b"]}, "protects less", "topic"),
        (ALARM, {"alarmActions": ["page"]}, {"alarmActions": ["warn"]}, "protects less", "topic"),
        (ALARM, {"actionsEnabled": True}, {"actionsEnabled": False}, "protects less", "nobody"),
        (ALARM, {"threshold": 80}, {"threshold": 99}, "protects less", "another value"),
        ("aws:kms/key:Key", {"policy": "a"}, {"policy": "b"}, "interrupts", "cannot read"),
        (
            "aws:ecs/taskDefinition:TaskDefinition",
            {"executionRoleArn": "a"},
            {"executionRoleArn": "b"},
            "interrupts",
            "another role",
        ),
        (SCALING_TARGET, {"maxCapacity": 9}, {"maxCapacity": 2}, "protects less", "as far"),
        (SCALING_TARGET, {"minCapacity": 2}, {"minCapacity": 0}, "protects less", "no task"),
        (
            "aws:rds/subnetGroup:SubnetGroup",
            {"subnetIds": ["a", "b"]},
            {"subnetIds": ["a", "c"]},
            "interrupts",
            "other subnets",
        ),
        *(
            (PUBLIC_ACCESS, {name: True}, {name: False}, "protects less", "make the bucket public")
            for name in (
                "blockPublicAcls",
                "blockPublicPolicy",
                "ignorePublicAcls",
                "restrictPublicBuckets",
            )
        ),
        (
            SERVICE,
            {"loadBalancers": [{"containerPort": 8080}]},
            {"loadBalancers": [{"containerPort": 9090}]},
            "interrupts",
            "requests fail until",
        ),
        (SECRET_VERSION, None, {"secretId": "arn:aws:x", "secretString": "y"}, "interrupts", "ro"),
        (INSTANCE, {"newerThanThis": 1}, {"newerThanThis": 2}, "not judged", "newerThanThis"),
        (INSTANCE, {"dbName": "a"}, {"dbName": "b"}, "not judged", "dbName"),
        ("aws:mq/broker:Broker", {"a": 1}, {"a": 2}, "not judged", "nothing is known of"),
    ],
)
def test_a_dangerous_change_is_reported_with_its_kind(
    type_: str, old: dict[str, Any] | None, new: dict[str, Any] | None, kind: str, text: str
) -> None:
    dangers = judge(type_, old, new)
    assert any(d.kind == kind and text in d.description for d in dangers), dangers


@pytest.mark.parametrize(
    ("type_", "old", "new"),
    [
        (INSTANCE, {"tags": {"a": "b"}}, {"tags": {"a": "c"}}),
        (INSTANCE, {"publiclyAccessible": True}, {"publiclyAccessible": False}),
        (SCALING_TARGET, {"maxCapacity": 2}, {"maxCapacity": 9}),
        (PUBLIC_ACCESS, {"blockPublicAcls": False}, {"blockPublicAcls": True}),
        (SECRET_VERSION, None, {"secretId": UNKNOWN, "secretString": "y"}),
        (ALARM, {"alarmActions": ["a"]}, {"alarmActions": ["a", "b"]}),
    ],
)
def test_a_harmless_change_is_not_reported(
    type_: str, old: dict[str, Any] | None, new: dict[str, Any]
) -> None:
    assert judge(type_, old, new) == []


def test_a_longer_lifecycle_loses_nothing_and_is_still_told() -> None:
    (danger,) = judge(LIFECYCLE, build_lifecycle(7), build_lifecycle(30))
    assert danger.kind == "protects less"


def test_a_value_that_is_not_known_yet_is_not_judged() -> None:
    old, new = {"backupRetentionPeriod": 7}, {"backupRetentionPeriod": UNKNOWN}
    (danger,) = judge(INSTANCE, old, new)
    assert danger.kind == "not judged"
    assert "backupRetentionPeriod" in danger.description


def test_an_effect_and_what_it_protects_less_are_both_told() -> None:
    old, new = {"backupRetentionPeriod": 7, "port": 1}, {"backupRetentionPeriod": 3, "port": 2}
    assert [danger.kind for danger in judge(INSTANCE, old, new)] == ["interrupts", "protects less"]


def test_a_rule_of_a_type_reads_its_own_inputs_only() -> None:
    fact = ResourceFact(type="aws:x/y:Y")
    assert not fact.judges_update("size")
    assert fact.judges_update("tags")
    assert fact.is_replacing("name")


@pytest.mark.skipif(not CHANGES_FOLDER.is_dir(), reason="previews of the real engine")
def test_every_change_that_the_real_engine_showed_is_judged() -> None:
    files = [
        file
        for file in sorted(CHANGES_FOLDER.glob("*.json"))
        if "steps" in json.loads(file.read_text("utf-8"))
    ]
    assert len(files) > 8
    unjudged = [
        f"{file.stem}: {danger.change.name}: {danger.description}"
        for file in files
        for danger in list_dangers(read_previews([Path(file)])[0])
        if danger.kind in ("not judged", "unknown")
    ]
    assert unjudged == []
