"""`ops deploy` as it is typed, with a pretended Pulumi and a pretended git."""

import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import JsonValue

from ops.checks.model import Result
from ops.cli.selection import Selection
from ops.deploy import commits
from ops.deploy import deployment as deploying
from ops.outputs import Outputs
from ops.preview import changes as preview
from tests.ops import fake_pulumi as pretended_pulumi
from tests.ops.every_command import typing
from tests.ops.procedures.deploy import NEW, OLD, put_broken, put_deployed, put_sick
from tests.ops.procedures.recover import OWN
from tests.ops.procedures.recover_rebuild import FOLDER
from tests.ops.stage import Stage
from tests.test_runbook import PAGES, commands

HERE = f"--program {FOLDER}"
WELL = [Result("lock", "nobody changes it", "ok", "it is free", "", ())]


class Ops:
    """Lines on a stage, and what they say."""

    def __init__(self, capture: pytest.CaptureFixture[str]) -> None:
        self.capture = capture

    def on(self, on: Stage, typed: Any) -> "Ops":
        self.stage, self.typed, self.pulumi = on, typed, pretended_pulumi.of(on)
        return self

    def __call__(self, line: str, code: int = 0) -> tuple[str, str]:
        self.capture.readouterr()
        ended = self.typed(f"{line} {HERE}")
        said = self.capture.readouterr()
        assert ended == code, said.err
        return said.out, said.err

    def json(self, line: str, code: int = 0) -> Any:
        return json.loads(self(f"{line} --output json", code)[0])

    def snapshots(self) -> list[str]:
        listed = self.stage.client("rds").describe_db_snapshots()["DBSnapshots"]
        return [one["DBSnapshotIdentifier"] for one in listed]


