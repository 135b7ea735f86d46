"""The lock as users meet it: refused, told who, why and until when; broken, and on record."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from ops.cli.selection import Selection
from ops.core.aws import Aws
from ops.core.lock import BucketLockStore, Lock, LockRecord
from ops.core.run import WallClock
from tests.ops.command_line import OpsConsole
from tests.ops.db_stage import describe_database, put_database
from tests.ops.stage import REGION, Stage, open_stage

RESIZE_LINE = "db resize db.m7g.large --yes"


@pytest.fixture
def typed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[OpsConsole]:
    """A stage with the database and the operations bucket, seen from the command line."""
    with open_stage() as stage:
        put_database(stage)
        stage.client("s3").create_bucket(
            Bucket=stage.outputs.backups.operations_bucket,
            CreateBucketConfiguration={"LocationConstraint": REGION},
        )
        file = tmp_path / "outputs.json"
        file.write_text(stage.outputs.model_dump_json(by_alias=True))
        with (
            patch.object(WallClock, "now", lambda _: stage.clock.now()),
            patch.object(WallClock, "sleep", lambda _, seconds: stage.clock.sleep(seconds)),
            patch.object(Selection, "build_aws", lambda *_: stage.aws),
        ):
            yield OpsConsole(stage, file, capsys)


def get_lock(stage: Stage) -> Lock:
    return Lock(BucketLockStore(stage.client("s3"), stage.outputs.backups.operations_bucket))


def take_foreign_lock(stage: Stage, run: str = "upgrade-1", seconds: float = 3600) -> LockRecord:
    """Somebody else's lock, taken now."""
    now = stage.clock.now()
    foreign_lock = LockRecord(
        holder="bob@desk", run=run, reason="upgrade", since=now, until=now + seconds
    )
    get_lock(stage).acquire(foreign_lock)
    return foreign_lock


def list_resize_effects(stage: Stage) -> list[str]:
    """What of a resize has happened."""
    manual = stage.client("rds").describe_db_snapshots(SnapshotType="manual")["DBSnapshots"]
    return [*("saved" for _ in manual), *([describe_database(stage)["DBInstanceClass"]])]


def run_after_call(api: str, action: Callable[[], object]) -> Any:
    """Does something right after a call was sent for the first time."""
    original, pending_actions = Aws.call, [action]

    def call_and_act(self: Aws, called_api: str, *arguments: Any) -> Any:
        answer = original(self, called_api, *arguments)
        if called_api == api and pending_actions:
            pending_actions.pop()()
        return answer

    return patch.object(Aws, "call", call_and_act)


def test_a_second_operator_is_refused_and_told_who_why_and_until_when(typed: OpsConsole) -> None:
    theirs = take_foreign_lock(typed.stage)
    _, err = typed(RESIZE_LINE, 6)
    until = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(theirs.until))
    line = next(line for line in err.splitlines() if line.startswith("ops: "))
    assert line == f"ops: bob@desk holds the lock: upgrade (run upgrade-1), until {until}"
    assert "  ops lock show" in err
    assert list_resize_effects(typed.stage) == ["db.t4g.small"]
    assert get_lock(typed.stage).find_record() == theirs
    assert typed.run_for_json("runs list")["items"] == [], (
        "a run that never began leaves no journal"
    )


def test_the_lock_is_shown_while_it_is_held(typed: OpsConsole) -> None:
    assert typed.run_for_json("lock show")["items"] == []
    take_foreign_lock(typed.stage)
    (row,) = typed.run_for_json("lock show")["items"]
    assert (row["holder"], row["run"], row["reason"]) == ("bob@desk", "upgrade-1", "upgrade")
    assert row["until"] > row["since"]
    assert "bob@desk" in typed("lock show")[0]


