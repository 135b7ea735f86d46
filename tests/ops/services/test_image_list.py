"""`ops service images`: what is in the registry, what runs, and what the policy removes next."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from moto.ecr.models import ecr_backends

from ops.services.image_list import describe_scan
from ops.services.lifecycle import plan_removals
from sandbox.patches.ecr import get_scan_findings
from tests.ops.command_line import OpsConsole
from tests.ops.db_stage import fail_operations
from tests.ops.service_stage import (
    BACKEND_IMAGE,
    BACKEND_REPOSITORY,
    FIRST_IMAGE,
    get_backend_digest_reference,
    open_service_console,
)
from tests.ops.stage import ACCOUNT, REGION

NOW = datetime(2026, 11, 30, tzinfo=UTC)
UNTAGGED_RULE = {
    "rulePriority": 1,
    "selection": {
        "tagStatus": "untagged",
        "countType": "sinceImagePushed",
        "countUnit": "days",
        "countNumber": 7,
    },
    "action": {"type": "expire"},
}


@pytest.fixture
def ops(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Iterator[OpsConsole]:
    with open_service_console(capsys, tmp_path) as console:
        yield console


def put_policy(ops: OpsConsole, *rules: dict[str, Any]) -> None:
    ops.stage.client("ecr").put_lifecycle_policy(
        repositoryName=BACKEND_REPOSITORY, lifecyclePolicyText=json.dumps({"rules": rules})
    )


def build_count_rule(number: int, **selection: Any) -> dict[str, Any]:
    count = {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": number}
    return {"rulePriority": 9, "selection": count | selection, "action": {"type": "expire"}}


def list_by_tag(body: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {tag: item for item in body["items"] for tag in item["tags"]}


def test_the_image_that_runs_is_named_with_its_revisions_and_its_scan(ops: OpsConsole) -> None:
    ecr = ops.stage.client("ecr")
    ecr.put_image_scanning_configuration(
        repositoryName=BACKEND_REPOSITORY, imageScanningConfiguration={"scanOnPush": True}
    )
    reference = get_backend_digest_reference(ops.stage, "v2")
    backend = ecr_backends[ACCOUNT][REGION]
    get_scan_findings(backend)[reference.split("@")[1]] = {"LOW": 3, "CRITICAL": 1}
    ops(f"service deploy {BACKEND_IMAGE}:v2 --service backend --yes")
    body = ops.run_for_json("service images backend")
    assert (body["kind"], body["repository"]) == ("service-images", BACKEND_IMAGE)
    images = list_by_tag(body)
    assert images["v2"]["digest"] == reference.split("@")[1]
    assert (images["v2"]["runningTasks"], images["v3"]["runningTasks"]) == (2, 0)
    assert images["v2"]["revisions"] == ["bulwark-test-backend:2"]
    assert images["v2"]["scan"]["findings"] == {"LOW": 3, "CRITICAL": 1}
    assert images["v2"]["bytes"] == 2
    assert (images["v2"]["removal"], images["v2"]["isRemovalKnown"]) == (None, True)
    out, _ = ops("service images backend")
    (line,) = [line for line in out.splitlines() if line.startswith("v2 ")]
    for text in ("2 tasks", "bulwark-test-backend:2", "1 critical, 3 low"):
        assert text in line


def test_an_image_that_is_run_by_its_tag_is_found_too(ops: OpsConsole) -> None:
    ecs = ops.stage.client("ecs")
    definition = ecs.register_task_definition(
        family="bulwark-test-backend",
        cpu="256",
        memory="512",
        containerDefinitions=[{"name": "backend", "image": f"{BACKEND_IMAGE}:v3"}],
    )["taskDefinition"]["taskDefinitionArn"]
    ecs.update_service(cluster="bulwark-test", service="backend", taskDefinition=definition)
    ops.stage.clock.sleep(3600)
    images = list_by_tag(ops.run_for_json("service images backend"))
    assert images["v3"]["runningTasks"] == 2


def test_an_image_from_elsewhere_is_said_and_is_no_problem(ops: OpsConsole) -> None:
    body = ops.run_for_json("service images backend")
    assert (body["elsewhere"], body["missing"]) == ([FIRST_IMAGE], [])
    assert {item["runningTasks"] for item in body["items"]} == {0}


def test_an_image_that_runs_and_is_gone_is_a_finding(ops: OpsConsole) -> None:
    reference = get_backend_digest_reference(ops.stage, "v2")
    ops(f"service deploy {BACKEND_IMAGE}:v2 --service backend --yes")
    ops.stage.client("ecr").batch_delete_image(
        repositoryName=BACKEND_REPOSITORY, imageIds=[{"imageDigest": reference.split("@")[1]}]
    )
    _, err = ops("service images backend", 3)
    assert f"{reference} runs and is no longer in {BACKEND_IMAGE}: no new task can start" in err


def test_an_image_that_runs_and_will_be_removed_is_a_finding(ops: OpsConsole) -> None:
    ops(f"service deploy {BACKEND_IMAGE}:v2 --service backend --yes")
    put_policy(ops, build_count_rule(2))
    ops.stage.clock.sleep(60)
    put_newer_images(ops, 2)
    body = ops.run_for_json("service images backend", 3)
    removals = {tag: item["removal"] for tag, item in list_by_tag(body).items()}
    assert removals["v2"]["action"] == "expire"
    assert removals["new-0"] is None
    _, err = ops("service images backend", 3)
    assert "runs, and the lifecycle policy will remove it" in err


def put_newer_images(ops: OpsConsole, count: int) -> None:
    for number in range(count):
        layer = {"digest": f"sha256:{1000 + number:064x}", "size": 1, "mediaType": "layer"}
        media = "application/vnd.docker.distribution.manifest.v2+json"
        manifest = {"schemaVersion": 2, "mediaType": media, "layers": [layer], "config": {}}
        ops.stage.client("ecr").put_image(
            repositoryName=BACKEND_REPOSITORY,
            imageManifest=json.dumps(manifest),
            imageTag=f"new-{number}",
        )


def test_old_images_are_left_out_but_for_those_that_run_or_ran(ops: OpsConsole) -> None:
    ops(f"service deploy {BACKEND_IMAGE}:v2 --service backend --yes")
    ops.stage.clock.sleep(60)
    put_newer_images(ops, 3)
    body = ops.run_for_json("service images backend --limit 1")
    assert body["total"] == 9
    assert len(body["items"]) == 2
    assert "v2" in list_by_tag(body)
    _, err = ops("service images backend --limit 1")
    assert "7 older images not shown: --limit" in err


@pytest.mark.parametrize(
    ("operation", "field"),
    [
        ("list_tasks", "runningTasks"),
        ("list_service_deployments", "revisions"),
        ("get_lifecycle_policy", "removal"),
    ],
)
def test_what_may_not_be_read_is_unknown(ops: OpsConsole, operation: str, field: str) -> None:
    with fail_operations("AccessDenied", operation):
        body = ops.run_for_json("service images backend", 3)
        out, err = ops("service images backend", 3)
    assert {item[field] for item in body["items"]} == {None}
    assert "unknown" in out
    assert operation in err


def test_a_repository_that_may_not_be_read_is_an_error(ops: OpsConsole) -> None:
    with fail_operations("AccessDenied", "describe_images"):
        _, err = ops("service images backend", 1)
    assert "ecr.describe_images was denied" in err


def test_a_service_without_repository_is_refused(ops: OpsConsole) -> None:
    _, err = ops("service images frontend", 2)
    assert "SERVICE is 'frontend', for which the stack test has no repository" in err


def build_image(name: str, days: float, *tags: str, **fields: Any) -> dict[str, Any]:
    pushed = (NOW - timedelta(days=days)).isoformat()
    return {"imageDigest": name, "imagePushedAt": pushed, "imageTags": list(tags), **fields}


def plan(*rules: dict[str, Any], images: list[dict[str, Any]]) -> dict[str, float]:
    """Days from now until each image is removed."""
    removals = plan_removals(json.dumps({"rules": rules}), images, NOW)
    return {digest: (item.due_at - NOW) / timedelta(days=1) for digest, item in removals.items()}


def test_ages_are_counted_from_the_push_or_from_the_return_of_an_archived_image() -> None:
    images = [
        build_image("old", 9),
        build_image("young", 2),
        build_image("back", 30, lastActivatedAt=(NOW - timedelta(days=1)).isoformat()),
        build_image("tagged", 30, "v1"),
        build_image("archived", 30, imageStatus="ARCHIVED"),
    ]
    assert plan(UNTAGGED_RULE, images=images) == {"old": -2, "young": 5, "back": 6}


def test_a_rule_of_higher_priority_keeps_what_it_selects_from_the_rules_below() -> None:
    keep_releases = build_count_rule(2, tagStatus="tagged", tagPatternList=["v*"])
    keep_releases |= {"rulePriority": 2}
    images = [build_image(f"i{n}", n, f"v{n}") for n in range(4)] + [build_image("x", 9, "test")]
    removals = plan(build_count_rule(1), keep_releases, images=images)
    # Two releases stay; the one image of the last rule is i0, the newest of all.
    assert removals == {"i2": 0, "i3": 0, "x": 0}


@pytest.mark.parametrize(
    ("selection", "is_selected"),
    [
        ({"tagPatternList": ["v*"]}, True),
        ({"tagPatternList": ["v*", "prod"]}, True),
        ({"tagPatternList": ["v*", "dev"]}, False),
        ({"tagPatternList": ["v"]}, False),
        ({"tagPrefixList": ["v"]}, True),
        ({"tagPatternList": ["v*2*"]}, True),
        ({"tagPatternList": ["v.*"]}, False),
    ],
)
def test_all_patterns_must_match_a_tag(selection: dict[str, Any], *, is_selected: bool) -> None:
    rule = build_count_rule(1, tagStatus="tagged", **selection)
    images = [build_image("new", 1, "v9.2", "prod"), build_image("old", 2, "v1.2", "prod")]
    assert plan(rule, images=images) == ({"old": 0} if is_selected else {})


def test_a_policy_that_is_not_understood_is_unknown(ops: OpsConsole) -> None:
    with pytest.raises(ValueError, match="counts by sinceFullMoon"):
        plan(build_count_rule(1, countType="sinceFullMoon"), images=[build_image("a", 1)])


@pytest.mark.parametrize(
    ("scan", "text"),
    [
        ({"status": None, "findings": None, "reason": None}, "not scanned"),
        ({"status": "COMPLETE", "findings": {}, "reason": None}, "no findings"),
        ({"status": "FAILED", "findings": None, "reason": "too large"}, "FAILED: too large"),
        ({"status": "ACTIVE", "findings": {"HIGH": 2, "NEW": 1}, "reason": None}, "2 high, 1 new"),
    ],
)
def test_a_scan_says_its_findings_or_why_there_are_none(scan: dict[str, Any], text: str) -> None:
    assert describe_scan(scan) == text
