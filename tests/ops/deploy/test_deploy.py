"""`ops deploy` as it is typed, with a pretended Pulumi and a pretended git."""

import json
import shlex
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import JsonValue

from ops.checks.model import ChecklistResult
from ops.cli.selection import Selection
from ops.deploy import commits
from ops.deploy.commands import find_public_url
from ops.outputs import Outputs
from ops.preview import changes
from ops.preview.changes import Preview, parse_live
from tests.ops import fake_pulumi as pretended_pulumi
from tests.ops.every_command import open_command_line
from tests.ops.procedures.deploy import (
    NEW_COMMIT,
    OLD_COMMIT,
    put_broken_commit,
    put_deployed_stack,
    put_unhealthy_commit,
)
from tests.ops.procedures.recover import PRIMARY_IDENTIFIER
from tests.ops.procedures.recover_rebuild import PROGRAM_FOLDER
from tests.ops.stage import Stage, build_stack_outputs
from tests.test_runbook import RUNBOOK_PAGES, list_page_commands

PROGRAM_OPTION_TEXT = f"--program {PROGRAM_FOLDER}"
PASSING_RESULTS = [
    ChecklistResult("lock", "lock", "nobody changes it", "ok", "it is free", "", "", ())
]


class DeployConsole:
    """Lines on a stage, and what they say."""

    def __init__(self, capture: pytest.CaptureFixture[str]) -> None:
        self.capture = capture

    def use_stage(self, stage: Stage, run_line: Any) -> "DeployConsole":
        self.stage, self.run_line, self.pulumi = (
            stage,
            run_line,
            pretended_pulumi.get_fake_pulumi(stage),
        )
        return self

    def __call__(self, line: str, code: int = 0) -> tuple[str, str]:
        self.capture.readouterr()
        exit_code = self.run_line(f"{line} {PROGRAM_OPTION_TEXT}")
        captured = self.capture.readouterr()
        assert exit_code == code, captured.err
        return captured.out, captured.err

    def run_for_json(self, line: str, code: int = 0) -> Any:
        return json.loads(self(f"{line} --output json", code)[0])

    def list_snapshot_ids(self) -> list[str]:
        listed = self.stage.client("rds").describe_db_snapshots()["DBSnapshots"]
        return [snapshot["DBSnapshotIdentifier"] for snapshot in listed]


