"""RDS snapshots in the sandbox: they take their time, and are refused when they may not be."""

import pytest

from sandbox.clock import ManualClock
from tests.sandbox.conftest import Clients, Refusal
from tests.sandbox.patches.test_rds import KEY, create, seen

SNAPSHOT = {"DBInstanceIdentifier": "main", "DBSnapshotIdentifier": "copy"}


def status(rds: object, name: str = "copy") -> str:
    listed = rds.describe_db_snapshots(DBSnapshotIdentifier=name)  # type: ignore[attr-defined]
    return str(listed["DBSnapshots"][0]["Status"])


def test_a_snapshot_is_being_created_and_its_instance_backs_up(
    mended: Clients, held: ManualClock
) -> None:
    rds = mended("rds")
    create(rds)
    held.advance(3600)
    rds.create_db_snapshot(**SNAPSHOT)
    assert (status(rds), seen(rds)["DBInstanceStatus"]) == ("creating", "backing-up")
    held.advance(180)
    assert (status(rds), seen(rds)["DBInstanceStatus"]) == ("available", "available")


def test_a_snapshot_is_made_at_the_sandboxs_time(mended: Clients, held: ManualClock) -> None:
    rds = mended("rds")
    create(rds)
    held.advance(30 * 86400)
    made = rds.create_db_snapshot(**SNAPSHOT)["DBSnapshot"]
    assert abs((made["SnapshotCreateTime"] - held.now()).total_seconds()) < 1


def test_a_busy_instance_is_not_saved(mended: Clients, held: ManualClock, refused: Refusal) -> None:
    rds = mended("rds")
    create(rds)
    assert refused(rds.create_db_snapshot, **SNAPSHOT)[0] == "InvalidDBInstanceState"
    held.advance(3600)
    rds.create_db_snapshot(**SNAPSHOT)
    assert refused(rds.create_db_snapshot, **SNAPSHOT)[0] == "DBSnapshotAlreadyExists"


def test_a_snapshot_that_is_not_whole_is_neither_copied_nor_deleted(
    mended: Clients, held: ManualClock, refused: Refusal
) -> None:
    rds = mended("rds")
    create(rds)
    held.advance(3600)
    rds.create_db_snapshot(**SNAPSHOT)
    given = {"SourceDBSnapshotIdentifier": "copy", "TargetDBSnapshotIdentifier": "other"}
    assert refused(rds.copy_db_snapshot, **given)[0] == "InvalidDBSnapshotState"
    gone = refused(rds.delete_db_snapshot, DBSnapshotIdentifier="copy")
    assert gone[0] == "InvalidDBSnapshotState"


@pytest.mark.parametrize("encrypted", [True, False])
def test_between_regions_an_encrypted_snapshot_needs_a_key(
    mended: Clients, refused: Refusal, encrypted: bool
) -> None:
    rds, west = mended("rds"), mended("rds", "eu-west-1")
    key = KEY.replace("eu-west-1", "eu-north-1")
    create(rds, StorageEncrypted=encrypted, **({"KmsKeyId": key} if encrypted else {}))
    arn = rds.create_db_snapshot(**SNAPSHOT)["DBSnapshot"]["DBSnapshotArn"]
    given = {
        "SourceDBSnapshotIdentifier": arn,
        "TargetDBSnapshotIdentifier": "far",
        "SourceRegion": "eu-north-1",
    }
    if encrypted:
        assert refused(west.copy_db_snapshot, **given)[0] == "InvalidParameterCombination"
        there = mended("kms", "eu-west-1").create_key()["KeyMetadata"]["Arn"]
        west.copy_db_snapshot(**given, KmsKeyId=there)
    else:
        west.copy_db_snapshot(**given)
    found = west.describe_db_snapshots(DBSnapshotIdentifier="far")["DBSnapshots"][0]
    assert found["SourceDBSnapshotIdentifier"] == arn
    assert found["SourceRegion"] == "eu-north-1"
