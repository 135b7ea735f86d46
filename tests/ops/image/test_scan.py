"""`ops image scan`: what ECR is asked to scan, what it refuses, and how the registry scans."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.ops.every_command import open_command_line
from tests.ops.image.test_findings import BASIC, put_findings
from tests.ops.image_stage import NEWER_IMAGE, put_unscanned_service
from tests.ops.prod.deployed import count_calls
from tests.ops.service_stage import BACKEND_REPOSITORY
from tests.ops.stage import Stage

RunLine = Callable[[str], int]
Capture = pytest.CaptureFixture[str]


def read_findings(run_line: RunLine, capsys: Capture) -> list[dict[str, Any]]:
    capsys.readouterr()
    run_line("image findings backend --output json")
    items: list[dict[str, Any]] = json.loads(capsys.readouterr().out)["items"]
    return items


def read_scanning(run_line: RunLine, capsys: Capture) -> list[dict[str, Any]]:
    capsys.readouterr()
    run_line("image findings --output json")
    items: list[dict[str, Any]] = json.loads(capsys.readouterr().out)["items"]
    names = (BACKEND_REPOSITORY, "scanning")
    return [i for i in items if i["subject"] in names]


def put_enhanced(stage: Stage) -> None:
    put_unscanned_service(stage)
    rule = {
        "scanFrequency": "CONTINUOUS_SCAN",
        "repositoryFilters": [{"filter": "bulwark/*", "filterType": "WILDCARD"}],
    }
    stage.client("ecr").put_registry_scanning_configuration(scanType="ENHANCED", rules=[rule])


def test_an_image_without_a_scan_is_scanned_and_what_is_found_is_shown(capsys: Capture) -> None:
    with open_command_line(put_unscanned_service) as (stage, run_line):
        put_findings(stage, "v2", BASIC)
        (item,) = read_findings(run_line, capsys)
        assert (item["state"], item["command"]) == ("unknown", "ops image scan backend")
        assert run_line(f"{item['command'].removeprefix('ops ')} --yes --output json") == 0
        (row,) = json.loads(capsys.readouterr().out)["items"]
        assert (row["status"], row["critical"], row["high"]) == ("COMPLETE", 0, 1)
        (item,) = read_findings(run_line, capsys)
        assert (item["state"], "CVE-2022-0778" in item["evidence"]) == ("failing", True)


def test_an_image_is_scanned_once_in_24_hours(capsys: Capture) -> None:
    with open_command_line(put_unscanned_service) as (stage, run_line):
        assert run_line("image scan backend --yes") == 0
        capsys.readouterr()
        assert run_line("image scan backend --yes") == 1
        assert "ECR scans an image once in 24 hours, this one again from" in capsys.readouterr().err
        stage.clock.sleep(24 * 3600)
        assert run_line("image scan backend --yes") == 0
        # It was waited for: the time from which it can be scanned again is that of the second one.
        capsys.readouterr()
        assert run_line("image scan backend --yes") == 1
        assert "no image can be scanned now" in capsys.readouterr().err


def test_a_plan_alone_starts_no_scan(capsys: Capture) -> None:
    with open_command_line(put_unscanned_service) as (_, run_line):
        assert run_line("image scan --dry-run") == 0
        out = capsys.readouterr().out
        assert "basic scan looks at packages of the operating system" in out
        assert "what fleet runs is not known" in out
        assert read_findings(run_line, capsys)[0]["state"] == "unknown"


def test_one_image_is_scanned(capsys: Capture) -> None:
    with open_command_line(put_unscanned_service) as (_, run_line):
        assert run_line(f"image scan --image {NEWER_IMAGE} --yes") == 0
        assert NEWER_IMAGE in capsys.readouterr().out
        for line, text in (
            ("image scan --image python:3.12", "--image must be an image in ECR"),
            (f"image scan backend --image {NEWER_IMAGE}", "give SERVICE or --image, not both"),
            ("image scan nonsense", "SERVICE must be one of backend"),
        ):
            assert run_line(line) == 2
            assert text in capsys.readouterr().err


def test_enhanced_scanning_refuses_scans_by_hand(capsys: Capture) -> None:
    with open_command_line(put_enhanced) as (stage, run_line):
        assert run_line("image scan backend --yes") == 1
        assert "the registry has enhanced scanning" in capsys.readouterr().err
        ecr = stage.client("ecr")
        with pytest.raises(ecr.exceptions.ValidationException, match="This feature is disabled"):
            ecr.start_image_scan(repositoryName=BACKEND_REPOSITORY, imageId={"imageTag": "v2"})


@pytest.mark.parametrize(
    ("operation", "call"),
    [
        ("GetRegistryScanningConfiguration", "ecr.get_registry_scanning_configuration"),
        ("DescribeImageScanFindings", "ecr.describe_image_scan_findings"),
        ("ListTasks", "ecs.list_tasks"),
    ],
)
def test_nothing_is_scanned_on_what_is_denied(operation: str, call: str, capsys: Capture) -> None:
    with (
        open_command_line(put_unscanned_service) as (_, run_line),
        count_calls(lambda name: "AccessDenied" if name == operation else None) as calls,
    ):
        assert run_line("image scan backend --yes") == 1
        assert f"{call} was denied" in capsys.readouterr().err
        assert "StartImageScan" not in calls


def test_a_repository_that_does_not_scan_on_push_is_mended_by_the_line(capsys: Capture) -> None:
    with open_command_line(put_unscanned_service) as (stage, run_line):
        (item,) = read_scanning(run_line, capsys)
        assert (item["state"], item["reason"]) == ("failing", "FSBP ECR.1")
        words = item["command"].split()
        assert words[:3] == ["aws", "ecr", "put-image-scanning-configuration"]
        stage.client("ecr").put_image_scanning_configuration(
            repositoryName=words[words.index("--repository-name") + 1],
            imageScanningConfiguration={"scanOnPush": words[-1] == "scanOnPush=true"},
        )
        (item,) = read_scanning(run_line, capsys)
        assert item["state"] == "ok"
        assert item["evidence"].startswith("basic scanning (packages of the operating system); ")
        assert f"{BACKEND_REPOSITORY} on push" in item["evidence"]


def test_enhanced_scanning_is_said_with_its_filters(capsys: Capture) -> None:
    with open_command_line(put_enhanced) as (_, run_line):
        (item,) = read_scanning(run_line, capsys)
        assert item["state"] == "ok"
        assert "enhanced scanning (Amazon Inspector" in item["evidence"]
        assert "filters: bulwark/* on push and without end" in item["evidence"]


def test_a_denied_look_at_the_registry_is_unknown(capsys: Capture) -> None:
    denied = "GetRegistryScanningConfiguration"
    with (
        open_command_line(put_unscanned_service) as (_, run_line),
        count_calls(lambda name: "AccessDenied" if name == denied else None),
    ):
        (item,) = read_scanning(run_line, capsys)
        assert item["state"] == "unknown"
        assert "ecr.get_registry_scanning_configuration was denied" in item["evidence"]
