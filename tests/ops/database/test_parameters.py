"""Parameters: shown with pending reboots, changed, restored, refused."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.database.parameters import PostgresParameter, is_allowed_value
from sandbox.patches.rds.groups import APPLYING_DELAY_SECONDS, APPLYING_SECONDS
from tests.ops.command_line import OpsConsole
from tests.ops.db_stage import open_database_console
from tests.ops.procedures.db_parameters import (
    PARAMETER_GROUP,
    collect_parameter_facts,
    plan_parameters,
    put_database_with_group,
)
from tests.ops.stage import KillFuse, open_stage


@pytest.fixture
def ops(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Iterator[OpsConsole]:
    with open_database_console(capsys, tmp_path, DBInstanceIdentifier="elsewhere") as console:
        put_database_with_group(console.stage)
        yield console


def test_changed_parameters_are_shown_and_all_with_the_option(ops: OpsConsole) -> None:
    found = ops.run_for_json("db parameters")
    assert (found["group"], found["state"]) == (PARAMETER_GROUP, "in-sync")
    assert [item["parameter"] for item in found["items"]] == ["work_mem"]
    out, _ = ops("db parameters --all")
    assert "max_connections" in out
    assert "at a reboot" in out
    assert f"{PARAMETER_GROUP} is in-sync on bulwark-test-database" in out


def test_a_changed_parameter_says_if_it_needs_a_reboot(ops: OpsConsole) -> None:
    plan, _ = ops("db parameters --set work_mem=8192 --dry-run --details")
    assert "work_mem: 4096 -> 8192" in plan
    assert "undo. set work_mem = 4096" in plan
    out, _ = ops("db parameters --set work_mem=8192 --set max_connections=200 --yes")
    assert "state: pending-reboot" in out
    assert "ops db reboot" in out
    out, _ = ops("db parameters")
    assert "is pending-reboot" in out
    ops("db reboot --yes")
    assert ops.run_for_json("db parameters")["state"] == "in-sync"


def test_an_in_sync_status_from_before_the_change_is_not_its_end() -> None:
    with open_stage() as stage:
        put_database_with_group(stage)
        plan, before = plan_parameters(stage), stage.clock.now()
        assert stage.build_engine(KillFuse()).start(plan) == "done"
        assert stage.clock.now() - before > APPLYING_DELAY_SECONDS + APPLYING_SECONDS


def test_an_undo_restores_set_parameters_and_resets_the_others() -> None:
    with open_stage() as stage:
        put_database_with_group(stage)
        fuse = KillFuse()
        engine = stage.build_engine(fuse)
        assert engine.start(plan_parameters(stage)) == "done"
        assert collect_parameter_facts(stage)[0] == [
            ("max_connections", "200"),
            ("work_mem", "8192"),
        ]
        assert stage.build_engine(fuse).undo() == "undone"
        assert collect_parameter_facts(stage)[0] == [("work_mem", "4096")]


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("work_mem", "--set must be NAME=VALUE, like work_mem=8192, not 'work_mem'"),
        ("work_memory=1", "--set: there is no parameter 'work_memory'; similar names: work_mem"),
        ("work_mem=12", "--set: work_mem must be 64-2147483647, not '12'"),
        ("work_mem=4096", "--set: work_mem is 4096 already"),
        ("work_mem=8_192", "--set: work_mem must be 64-2147483647, not '8_192'"),
        ("work_mem=8192.0", "--set: work_mem must be 64-2147483647, not '8192.0'"),
        ("work_mem=8192 --set work_mem=9000", "--set must name work_mem only once"),
        ("log_statement=some", "must be none,ddl,mod,all"),
        ("fsync=0", "--set: RDS does not let 'fsync' be changed"),
        ("shared_preload_libraries=nothing", "must be auto_explain,"),
    ],
)
def test_impossible_parameter_changes_are_one_line(ops: OpsConsole, value: str, says: str) -> None:
    _, err = ops(f"db parameters --set {value} --yes", expected_code=2)
    assert says in err.splitlines()[0]
    assert collect_parameter_facts(ops.stage)[0] == [("work_mem", "4096")]


@pytest.mark.parametrize(
    ("kind", "allowed", "value", "expected"),
    [
        ("integer", "-1-10", "-1", True),
        ("integer", "-1-10", "-2", False),
        ("float", "0-1.79769e+308", "1.1", True),
        ("boolean", "0,1", "2", False),
        ("list", "a,b", "b, a", True),
        ("list", "a,b", "a,c", False),
        ("integer", "0-5", "x", False),
        ("integer", "0-5", "1.5", False),
        ("float", "0-5", "1e0", True),
        ("float", "0-5", "1_0e-1", False),
        ("integer", "0-5", "{DBInstanceClassMemory/1}", True),
        ("string", None, "anything", True),
    ],
)
def test_lists_and_ranges_are_read_as_rds_writes_them(
    kind: str, allowed: str | None, value: str, expected: bool
) -> None:
    one = PostgresParameter("p", None, kind, allowed, False, True, False, "")
    assert is_allowed_value(one, value) is expected
