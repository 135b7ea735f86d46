"""Every line that a workflow runs, run in bash as GitHub's runner would, on a stack that is up.

Pulumi plays what was recorded, gh has a repository in a file, docker pushes into the sandbox's ECR;
`ops` is the program itself. A step that no test here names fails the last one. What is not covered:
GitHub's own part, which is when a job or a step is run at all.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.preview.page import PREVIEW_MARKER
from sandbox.running_stack import RunningStack, serve_stack
from tests.ops.preview_files import PREVIEW_FOLDER
from tests.test_runbook import get_command_help
from tests.workflows.files import WORKFLOW_FILES, list_run_steps, read_jobs
from tests.workflows.runner import StepResult, StepRunner

STEP_TEST_FILES = (Path(__file__), Path(__file__).with_name("test_guards.py"))
STACKS_EXPRESSION = """vars.PREVIEW_STACKS || '["dev", "staging", "prod"]'"""
DATA_LOSS_EXPRESSION = (
    "contains(github.event.pull_request.labels.*.name, 'allow-data-loss') "
    "&& '--allow-data-loss' || ''"
)
OUTCOME_EXPRESSION = "inputs.outcome == 'success' && 'well' || 'failing'"
# Of the workflow of operations: which checklist an hour of the clock, or a person, asks for.
CHECKLIST_EXPRESSION = " ".join(
    """
    github.event.schedule == '7 6 * * 1' && 'weekly'
    || github.event.schedule == '37 6 1 * *' && 'monthly' || inputs.list || 'daily'
    """.split()
)


class RecordedSteps:
    """A runner, and what was recorded for it."""

    def __init__(self, runner: StepRunner) -> None:
        self.runner, self.github, self.checkout = runner, runner.github, runner.checkout

    def __call__(self, key: str, values: dict[str, str] | None = None, **env: str) -> StepResult:
        return self.runner(key, values, **env)

    def record_preview(self, stack: str, preview: str, code: int = 0) -> None:
        """What `pulumi preview` of a stack is to say."""
        text = (PREVIEW_FOLDER / f"{preview}.json").read_text(encoding="utf-8")
        text = re.sub(r"urn:pulumi:\w+::", f"urn:pulumi:{stack}::", text)
        (self.runner.folder / f"{stack}.json").write_text(text, encoding="utf-8")
        (self.runner.folder / f"{stack}.exit").write_text(str(code), encoding="utf-8")

    def run_tell_action(self, subject: str, file: str, outcome: str) -> StepResult:
        values = {"inputs.subject": subject, "inputs.file": file}
        values[OUTCOME_EXPRESSION] = "well" if outcome == "success" else "failing"
        return self("tell: action: Tell it in an issue", values)


@pytest.fixture(scope="module")
def prod() -> Iterator[RunningStack]:
    with serve_stack("prod", {"compute": "services"}, factor=1200) as stack_up:
        yield stack_up


@pytest.fixture
def steps_without_credentials(tmp_path: Path) -> RecordedSteps:
    """A runner without credentials of AWS."""
    return RecordedSteps(StepRunner(tmp_path, {}))


@pytest.fixture
def steps(tmp_path: Path, prod: RunningStack) -> RecordedSteps:
    """A runner with credentials for a stack that is up."""
    return RecordedSteps(StepRunner(tmp_path, dict(prod.settings)))


@pytest.mark.parametrize(
    ("key", "starts"),
    [
        ("ready: action: Install what requirements.txt pins", "--require-hashes"),
        ("preview: tests: Lint", "ruff check ."),
        ("preview: tests: Test", "-m pytest -n auto"),
        ("soak: tests: Test", "-m soak"),
    ],
)
def test_a_make_target_starts_its_program(
    steps_without_credentials: RecordedSteps, key: str, starts: str
) -> None:
    done = steps_without_credentials(key, {"matrix.target": "test-soak"}, MAKEFLAGS="n")
    assert done.code == 0
    assert starts in done.text


def test_a_fork_is_told_why_there_is_no_preview(steps_without_credentials: RecordedSteps) -> None:
    done = steps_without_credentials("preview: fork: Say why there is no preview")
    assert done.code == 0
    assert done.summary.startswith("No preview: a pull request from a fork")


def run_preview_job(steps: RecordedSteps, stack: str) -> StepResult:
    """The job of one stack, and where its artifact ends up."""
    done = steps("preview: preview: Preview", {"matrix.stack": stack})
    (steps.checkout / "previews").mkdir(exist_ok=True)
    (steps.checkout / f"{stack}.json").rename(steps.checkout / "previews" / f"{stack}.json")
    return done


def run_report_job(
    steps: RecordedSteps, data_loss_allowed: bool = False
) -> tuple[StepResult, StepResult]:
    values = {
        STACKS_EXPRESSION: '["dev", "staging", "prod"]',
        DATA_LOSS_EXPRESSION: "--allow-data-loss" if data_loss_allowed else "",
    }
    reported = steps("preview: report: Report", values)
    number = {"github.event.pull_request.number": "7"}
    return reported, steps("preview: report: Comment", number)


def test_three_previews_become_one_comment_that_is_updated(
    steps_without_credentials: RecordedSteps,
) -> None:
    for stack in ("dev", "staging", "prod"):
        steps_without_credentials.record_preview(stack, "empty")
        assert run_preview_job(steps_without_credentials, stack).code == 0
    pulumi_calls = (
        (steps_without_credentials.runner.folder / "pulumi-calls")
        .read_text(encoding="utf-8")
        .splitlines()
    )
    assert [line.split()[2] for line in pulumi_calls] == ["dev", "staging", "prod"]
    assert all("--policy-pack policy" in line and "--show-sames" in line for line in pulumi_calls)
    reported, commented = run_report_job(steps_without_credentials)
    assert (reported.code, commented.code) == (0, 0), reported.text + commented.text
    steps_without_credentials.record_preview("prod", "change")
    assert run_preview_job(steps_without_credentials, "prod").code == 0
    reported, commented = run_report_job(steps_without_credentials)
    assert (reported.code, commented.code) == (3, 0)
    (comment,) = steps_without_credentials.github.list_comments()
    assert comment["body"].startswith(PREVIEW_MARKER)
    assert "DATA WILL BE LOST: 2 changes" in comment["body"]
    reported, _ = run_report_job(steps_without_credentials, data_loss_allowed=True)
    assert reported.code == 0
    (comment,) = steps_without_credentials.github.list_comments()
    assert "Allowed by" in comment["body"]


def test_a_preview_that_fails_fails_its_job_and_is_in_the_comment(
    steps_without_credentials: RecordedSteps,
) -> None:
    for stack in ("dev", "staging", "prod"):
        steps_without_credentials.record_preview(stack, "empty")
        run_preview_job(steps_without_credentials, stack)
    steps_without_credentials.record_preview("staging", "failed", 255)
    assert run_preview_job(steps_without_credentials, "staging").code == 255
    reported, commented = run_report_job(steps_without_credentials)
    assert (reported.code, commented.code) == (1, 0)
    (comment,) = steps_without_credentials.github.list_comments()
    assert "fail" in comment["body"].lower()


def test_a_preview_that_is_missing_is_an_error_and_no_comment_without_it(
    steps_without_credentials: RecordedSteps,
) -> None:
    steps_without_credentials.record_preview("dev", "empty")
    run_preview_job(steps_without_credentials, "dev")
    reported, commented = run_report_job(steps_without_credentials)
    assert reported.code == 2
    assert "previews/staging.json" in reported.text
    assert commented.code == 2
    assert steps_without_credentials.github.list_comments() == []


@pytest.mark.parametrize(("agreed", "planned"), [(False, False), (True, False), (False, True)])
def test_a_deployment_is_one_line_of_ops(
    steps_without_credentials: RecordedSteps, agreed: bool, planned: bool
) -> None:
    """Typed to a recorder: every word comes as it was given; how it ends is how the job ends."""
    ops = steps_without_credentials.checkout / ".venv" / "bin" / "ops"
    ops.write_text(
        '#!/bin/sh\nprintf "%s\\n" "$@" >typed\necho "plan: hash"\n'
        'echo "# deployed" >deployed.md\nexit 5\n',
        "utf-8",
    )
    flag = "--allow-data-loss" if agreed else ""
    reason = "x; $(touch hacked) `touch hacked` \"'"
    values = {
        "inputs.stack": "staging",
        "inputs.reason": reason,
        "inputs.allow-data-loss && '--allow-data-loss' || ''": flag,
        "inputs.plan-only && '--dry-run' || ''": "--dry-run" if planned else "",
    }
    done = steps_without_credentials("deploy-stack: deploy: Deploy", values)
    assert done.code == 5, "how it ended is how the job ends"
    typed = (steps_without_credentials.checkout / "typed").read_text(encoding="utf-8").splitlines()
    expected = ["deploy", "staging", "--yes", "--reason"]
    assert typed[:4] == expected
    assert typed[4] == f"{reason} (deploy 4711, 0123456789abcdef0123456789abcdef01234567)"
    assert typed[5:] == [
        *("--report", "deployed.md"),
        *([flag] if flag else []),
        *(["--dry-run"] if planned else []),
    ]
    assert not (steps_without_credentials.checkout / "hacked").exists()
    shown = steps_without_credentials("deploy-stack: deploy: Show the report", values)
    assert shown.summary == "# deployed\n"
    plan = steps_without_credentials("deploy-stack: deploy: Show the plan", values)
    assert plan.summary == "plan: hash\n"


@pytest.mark.exhaustive
def test_a_deployment_is_done_on_a_stack_that_is_up(tmp_path: Path) -> None:
    """By ops itself, beside a Pulumi that plays its part; data are lost only as agreed."""
    with serve_stack("dev", {}, factor=1200) as stack_up:
        steps = RecordedSteps(StepRunner(tmp_path, dict(stack_up.settings)))
        steps.record_preview("dev", "change")
        outputs = json.dumps(dict(stack_up.deployment.exports))
        (tmp_path / "dev-outputs.json").write_text(outputs, encoding="utf-8")
        reason, agreed = "merged", "inputs.allow-data-loss && '--allow-data-loss' || ''"
        values = {"inputs.stack": "dev", "inputs.reason": reason, agreed: ""}
        values["inputs.plan-only && '--dry-run' || ''"] = ""
        refused = steps("deploy-stack: deploy: Deploy", values)
        assert refused.code == 3, refused.text
        assert "--allow-data-loss agrees to it" in refused.text
        done = steps("deploy-stack: deploy: Deploy", {**values, agreed: "--allow-data-loss"})
        assert done.code == 0, done.text
        (update,) = json.loads((tmp_path / "dev-history.json").read_text(encoding="utf-8"))
        assert update["message"].startswith("deploy-")
        shown = steps("deploy-stack: deploy: Show the report", values)
        assert "DATA WILL BE LOST" in shown.summary
        assert f"Deployed as `{update['message']}`." in shown.summary


def test_the_command_of_a_deployment_takes_what_the_workflow_gives_it() -> None:
    text = str(list_run_steps()["deploy-stack: deploy: Deploy"].script)
    help_text = get_command_help(["deploy"])
    for option in [*re.findall(r"(?<![\w:\"-])--[a-z-]+", text), "--allow-data-loss"]:
        assert option in help_text, option


@pytest.mark.exhaustive
def test_an_image_is_built_pushed_and_deployed_by_its_digest(steps: RecordedSteps) -> None:
    app = steps.checkout / "app"
    values = {
        "inputs.stack || 'dev'": "prod",
        "inputs.service || 'backend'": "backend",
        "inputs.context || 'app'": "app",
        "needs.build.outputs.sum": "",
        "github.sha": "v2",
        "github.run_attempt": "1",
    }
    repository_result = steps("image: image: Find the repository", values)
    assert repository_result.code == 0, repository_result.text
    url = repository_result.outputs["url"]
    assert re.fullmatch(r"\d{12}\.dkr\.ecr\.eu-north-1\.amazonaws\.com/bulwark/prod/backend", url)
    values["steps.repository.outputs.url"] = url
    values["env.TAG"] = "v2-4711-1"
    build = ("image: build: Build", {**values})
    assert steps(*build).code == 1, "there is no Dockerfile yet"
    app.mkdir()
    (app / "Dockerfile").write_text("FROM scratch\n", encoding="utf-8")
    built = steps(*build)
    assert built.code == 0
    values["needs.build.outputs.sum"] = built.outputs["sum"]
    assert steps("image: image: Load what was scanned", values).code == 0
    pushed = steps("image: image: Push", values)
    assert pushed.code == 0, pushed.text
    image = pushed.outputs["image"]
    assert re.fullmatch(re.escape(url) + "@sha256:[0-9a-f]{64}", image)
    values["steps.push.outputs.image"] = image
    done = steps("image: image: Deploy the image", values)
    assert done.code == 0, done.text
    assert "result" not in done.text or image in done.text
    assert (steps.checkout / "image.txt").read_text(encoding="utf-8").strip()
    again = steps("image: image: Deploy the image", values)
    assert again.code == 2, "it runs already: tee hides no exit code"


@pytest.mark.exhaustive
def test_a_service_that_there_is_not_has_no_repository(steps: RecordedSteps) -> None:
    values = {
        "inputs.stack || 'dev'": "prod",
        "inputs.service || 'backend'": "no-such",
        "inputs.context || 'app'": "app",
        "needs.build.outputs.sum": "",
    }
    done = steps("image: image: Find the repository", values)
    assert (done.code, dict(done.outputs)) == (2, {})


@pytest.mark.exhaustive
@pytest.mark.parametrize("checklist", ["daily", "weekly", "monthly"])
def test_a_check_has_an_issue_while_it_fails(steps: RecordedSteps, checklist: str) -> None:
    values = {"matrix.stack": "prod", CHECKLIST_EXPRESSION: checklist}
    done = steps("operations: check: Check", values)
    assert done.code in (0, 3), done.text
    text = (steps.checkout / "check.txt").read_text(encoding="utf-8")
    assert text == done.text
    for outcome, expected in (
        ("failure", "created"),
        ("failure", "nothing"),
        ("success", "closed"),
    ):
        tell_result = steps.run_tell_action(f"prod: {checklist} checks", "check.txt", outcome)
        assert tell_result.code == 0, tell_result.text
        assert f"did: {expected}" in tell_result.text
        assert tell_result.summary == "\n" + re.sub("^(?=.)", "    ", text, flags=re.M) + "\n"
    (issue,) = steps.github.list_issues("closed")
    assert issue["title"] == f"prod: {checklist} checks"
    assert text.splitlines()[-1] in issue["body"].replace("\r", "")


def test_a_check_that_never_ran_is_told_as_failing(
    steps_without_credentials: RecordedSteps,
) -> None:
    done = steps_without_credentials.run_tell_action("prod: drift", "drift.txt", "skipped")
    assert done.code == 0
    (issue,) = steps_without_credentials.github.list_issues()
    assert "nothing was looked at" in issue["body"]


@pytest.mark.exhaustive
def test_the_role_of_the_stack_is_what_its_outputs_name(steps: RecordedSteps) -> None:
    (job,) = [file for file in WORKFLOW_FILES if file.stem == "operations"]
    paths = {
        step["with"]["become"]
        for workflow_job in read_jobs(job).values()
        for step in workflow_job["steps"]
        if "become" in step.get("with", {})
    }
    assert len(paths) == 1
    done = steps("ready: action: Find the role of the stack", {"inputs.become": paths.pop()})
    assert re.fullmatch(r"arn:aws:iam::\d{12}:role/bulwark-prod-recoverer", done.outputs["role"])


@pytest.mark.exhaustive
def test_drift_is_what_a_preview_with_a_refresh_finds(steps: RecordedSteps) -> None:
    values = {"matrix.stack": "prod"}
    steps.record_preview("prod", "empty")
    well = steps("operations: drift: Look for drift", values)
    assert well.code == 0, well.text
    steps.record_preview("prod", "change")
    done = steps("operations: drift: Look for drift", values)
    assert done.code == 3, done.text
    assert "are not as the program says" in (steps.checkout / "drift.txt").read_text("utf-8")


def run_drill_steps(steps: RecordedSteps, limit: str) -> StepResult:
    """Both steps of the drill's job, the second with what the first found."""
    found = steps("operations: drill: Find a drill that is not over", {"matrix.stack": "prod"})
    assert found.code == 0, found.text
    values = {
        "matrix.stack": "prod",
        "steps.unfinished.outputs.run": found.outputs["run"],
        "steps.unfinished.outputs.hash": found.outputs.get("hash", ""),
    }
    return steps("operations: drill: Drill", values, LIMIT=limit)


@pytest.mark.exhaustive
def test_the_drill_restores_measures_and_leaves_its_page(steps: RecordedSteps) -> None:
    done = run_drill_steps(steps, "45m")
    assert done.code in (0, 1), done.text
    assert "outcome: done" in done.text
    assert "rto" in (steps.checkout / "drill.txt").read_text(encoding="utf-8")
    assert "<svg" in (steps.checkout / "drill.html").read_text(encoding="utf-8")


def test_every_step_that_runs_something_is_run_by_a_test() -> None:
    """A step of a workflow without a test here fails: each names the steps that it runs."""
    texts = [file.read_text(encoding="utf-8") for file in STEP_TEST_FILES]
    named = set(re.findall(r'"([a-z-]+: [a-z]+: [^"{]+)"', "\n".join(texts)))
    assert set(list_run_steps()) == named, sorted(set(list_run_steps()) ^ named)
