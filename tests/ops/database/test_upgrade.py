"""Upgrades: what there is to upgrade to, replicas first, a major one with a group of its own."""

from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import pytest

from ops.core.aws import Aws
from ops.database.instance import get_primary
from ops.database.upgrade import list_database_upgrade_targets, resolve_upgrade_target
from tests.ops.command_line import OpsConsole
from tests.ops.db_stage import describe_database, open_database_console
from tests.ops.procedures.db_parameters import PARAMETER_GROUP
from tests.ops.procedures.db_upgrade import (
    collect_upgrade_facts,
    plan_major_upgrade,
    put_upgradable_database,
)
from tests.ops.stage import KillFuse, open_stage

PRIMARY_IDENTIFIER = "bulwark-test-database"


@pytest.fixture
def ops(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Iterator[OpsConsole]:
    with open_database_console(capsys, tmp_path, DBInstanceIdentifier="elsewhere") as console:
        put_upgradable_database(console.stage)
        yield console


def test_without_a_version_upgrade_lists_the_available_ones(ops: OpsConsole) -> None:
    items = ops.run_for_json("db upgrade")["items"]
    assert {"version": "16.11", "kind": "minor"} in items
    assert {"version": "17.7", "kind": "major"} in items
    out, _ = ops("db upgrade")
    assert f"{PRIMARY_IDENTIFIER} runs 16.10" in out


def test_a_minor_version_takes_the_replicas_first(ops: OpsConsole) -> None:
    plan = ops.run_for_json("db upgrade 16.11 --dry-run")["plan"]
    assert [step["name"] for step in plan["steps"]] == ["save", "replica_1", "upgrade"]
    out, _ = ops(ops.add_plan_hash("db upgrade 16.11"))
    assert "from: 16.10\nto: 16.11\n" in out
    assert describe_database(ops.stage, f"{PRIMARY_IDENTIFIER}-reads")["EngineVersion"] == "16.11"
    assert collect_upgrade_facts(ops.stage)[2:] == ([PARAMETER_GROUP], PARAMETER_GROUP)


def test_a_major_version_has_a_group_with_the_same_settings(ops: OpsConsole) -> None:
    out, _ = ops("db upgrade 17 --dry-run")
    assert "run ANALYZE in psql" in out
    assert f"wait until RDS has upgraded {PRIMARY_IDENTIFIER}-reads from 16.10 to 17.7" in out
    done = ops.run_for_json(ops.add_plan_hash("db upgrade 17"))
    assert (done["from"], done["to"]) == ("16.10", "17.7")
    group = describe_database(ops.stage)["DBParameterGroups"][0]["DBParameterGroupName"]
    assert group == f"{PRIMARY_IDENTIFIER}-17-{done['run']}"
    assert ops.run_for_json("db parameters")["items"][0]["value"] == "4096"
    assert done["snapshot"] in ops("db snapshot list")[0]
    assert describe_database(ops.stage, f"{PRIMARY_IDENTIFIER}-reads")["EngineVersion"] == "17.7"


def test_a_major_version_is_done_only_when_the_replicas_have_followed() -> None:
    with open_stage() as stage:
        put_upgradable_database(stage)
        plan = plan_major_upgrade(stage)
        *_, upgrade, last = plan.steps
        assert (upgrade.name, last.name) == ("upgrade", "replica_1")
        assert stage.build_engine(KillFuse()).start(plan) == "done"
        found = describe_database(stage, f"{PRIMARY_IDENTIFIER}-reads")
        assert (found["EngineVersion"], found["DBInstanceStatus"]) == ("17.7", "available")


def test_the_newest_is_the_newest_by_its_numbers() -> None:
    listed = {
        "DBEngineVersions": [
            {"ValidUpgradeTarget": [{"EngineVersion": v} for v in ("16.10", "16.9", "16.11")]}
        ]
    }
    with open_stage() as stage:
        put_upgradable_database(stage)
        found = get_primary(stage.aws, stage.outputs)
        with patch.object(Aws, "list_items", lambda *_: iter(listed["DBEngineVersions"])):
            known = list_database_upgrade_targets(stage.aws, stage.outputs, found)
        assert [one.version for one in known] == ["16.9", "16.10", "16.11"]
        assert resolve_upgrade_target(found, known, "16").version == "16.11"


def test_on_a_protected_stack_yes_is_not_enough(ops: OpsConsole) -> None:
    assert "--expect must be " in ops("db upgrade 16.11 --yes", expected_code=2)[1]
    assert describe_database(ops.stage)["EngineVersion"] == "16.10"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("15.14", "VERSION must be 16.11, 17.5"),
        ("16.10", "but bulwark-test-database has that version already"),
        ("newest", "VERSION must be 16.11, 17.5"),
        ("16.11 --timeout 0", "--timeout"),
    ],
)
def test_impossible_upgrades_are_one_line(ops: OpsConsole, line: str, says: str) -> None:
    _, err = ops(f"db upgrade {line}", expected_code=2)
    assert says in err.splitlines()[0]
    assert collect_upgrade_facts(ops.stage)[1] == []


def test_a_deprecated_version_can_be_left(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with open_database_console(capsys, tmp_path, EngineVersion="16.3") as console:
        items = console.run_for_json("db upgrade")["items"]
        assert {"version": "16.11", "kind": "minor"} in items
        _, err = console("db resize db.m7g.large --yes", expected_code=1)
        assert "RDS lists no class that PostgreSQL 16.3 can be ordered with" in err
        assert "ops db upgrade" in err
        console(console.add_plan_hash("db upgrade 16.11"))
        console("db resize db.m7g.large --yes")
        after = describe_database(console.stage)
        assert (after["EngineVersion"], after["DBInstanceClass"]) == ("16.11", "db.m7g.large")


def test_without_a_way_to_the_database_the_plan_says_so(ops: OpsConsole) -> None:
    notes = ops.run_for_json("db upgrade 17 --dry-run")["plan"]["notes"]
    assert notes[0].startswith("not prechecked, the database could not be asked (")
    assert "pg_upgrade_precheck.log" in notes[0]
    assert "gives the upgrade up" in notes[0]
    minor_notes = ops.run_for_json("db upgrade 16.11 --dry-run")["plan"]["notes"]
    assert not any("precheck" in note for note in minor_notes)
