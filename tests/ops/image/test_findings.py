"""`ops image findings`: what is wrong with what runs, found, mended by a deployment, gone."""

import json
from collections.abc import Iterator
from typing import Any, Final

import pytest
from moto.ecr.models import ecr_backends

from ops.core.check_runner import run_checks
from ops.core.checks import CheckFacts
from ops.health.registry import HEALTH_CHECKS_BY_KEY
from ops.image.vulnerabilities import parse_vulnerabilities, select_platform_digest
from sandbox.patches.ecr import set_vulnerabilities
from tests.ops import quota_stage, service_stage
from tests.ops.every_command import open_command_line
from tests.ops.prod.deployed import count_calls
from tests.ops.service_stage import BACKEND_IMAGE, BACKEND_REPOSITORY
from tests.ops.single_check import NOW
from tests.ops.stage import ACCOUNT, REGION, Stage

# Findings in the shape of the ECR API reference, of real vulnerabilities.
XZ: Final[dict[str, Any]] = {
    "severity": "CRITICAL",
    "status": "ACTIVE",
    "score": 10.0,
    "fixAvailable": "YES",
    "firstObservedAt": 1764500000,
    "title": "CVE-2024-3094 - xz-utils",
    "packageVulnerabilityDetails": {
        "vulnerabilityId": "CVE-2024-3094",
        "cvss": [{"baseScore": 10.0, "version": "3.1"}],
        "vulnerablePackages": [
            {"name": "liblzma5", "version": "5.6.0", "fixedInVersion": "5.6.1+really5.4.5-1"}
        ],
    },
}
UNFIXED: Final[dict[str, Any]] = {
    **XZ,
    "severity": "HIGH",
    "fixAvailable": "NO",
    "packageVulnerabilityDetails": {
        "vulnerabilityId": "CVE-2023-4911",
        "vulnerablePackages": [
            {"name": "libc6", "version": "2.36", "fixedInVersion": "NotAvailable"}
        ],
    },
}
BASIC: Final[dict[str, Any]] = {
    "name": "CVE-2022-0778",
    "severity": "HIGH",
    "attributes": [
        {"key": "package_name", "value": "openssl"},
        {"key": "package_version", "value": "1.1.1k-1"},
        {"key": "CVSS2_SCORE", "value": "5.0"},
    ],
}


def get_digest(stage: Stage, tag: str) -> str:
    return service_stage.get_backend_digest_reference(stage, tag).partition("@")[2]


def put_findings(stage: Stage, tag: str, *findings: dict[str, Any]) -> None:
    backend = ecr_backends[ACCOUNT][REGION]
    set_vulnerabilities(backend, get_digest(stage, tag), list(findings))


def put_scanned_service(stage: Stage) -> None:
    """The backend, whose repository scans on push."""
    service_stage.put_services(stage)
    stage.client("ecr").put_image_scanning_configuration(
        repositoryName=BACKEND_REPOSITORY, imageScanningConfiguration={"scanOnPush": True}
    )


class ImageConsole:
    """Lines that are typed on a stage with a service of one ECR image."""

    def __init__(self, stage: Stage, run_line: Any, capture: pytest.CaptureFixture[str]) -> None:
        self.stage, self.run_line, self._capture = stage, run_line, capture

    def find_items(self) -> list[dict[str, Any]]:
        self._capture.readouterr()
        self.run_line("image findings --output json")
        items: list[dict[str, Any]] = json.loads(self._capture.readouterr().out)["items"]
        return [item for item in items if item["subject"] == "backend/backend"]

    def deploy(self, tag: str) -> None:
        assert self.run_line(f"service deploy {BACKEND_IMAGE}:{tag} --service backend --yes") == 0
        self.stage.clock.sleep(600)


@pytest.fixture
def ops(capsys: pytest.CaptureFixture[str]) -> Iterator[ImageConsole]:
    with open_command_line(put_scanned_service) as (stage, run_line):
        yield ImageConsole(stage, run_line, capsys)


def test_an_image_with_a_finding_is_mended_by_the_deployment_that_is_named(
    ops: ImageConsole,
) -> None:
    put_findings(ops.stage, "v2", XZ, UNFIXED)
    ops.deploy("v2")
    (item,) = ops.find_items()
    assert (item["state"], item["severity"]) == ("failing", "critical")
    assert item["id"] == "image-vulnerabilities/backend/backend/CVE-2024-3094/liblzma5"
    assert (
        "mended in 5.6.1+really5.4.5-1; CVSS 10.0; brought by bulwark-test-backend:2 on "
        in (item["evidence"])
    )
    assert item["since"]
    # The newest image has it no more, and the command deploys it.
    ops.stage.clock.sleep(60)
    service_stage.put_backend_image(ops.stage, "v9", 9)
    (item,) = ops.find_items()
    assert f"{BACKEND_IMAGE}:v9 has it no more" in item["evidence"]
    assert item["command"] == f"ops service deploy {BACKEND_IMAGE}:v9 --service backend"
    assert ops.run_line(f"{item['command'].removeprefix('ops ')} --yes") == 0
    ops.stage.clock.sleep(600)
    (item,) = ops.find_items()
    assert item["state"] == "ok"


