"""Replicas: added with the primary's settings, removed, refused where they cannot be."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ops.core.errors import DeniedError
from ops.core.plan import Call
from ops.database import replicas
from tests.ops.command_line import OpsConsole
from tests.ops.db_stage import describe_database, fail_operations, open_database_console
from tests.ops.procedures.db_replica import (
    REPLICA_IDENTIFIER,
    collect_replica_list_facts,
    plan_replica_add,
    plan_replica_remove,
    put_database_replica,
    put_replicable_database,
)
from tests.ops.stage import KillFuse, open_stage


@pytest.fixture
def ops(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Iterator[OpsConsole]:
    with open_database_console(
        capsys, tmp_path, BackupRetentionPeriod=7, CopyTagsToSnapshot=True
    ) as console:
        yield console


def test_a_replica_is_added_with_the_primarys_settings_and_removed(ops: OpsConsole) -> None:
    plan, _ = ops("db replica add reports --dry-run --details")
    assert "rds.create_db_instance_read_replica" in plan
    assert "undo. delete bulwark-test-database-reports" in plan
    assert ops.run_for_json("db replica add reports --yes")["replica"] == REPLICA_IDENTIFIER
    found, primary = describe_database(ops.stage, REPLICA_IDENTIFIER), describe_database(ops.stage)
    assert found["ReadReplicaSourceDBInstanceIdentifier"] == primary["DBInstanceIdentifier"]
    for key in ("DBInstanceClass", "DBParameterGroups", "CopyTagsToSnapshot", "StorageType"):
        assert found[key] == primary[key], key
    assert found["DeletionProtection"] is True
    assert found["PubliclyAccessible"] is False
    assert {"Key": "owner", "Value": "platform"} in found["TagList"]
    assert REPLICA_IDENTIFIER in ops("db status")[0]
    assert "--expect must be" in ops("db replica remove reports --yes", expected_code=2)[1]
    assert "status: absent" in ops(ops.add_plan_hash("db replica remove reports"))[0]
    assert describe_database(ops.stage)["ReadReplicaDBInstanceIdentifiers"] == []


def test_an_undone_replica_add_deletes_the_replica() -> None:
    with open_stage() as stage:
        put_replicable_database(stage)
        fuse = KillFuse()
        engine = stage.build_engine(fuse)
        assert engine.start(plan_replica_add(stage)) == "done"
        assert engine.undo() == "undone"
        assert collect_replica_list_facts(stage) == ([("bulwark-test-database", "available")], [])


def test_a_replica_that_was_not_deleted_is_protected_again() -> None:
    with open_stage() as stage:
        put_database_replica(stage)
        plan, fuse = plan_replica_remove(stage), KillFuse()
        assert [step.name for step in plan.steps] == ["unprotect", "delete"]
        engine = stage.build_engine(fuse)
        with fail_operations("AccessDenied", "delete_db_instance"), pytest.raises(DeniedError):
            engine.start(plan)
        assert describe_database(stage, REPLICA_IDENTIFIER)["DeletionProtection"] is False
        assert stage.build_engine(fuse).undo() == "undone"
        assert describe_database(stage, REPLICA_IDENTIFIER)["DeletionProtection"] is True


@pytest.mark.parametrize(
    ("storage", "provisioned"),
    [
        ({"StorageType": "gp3", "AllocatedStorage": 100}, {}),
        ({"StorageType": "gp3", "AllocatedStorage": 400}, {"Iops": 13000}),
        ({"StorageType": "io2", "AllocatedStorage": 100}, {"Iops": 13000}),
    ],
)
def test_iops_are_copied_where_rds_takes_them(
    storage: dict[str, Any], provisioned: dict[str, Any]
) -> None:
    with open_stage() as stage:
        put_replicable_database(stage)
        primary = replicas.get_instance_description(stage.aws, stage.outputs)
        shown = {**primary, **storage, "Iops": 13000, "StorageThroughput": None}
        (step,) = replicas.build_replica_creation_plan(
            stage.aws, stage.outputs, shown, "reports", "replica-1"
        ).steps
        assert isinstance(step.action, Call)
        assert {k: v for k, v in step.action.params.items() if k == "Iops"} == provisioned


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("add Reports", "NAME must be lowercase letters, digits and single hyphens"),
        ("add a--b", "not 'a--b'"),
        (f"add {'a' * 60}", "NAME must be"),
        ("add reports --class db.m7g.tiny", "--class must be db.m7g.12xlarge"),
        ("remove reports", "NAME is 'reports', but ops has added no replicas"),
        ("add reports --timeout 0", "--timeout"),
    ],
)
def test_impossible_replica_changes_are_one_line(ops: OpsConsole, line: str, says: str) -> None:
    _, err = ops(f"db replica {line} --yes", expected_code=2)
    assert says in err.splitlines()[0]
    assert collect_replica_list_facts(ops.stage)[1] == []


def test_a_primary_without_backups_has_no_replica(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with open_database_console(capsys, tmp_path, BackupRetentionPeriod=0) as ops:
        err = ops("db replica add reports --yes", expected_code=1)[1]
        assert "has no automated backups, which a replica needs" in err
