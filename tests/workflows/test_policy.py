"""What holds of every workflow: pinned actions, least rights, no keys, no text of others in bash.

Whether a pinned commit is the version that its comment says is not covered: it was looked up.
"""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest

from ops.bootstrap.names import DEPLOY_BRANCH
from ops.bootstrap.roles import list_deploy_workflows, list_operate_workflows
from ops.cli.app import COMMAND_GROUPS, TOP_LEVEL_COMMANDS
from sandbox.program import PROJECT_ROOT
from tests.workflows.files import (
    ACTION_FILES,
    EXPRESSION_PATTERN,
    WORKFLOW_FILES,
    list_run_steps,
    list_strings,
    list_workflow_steps,
    read_jobs,
    read_yaml,
)

WORKFLOW_AND_ACTION_FILES = [*WORKFLOW_FILES, *ACTION_FILES]
PINNED_ACTION_PATTERN = re.compile(
    r"uses: (?P<action>[\w-]+/[\w./-]+)@(?P<commit>[0-9a-f]{40}) # (?P<says>v\d+\.\d+\.\d+)$"
)
# What a job may, with the reason. A job that is not here may read the repository at most.
JOB_PERMISSIONS: Final[dict[tuple[str, str], dict[str, str]]] = {
    ("preview", "preview"): {"id-token": "the preview role"},
    ("preview", "report"): {"pull-requests": "the comment"},
    ("deploy-stack", "deploy"): {"id-token": "the deploy role"},
    ("deploy-dev", "dev"): {"id-token": "what it calls wants it"},
    ("deploy", "deploy"): {"id-token": "what it calls wants it"},
    ("image", "image"): {"id-token": "the deploy role"},
    ("destroy", "destroy"): {"id-token": "the deploy role"},
    **{
        ("operations", job): {"id-token": "the operate role", "issues": "the issue"}
        for job in ("check", "drift", "drill")
    },
}
# What an expression may be made of: nothing that somebody without rights can write.
SAFE_EXPRESSION_PATTERN = re.compile(
    r"github\.(event\.pull_request\.number|event\.pull_request\.head\.repo\.full_name|repository|event\.repository\.private|"
    r"event_name|run_id|run_attempt|sha|ref|workflow|token|event\.schedule)"
    r"|contains\(github\.event\.pull_request\.labels\.\*\.name, '[\w-]+'\)"
    r"|inputs\.[\w-]+|vars\.[A-Z_]+|matrix\.\w+|steps\.\w+\.(outcome|outputs\.\w+)|env\.[A-Z]+"
    r"|needs\.\w+\.(result|outputs\.\w+)|hashFiles\('[\w.]+'\)"
    r"|fromJSON\(vars\.[A-Z_]+ \|\| '[^']*'\)"
    r"|cancelled\(\)"
    r"|'[^']*'|&&|\|\||==|!=|!|\s"
)
# What is an expression without being marked as one.
CONDITIONS = {
    file: [
        f"${{{{ {condition} }}}}"
        for condition in re.findall(r"^ *(?:- )?if: (?!>)([^$\n]+)$", text, re.M)
    ]
    + [
        f"${{{{ {condition} }}}}"
        for condition in re.findall(r"^ *if: >-\n((?: +.*\n)+?) +\w+:", text, re.M)
    ]
    for file in WORKFLOW_AND_ACTION_FILES
    for text in [file.read_text(encoding="utf-8")]
}
FILES_AND_JOBS = [(file, name) for file in WORKFLOW_FILES for name in read_jobs(file)]
JOB_IDS = [f"{file.stem}-{name}" for file, name in FILES_AND_JOBS]


