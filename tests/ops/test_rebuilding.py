"""`ops recover rebuild` and `region`, as they are typed, with a pretended Pulumi."""

import json
import os
import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from ops.run import WallClock
from sandbox.mends.rds_restores import limit
from tests.ops import pretended_pulumi
from tests.ops.every_command import typing
from tests.ops.procedures.recover import OWN, put
from tests.ops.procedures.recover_rebuild import (
    LINE,
    NAME,
    STATE,
    facts,
    put_lost,
    put_program,
    put_replicated,
)
from tests.ops.stage import ACCOUNT, RECOVERY, REGION, Stage
from tests.test_runbook import PAGES, commands

Typed = Callable[[str], int]
Capture = pytest.CaptureFixture[str]


@contextmanager
def lost(build: Callable[[Stage], None] = put_lost) -> Iterator[tuple[Stage, Typed]]:
    with typing(build) as (on, typed):
        yield on, typed


def databases(on: Stage, region: str = REGION) -> list[str]:
    listed = on.client("rds", region).describe_db_instances()["DBInstances"]
    return [one["DBInstanceIdentifier"] for one in listed]


def test_the_stack_is_there_again_from_its_newest_backup(capsys: Capture) -> None:
    with lost() as (on, typed):
        assert typed(f"recover rebuild --state {STATE} {LINE} --yes --output json") == 0
        made = json.loads(capsys.readouterr().out)
        assert made["from"] == f"{OWN}-final"
        assert databases(on) == [OWN]
        stack = pretended_pulumi.of(on).stacks["test"]
        assert stack.config["bulwark:database.restoreFrom.snapshot"] == f"{OWN}-final"
        assert typed(f"recover rebuild {LINE} --yes") == 2, "it is there again"
        assert "rebuilt is what is lost" in capsys.readouterr().err


def test_another_backup_may_be_named(capsys: Capture) -> None:
    with lost() as (on, typed):
        backups = on.client("rds").describe_db_instance_automated_backups()
        arn = backups["DBInstanceAutomatedBackups"][0]["DBInstanceAutomatedBackupsArn"]
        assert typed(f"recover rebuild --from {arn} {LINE} --yes") == 0
        config = pretended_pulumi.of(on).stacks["test"].config
        assert config["bulwark:database.restoreFrom.automatedBackupArn"] == arn
        assert databases(on) == [OWN]
    capsys.readouterr()


def test_a_deployment_that_fails_is_told_of_and_the_settings_are_as_before(
    capsys: Capture,
) -> None:
    with lost() as (on, typed):
        pulumi = pretended_pulumi.of(on)
        pulumi.fails = "the zone is full"
        assert typed(f"recover rebuild {LINE} --yes") == 5
        assert "pulumi ended with 255: error: the zone is full" in capsys.readouterr().err
        assert not [k for k in pulumi.stacks["test"].config if "restoreFrom" in k]
        pulumi.fails = ""
        assert typed(f"recover rebuild {LINE} --yes") == 0
        assert databases(on) == [OWN]


def test_a_region_away_it_is_another_stack(capsys: Capture) -> None:
    with lost(put_replicated) as (on, typed):
        assert typed(f"recover region {LINE} --yes --output json") == 0
        made = json.loads(capsys.readouterr().out)
        assert (made["stack"], made["region"]) == (NAME, RECOVERY)
        assert databases(on, RECOVERY) == [f"bulwark-{NAME}-database"]
        assert databases(on) == [OWN], "the lost one is not touched"
        stacks = pretended_pulumi.of(on).stacks
        assert stacks["test"].config["aws:region"] == REGION
        assert stacks[NAME].config["aws:region"] == RECOVERY
        assert "bulwark:recoveryRegion" not in stacks[NAME].config


def without_recovery(on: Stage) -> None:
    put_replicated(on)
    part = on.outputs.stack.model_copy(update={"recovery_region": None})
    on.outputs = on.outputs.model_copy(update={"stack": part})


def unprepared(on: Stage) -> None:
    """A recovery region to which nothing was replicated."""
    put_program()
    put(on)


