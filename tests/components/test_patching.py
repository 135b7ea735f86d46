"""The fleet's patches: baseline, patch group, daily scan, and who is warned."""

import json
from typing import Any

import pytest

from sandbox.program import ResourceGraph
from tests.components.neighbours import build_fleet_graph
from tests.conftest import Build

BASELINE_TYPE = "aws:ssm/patchBaseline:PatchBaseline"
ASSOCIATION_TYPE = "aws:ssm/association:Association"
RULE_TYPE = "aws:cloudwatch/eventRule:EventRule"
TARGET_TYPE = "aws:cloudwatch/eventTarget:EventTarget"


def list_rules(graph: ResourceGraph) -> list[tuple[str, int, str]]:
    """Severity, days and level of compliance of each approval rule."""
    rules: list[dict[str, Any]] = graph.get_resource(BASELINE_TYPE).inputs["approvalRules"]
    return [
        (f["values"][0], rule["approveAfterDays"], rule["complianceLevel"])
        for rule in rules
        for f in rule["patchFilters"]
        if f["key"] == "SEVERITY"
    ]


def test_the_baseline_approves_what_aws_s_own_does(build: Build) -> None:
    graph = build_fleet_graph(build)
    assert list_rules(graph) == [("Critical", 7, "CRITICAL"), ("Important", 7, "HIGH")]
    assert graph.get_resource(BASELINE_TYPE).inputs["operatingSystem"] == "AMAZON_LINUX_2023"


def test_days_and_severities_are_settings(build: Build) -> None:
    graph = build_fleet_graph(
        build, {"fleet": {"patchApprovalDays": 0, "patchSeverities": ["Critical", "Low"]}}
    )
    assert list_rules(graph) == [("Critical", 0, "CRITICAL"), ("Low", 0, "LOW")]


def test_instances_that_are_launched_are_of_the_patch_group(build: Build) -> None:
    graph = build_fleet_graph(build)
    group = graph.get_resource("aws:ssm/patchGroup:PatchGroup").inputs
    tags = graph.get_resource("aws:autoscaling/group:Group").inputs["tags"]
    (tag,) = (t for t in tags if t["key"] == "PatchGroup")
    assert tag["propagateAtLaunch"]
    assert tag["value"] == group["patchGroup"]
    assert group["baselineId"] == graph.get_resource(BASELINE_TYPE).id


def test_the_group_is_scanned_every_day_and_nothing_is_installed(build: Build) -> None:
    graph = build_fleet_graph(build)
    scan = graph.get_resource(ASSOCIATION_TYPE).inputs
    assert scan["name"] == "AWS-RunPatchBaseline"
    assert scan["parameters"] == {"Operation": "Scan"}
    assert scan["scheduleExpression"] == "rate(1 day)"
    name = graph.get_resource("aws:autoscaling/group:Group").inputs["name"]
    assert scan["targets"] == [{"key": "tag:aws:autoscaling:groupName", "values": [name]}]


def test_an_instance_that_lacks_patches_warns(build: Build) -> None:
    graph = build_fleet_graph(build)
    rule, target = graph.get_resource(RULE_TYPE), graph.get_resource(TARGET_TYPE).inputs
    assert json.loads(rule.inputs["eventPattern"]) == {
        "source": ["aws.ssm"],
        "detail-type": ["Configuration Compliance State Change"],
        "detail": {"compliance-type": ["Patch"], "compliance-status": ["non_compliant"]},
    }
    assert target["arn"] == graph.get_resource("aws:sns/topic:Topic", "topics-warn").outputs["arn"]
    template = target["inputTransformer"]["inputTemplate"]
    assert all(f"<{name}>" in template for name in target["inputTransformer"]["inputPaths"])


def test_without_scans_nobody_is_warned(build: Build) -> None:
    graph = build_fleet_graph(build, {"fleet": {"patchScan": False}})
    for type_ in (ASSOCIATION_TYPE, RULE_TYPE, TARGET_TYPE):
        assert graph.list_resources(type_) == []
    assert graph.list_resources(BASELINE_TYPE)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("patchApprovalDays", 361),
        ("patchApprovalDays", -1),
        ("patchSeverities", ["Grave"]),
        ("patchSeverities", ["Low", "Low"]),
        ("patchSeverities", []),
    ],
)
def test_a_wrong_setting_is_named(build: Build, key: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"fleet.{key}"):
        build_fleet_graph(build, {"fleet": {key: value}})