@pytest.mark.parametrize(
    "file", WORKFLOW_AND_ACTION_FILES, ids=lambda f: str(f.relative_to(PROJECT_ROOT))
)
def test_every_action_is_pinned_to_a_commit_whose_version_is_said(file: Path) -> None:
    used = [x for x in file.read_text(encoding="utf-8").splitlines() if "uses: " in x]
    for line in used:
        local_action = re.search(r"uses: (\./\.github/\S+)$", line)
        assert local_action or PINNED_ACTION_PATTERN.search(line), line
        if local_action:
            action_path = PROJECT_ROOT / local_action[1]
            assert action_path.is_file() or (action_path / "action.yml").is_file(), line


def test_one_action_has_one_commit_everywhere() -> None:
    pins_by_action: dict[str, set[tuple[str, str]]] = {}
    for file in WORKFLOW_AND_ACTION_FILES:
        for line in file.read_text(encoding="utf-8").splitlines():
            if match := PINNED_ACTION_PATTERN.search(line):
                pins_by_action.setdefault(match["action"], set()).add(
                    (match["commit"], match["says"])
                )
    assert len(pins_by_action) >= 6
    assert {name: pins for name, pins in pins_by_action.items() if len(pins) > 1} == {}


@pytest.mark.parametrize("file", WORKFLOW_FILES, ids=lambda f: f.stem)
def test_a_workflow_has_no_rights_of_its_own_and_is_started_by_nobody_else(file: Path) -> None:
    workflow = read_yaml(file)
    assert workflow["permissions"] == {}
    assert set(workflow["on"]) <= {
        "pull_request",
        "push",
        "workflow_dispatch",
        "workflow_call",
        "schedule",
    }


@pytest.mark.parametrize(("file", "name"), FILES_AND_JOBS, ids=JOB_IDS)
def test_a_job_has_the_least_rights_and_an_end(file: Path, name: str) -> None:
    job = read_jobs(file)[name]
    granted = dict(job["permissions"])
    assert granted.pop("contents", "read") == "read"
    assert granted == dict.fromkeys(JOB_PERMISSIONS.get((file.stem, name), {}), "write")
    if "uses" not in job:
        assert 1 <= job["timeout-minutes"] <= 170
        assert re.fullmatch(r"ubuntu-\d\d\.\d\d", job["runs-on"])


def test_every_job_with_listed_permissions_exists() -> None:
    assert set(JOB_PERMISSIONS) <= {(file.stem, name) for file, name in FILES_AND_JOBS}


@pytest.mark.parametrize(("file", "name"), FILES_AND_JOBS, ids=JOB_IDS)
def test_a_job_with_credentials_runs_alone_on_its_stack_and_is_not_cancelled(
    file: Path, name: str
) -> None:
    job = read_jobs(file)[name]
    if "id-token" not in job["permissions"] or "uses" in job:
        return
    if file.stem == "preview":  # changes nothing
        return
    concurrency = job["concurrency"]
    assert concurrency["cancel-in-progress"] is False
    assert re.search(r"\$\{\{ (inputs|matrix)\.stack", concurrency["group"])


def test_credentials_outlast_the_job_that_has_them() -> None:
    role_count = 0
    for file, name in FILES_AND_JOBS:
        for step in read_jobs(file)[name].get("steps", ()):
            inputs = step.get("with", {})
            if inputs.get("role"):
                role_count += 1
                assert (
                    int(inputs.get("seconds", 3600)) > 60 * read_jobs(file)[name]["timeout-minutes"]
                )
    assert role_count == 7, "of all jobs with a role"


def test_the_roles_are_assumed_by_oidc_and_no_key_or_secret_is_kept() -> None:
    for file in WORKFLOW_AND_ACTION_FILES:
        text = file.read_text(encoding="utf-8")
        assert "secrets" not in text.replace("--show-secrets", ""), file
        assert not re.search(r"access[-_]key|AKIA|PASSPHRASE|ACCESS_TOKEN", text, re.IGNORECASE)
    first, then = [
        s for s in list_workflow_steps() if "configure-aws-credentials" in str(s.body.get("uses"))
    ]
    assert set(first.body["with"]) == {"role-to-assume", "aws-region", "role-duration-seconds"}
    assert then.body["with"]["role-chaining"] is True
    assert then.body["with"]["role-to-assume"] == "${{ steps.stack.outputs.role }}"


