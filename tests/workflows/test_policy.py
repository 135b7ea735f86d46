"""What holds of every workflow: pinned actions, least rights, no keys, no text of others in bash.

Whether a pinned commit is the version that its comment says is not covered: it was looked up.
"""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest

from ops.cli.app import COMMAND_GROUPS, TOP_LEVEL_COMMANDS
from sandbox.program import PROJECT_ROOT
from tests.workflows.files import ACTIONS, EXPRESSION, WORKFLOWS, jobs, read, runs, steps, texts

FILES = [*WORKFLOWS, *ACTIONS]
PINNED = re.compile(
    r"uses: (?P<action>[\w-]+/[\w./-]+)@(?P<commit>[0-9a-f]{40}) # (?P<says>v\d+\.\d+\.\d+)$"
)
# What a job may, with the reason. A job that is not here may read the repository at most.
MORE: Final[dict[tuple[str, str], dict[str, str]]] = {
    ("preview", "preview"): {"id-token": "the preview role"},
    ("preview", "report"): {"pull-requests": "the comment"},
    ("deploy-stack", "deploy"): {"id-token": "the deploy role"},
    ("deploy-dev", "dev"): {"id-token": "what it calls wants it"},
    ("deploy", "deploy"): {"id-token": "what it calls wants it"},
    ("image", "image"): {"id-token": "the deploy role"},
    **{
        ("operations", job): {"id-token": "the operate role", "issues": "the issue"}
        for job in ("check", "drift", "drill")
    },
}
# What an expression may be made of: nothing that somebody without rights can write.
SAFE = re.compile(
    r"github\.(event\.pull_request\.number|event\.pull_request\.head\.repo\.full_name|repository|"
    r"run_id|run_attempt|sha|workflow|token|event\.schedule)"
    r"|contains\(github\.event\.pull_request\.labels\.\*\.name, '[\w-]+'\)"
    r"|inputs\.[\w-]+|vars\.[A-Z_]+|matrix\.\w+|steps\.\w+\.(outcome|outputs\.\w+)|env\.[A-Z]+"
    r"|needs\.\w+\.result|hashFiles\('[\w.]+'\)|fromJSON\(vars\.[A-Z_]+ \|\| '[^']*'\)"
    r"|cancelled\(\)"
    r"|'[^']*'|&&|\|\||==|!=|!|\s"
)
# What is an expression without being marked as one.
CONDITIONS = {
    file: [f"${{{{ {one} }}}}" for one in re.findall(r"^ *(?:- )?if: (?!>)([^$\n]+)$", text, re.M)]
    + [f"${{{{ {one} }}}}" for one in re.findall(r"^ *if: >-\n((?: +.*\n)+?) +\w+:", text, re.M)]
    for file in FILES
    for text in [file.read_text(encoding="utf-8")]
}
JOBS = [(file, name) for file in WORKFLOWS for name in jobs(file)]
IDS = [f"{file.stem}-{name}" for file, name in JOBS]


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(PROJECT_ROOT)))
def test_every_action_is_pinned_to_a_commit_whose_version_is_said(file: Path) -> None:
    used = [x for x in file.read_text(encoding="utf-8").splitlines() if "uses: " in x]
    for line in used:
        own = re.search(r"uses: (\./\.github/\S+)$", line)
        assert own or PINNED.search(line), line
        if own:
            there = PROJECT_ROOT / own[1]
            assert there.is_file() or (there / "action.yml").is_file(), line


def test_one_action_has_one_commit_everywhere() -> None:
    found: dict[str, set[tuple[str, str]]] = {}
    for file in FILES:
        for line in file.read_text(encoding="utf-8").splitlines():
            if said := PINNED.search(line):
                found.setdefault(said["action"], set()).add((said["commit"], said["says"]))
    assert len(found) >= 7
    assert {name: pins for name, pins in found.items() if len(pins) > 1} == {}


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda f: f.stem)
def test_a_workflow_has_no_rights_of_its_own_and_is_started_by_nobody_else(file: Path) -> None:
    whole = read(file)
    assert whole["permissions"] == {}
    assert set(whole["on"]) <= {
        "pull_request",
        "push",
        "workflow_dispatch",
        "workflow_call",
        "schedule",
    }


@pytest.mark.parametrize(("file", "name"), JOBS, ids=IDS)
def test_a_job_has_the_least_rights_and_an_end(file: Path, name: str) -> None:
    job = jobs(file)[name]
    granted = dict(job["permissions"])
    assert granted.pop("contents", "read") == "read"
    assert granted == dict.fromkeys(MORE.get((file.stem, name), {}), "write")
    if "uses" not in job:
        assert 1 <= job["timeout-minutes"] <= 170
        assert re.fullmatch(r"ubuntu-\d\d\.\d\d", job["runs-on"])


def test_no_right_is_granted_to_a_job_that_is_no_more() -> None:
    assert set(MORE) <= {(file.stem, name) for file, name in JOBS}


@pytest.mark.parametrize(("file", "name"), JOBS, ids=IDS)
def test_who_gets_credentials_is_alone_on_its_stack_and_is_not_broken_off(
    file: Path, name: str
) -> None:
    job = jobs(file)[name]
    if "id-token" not in job["permissions"] or "uses" in job:
        return
    if file.stem == "preview":  # changes nothing
        return
    alone = job["concurrency"]
    assert alone["cancel-in-progress"] is False
    assert re.search(r"\$\{\{ (inputs|matrix)\.stack", alone["group"])


