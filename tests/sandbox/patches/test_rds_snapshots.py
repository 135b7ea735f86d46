"""RDS snapshots in the sandbox: they take their time, and are refused when they may not be."""

import pytest

from sandbox.clock import ManualClock
from tests.sandbox.conftest import ClientFactory, RefusalGetter
from tests.sandbox.patches.test_rds import KMS_KEY_ARN, create_main_database, read_database

SNAPSHOT_KEY = {"DBInstanceIdentifier": "main", "DBSnapshotIdentifier": "copy"}


def get_snapshot_status(rds: object, name: str = "copy") -> str:
    response = rds.describe_db_snapshots(DBSnapshotIdentifier=name)  # type: ignore[attr-defined]
    return str(response["DBSnapshots"][0]["Status"])


def test_a_snapshot_is_being_created_and_its_instance_backs_up(
    aws_client: ClientFactory, held_clock: ManualClock
) -> None:
    rds = aws_client("rds")
    create_main_database(rds)
    held_clock.advance(3600)
    rds.create_db_snapshot(**SNAPSHOT_KEY)
    assert (get_snapshot_status(rds), read_database(rds)["DBInstanceStatus"]) == (
        "creating",
        "backing-up",
    )
    held_clock.advance(180)
    assert (get_snapshot_status(rds), read_database(rds)["DBInstanceStatus"]) == (
        "available",
        "available",
    )


def test_a_snapshot_says_how_far_it_is(aws_client: ClientFactory, held_clock: ManualClock) -> None:
    rds = aws_client("rds")
    create_main_database(rds)
    held_clock.advance(3600)
    rds.create_db_snapshot(**SNAPSHOT_KEY)
    percents = []
    for _ in range(5):
        (snapshot,) = rds.describe_db_snapshots(DBSnapshotIdentifier="copy")["DBSnapshots"]
        percents.append(snapshot["PercentProgress"])
        held_clock.advance(30)
    assert percents == sorted(percents)
    assert percents[0] <= 1
    assert 45 <= percents[2] <= 55
    assert (percents[-1], get_snapshot_status(rds)) == (100, "available")


def test_a_snapshot_is_made_at_the_sandboxs_time(
    aws_client: ClientFactory, held_clock: ManualClock
) -> None:
    rds = aws_client("rds")
    create_main_database(rds)
    held_clock.advance(30 * 86400)
    snapshot = rds.create_db_snapshot(**SNAPSHOT_KEY)["DBSnapshot"]
    assert abs((snapshot["SnapshotCreateTime"] - held_clock.now()).total_seconds()) < 1


def test_a_busy_instance_is_not_saved(
    aws_client: ClientFactory, held_clock: ManualClock, get_refusal: RefusalGetter
) -> None:
    rds = aws_client("rds")
    create_main_database(rds)
    assert get_refusal(rds.create_db_snapshot, **SNAPSHOT_KEY)[0] == "InvalidDBInstanceState"
    held_clock.advance(3600)
    rds.create_db_snapshot(**SNAPSHOT_KEY)
    assert get_refusal(rds.create_db_snapshot, **SNAPSHOT_KEY)[0] == "DBSnapshotAlreadyExists"


def test_a_snapshot_that_is_not_whole_is_neither_copied_nor_deleted(
    aws_client: ClientFactory, held_clock: ManualClock, get_refusal: RefusalGetter
) -> None:
    rds = aws_client("rds")
    create_main_database(rds)
    held_clock.advance(3600)
    rds.create_db_snapshot(**SNAPSHOT_KEY)
    parameters = {"SourceDBSnapshotIdentifier": "copy", "TargetDBSnapshotIdentifier": "other"}
    assert get_refusal(rds.copy_db_snapshot, **parameters)[0] == "InvalidDBSnapshotState"
    gone = get_refusal(rds.delete_db_snapshot, DBSnapshotIdentifier="copy")
    assert gone[0] == "InvalidDBSnapshotState"


@pytest.mark.parametrize("encrypted", [True, False])
def test_between_regions_an_encrypted_snapshot_needs_a_key(
    aws_client: ClientFactory, get_refusal: RefusalGetter, encrypted: bool
) -> None:
    rds, west = aws_client("rds"), aws_client("rds", "eu-west-1")
    key = KMS_KEY_ARN.replace("eu-west-1", "eu-north-1")
    create_main_database(
        rds, StorageEncrypted=encrypted, **({"KmsKeyId": key} if encrypted else {})
    )
    arn = rds.create_db_snapshot(**SNAPSHOT_KEY)["DBSnapshot"]["DBSnapshotArn"]
    parameters = {
        "SourceDBSnapshotIdentifier": arn,
        "TargetDBSnapshotIdentifier": "far",
        "SourceRegion": "eu-north-1",
    }
    if encrypted:
        assert get_refusal(west.copy_db_snapshot, **parameters)[0] == "InvalidParameterCombination"
        key_arn = aws_client("kms", "eu-west-1").create_key()["KeyMetadata"]["Arn"]
        west.copy_db_snapshot(**parameters, KmsKeyId=key_arn)
    else:
        west.copy_db_snapshot(**parameters)
    snapshot = west.describe_db_snapshots(DBSnapshotIdentifier="far")["DBSnapshots"][0]
    assert snapshot["SourceDBSnapshotIdentifier"] == arn
    assert snapshot["SourceRegion"] == "eu-north-1"
