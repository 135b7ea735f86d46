"""A worker, deployed by the program beside a web service: looked at, deployed, scaled, undone."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest.mock import patch

import pytest
from pydantic import JsonValue

from ops.cli.app import main
from ops.core.aws import Aws
from sandbox.deploy import deploy_in_memory, subscribe_somebody, use_in_memory_aws

REGION = "eu-north-1"
CHECK: JsonValue = {"command": ["CMD-SHELL", "test -f /tmp/ready"]}
WORKER: dict[str, JsonValue] = {
    "kind": "worker",
    "healthCheck": CHECK,
    "scaling": {"queue": "mails", "backlogPerTask": 100},
}
SERVICES: dict[str, JsonValue] = {"services": {"backend": {}, "mailer": WORKER}}
IMAGE = f"123456789012.dkr.ecr.{REGION}.amazonaws.com/bulwark/sandbox/mailer"
Ops = Callable[..., str]


def _put_image(tag: str) -> None:
    digest = f"sha256:{tag.encode().hex():0>64}"
    media = "application/vnd.docker.distribution.manifest.v2+json"
    layer = {"digest": digest, "size": 1, "mediaType": "layer"}
    manifest = {"schemaVersion": 2, "mediaType": media, "layers": [layer], "config": {"size": 1}}
    Aws(REGION).client("ecr").put_image(
        repositoryName="bulwark/sandbox/mailer", imageManifest=json.dumps(manifest), imageTag=tag
    )


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with use_in_memory_aws(REGION):
        exports = deploy_in_memory("sandbox", SERVICES).exports
        subscribe_somebody(exports)
        outputs_file = tmp_path_factory.mktemp("worker") / "outputs.json"
        outputs_file.write_text(json.dumps(exports), encoding="utf-8")
        for tag in ("v2", "v3-unhealthy"):
            _put_image(tag)
        yield outputs_file


@pytest.fixture
def ops(file: Path, capsys: pytest.CaptureFixture[str]) -> Ops:
    def run(line: str, expected_code: int = 0) -> str:
        capsys.readouterr()
        answer = {"status": 200, "digest": ""}
        with patch("ops.health.requests.fetch_url", return_value=answer):
            code = main([*line.split(), "--outputs", str(file)])
        captured = capsys.readouterr()
        assert code == expected_code, captured.err
        return captured.out + captured.err

    return run


def _get_revision(name: str = "mailer") -> str:
    ecs = Aws(REGION).client("ecs")
    (service,) = ecs.describe_services(cluster="bulwark-sandbox", services=[name])["services"]
    return str(service["taskDefinition"].rsplit(":", 1)[-1])


def test_a_stack_with_a_worker_is_healthy(ops: Ops) -> None:
    rows = json.loads(ops("health --only services --output json"))["items"]
    assert ("ok", "mailer", "2 of 2 tasks run") in {
        (row["state"], row["subject"], row["evidence"]) for row in rows
    }


def test_a_worker_is_deployed_and_rolled_back(ops: Ops) -> None:
    before = _get_revision()
    ops(f"service deploy {IMAGE}:v2 --service mailer --yes")
    deployed = _get_revision()
    assert deployed != before
    assert f"{IMAGE}@sha256" in ops("service show mailer")
    err = ops(f"service deploy {IMAGE}:v3-unhealthy --service mailer --yes", 5)
    assert "Task failed container health checks" in err
    assert _get_revision() == deployed
    ops("service rollback --service mailer --yes")
    assert _get_revision() not in ("", deployed)


def test_the_backlog_that_a_worker_scales_by_is_shown(ops: Ops) -> None:
    assert "visible messages for each running task at 100" in ops("service show mailer")


def test_the_queue_of_a_worker_is_among_its_metrics(ops: Ops) -> None:
    assert "queue mails" in ops("metrics mailer")


def test_a_worker_is_scaled_restarted_and_limited(ops: Ops) -> None:
    ops("service scale 3 --service mailer --yes")
    assert "3 of 3" in ops("service show mailer")
    ops("service restart --service mailer --yes")
    assert "mailer" in ops("service limits")


@pytest.mark.parametrize(
    "line",
    [
        "service list",
        "service tasks --service mailer",
        "service events --service mailer",
        "service revisions --service mailer",
        "service images mailer",
        "metrics mailer",
        "logs tail mailer",
        "usage",
        "alarms list",
    ],
)
def test_every_look_takes_a_worker(ops: Ops, line: str) -> None:
    ops(line)


def test_a_worker_answers_on_no_port(ops: Ops) -> None:
    assert "TO must have a port, like mailer:443" in ops("network reach backend mailer", 2)
