"""`ops state`: Pulumi's state saved, listed, fetched, given back, and held against AWS."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ops.core.errors import OpsError
from ops.state.differences import compute_state_digest, list_resource_ids, list_state_differences
from ops.state.drift import list_drift
from tests.ops import fake_pulumi as pretended_pulumi
from tests.ops.every_command import open_command_line
from tests.ops.procedures.recover_rebuild import PROGRAM_OPTION
from tests.ops.procedures.state import SAVED_STATE_NAME, put_saved_state
from tests.ops.stage import Stage
from tests.test_runbook import RUNBOOK_PAGES, list_page_commands

Capture = pytest.CaptureFixture[str]


@pytest.mark.parametrize(
    "line", [x for p in RUNBOOK_PAGES if p.stem == "state" for x in list_page_commands(p)]
)
def test_the_lines_of_the_runbook(ops: "StateConsole", line: str) -> None:
    words = line.split()[1:]
    if "list" not in words:
        words += PROGRAM_OPTION.split()
    ops(" ".join([*words, *(["--yes"] if words[1] in ("backup", "restore") else [])]))


class StateConsole:
    """Lines on a stage, and what they say."""

    def __init__(self, stage: Stage, run_line: Any, capture: Capture) -> None:
        self.stage, self.run_line, self.capture = stage, run_line, capture
        self.pulumi = pretended_pulumi.get_fake_pulumi(stage)

    def __call__(self, line: str, code: int = 0) -> tuple[str, str]:
        self.capture.readouterr()
        exit_code = self.run_line(line)
        captured = self.capture.readouterr()
        assert exit_code == code, captured.err
        return captured.out, captured.err

    def run_for_json(self, line: str, code: int = 0) -> Any:
        return json.loads(self(f"{line} --output json", code)[0])


@pytest.fixture
def ops(capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StateConsole]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with open_command_line(put_saved_state) as (stage, run_line):
        yield StateConsole(stage, run_line, capsys)


def test_a_state_is_saved_listed_and_fetched_unchanged(ops: StateConsole, tmp_path: Path) -> None:
    made = ops.run_for_json(f"state backup {PROGRAM_OPTION} --yes")
    names = [one["state"] for one in ops.run_for_json("state list")["items"]]
    assert sorted(names) == sorted([made["state"], SAVED_STATE_NAME])
    to = tmp_path / "state.json"
    ops(f"state fetch {made['state']} --to {to}")
    assert json.loads(to.read_text(encoding="utf-8")) == ops.pulumi.stacks["test"].state
    assert to.stat().st_mode & 0o077 == 0
    assert list((tmp_path / "cache" / "bulwark" / "states").iterdir()) == [], "no draft is left"
    assert "not overwritten" in ops(f"state fetch --to {to}", 2)[1]


def test_a_state_restore_shows_differences_and_saves_the_old_state(ops: StateConsole) -> None:
    before = ops.pulumi.stacks["test"].state
    shown = ops(f"state restore {SAVED_STATE_NAME} {PROGRAM_OPTION} --dry-run")[0]
    assert "known again  aws:s3/bucket:Bucket::b" in " ".join(shown.split()).replace(
        "known again ", "known again  "
    )
    made = ops.run_for_json(f"state restore {SAVED_STATE_NAME} {PROGRAM_OPTION} --yes")
    assert made["different"] == 3
    now = ops.pulumi.stacks["test"].state
    assert list_resource_ids(now)["urn:pulumi:test::bulwark::aws:s3/bucket:Bucket::b"] == "db-0"
    assert "knows already" in ops(f"state restore {SAVED_STATE_NAME} {PROGRAM_OPTION} --yes", 2)[1]
    ops(f"state restore {made['saved']} {PROGRAM_OPTION} --yes")
    assert compute_state_digest(ops.pulumi.stacks["test"].state) == compute_state_digest(before)


def test_drift_is_what_a_preview_would_change(ops: StateConsole) -> None:
    assert "as the program says" in ops(f"state drift {PROGRAM_OPTION}")[0]
    ops.pulumi.preview_steps["test"] = [
        {"op": "same", "urn": "urn:pulumi:test::bulwark::a"},
        {
            "op": "update",
            "urn": "urn:pulumi:test::bulwark::aws:rds/instance:Instance::database",
            "detailedDiff": {"instanceClass": {"kind": "update"}},
        },
    ]
    found = ops.run_for_json(f"state drift {PROGRAM_OPTION}", 3)["items"]
    assert found == [
        {
            "op": "update",
            "resource": "aws:rds/instance:Instance::database",
            "properties": ["instanceClass"],
        }
    ]


def test_a_states_digest_does_not_depend_on_when_it_was_written() -> None:
    one = pretended_pulumi.build_stack_export("db-1", "x::y")
    two = pretended_pulumi.build_stack_export("db-1", "x::y")
    two["deployment"]["resources"].reverse()
    two["deployment"]["manifest"] = {"time": "later"}
    two["deployment"]["resources"][0]["modified"] = "later"
    assert compute_state_digest(one) == compute_state_digest(two)
    assert compute_state_digest(one) != compute_state_digest(
        pretended_pulumi.build_stack_export("db-2", "x::y")
    )


def test_a_saved_object_that_is_no_state_is_an_error(ops: StateConsole) -> None:
    bucket = ops.stage.outputs.backups.operations_bucket
    ops.stage.client("s3").put_object(Bucket=bucket, Key="states/test/odd.json", Body=b"{}")
    assert "is no export of a state" in ops("state fetch odd --to /tmp/bulwark-odd.json", 1)[1]
    assert not Path("/tmp/bulwark-odd.json").exists()
    with pytest.raises(OpsError, match="did not print a preview"):
        list_drift("nonsense")


def test_the_digest_is_printed_for_a_plan(ops: StateConsole, tmp_path: Path) -> None:
    file = tmp_path / "one.json"
    file.write_text(json.dumps(pretended_pulumi.build_stack_export("db-1")), encoding="utf-8")
    printed = json.loads(ops(f"state digest --file {file}")[0])
    assert printed["digest"] == compute_state_digest(pretended_pulumi.build_stack_export("db-1"))
    file.write_text('{"deployment": {}}', encoding="utf-8")
    ops(f"state digest --file {file}", 2)


def build_protected_export(**changes: Any) -> dict[str, Any]:
    """An export with a protected database; `provider` is of secrets."""
    state = pretended_pulumi.build_stack_export("db-1")
    database = state["deployment"]["resources"][1]
    database["protect"] = changes.get("protect", True)
    database["inputs"] = {
        "deletionProtection": changes.get("deletion_protection", True),
        "publiclyAccessible": changes.get("public", False),
        "password": changes.get("password", "ciphertext-1"),
    }
    state["deployment"]["secrets_providers"] = {"type": changes.get("provider", "cloud")}
    return state


@pytest.mark.parametrize(
    ("changes", "row"),
    [
        ({"protect": False}, ("protect", True, False)),
        ({"deletion_protection": False}, ("deletionProtection", True, False)),
        ({"public": True}, ("publiclyAccessible", False, True)),
        ({"provider": "passphrase"}, ("secrets provider", "cloud", "passphrase")),
        ({"password": "ciphertext-2"}, ("password", "one", "another")),
    ],
)
def test_every_difference_of_a_state_is_shown_and_has_another_hash(
    changes: dict[str, Any], row: tuple[object, ...]
) -> None:
    current, new = build_protected_export(), build_protected_export(**changes)
    (difference,) = list_state_differences(current, new)
    assert (difference["what"], difference["now"], difference["then"]) == row
    assert compute_state_digest(current) != compute_state_digest(new)


def test_a_state_that_differs_in_its_times_alone_is_the_same() -> None:
    current, new = build_protected_export(), build_protected_export()
    new["deployment"]["resources"].reverse()
    new["deployment"]["resources"][0]["modified"] = "2026-11-30T00:00:00Z"
    assert list_state_differences(current, new) == []
    assert compute_state_digest(current) == compute_state_digest(new)