def test_a_checkout_leaves_no_token_behind() -> None:
    checkout_steps = [
        s
        for s in list_workflow_steps()
        if str(s.body.get("uses", "")).startswith("actions/checkout@")
    ]
    assert len(checkout_steps) >= 8
    for step in checkout_steps:
        assert step.body["with"]["persist-credentials"] is False, step.key


@pytest.mark.parametrize("key", list_run_steps())
def test_run_scripts_contain_no_github_expressions(key: str) -> None:
    """What GitHub puts into a script is run: values come by the environment, which is not."""
    step = list_run_steps()[key]
    assert "${{" not in str(step.script)
    assert step.shell == "bash", "pipefail is set for bash only where it is named"


@pytest.mark.parametrize(
    "file", WORKFLOW_AND_ACTION_FILES, ids=lambda f: str(f.relative_to(PROJECT_ROOT))
)
def test_no_expression_has_the_text_of_somebody_without_rights(file: Path) -> None:
    document: Any = read_yaml(file)
    for text in [*list_strings(document), *CONDITIONS[file]]:
        for expression in EXPRESSION_PATTERN.findall(text):
            unsafe_text = SAFE_EXPRESSION_PATTERN.sub("", expression)
            assert unsafe_text.strip("() ") == "", f"{expression}: {unsafe_text}"


def test_unsafe_expressions_are_recognised() -> None:
    assert SAFE_EXPRESSION_PATTERN.sub("", "github.event.pull_request.title").strip("() ") != ""
    assert SAFE_EXPRESSION_PATTERN.sub("", "github.head_ref").strip("() ") != ""


@pytest.mark.parametrize("key", list_run_steps())
def test_a_step_is_a_command_of_the_program_and_little_else(key: str) -> None:
    """What a workflow does, a person can type: no logic that only GitHub has."""
    text = str(list_run_steps()[key].script)
    assert len(text.strip().splitlines()) <= 6
    assert not re.search(r"\b(for|while|function|case)\b", text)
    for noun in re.findall(r"\.venv/bin/ops ([a-z-]+)", text):
        assert noun in TOP_LEVEL_COMMANDS | COMMAND_GROUPS, noun


def test_a_drill_is_interrupted_before_its_job_and_its_credentials_end() -> None:
    """Ten minutes are left for what comes before it and after it."""
    (file,) = [file for file in WORKFLOW_FILES if file.stem == "operations"]
    job = read_jobs(file)["drill"]
    (step,) = [step for step in job["steps"] if step.get("name") == "Drill"]
    limit_minutes = int(step["env"]["LIMIT"].removesuffix("m"))
    assert limit_minutes + 10 <= min(job["timeout-minutes"], 60)
    assert 'timeout --signal INT "$LIMIT"' in step["run"]


def test_pulumi_is_of_the_version_that_the_program_has() -> None:
    pinned = re.search(
        r"^pulumi==(\S+)", (PROJECT_ROOT / "requirements.txt").read_text("utf-8"), re.M
    )
    (pulumi_step,) = [
        s
        for s in list_workflow_steps()
        if str(s.body.get("uses", "")).startswith("pulumi/actions@")
    ]
    assert pinned
    assert pulumi_step.body["with"] == {"pulumi-version": pinned[1]}


def test_a_job_in_an_environment_is_of_the_branch_that_its_role_trusts() -> None:
    guard = f"github.ref == 'refs/heads/{DEPLOY_BRANCH}'"
    guarded = [
        (file.stem, name)
        for file, name in FILES_AND_JOBS
        if "environment" in (job := read_jobs(file)[name]) and guard in job["if"]
    ]
    assert guarded == [
        (file.stem, name) for file, name in FILES_AND_JOBS if "environment" in read_jobs(file)[name]
    ]
    assert len(guarded) == 7