@pytest.fixture
def well(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything that is looked at before is well."""
    monkeypatch.setattr("ops.deploy.commands.check", lambda *_: WELL)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "bulwark"


@pytest.fixture
def ops(capsys: pytest.CaptureFixture[str], cache: Path) -> Iterator[Ops]:
    assert cache
    with typing(put_deployed) as (on, typed):
        yield Ops(capsys).on(on, typed)


@pytest.mark.usefixtures("well")
def test_it_is_saved_deployed_and_told(ops: Ops, cache: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.md"
    made = ops.json(f"deploy test --yes --reason release --report {report}")
    assert (made["state"], made["commit"], made["before"]) == ("deployed", NEW, OLD)
    assert ops.pulumi.last == NEW
    assert made["snapshot"] == f"{OWN}-{made['run']}"
    assert made["snapshot"] in ops.snapshots()
    assert made["saved"] == made["run"]
    assert ops.pulumi.stacks["test"].history[-1]["message"] == f"{made['run']} of {NEW}"
    text = report.read_text(encoding="utf-8")
    assert "## Preview of `test`" in text
    assert f"Deployed as `{made['run']}`." in text
    assert list((cache / "states").iterdir()) == [], "no draft is left"
    assert made["run"] in [one["run"] for one in _runs(ops)]


@pytest.mark.usefixtures("well")
@pytest.mark.parametrize(
    "line", [x for p in PAGES if p.stem == "deploy-stack" for x in commands(p) if "deploy" in x]
)
def test_the_lines_of_the_runbook(ops: Ops, line: str) -> None:
    words = shlex.split(line.replace(" prod", " test"))[1:]
    ops(" ".join(word.replace(" ", "-") for word in [*words, "--yes"]))
    assert ops.pulumi.last == (OLD if "--dry-run" in words else NEW)


@pytest.mark.usefixtures("well")
def test_a_person_sees_what_is_changed_and_what_a_failure_goes_back_to(ops: Ops) -> None:
    out, _ = ops("deploy test --dry-run")
    assert "update" in out or "changed" in out
    assert "monthly, fixed part:" in out
    assert f"where it fails {OLD[:12]}, which was deployed last, is deployed again" in out
    assert ops.pulumi.ups == 0


def test_a_broken_commit_goes_back_to_the_one_of_before(
    capsys: pytest.CaptureFixture[str], cache: Path, well: None, tmp_path: Path
) -> None:
    report = tmp_path / "report.md"
    with typing(put_broken) as (on, typed):
        ops = Ops(capsys).on(on, typed)
        said = ops(f"deploy test --yes --report {report}", 5)[1]
        assert "this commit is broken" in said
        assert f"ops recover snapshot {OWN}-deploy-" in said
        assert ops.pulumi.last == OLD
        assert ops.pulumi.git.trees == {f"{cache / 'deploys'}/test-{OLD[:12]}": OLD}
    assert "**Failed** as `deploy-" in report.read_text(encoding="utf-8")


def test_a_commit_that_is_not_well_afterwards_goes_back_too(
    capsys: pytest.CaptureFixture[str], cache: Path, well: None
) -> None:
    with typing(put_sick) as (on, typed):
        ops = Ops(capsys).on(on, typed)
        assert "failed and was undone" in ops("deploy test --yes", 5)[1]
        assert [h["result"] for h in ops.pulumi.stacks["test"].history] == ["succeeded"] * 3
        assert ops.pulumi.last == OLD


@pytest.mark.usefixtures("well")
@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"head": OLD}, "it is this very commit that was deployed last"),
        ({"commits": {NEW}}, f"{OLD[:12]}, which was deployed last, is not in this repository"),
    ],
)
def test_where_nothing_can_be_deployed_again_it_is_said_beforehand(
    ops: Ops, change: dict[str, Any], why: str
) -> None:
    vars(ops.pulumi.git).update(change)
    assert f"nothing is deployed again: {why}" in ops("deploy test --dry-run")[0]
    ops.pulumi.broken.add(ops.pulumi.git.head)
    assert "nothing of it is undone" in ops("deploy test --yes", 5)[1]


def test_what_is_not_well_stops_it_and_a_reason_goes_on(ops: Ops) -> None:
    said = ops("deploy test --yes", 3)[1]
    assert "--despite REASON goes on all the same" in said
    assert ops.pulumi.ups == 0
    out, _ = ops("deploy test --despite nights --dry-run")
    assert "in spite of " in out
    assert "since nights" in out


@pytest.mark.usefixtures("well")
def test_files_that_are_not_committed_stop_it_where_the_stack_is_protected(
    ops: Ops, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = Selection.load_outputs

    def protected(own: Selection) -> Outputs:
        outputs = read(own)
        part = outputs.stack.model_copy(update={"protect": True})
        return outputs.model_copy(update={"stack": part})

    monkeypatch.setattr(Selection, "load", protected)
    ops.pulumi.git.dirty = True
    assert "are changed, and not committed" in ops("deploy test --yes", 3)[1]
    ops("deploy test --yes --despite hotfix")
    history: Any = ops.pulumi.stacks["test"].history[-1]
    assert history["environment"]["git.dirty"] == "true"


@pytest.mark.usefixtures("well")
def test_a_file_that_git_does_not_know_is_a_change_as_pulumi_counts_it(ops: Ops) -> None:
    ops.pulumi.git.new = True
    assert f"what is deployed is {NEW[:12]}, with changes" in ops("deploy test --dry-run")[0]


def test_the_commit_of_a_deployment_is_known_by_its_message_too() -> None:
    told = {"kind": "update", "result": "succeeded", "message": f"deploy-1-back of {OLD}"}
    dirty = {**told, "message": "by hand", "environment": {"git.head": OLD, "git.dirty": "true"}}
    failed = {**told, "result": "failed"}
    assert commits.find_deployed_commit([failed, told, dirty]) == OLD
    assert commits.find_deployed_commit([dirty, told]) is None
    assert commits.find_deployed_commit([]) is None


def loses(ops: Ops) -> None:
    """The change is one that deletes the database."""
    kind = "aws:rds/instance:Instance"
    gone: dict[str, JsonValue] = {
        "op": "delete",
        "urn": f"urn:pulumi:test::bulwark::bulwark:index:Database${kind}::database",
        "oldState": {"type": kind, "inputs": {"identifier": OWN, "engine": "postgres"}},
    }
    ops.pulumi.previewed["test"] = [gone]


@pytest.mark.usefixtures("well")
def test_data_are_lost_only_where_somebody_agrees_to_it(ops: Ops) -> None:
    loses(ops)
    out, said = ops("deploy test --yes", 3)
    assert "--allow-data-loss agrees to it" in said
    assert "data" in out
    assert ops.pulumi.ups == 0
    ops("deploy test --yes --allow-data-loss")
    assert ops.pulumi.last == NEW


@pytest.mark.usefixtures("well")
def test_what_would_be_done_by_now_is_another_thing_and_is_not_done(
    ops: Ops, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the plan and the deployment somebody has changed something."""
    monkeypatch.setattr("tests.ops.fake_pulumi.preview.fingerprint", lambda _: "other")
    monkeypatch.setattr(deploying, "preview", _With(fingerprint=lambda _: "0" * 16))
    ops.pulumi.git.head = NEW
    said = ops("deploy test --yes", 5)[1]
    assert "digest" in said
    assert ops.pulumi.ups == 0


class _With:
    """The module, but for some of it."""

    def __init__(self, **other: Any) -> None:
        self.__dict__.update({**vars(preview), **other})


@pytest.mark.usefixtures("well")
def test_a_preview_without_changes_is_all_that_is_done(ops: Ops) -> None:
    ops.pulumi.previewed["test"] = []
    assert ops.json("deploy test --yes")["state"] == "nothing to do"
    assert ops.pulumi.ups == 0
    assert _runs(ops) == []


@pytest.mark.usefixtures("well")
def test_it_is_held_to_the_policy_pack_that_the_program_has(ops: Ops, tmp_path: Path) -> None:
    (tmp_path / "Pulumi.yaml").write_text("name: bulwark\n", encoding="utf-8")
    (tmp_path / "policy").mkdir()
    (tmp_path / "policy" / "PulumiPolicy.yaml").touch()
    ops.capture.readouterr()
    assert ops.typed(f"deploy test --yes --program {tmp_path}") == 0
    assert "the program is in no repository" in ops.capture.readouterr().out
    assert ops.pulumi.packs == [str(tmp_path / "policy")] * 2, "previewed, and deployed"


@pytest.mark.usefixtures("well")
def test_a_database_may_go_without_being_saved(ops: Ops) -> None:
    made = ops.json("deploy test --yes --no-snapshot")
    assert made["snapshot"] is None
    assert not any(made["run"] in name for name in ops.snapshots())


def test_the_first_time_there_is_nothing_to_save_or_to_go_back_to(ops: Ops, cache: Path) -> None:
    one = ops.pulumi.stacks["test"]
    one.outputs, one.history, one.resources = None, [], 0
    made = ops.json("deploy test --yes")
    assert (made["before"], made["snapshot"], made["saved"]) == (None, None, None)
    assert made["run"].startswith("first-")
    assert list(cache.glob(f"bootstrap/*/runs/{made['run']}"))
    shown = ops.typed(f"runs show {made['run']}")
    assert shown == 0


@pytest.mark.parametrize(
    ("line", "code", "says"),
    [
        ("deploy nobody", 2, "pulumi stack init nobody"),
        ("--stack other deploy test", 2, "--stack is 'other', STACK is 'test'"),
    ],
)
def test_a_stack_that_cannot_be_is_refused(ops: Ops, line: str, code: int, says: str) -> None:
    assert says in ops(line, code)[1]
    assert ops.pulumi.ups == 0


def _runs(ops: Ops) -> list[dict[str, Any]]:
    ops.capture.readouterr()
    assert ops.typed("runs list --output json") == 0
    found: list[dict[str, Any]] = json.loads(ops.capture.readouterr().out)["items"]
    return found