@pytest.fixture
def passing_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything that is looked at before is well."""
    monkeypatch.setattr("ops.deploy.commands.evaluate_checklist", lambda *_: PASSING_RESULTS)


@pytest.fixture
def cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "bulwark"


@pytest.fixture
def ops(capsys: pytest.CaptureFixture[str], cache_folder: Path) -> Iterator[DeployConsole]:
    assert cache_folder
    with open_command_line(put_deployed_stack) as (stage, run_line):
        yield DeployConsole(capsys).use_stage(stage, run_line)


@pytest.mark.usefixtures("passing_checks")
def test_a_deployment_takes_a_snapshot_deploys_and_writes_a_report(
    ops: DeployConsole, cache_folder: Path, tmp_path: Path
) -> None:
    report = tmp_path / "report.md"
    made = ops.run_for_json(f"deploy test --yes --reason release --report {report}")
    assert (made["state"], made["commit"], made["before"]) == ("deployed", NEW_COMMIT, OLD_COMMIT)
    assert ops.pulumi.last_deployed_commit == NEW_COMMIT
    assert made["snapshot"] == f"{PRIMARY_IDENTIFIER}-{made['run']}"
    assert made["snapshot"] in ops.list_snapshot_ids()
    assert made["saved"] == made["run"]
    assert ops.pulumi.stacks["test"].history[-1]["message"] == f"{made['run']} of {NEW_COMMIT}"
    text = report.read_text(encoding="utf-8")
    assert "## Preview of `test`" in text
    assert f"Deployed as `{made['run']}`." in text
    assert list((cache_folder / "states").iterdir()) == [], "no draft is left"
    assert made["run"] in [one["run"] for one in _list_runs(ops)]


@pytest.mark.usefixtures("passing_checks")
@pytest.mark.parametrize(
    "line",
    [
        x
        for p in RUNBOOK_PAGES
        if p.stem == "deploy-stack"
        for x in list_page_commands(p)
        if "deploy" in x
    ],
)
def test_the_lines_of_the_runbook(ops: DeployConsole, line: str) -> None:
    words = shlex.split(line.replace(" prod", " test"))[1:]
    ops(" ".join(word.replace(" ", "-") for word in [*words, "--yes"]))
    assert ops.pulumi.last_deployed_commit == (OLD_COMMIT if "--dry-run" in words else NEW_COMMIT)


@pytest.mark.usefixtures("passing_checks")
def test_a_person_sees_what_is_changed_and_what_a_failure_goes_back_to(ops: DeployConsole) -> None:
    out, _ = ops("deploy test --dry-run")
    assert "update" in out or "changed" in out
    assert "monthly, fixed part:" in out
    assert f"if it fails, {OLD_COMMIT[:12]}, which was deployed last, is deployed again" in out
    assert ops.pulumi.up_count == 0


def test_a_broken_commit_is_rolled_back_to_the_previous_one(
    capsys: pytest.CaptureFixture[str], cache_folder: Path, passing_checks: None, tmp_path: Path
) -> None:
    report = tmp_path / "report.md"
    with open_command_line(put_broken_commit) as (stage, typed):
        ops = DeployConsole(capsys).use_stage(stage, typed)
        said = ops(f"deploy test --yes --report {report}", 5)[1]
        assert "this commit is broken" in said
        assert f"ops recover snapshot {PRIMARY_IDENTIFIER}-deploy-" in said
        assert ops.pulumi.last_deployed_commit == OLD_COMMIT
        assert ops.pulumi.git.worktrees == {
            f"{cache_folder / 'deploys'}/test-{OLD_COMMIT[:12]}": OLD_COMMIT
        }
    assert "**Failed** as `deploy-" in report.read_text(encoding="utf-8")


def test_an_unhealthy_commit_is_rolled_back_too(
    capsys: pytest.CaptureFixture[str], cache_folder: Path, passing_checks: None
) -> None:
    with open_command_line(put_unhealthy_commit) as (stage, typed):
        ops = DeployConsole(capsys).use_stage(stage, typed)
        assert "failed and was undone" in ops("deploy test --yes", 5)[1]
        assert [h["result"] for h in ops.pulumi.stacks["test"].history] == ["succeeded"] * 3
        assert ops.pulumi.last_deployed_commit == OLD_COMMIT


@pytest.mark.usefixtures("passing_checks")
@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"head": OLD_COMMIT}, "it is this very commit that was deployed last"),
        (
            {"commits": {NEW_COMMIT}},
            f"{OLD_COMMIT[:12]}, which was deployed last, is not in this repository",
        ),
    ],
)
def test_a_deployment_that_cannot_be_rolled_back_says_so_beforehand(
    ops: DeployConsole, change: dict[str, Any], why: str
) -> None:
    vars(ops.pulumi.git).update(change)
    assert f"nothing is deployed again: {why}" in ops("deploy test --dry-run")[0]
    ops.pulumi.broken_commits.add(ops.pulumi.git.head)
    assert "nothing of it is undone" in ops("deploy test --yes", 5)[1]


def test_failing_checks_stop_a_deployment_unless_a_reason_is_given(ops: DeployConsole) -> None:
    said = ops("deploy test --yes", 3)[1]
    assert "--despite REASON goes on all the same" in said
    assert ops.pulumi.up_count == 0
    out, _ = ops("deploy test --despite nights --dry-run")
    assert "in spite of " in out
    assert "since nights" in out


@pytest.mark.usefixtures("passing_checks")
def test_files_that_are_not_committed_stop_it_where_the_stack_is_protected(
    ops: DeployConsole, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = Selection.load_outputs

    def protected(fields: Selection) -> Outputs:
        outputs = read(fields)
        part = outputs.stack.model_copy(update={"protect": True})
        return outputs.model_copy(update={"stack": part})

    monkeypatch.setattr(Selection, "load_outputs", protected)
    ops.pulumi.git.dirty = True
    assert "are changed, and not committed" in ops("deploy test --yes", 3)[1]
    ops("deploy test --yes --despite hotfix")
    history: Any = ops.pulumi.stacks["test"].history[-1]
    assert history["environment"]["git.dirty"] == "true"


@pytest.mark.usefixtures("passing_checks")
def test_a_file_that_git_does_not_know_is_a_change_as_pulumi_counts_it(ops: DeployConsole) -> None:
    ops.pulumi.git.has_untracked_files = True
    assert f" -> {NEW_COMMIT[:12]}, with changes" in ops("deploy test --dry-run")[0]


def test_the_commit_of_a_deployment_is_known_by_its_message_too() -> None:
    told = {"kind": "update", "result": "succeeded", "message": f"deploy-1-back of {OLD_COMMIT}"}
    dirty = {
        **told,
        "message": "by hand",
        "environment": {"git.head": OLD_COMMIT, "git.dirty": "true"},
    }
    failed = {**told, "result": "failed"}
    assert commits.find_deployed_commit([failed, told, dirty]) == OLD_COMMIT
    assert commits.find_deployed_commit([dirty, told]) is None
    assert commits.find_deployed_commit([]) is None


def preview_database_deletion(ops: DeployConsole) -> None:
    """The change is one that deletes the database."""
    kind = "aws:rds/instance:Instance"
    deletion: dict[str, JsonValue] = {
        "op": "delete",
        "urn": f"urn:pulumi:test::bulwark::bulwark:index:Database${kind}::database",
        "oldState": {
            "type": kind,
            "inputs": {"identifier": PRIMARY_IDENTIFIER, "engine": "postgres"},
        },
    }
    ops.pulumi.preview_steps["test"] = [deletion]


@pytest.mark.usefixtures("passing_checks")
def test_data_loss_needs_explicit_consent(ops: DeployConsole) -> None:
    preview_database_deletion(ops)
    out, said = ops("deploy test --yes", 3)
    assert "--allow-data-loss agrees to it" in said
    assert "data" in out
    assert ops.pulumi.up_count == 0
    ops("deploy test --yes --allow-data-loss")
    assert ops.pulumi.last_deployed_commit == NEW_COMMIT


@pytest.mark.usefixtures("passing_checks")
def test_a_preview_that_changed_since_the_plan_is_not_deployed(
    ops: DeployConsole, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the plan and the deployment somebody has changed something."""

    def parse_changed(data: JsonValue, stack: str) -> Preview:
        return replace(parse_live(data, stack), digest="0" * 16)

    monkeypatch.setattr(pretended_pulumi, "preview", _PatchedModule(parse_live=parse_changed))
    ops.pulumi.git.head = NEW_COMMIT
    said = ops("deploy test --yes", 5)[1]
    assert "digest" in said
    assert ops.pulumi.up_count == 0