def test_a_broken_lock_is_on_record(typed: OpsConsole) -> None:
    take_foreign_lock(typed.stage)
    said = typed.run_for_json("lock break --yes --reason lost")
    assert (said["broken"], said["holder"]) == ("upgrade-1", "bob@desk")
    assert get_lock(typed.stage).find_record() is None
    (run,) = typed.run_for_json("runs list")["items"]
    assert (run["run"], run["command"], run["state"]) == (said["run"], "ops lock break", "done")
    first, last = typed.run_for_json(f"runs show {said['run']}")["items"]
    assert first["data"]["breaks"] == last["data"]["broken"] == "upgrade-1"
    assert first["data"]["reason"] == "lost"
    assert first["data"]["lock"]["holder"] == "bob@desk"


def test_breaking_what_nobody_holds_changes_nothing(typed: OpsConsole) -> None:
    assert typed.run_for_json("lock break --yes --reason lost")["broken"] is None
    assert typed.run_for_json("runs list")["items"] == []


def test_a_lock_that_changed_hands_meanwhile_is_not_broken(typed: OpsConsole) -> None:
    theirs = take_foreign_lock(typed.stage)
    newer = theirs.model_copy(update={"run": "other-1", "holder": "eve@desk"})

    def hands() -> None:
        get_lock(typed.stage).release("upgrade-1")
        get_lock(typed.stage).acquire(newer)

    with run_after_call("sts.get_caller_identity", hands):
        _, err = typed("lock break --yes --reason lost", 2)
    assert "changed hands meanwhile, so it was not broken" in err
    assert get_lock(typed.stage).find_record() == newer
    (run,) = typed.run_for_json("runs list")["items"]
    assert typed.run_for_json(f"runs show {run['run']}")["items"][-1]["data"]["broken"] is None


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("lock break --reason lost", "--yes is not set, and there is no terminal to ask on"),
        ("lock break --yes", "--reason must be set"),
        ("lock break --yes --reason= ", "--reason is empty; say why"),
    ],
)
def test_a_lock_is_not_broken_by_mistake(typed: OpsConsole, line: str, says: str) -> None:
    theirs = take_foreign_lock(typed.stage)
    _, err = typed(line, 2)
    assert says in err
    assert get_lock(typed.stage).find_record() == theirs


def test_a_run_whose_lock_was_broken_sends_nothing_more_and_can_be_resumed(
    typed: OpsConsole,
) -> None:
    def broken() -> None:
        found = get_lock(typed.stage).find_record()
        assert found is not None
        assert get_lock(typed.stage).break_lock(found)

    with run_after_call("rds.create_db_snapshot", broken):
        _, err = typed(RESIZE_LINE, 6)
    assert "was taken from it, and it is free; no more is sent" in err
    assert list_resize_effects(typed.stage) == ["saved", "db.t4g.small"], (
        "what was sent stays, no more is"
    )
    (run,) = typed.run_for_json("runs list")["items"]
    assert run["state"] == "unfinished"
    assert f"ops runs resume {run['run']}" in err
    typed(f"runs resume {run['run']} --yes")
    assert list_resize_effects(typed.stage) == ["saved", "db.m7g.large"]
    assert get_lock(typed.stage).find_record() is None


def test_a_run_whose_lock_another_has_taken_says_whose_it_is_and_leaves_it(
    typed: OpsConsole,
) -> None:
    def taken() -> None:
        found = get_lock(typed.stage).find_record()
        assert found is not None
        assert get_lock(typed.stage).break_lock(found)
        take_foreign_lock(typed.stage)

    with run_after_call("rds.create_db_snapshot", taken):
        _, err = typed(RESIZE_LINE, 6)
    assert "bob@desk holds it for upgrade-1: upgrade" in err
    assert list_resize_effects(typed.stage) == ["saved", "db.t4g.small"]
    found = get_lock(typed.stage).find_record()
    assert found is not None
    assert found.run == "upgrade-1"


def test_a_lock_that_is_over_can_be_taken(typed: OpsConsole) -> None:
    take_foreign_lock(typed.stage, seconds=60)
    typed.stage.clock.sleep(61)
    typed(RESIZE_LINE)
    assert list_resize_effects(typed.stage) == ["saved", "db.m7g.large"]
