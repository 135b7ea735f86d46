"""Another class and more storage: saved first, killed at every touch, put back where it fails."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from moto.rds.models import DBInstance

from ops.core.errors import OpsError
from tests.ops.command_line import OpsConsole
from tests.ops.db_stage import fail_operations, open_database_console, put_database
from tests.ops.procedures.db_size import collect_size_facts, plan_resize, plan_storage
from tests.ops.stage import KilledError, KillFuse, open_stage

PRIMARY_IDENTIFIER = "bulwark-test-database"


@pytest.fixture
def ops(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Iterator[OpsConsole]:
    with open_database_console(capsys, tmp_path) as console:
        yield console


@pytest.mark.parametrize("point", [3, 5, 22, 24, 26])
def test_a_resize_killed_anywhere_changes_and_snapshots_once(point: int) -> None:
    with open_stage() as stage:
        put_database(stage)
        made, fuse = plan_resize(stage), KillFuse(point)
        with suppress(KilledError):
            stage.build_engine(fuse).start(made)
        fuse.touches_left = 10**9
        assert stage.build_engine(fuse).resume() == "done"
        saved = [(f"{PRIMARY_IDENTIFIER}-resize-1", "available")]
        assert collect_size_facts(stage) == ("db.m7g.large", 20, "available", saved)


def test_growing_storage_takes_a_snapshot_first() -> None:
    with open_stage() as stage:
        put_database(stage)
        assert stage.build_engine(KillFuse()).start(plan_storage(stage)) == "done"
        saved = [(f"{PRIMARY_IDENTIFIER}-storage-1", "available")]
        assert collect_size_facts(stage) == ("db.t4g.small", 40, "storage-optimization", saved)


def test_a_resize_that_fails_puts_the_class_back_and_keeps_the_snapshot() -> None:
    def status(instance: DBInstance) -> str:
        found: str = before(instance)
        large = instance.db_instance_class == "db.m7g.large"
        return "failed" if large and found == "modifying" else found

    with open_stage() as stage:
        put_database(stage)
        original: Any = vars(DBInstance)["status"]
        before = original.fget
        with patch.object(DBInstance, "status", property(status, original.fset)):
            assert stage.build_engine(KillFuse()).start(plan_resize(stage)) == "undone"
        saved = [(f"{PRIMARY_IDENTIFIER}-resize-1", "available")]
        assert collect_size_facts(stage) == ("db.t4g.small", 20, "available", saved)


def test_a_resize_is_refused_while_other_changes_are_pending() -> None:
    with open_stage() as stage:
        put_database(stage)
        stage.client("rds").modify_db_instance(
            DBInstanceIdentifier=PRIMARY_IDENTIFIER, BackupRetentionPeriod=9
        )
        for plan in (plan_resize, plan_storage):
            with pytest.raises(OpsError, match="BackupRetentionPeriod=9"):
                plan(stage)


def test_a_standby_makes_the_outage_short() -> None:
    downtime = []
    for several in (True, False):
        with open_stage() as stage:
            put_database(stage, MultiAZ=several)
            downtime.append(plan_resize(stage).downtime)
    assert downtime == [120, 600]


def test_a_class_and_storage_are_changed_from_the_command_line(ops: OpsConsole) -> None:
    changed = ops.run_for_json("db resize db.m7g.large --yes --reason load")
    assert (changed["from"], changed["to"]) == ("db.t4g.small", "db.m7g.large")
    out, _ = ops("db storage 40 --yes")
    assert "from: 20\nto: 40\n" in out
    assert len(ops.run_for_json("db snapshot list")["items"]) == 2


@pytest.mark.parametrize("line", ["resize db.m7g.large", "storage 40"])
def test_a_dry_run_shows_the_snapshot_the_change_and_the_hash(ops: OpsConsole, line: str) -> None:
    out, _ = ops(f"db {line} --dry-run --details")
    assert out.index("rds.create_db_snapshot") < out.index("rds.modify_db_instance")
    assert ops.run_for_json(f"db {line} --dry-run")["hash"] in out
    assert collect_size_facts(ops.stage) == ("db.t4g.small", 20, "available", [])


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("resize db.m7g.tiny", "CLASS must be db.m7g.12xlarge, db.m7g.16xlarge"),
        ("resize large", "CLASS must be db.m6g.12xlarge"),
        ("resize db.t4g.small", "but bulwark-test-database has that class already"),
        ("storage 19", "GIB must be a whole number from 20 to 65536, not '19'"),
        ("storage much", "GIB must be a whole number from 20 to 65536, not 'much'"),
        ("storage 20", "GIB must be 22 to 65536, not 20"),
        ("storage 21", "storage grows by at least 10 % and never shrinks"),
        ("storage --limit 21", "--limit must be a whole number from 22 to 65536, not '21'"),
        ("storage 40 --limit 43", "--limit must be 44 to 65536, not 43"),
        ("resize db.m7g.large --timeout 0", "--timeout"),
        ("storage 40 --timeout 0", "--timeout"),
    ],
)
def test_an_impossible_resize_is_refused_without_changes(
    ops: OpsConsole, line: str, says: str
) -> None:
    _, err = ops(f"db {line} --yes", expected_code=2)
    assert says in err.splitlines()[0]
    assert collect_size_facts(ops.stage) == ("db.t4g.small", 20, "available", [])


@pytest.mark.parametrize("code", ["Throttling", "AccessDenied"])
def test_classes_that_cannot_be_listed_are_not_impossible(ops: OpsConsole, code: str) -> None:
    with fail_operations(code, "describe_orderable_db_instance_options"):
        _, err = ops("db resize db.m7g.large --yes", expected_code=1)
    assert "describe_orderable_db_instance_options" in err


def test_a_denied_change_is_said_and_the_snapshot_is_named(ops: OpsConsole) -> None:
    with fail_operations("AccessDenied", "modify_db_instance"):
        _, err = ops("db resize db.m7g.large --yes", expected_code=1)
    assert "rds.modify_db_instance was denied" in err
    assert "ops runs resume resize-" in err
    assert collect_size_facts(ops.stage)[:3] == ("db.t4g.small", 20, "available")