class _PatchedModule:
    """The module, but for some of it."""

    def __init__(self, **replacements: Any) -> None:
        self.__dict__.update({**vars(changes), **replacements})


@pytest.mark.usefixtures("passing_checks")
def test_without_changes_nothing_is_deployed(ops: DeployConsole) -> None:
    ops.pulumi.preview_steps["test"] = []
    assert ops.run_for_json("deploy test --yes")["state"] == "nothing to do"
    assert ops.pulumi.up_count == 0
    assert _list_runs(ops) == []


@pytest.mark.usefixtures("passing_checks")
def test_a_deployment_is_checked_by_the_programs_policy_pack(
    ops: DeployConsole, tmp_path: Path
) -> None:
    (tmp_path / "Pulumi.yaml").write_text("name: bulwark\n", encoding="utf-8")
    (tmp_path / "policy").mkdir()
    (tmp_path / "policy" / "PulumiPolicy.yaml").touch()
    ops.capture.readouterr()
    assert ops.run_line(f"deploy test --yes --program {tmp_path}") == 0
    assert "the program is in no repository" in ops.capture.readouterr().out
    assert ops.pulumi.policy_packs == ["policy"] * 2, "previewed, and deployed"


@pytest.mark.usefixtures("passing_checks")
def test_a_database_may_go_without_being_saved(ops: DeployConsole) -> None:
    made = ops.run_for_json("deploy test --yes --no-snapshot")
    assert made["snapshot"] is None
    assert not any(made["run"] in name for name in ops.list_snapshot_ids())


def test_the_first_time_there_is_nothing_to_save_or_to_go_back_to(
    ops: DeployConsole, cache_folder: Path
) -> None:
    one = ops.pulumi.stacks["test"]
    one.outputs, one.history, one.resources = None, [], 0
    made = ops.run_for_json("deploy test --yes")
    assert (made["before"], made["snapshot"], made["saved"]) == (None, None, None)
    assert made["run"].startswith("first-")
    assert list(cache_folder.glob(f"bootstrap/*/runs/{made['run']}"))
    shown = ops.run_line(f"runs show {made['run']}")
    assert shown == 0


@pytest.mark.parametrize(
    ("line", "code", "says"),
    [
        ("deploy nobody", 2, "pulumi stack init nobody"),
        ("--stack other deploy test", 2, "--stack is 'other', STACK is 'test'"),
    ],
)
def test_an_impossible_deployment_is_refused(
    ops: DeployConsole, line: str, code: int, says: str
) -> None:
    assert says in ops(line, code)[1]
    assert ops.pulumi.up_count == 0


def _list_runs(ops: DeployConsole) -> list[dict[str, Any]]:
    ops.capture.readouterr()
    assert ops.run_line("runs list --output json") == 0
    run_items: list[dict[str, Any]] = json.loads(ops.capture.readouterr().out)["items"]
    return run_items


@pytest.mark.parametrize(
    ("update", "is_asked"),
    [({"zone_id": "Z1"}, True), ({"zone_id": None}, False), ({"internal": True}, False)],
)
def test_a_deployment_waits_for_an_answer_only_where_everybody_gets_one(
    update: dict[str, Any], is_asked: bool
) -> None:
    """The runner of a workflow is not in the VPC: a good deployment would be undone."""
    part = build_stack_outputs().load_balancer
    assert part is not None
    balancer = part.model_copy(update={"zone_id": "Z1", **update})
    assert find_public_url(balancer) == (part.url if is_asked else None)
    assert find_public_url(None) is None