def test_the_workflows_that_the_roles_trust_are_those_that_use_them() -> None:
    for variable, list_workflows in (
        ("DEPLOY_ROLE_ARN", list_deploy_workflows),
        ("OPERATE_ROLE_ARN", list_operate_workflows),
    ):
        using = {file.stem for file in WORKFLOW_FILES if variable in file.read_text("utf-8")}
        (workflows,) = list_workflows("prod").values()
        assert set(workflows) == using


def test_a_fork_gets_no_credentials_and_is_told() -> None:
    (preview,) = [file for file in WORKFLOW_FILES if file.stem == "preview"]
    same_repository = "github.event.pull_request.head.repo.full_name == github.repository"
    assert same_repository in read_jobs(preview)["preview"]["if"]
    assert read_jobs(preview)["fork"]["if"] == same_repository.replace("==", "!=")
    assert read_jobs(preview)["report"]["needs"] == "preview"


def test_a_deployment_is_of_the_github_environment_of_its_stack() -> None:
    expected = {
        ("deploy-stack", "deploy"): "${{ inputs.stack }}",
        ("image", "image"): "${{ inputs.stack || 'dev' }}",
        ("destroy", "agree"): "${{ inputs.stack }}-destroy",
        ("destroy", "destroy"): "${{ inputs.stack }}",
        **{
            ("operations", name): "${{ matrix.stack }}-operations"
            for name in ("check", "drift", "drill")
        },
    }
    environments = {
        (file.stem, name): job["environment"]
        for file, name in FILES_AND_JOBS
        if "environment" in (job := read_jobs(file)[name])
    }
    assert environments == expected


def test_the_schedules_are_those_that_the_jobs_wait_for() -> None:
    (file,) = [file for file in WORKFLOW_FILES if file.stem == "operations"]
    crons = {schedule["cron"] for schedule in read_yaml(file)["on"]["schedule"]}
    awaited_crons = {
        cron
        for job in read_jobs(file).values()
        for cron in re.findall(r"schedule == '([^']+)'", job["if"])
    }
    drill = read_jobs(file)["drill"]["if"]
    assert "github.event_name == 'schedule'" in drill
    refused_crons = set(re.findall(r"schedule != '([^']+)'", drill))
    assert refused_crons == awaited_crons < crons, "the drill is of every other schedule"
    offered = read_yaml(file)["on"]["workflow_dispatch"]["inputs"]["look"]["options"]
    assert offered == list(read_jobs(file))


def test_actionlint_has_nothing_to_say() -> None:
    if shutil.which("actionlint") is None:
        pytest.skip("there is no actionlint on the PATH")
    done = subprocess.run(
        ["actionlint", "-no-color", *map(str, WORKFLOW_FILES)],
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_zizmor_has_nothing_to_say_that_the_decision_does_not_explain() -> None:
    if shutil.which("zizmor") is None:
        pytest.skip("there is no zizmor on the PATH")
    done = subprocess.run(
        ["zizmor", "--offline", "--no-progress", "--format", "json", ".github"],
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert {finding["ident"] for finding in json.loads(done.stdout)} <= {"self-repository"}


def test_no_job_restores_a_cache_that_another_branch_may_have_written() -> None:
    """A cache is shared by branches: what a pull request stores could run in a deployment."""
    actions = [str(step.body.get("uses", "")) for step in list_workflow_steps()]
    assert any(action.startswith("actions/setup-python@") for action in actions)
    assert not [action for action in actions if action.startswith("actions/cache")]
    for step in list_workflow_steps():
        assert not {"cache", "enable-cache", "cache-from"} & set(step.body.get("with", {})), (
            step.key
        )


def test_every_job_runs_on_a_fresh_hosted_runner() -> None:
    for file, name in FILES_AND_JOBS:
        runner = read_jobs(file)[name].get("runs-on", "a called workflow")
        assert runner in ("ubuntu-24.04", "a called workflow"), f"{file.stem}: {name}"


def test_all_conditions_of_workflows_are_checked() -> None:
    assert sum(map(len, CONDITIONS.values())) == 15
