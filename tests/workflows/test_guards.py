"""What a workflow refuses by its own lines: a destruction not meant, a build of other files."""

import json
from pathlib import Path

import pytest

from tests.workflows.runner import StepRunner


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
def test_what_is_built_is_a_folder_of_the_repository(
    tmp_path: Path, context: str, code: int
) -> None:
    steps = StepRunner(tmp_path, {})
    outside, app = tmp_path / "outside", steps.checkout / "app"
    for folder in (outside, app, steps.checkout):
        folder.mkdir(exist_ok=True)
        (folder / "Dockerfile").write_text("FROM scratch", encoding="utf-8")
    (steps.checkout / "link").symlink_to(outside)
    values = {
        "inputs.stack || 'dev'": "prod",
        "inputs.service || 'backend'": "backend",
        "inputs.context || 'app'": context,
        "github.sha": "v2",
        "github.run_attempt": "1",
        "steps.repository.outputs.url": "repository",
    }
    done = steps("image: image: Build", values)
    assert done.code == code, done.text