def test_credentials_outlast_the_job_that_has_them() -> None:
    seen = 0
    for file, name in JOBS:
        for step in jobs(file)[name].get("steps", ()):
            given = step.get("with", {})
            if given.get("role"):
                seen += 1
                assert int(given.get("seconds", 3600)) > 60 * jobs(file)[name]["timeout-minutes"]
    assert seen == 6, "of all jobs with a role"


def test_the_roles_are_assumed_by_oidc_and_no_key_or_secret_is_kept() -> None:
    for file in FILES:
        text = file.read_text(encoding="utf-8")
        assert "secrets" not in text.replace("--show-secrets", ""), file
        assert not re.search(r"access[-_]key|AKIA|PASSPHRASE|ACCESS_TOKEN", text, re.IGNORECASE)
    first, then = [s for s in steps() if "configure-aws-credentials" in str(s.body.get("uses"))]
    assert set(first.body["with"]) == {"role-to-assume", "aws-region", "role-duration-seconds"}
    assert then.body["with"]["role-chaining"] is True
    assert then.body["with"]["role-to-assume"] == "${{ steps.stack.outputs.role }}"


def test_a_checkout_leaves_no_token_behind() -> None:
    found = [s for s in steps() if str(s.body.get("uses", "")).startswith("actions/checkout@")]
    assert len(found) >= 8
    for step in found:
        assert step.body["with"]["persist-credentials"] is False, step.key


@pytest.mark.parametrize("key", runs())
def test_a_line_has_nothing_put_into_it(key: str) -> None:
    """What GitHub puts into a script is run: values come by the environment, which is not."""
    step = runs()[key]
    assert "${{" not in str(step.run)
    assert step.shell == "bash", "pipefail is set for bash only where it is named"


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(PROJECT_ROOT)))
def test_no_expression_has_the_text_of_somebody_without_rights(file: Path) -> None:
    whole: Any = read(file)
    for text in [*texts(whole), *CONDITIONS[file]]:
        for found in EXPRESSION.findall(text):
            left = SAFE.sub("", found)
            assert left.strip("() ") == "", f"{found}: {left}"


def test_a_title_of_a_pull_request_would_be_found() -> None:
    assert SAFE.sub("", "github.event.pull_request.title").strip("() ") != ""
    assert SAFE.sub("", "github.head_ref").strip("() ") != ""


@pytest.mark.parametrize("key", runs())
def test_a_step_is_a_command_of_the_program_and_little_else(key: str) -> None:
    """What a workflow does, a person can type: no logic that only GitHub has."""
    text = str(runs()[key].run)
    assert len(text.strip().splitlines()) <= 6
    assert not re.search(r"\b(for|while|function|case)\b", text)
    for noun in re.findall(r"\.venv/bin/ops ([a-z-]+)", text):
        assert noun in TOP_LEVEL_COMMANDS | COMMAND_GROUPS, noun


def test_pulumi_is_of_the_version_that_the_program_has() -> None:
    pinned = re.search(
        r"^pulumi==(\S+)", (PROJECT_ROOT / "requirements.txt").read_text("utf-8"), re.M
    )
    (made,) = [s for s in steps() if str(s.body.get("uses", "")).startswith("pulumi/actions@")]
    assert pinned
    assert made.body["with"] == {"pulumi-version": pinned[1]}


def test_a_fork_gets_no_credentials_and_is_told() -> None:
    (preview,) = [file for file in WORKFLOWS if file.stem == "preview"]
    own = "github.event.pull_request.head.repo.full_name == github.repository"
    assert own in jobs(preview)["preview"]["if"]
    assert jobs(preview)["fork"]["if"] == own.replace("==", "!=")
    assert jobs(preview)["report"]["needs"] == "preview"


def test_a_deployment_is_of_the_github_environment_of_its_stack() -> None:
    wanted = {
        ("deploy-stack", "deploy"): "${{ inputs.stack }}",
        ("image", "image"): "${{ inputs.stack || 'dev' }}",
        **{
            ("operations", name): "${{ matrix.stack }}-operations"
            for name in ("check", "drift", "drill")
        },
    }
    found = {
        (file.stem, name): job["environment"]
        for file, name in JOBS
        if "environment" in (job := jobs(file)[name])
    }
    assert found == wanted


def test_the_schedules_are_those_that_the_jobs_wait_for() -> None:
    (file,) = [file for file in WORKFLOWS if file.stem == "operations"]
    crons = {one["cron"] for one in read(file)["on"]["schedule"]}
    waited = {re.search(r"schedule == '([^']+)'", job["if"])[1] for job in jobs(file).values()}  # type: ignore[index]
    assert waited == crons
    offered = read(file)["on"]["workflow_dispatch"]["inputs"]["look"]["options"]
    assert offered == list(jobs(file))


def test_actionlint_has_nothing_to_say() -> None:
    if shutil.which("actionlint") is None:
        pytest.skip("there is no actionlint on the PATH")
    done = subprocess.run(
        ["actionlint", "-no-color", *map(str, WORKFLOWS)],
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_conditions_were_found() -> None:
    assert sum(map(len, CONDITIONS.values())) == 11