def with_a_zone(on: Stage) -> None:
    put_replicated(on)
    balancer = on.outputs.load_balancer
    assert balancer is not None
    part = balancer.model_copy(update={"zone_id": "Z1"})
    on.outputs = on.outputs.model_copy(update={"load_balancer": part})


def full(on: Stage) -> None:
    put_replicated(on)
    limit(ACCOUNT, RECOVERY, 0)


def without_backups(on: Stage) -> None:
    put_lost(on)
    rds = on.client("rds")
    for one in rds.describe_db_snapshots()["DBSnapshots"]:
        rds.delete_db_snapshot(DBSnapshotIdentifier=one["DBSnapshotIdentifier"])
    from moto.rds.models import rds_backends

    from sandbox.mends.patching import kept

    kept(rds_backends[ACCOUNT][REGION], "retained", dict).clear()


@pytest.mark.parametrize(
    ("build", "line", "code", "says"),
    [
        (without_recovery, "region", 2, "has no recovery region"),
        (unprepared, "region", 1, "there is no whole backup of the database in eu-west-1"),
        (with_a_zone, "region", 2, "--domain is not set"),
        (full, "region", 1, "all that its quota allows"),
        (put_lost, "rebuild --from gone", 2, "--from is 'gone', may be"),
        (without_backups, "rebuild", 1, "there is no whole backup"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_done(
    capsys: Capture, build: Callable[[Stage], None], line: str, code: int, says: str
) -> None:
    with lost(build) as (on, typed):
        before = facts(on)
        capsys.readouterr()
        assert typed(f"recover {line} {LINE} --yes") == code
        assert says in capsys.readouterr().err
        assert facts(on) == before
        assert pretended_pulumi.of(on).ups == 0


def test_without_pulumi_or_with_anothers_state_it_is_refused(
    capsys: Capture, tmp_path: Path
) -> None:
    with lost() as (_, typed):
        other = tmp_path / "other.json"
        text = STATE.read_text(encoding="utf-8").replace("pulumi:test::", "pulumi:prod::")
        other.write_text(text, encoding="utf-8")
        assert typed(f"recover rebuild --state {other} {LINE} --yes") == 2
        assert "which is of 'prod', not of 'test'" in capsys.readouterr().err
        with patch("shutil.which", lambda _: None):
            assert typed(f"recover rebuild {LINE} --yes") == 2
        assert "there is no `pulumi` on the PATH" in capsys.readouterr().err


def test_where_the_bucket_is_gone_journals_are_kept_in_a_folder(
    capsys: Capture, tmp_path: Path
) -> None:
    with lost() as (on, typed):
        on.client("s3").delete_bucket(Bucket=on.outputs.backups.operations_bucket)
        assert typed(f"recover rebuild {LINE} --yes") == 1
        assert "set BULWARK_JOURNAL to one" in capsys.readouterr().err
        calls = 0

        def stop(_: WallClock, seconds: float) -> None:
            nonlocal calls
            calls += 1
            if calls == 12:
                raise KeyboardInterrupt
            on.clock.sleep(seconds)

        with patch.dict(os.environ, BULWARK_JOURNAL=str(tmp_path)):
            with patch.object(WallClock, "sleep", stop):
                assert typed(f"recover rebuild {LINE} --yes") == 130
            (run,) = [path.name for path in (tmp_path / "runs").iterdir()]
            assert typed(f"runs resume {run}") == 0
            assert typed("runs list --output json") == 0
        assert databases(on) == [OWN]


@pytest.mark.parametrize(
    ("page", "build"), [("region-down", put_replicated), ("total-loss", put_lost)]
)
def test_the_lines_of_the_runbook_that_want_pulumi(
    capsys: Capture, page: str, build: Callable[[Stage], None]
) -> None:
    (path,) = [one for one in PAGES if one.stem == page]
    lines = [x for x in commands(path) if x.startswith(("ops recover region", "ops recover reb"))]
    assert len(lines) == 2
    with lost(build) as (_, typed):
        for line in lines:
            words: Any = shlex.split(line)[1:]
            agreed = [] if "--dry-run" in words else ["--yes"]
            assert typed(" ".join([*words, *agreed, LINE])) == 0, line
    capsys.readouterr()
