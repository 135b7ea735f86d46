"""`--stack all` and lists of stacks: looks at each, changes at none."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ops.cli.app import main
from ops.cli.selection import Selection
from ops.cli.several_stacks import LOOKS, find_stack_profile
from ops.core.errors import OpsError
from ops.outputs import Outputs
from ops.permissions.declared import DECLARATIONS
from tests.ops.call_recorder import record_calls
from tests.ops.change_stage import put_raised_alarm
from tests.ops.stage import Stage, open_stage

OTHER_ACCOUNT = "999999999999"


class StackConsole:
    """Stacks `dev` and `prod` of one program; `prod` can be in another account or unreadable."""

    def __init__(self, stage: Stage, capture: pytest.CaptureFixture[str]) -> None:
        self.stage, self.capture = stage, capture
        self.accounts: dict[str, str] = {}
        self.errors: dict[str, OpsError] = {}
        self.loaded: list[tuple[str | None, str | None]] = []  # stacks with their profiles
        self.names = ["prod", "dev"]

    def load(self, selection: Selection) -> Outputs:
        """The stage's outputs under the name of the stack."""
        name = str(selection.stack)
        self.loaded.append((selection.stack, selection.profile))
        if name in self.errors:
            raise self.errors[name]
        outputs = self.stage.outputs
        account = self.accounts.get(name, outputs.stack.account)
        part = outputs.stack.model_copy(update={"stack": name, "account": account})
        alarm = f"{outputs.stack.project}-{name}-database-cpu-high"
        alarms = outputs.alarms.model_copy(update={"names": {"P1": (alarm,)}})
        return outputs.model_copy(update={"stack": part, "alarms": alarms})

    def run_pulumi(self, argv: list[str], **_: Any) -> Any:
        """`pulumi stack ls --json`."""
        assert argv == ["pulumi", "stack", "ls", "--json"]
        items = [{"name": name, "current": False, "resourceCount": 3} for name in self.names]
        return SimpleNamespace(returncode=0, stdout=json.dumps(items), stderr="")

    def __call__(self, line: str, code: int) -> tuple[str, str]:
        self.capture.readouterr()
        exit_code = main(line.split())
        captured = self.capture.readouterr()
        assert exit_code == code, captured
        return captured.out, captured.err


def is_look(command: str, look: tuple[str, ...]) -> bool:
    return tuple(command.split()[: len(look)]) == look


