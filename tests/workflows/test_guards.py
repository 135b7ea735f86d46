"""What a workflow refuses by its own lines: a destruction not meant, a build of other files."""

import json
import re
from pathlib import Path

import pytest

from tests.workflows.files import WORKFLOW_FILES, read_jobs
from tests.workflows.runner import StepRunner

IMAGE_VALUES = {
    "inputs.stack || 'dev'": "prod",
    "inputs.service || 'backend'": "backend",
    "github.sha": "v2",
    "github.run_attempt": "1",
    "steps.repository.outputs.url": "repository",
}


@pytest.mark.parametrize(("confirmed", "code"), [("dev", 0), ("prod", 1), ("", 1)])
def test_a_stack_is_destroyed_only_if_its_name_is_given_twice(
    tmp_path: Path, confirmed: str, code: int
) -> None:
    steps = StepRunner(tmp_path, {})
    values = {"inputs.stack": "dev", "inputs.confirm": confirmed}
    assert steps("destroy: agree: Compare the names", values).code == code


def test_a_destruction_is_of_the_stack_that_was_chosen(tmp_path: Path) -> None:
    steps = StepRunner(tmp_path, {})
    values = {"inputs.stack": "dev", "vars.PULUMI_BACKEND_URL": "s3://state"}
    done = steps("destroy: destroy: Destroy", values)
    assert done.code == 0, done.text
    (record,) = json.loads((tmp_path / "dev-history.json").read_text(encoding="utf-8"))
    assert record["kind"] == "destroy"


@pytest.mark.parametrize(
    ("context", "code"), [("app", 0), ("../outside", 1), ("link", 1), (".", 0), ("missing", 1)]
)
def test_a_build_context_must_be_a_folder_of_the_repository(
    tmp_path: Path, context: str, code: int
) -> None:
    steps = StepRunner(tmp_path, {})
    outside, app = tmp_path / "outside", steps.checkout / "app"
    for folder in (outside, app, steps.checkout):
        folder.mkdir(exist_ok=True)
        (folder / "Dockerfile").write_text("FROM scratch", encoding="utf-8")
    (steps.checkout / "link").symlink_to(outside)
    done = steps("image: build: Build", {"inputs.context || 'app'": context})
    assert done.code == code, done.text


@pytest.mark.parametrize("content", ["scanned", "vulnerable"])
def test_an_image_with_a_severe_finding_ends_the_job(tmp_path: Path, content: str) -> None:
    steps = StepRunner(tmp_path, {})
    (steps.checkout / "image.tar").write_text(content, encoding="utf-8")
    done = steps("image: build: Scan", {"inputs.context || 'app'": "app"})
    assert done.code == (1 if content == "vulnerable" else 0), done.text


def test_the_pushed_image_is_the_scanned_one(tmp_path: Path) -> None:
    steps = StepRunner(tmp_path, {})
    (steps.checkout / "app").mkdir()
    (steps.checkout / "app" / "Dockerfile").write_text("FROM scratch", encoding="utf-8")
    built = steps("image: build: Build", {"inputs.context || 'app'": "app"})
    assert built.code == 0, built.text
    values = {**IMAGE_VALUES, "needs.build.outputs.sum": built.outputs["sum"]}
    loaded = steps("image: image: Load what was scanned", values)
    assert loaded.code == 0, loaded.text
    (steps.checkout / "image.tar").write_text("another", encoding="utf-8")
    assert steps("image: image: Load what was scanned", values).code == 1


@pytest.mark.parametrize(
    ("service", "words"),
    [
        ("api", ["service", "deploy", "IMAGE", "--service", "api"]),
        ("fleet", ["fleet", "deploy", "IMAGE"]),
    ],
)
def test_a_fleet_is_delivered_as_a_service_is(
    tmp_path: Path, service: str, words: list[str]
) -> None:
    steps = StepRunner(tmp_path, {})
    ops = steps.checkout / ".venv" / "bin" / "ops"
    ops.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n', "utf-8")
    values = {
        **IMAGE_VALUES,
        "inputs.service || 'backend'": service,
        "needs.build.outputs.sum": "x",
        "steps.push.outputs.image": "IMAGE",
    }
    done = steps("image: image: Deploy the image", values)
    assert done.text.splitlines()[: len(words) + 2] == [*words, "--yes", "--reason"]


def test_build_and_scan_jobs_have_no_credentials() -> None:
    (file,) = [file for file in WORKFLOW_FILES if file.stem == "image"]
    jobs = read_jobs(file)
    assert jobs["build"]["permissions"] == {"contents": "read"}
    assert "environment" not in jobs["build"]
    assert not [step for step in jobs["build"]["steps"] if "role" in step.get("with", {})]
    assert re.search(r"@sha256:[0-9a-f]{64}$", jobs["build"]["env"]["SCANNER"])
    assert jobs["image"]["needs"] == "build"
    assert "docker build" not in str(jobs["image"])


def test_a_public_repository_previews_only_if_it_says_so() -> None:
    (file,) = [file for file in WORKFLOW_FILES if file.stem == "preview"]
    condition = "github.event.repository.private || vars.PUBLIC_PREVIEWS == 'true'"
    assert f"({condition})" in read_jobs(file)["preview"]["if"]