def test_what_has_no_fix_is_counted_and_not_open(ops: ImageConsole) -> None:
    put_findings(ops.stage, "v2", UNFIXED)
    ops.deploy("v2")
    (item,) = ops.find_items()
    assert item["state"] == "ok"
    assert "1 high" in item["evidence"]


def test_a_basic_scan_does_not_say_the_fix_and_is_open(ops: ImageConsole) -> None:
    put_findings(ops.stage, "v2", BASIC)
    ops.deploy("v2")
    (item,) = ops.find_items()
    assert (item["state"], item["severity"]) == ("failing", "high")
    assert "CVE-2022-0778 in openssl 1.1.1k-1" in item["evidence"]
    assert "not said by a basic scan" in item["evidence"]


def test_a_waived_finding_is_ok(ops: ImageConsole) -> None:
    put_findings(ops.stage, "v2", XZ)
    ops.deploy("v2")
    quota_stage.put_waiver(ops.stage, ops.find_items()[0]["id"])
    (item,) = ops.find_items()
    assert (item["state"], "by ann" in item["waiver"]) == ("ok", True)


def test_one_service_is_looked_at_alone(
    ops: ImageConsole, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert ops.run_line("image findings backend --output json") == 3
    items = json.loads(capsys.readouterr().out)["items"]
    assert {item["subject"] for item in items} == {"backend/backend"}
    assert ops.run_line("image findings nonsense") == 2
    assert "SERVICE must be one of backend" in capsys.readouterr().err


def test_an_image_outside_ecr_is_unknown(ops: ImageConsole) -> None:
    (item,) = ops.find_items()
    assert item["state"] == "unknown"
    assert f"{service_stage.FIRST_IMAGE} is not in ECR" in item["evidence"]


def test_an_old_scan_is_unknown_with_the_line_that_scans_again(ops: ImageConsole) -> None:
    ops.deploy("v2")
    assert ops.find_items()[0]["state"] == "ok"
    ops.stage.clock.sleep(31 * 24 * 3600)
    (item,) = ops.find_items()
    assert item["state"] == "unknown"
    assert "it was scanned 31 days ago" in item["evidence"]
    assert item["command"] == "ops image scan backend"


def test_an_image_that_was_not_scanned_is_unknown(ops: ImageConsole) -> None:
    ops.stage.client("ecr").put_image_scanning_configuration(
        repositoryName=BACKEND_REPOSITORY, imageScanningConfiguration={"scanOnPush": False}
    )
    ops.deploy("v2")
    (item,) = ops.find_items()
    assert (item["state"], "it was not scanned" in item["evidence"]) == ("unknown", True)


@pytest.mark.parametrize("operation", ["DescribeImageScanFindings", "BatchGetImage"])
def test_denied_scans_are_unknown(ops: ImageConsole, operation: str) -> None:
    ops.deploy("v2")
    with count_calls(lambda name: "AccessDenied" if name == operation else None):
        (item,) = ops.find_items()
    assert item["state"] == "unknown"
    assert "was denied" in item["evidence"]


def test_of_an_index_the_platform_that_runs_is_scanned() -> None:
    index = json.dumps(
        {
            "mediaType": "application/vnd.oci.image.index.v1+json",
            "manifests": [
                {"digest": "sha256:a", "platform": {"architecture": "amd64"}},
                {"digest": "sha256:b", "platform": {"architecture": "arm64"}},
            ],
        }
    )
    assert select_platform_digest(index, "", "x86_64") == "sha256:a"
    assert select_platform_digest(index, "", "ARM64") == "sha256:b"
    assert select_platform_digest('{"layers": []}', "x", "arm64") is None
    with pytest.raises(ValueError, match="which one runs is not known"):
        select_platform_digest(index, "", "")
    attested = {
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [
            {"digest": "sha256:a", "platform": {"architecture": "amd64"}},
            {"digest": "sha256:x", "platform": {"architecture": "unknown"}},
        ],
    }
    assert select_platform_digest(json.dumps(attested), "", "") == "sha256:a"
    with pytest.raises(ValueError, match="its index has no image for s390x"):
        select_platform_digest(index, "", "s390x")


def test_findings_that_are_closed_or_suppressed_do_not_count() -> None:
    answer = {"imageScanFindings": {"enhancedFindings": [{**XZ, "status": "SUPPRESSED"}, XZ]}}
    assert len(parse_vulnerabilities(answer)) == 1


def test_every_container_of_a_task_is_looked_at() -> None:
    task = {
        "lastStatus": "RUNNING",
        "containers": [
            {"name": "backend", "image": "docker.io/library/app:1"},
            {"name": "sidecar", "image": "public.ecr.aws/sidecar:1"},
            {"name": "backend", "image": "docker.io/library/app:1"},
        ],
    }
    answers: dict[str, list[Any]] = {"ecs.list_tasks": ["arn"], "ecs.describe_tasks": [task]}
    outputs = service_stage.build_backend_only_outputs().model_copy(update={"fleet": None})
    findings = run_checks(
        [HEALTH_CHECKS_BY_KEY["image-vulnerabilities"]],
        CheckFacts(outputs, NOW),
        lambda read: answers[read.api],
    )
    assert [(f.state, f.subject) for f in findings] == [
        ("unknown", "backend/backend"),
        ("unknown", "backend/sidecar"),
    ]