@pytest.fixture
def stacks(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Iterator[StackConsole]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BULWARK_OUTPUTS", raising=False)
    with open_stage() as stage:
        for name in ("dev", "prod"):
            put_raised_alarm(stage, f"{stage.outputs.stack.project}-{name}-database-cpu-high")
        console = StackConsole(stage, capsys)
        monkeypatch.setattr(Selection, "load_outputs", lambda selection: console.load(selection))
        monkeypatch.setattr(Selection, "build_aws", lambda *_: stage.aws)
        monkeypatch.setattr("ops.core.clock.now", stage.clock.held_clock.now)
        monkeypatch.setattr(subprocess, "run", console.run_pulumi)
        monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
        yield console


def test_each_stack_has_its_block_and_its_line_at_the_end(stacks: StackConsole) -> None:
    out, _ = stacks("alarms list --stack dev,prod", 0)
    blocks = out.split("stack ")
    assert [block.split()[0] for block in blocks[1:]][:2] == ["dev", "prod"]
    assert out.count("database-cpu-high") >= 2
    rows = out.strip().splitlines()[-2:]
    assert [row.split() for row in rows] == [
        ["dev", "0", "looked", "at"],
        ["prod", "0", "looked", "at"],
    ]
    assert [name for name, _ in stacks.loaded] == ["dev", "prod"]


def test_all_are_those_of_pulumi_and_others_are_named(stacks: StackConsole, tmp_path: Path) -> None:
    (tmp_path / "Pulumi.far.yaml").touch()
    _, said = stacks("--stack all alarms list", 0)
    assert [name for name, _ in stacks.loaded] == ["dev", "prod"]
    assert "not looked at, as Pulumi's backend here has no such stack: far" in said


def test_a_stack_that_cannot_be_read_is_unknown_and_named(stacks: StackConsole) -> None:
    stacks.errors["dev"] = OpsError("pulumi stack output failed: access denied")
    out, _ = stacks("alarms list --stack dev,prod", 3)
    rows = out.strip().splitlines()[-2:]
    assert rows[0].split() == ("dev 3 unknown: pulumi stack output failed: access denied".split())
    assert rows[1].split()[:2] == ["prod", "0"]
    assert "database-cpu-high" in out


def test_a_stack_of_another_account_is_unknown_and_not_looked_at(stacks: StackConsole) -> None:
    """Its names may be others' there: what is missing or quiet would be of the wrong account."""
    stacks.accounts["prod"] = OTHER_ACCOUNT
    with record_calls() as calls:
        body = json.loads(stacks("alarms list --stack dev,prod --output json", 3)[0])
    assert body["kind"] == "stacks"
    dev, prod = body["items"]
    assert (dev["exit"], dev["unknown"], dev["result"]["kind"]) == (0, False, "alarms")
    assert (prod["exit"], prod["unknown"], prod["result"]) == (3, True, None)
    assert f"prod is in {OTHER_ACCOUNT}" in prod["said"]
    assert "pulumi config set aws:profile PROFILE -s prod" in prod["said"]
    apis = [call.api for call in calls]
    assert apis.count("sts.get_caller_identity") == 2
    assert apis[-1] == "sts.get_caller_identity", "nothing is asked of the other account"


def test_findings_of_one_stack_are_the_exit_code_of_all(stacks: StackConsole) -> None:
    out, _ = stacks("health --only alarms --stack dev,prod", 3)
    rows = out.strip().splitlines()[-2:]
    assert [row.split()[:2] for row in rows] == [["dev", "3"], ["prod", "3"]]
    assert " failing, " in rows[0]
    assert "unknown:" not in rows[0]


def test_each_stack_has_the_profile_of_its_settings(stacks: StackConsole, tmp_path: Path) -> None:
    text = "config:\n  aws:profile: work-prod # of the account\n  aws:region: eu-north-1\n"
    (tmp_path / "Pulumi.prod.yaml").write_text(text, encoding="utf-8")
    stacks("alarms list --stack dev,prod", 0)
    assert stacks.loaded == [("dev", None), ("prod", "work-prod")]
    stacks.loaded.clear()
    stacks("alarms list --stack dev,prod --profile mine", 0)
    assert stacks.loaded == [("dev", "mine"), ("prod", "mine")]


@pytest.mark.parametrize(
    ("text", "profile"),
    [
        ('config:\n  "aws:profile": "a"\n', "a"),
        ("config:\n  aws:profile: b\n", "b"),
        ("config:\n  aws:profiles: c\n", None),
        ("config:\n  bulwark:profile: prod\n", None),
        ("config:\n  # aws:profile: d\n", None),
        ("config:\n  aws:profile:\n    secure: v1:abc\n", None),
        ("config: {aws:profile: e}\n", "e"),
        ("encryptedkey: x\n", None),
        ("", None),
    ],
)
def test_a_profile_is_read_from_the_settings(
    tmp_path: Path, text: str, profile: str | None
) -> None:
    (tmp_path / "Pulumi.x.yaml").write_text(text, encoding="utf-8")
    assert find_stack_profile("x", tmp_path) == profile
    assert find_stack_profile("y", tmp_path) is None


@pytest.mark.parametrize(
    "command",
    sorted(name for name in DECLARATIONS if not any(is_look(name, look) for look in LOOKS)),
)
def test_no_command_that_changes_anything_takes_several(stacks: StackConsole, command: str) -> None:
    with record_calls() as calls:
        _, said = stacks(f"{command} --stack dev,prod", 2)
    assert said.startswith("ops: --stack must be one stack for `ops ")
    assert "not 'dev,prod': several can be looked at only, by health, usage" in said
    assert (calls, stacks.loaded) == ([], [])


def test_what_takes_several_only_reads() -> None:
    assert {DECLARATIONS[" ".join(look)].role for look in LOOKS} == {"reader"}


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("health --stack dev,", "--stack must be different stacks, separated by commas, or all"),
        ("health --stack ,", "--stack must be different stacks"),
        ("health --stack dev,dev", "--stack must be different stacks"),
        ("health --stack dev,all", "--stack must be different stacks"),
        ("health --stack=dev,pr$od", "--stack must be different stacks"),
        ("health --stack dev,prod --outputs a.json", "--outputs must be left out"),
        ("health --stack dev,prod --watch 5s", "--watch must be left out"),
        ("health --stack dev,prod --url http://x", "--url must be left out"),
        ("health --stack dev,prod --only nonsense", "--only is 'nonsense', must be"),
        ("health --stack dev,prod --nonsense", "No such option"),
        ("db status --stack all", "--stack must be one stack for `ops db status`, not 'all'"),
    ],
)
def test_bad_input_is_one_error_before_any_call(stacks: StackConsole, line: str, says: str) -> None:
    with record_calls() as calls:
        _, said = stacks(line, 2)
    assert says in said
    assert (calls, stacks.loaded) == ([], [])


def test_all_without_pulumi_asks_for_names(
    stacks: StackConsole, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.which", lambda _: None)
    assert "asks Pulumi, which is not on the PATH: name them" in stacks("health --stack all", 2)[1]
    stacks.names = []
    monkeypatch.setattr("shutil.which", lambda name: name)
    assert "Pulumi's backend has no stack of this project" in stacks("usage --stack all", 2)[1]


def test_the_variable_names_several_too(
    stacks: StackConsole, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BULWARK_STACK", "dev,prod")
    stacks("alarms list", 0)
    assert [name for name, _ in stacks.loaded] == ["dev", "prod"]
    stacks("alarms list --stack dev", 0)
    assert [name for name, _ in stacks.loaded] == ["dev", "prod", "dev"]
