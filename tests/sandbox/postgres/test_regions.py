"""PostgreSQL behind the sandbox's RDS: restores from backups that were replicated, or retained."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from botocore.exceptions import ClientError

from sandbox.aws import get_client
from sandbox.patches.rds.backups import LOG_UPLOAD_SECONDS, REPLICATION_LAG_SECONDS
from tests.sandbox.database_stage import REGION, Rds, servers

RECOVERY = "eu-west-1"


@pytest.fixture
def rds() -> Iterator[Rds]:
    with servers() as made:
        made.make()
        yield made


def replicated(rds: Rds) -> tuple[Rds, str]:
    """The recovery region, and the backups that were replicated there."""
    there = Rds(rds.held, rds.on, RECOVERY)
    source = rds.api.describe_db_instances()["DBInstances"][0]["DBInstanceArn"]
    made = there.api.start_db_instance_automated_backups_replication(SourceDBInstanceArn=source)
    rds.held.advance(3600)
    return there, made["DBInstanceAutomatedBackup"]["DBInstanceAutomatedBackupsArn"]


@pytest.mark.exhaustive
def test_a_region_away_there_is_what_had_been_replicated_by_then(rds: Rds) -> None:
    there, arn = replicated(rds)
    rds.write(1)
    rds.held.advance(1800)
    rds.write(2)  # not replicated yet
    rds.api.delete_db_instance(DBInstanceIdentifier="main", SkipFinalSnapshot=True)
    rds.held.advance(3600)
    (shown,) = there.api.describe_db_instance_automated_backups(DBInstanceAutomatedBackupsArn=arn)[
        "DBInstanceAutomatedBackups"
    ]
    last = shown["RestoreWindow"]["LatestTime"]
    assert shown["Status"] == "replicating"
    given = {"SourceDBInstanceAutomatedBackupsArn": arn}
    there.api.restore_db_instance_to_point_in_time(
        TargetDBInstanceIdentifier="main", UseLatestRestorableTime=True, **given
    )
    with pytest.raises(ClientError, match="can be restored to a time from"):
        there.api.restore_db_instance_to_point_in_time(
            TargetDBInstanceIdentifier="late",
            RestoreTime=last + timedelta(seconds=REPLICATION_LAG_SECONDS),
            **given,
        )
    rds.held.advance(3600)
    assert there.rows() == [1]
    seen = there.api.describe_db_instances(DBInstanceIdentifier="main")["DBInstances"][0]
    assert (seen["MultiAZ"], seen["DBInstanceArn"].split(":")[3]) == (False, RECOVERY)


def test_a_restored_one_has_the_defaults_of_its_region_and_the_key_of_its_backup() -> None:
    with servers() as rds:
        own = get_client("kms", REGION).create_key()["KeyMetadata"]["Arn"]
        rds.make(StorageEncrypted=True, KmsKeyId=own, DeletionProtection=True)
        there = Rds(rds.held, rds.on, RECOVERY)
        key = get_client("kms", RECOVERY).create_key()["KeyMetadata"]["Arn"]
        source = rds.api.describe_db_instances()["DBInstances"][0]
        given = {"SourceDBInstanceArn": source["DBInstanceArn"]}
        with pytest.raises(ClientError, match="need a KmsKeyId here"):
            there.api.start_db_instance_automated_backups_replication(**given)
        made = there.api.start_db_instance_automated_backups_replication(KmsKeyId=key, **given)
        rds.held.advance(3600)
        there.api.restore_db_instance_to_point_in_time(
            TargetDBInstanceIdentifier="main",
            UseLatestRestorableTime=True,
            SourceDBInstanceAutomatedBackupsArn=made["DBInstanceAutomatedBackup"][
                "DBInstanceAutomatedBackupsArn"
            ],
        )
        rds.held.advance(3600)
        (seen,) = there.api.describe_db_instances()["DBInstances"]
        ec2 = get_client("ec2", RECOVERY)
        (vpc,) = ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"]
        groups = ec2.describe_security_groups(
            Filters=[
                {"Name": "vpc-id", "Values": [vpc["VpcId"]]},
                {"Name": "group-name", "Values": ["default"]},
            ]
        )["SecurityGroups"]
        assert [g["VpcSecurityGroupId"] for g in seen["VpcSecurityGroups"]] == [
            g["GroupId"] for g in groups
        ]
        assert [g["DBParameterGroupName"] for g in seen["DBParameterGroups"]] == [
            "default.postgres16"
        ]
        assert (seen["KmsKeyId"], seen["StorageEncrypted"]) == (key, True)
        assert (seen["MultiAZ"], seen["DeletionProtection"]) == (False, False)
        assert seen["DbiResourceId"] != source["DbiResourceId"]


@pytest.mark.exhaustive
def test_a_copied_snapshot_has_its_data_there_when_the_source_and_its_region_are_gone(
    rds: Rds,
) -> None:
    rds.write(1)
    rds.api.create_db_snapshot(DBInstanceIdentifier="main", DBSnapshotIdentifier="s")
    rds.held.advance(900)
    arn = rds.api.describe_db_snapshots(DBSnapshotIdentifier="s")["DBSnapshots"][0]["DBSnapshotArn"]
    there = Rds(rds.held, rds.on, RECOVERY)
    there.api.copy_db_snapshot(
        SourceDBSnapshotIdentifier=arn, TargetDBSnapshotIdentifier="copy", SourceRegion=REGION
    )
    rds.held.advance(3600)
    rds.write(2)
    rds.api.delete_db_snapshot(DBSnapshotIdentifier="s")
    rds.api.delete_db_instance(DBInstanceIdentifier="main", SkipFinalSnapshot=True)
    rds.held.advance(3600)
    there.api.restore_db_instance_from_db_snapshot(
        DBInstanceIdentifier="main", DBSnapshotIdentifier="copy"
    )
    rds.held.advance(3600)
    assert there.rows() == [1]


def test_replicated_backups_go_as_far_as_the_source_went_before_it_was_lost(rds: Rds) -> None:
    there, arn = replicated(rds)
    rds.write(1)
    rds.held.advance(1800)
    gone = rds.held.now()
    rds.api.delete_db_instance(DBInstanceIdentifier="main", SkipFinalSnapshot=True)
    rds.held.advance(24 * 3600)
    (shown,) = there.api.describe_db_instance_automated_backups(DBInstanceAutomatedBackupsArn=arn)[
        "DBInstanceAutomatedBackups"
    ]
    last = shown["RestoreWindow"]["LatestTime"]
    assert (
        REPLICATION_LAG_SECONDS
        <= (gone - last).total_seconds()
        <= REPLICATION_LAG_SECONDS + LOG_UPLOAD_SECONDS
    ), "it does not go on"
    there.api.restore_db_instance_to_point_in_time(
        TargetDBInstanceIdentifier="main",
        RestoreTime=last,
        SourceDBInstanceAutomatedBackupsArn=arn,
    )
    rds.held.advance(3600)
    assert there.rows() == [1]


def test_backups_that_are_not_there_or_not_whole_are_refused(rds: Rds) -> None:
    there = Rds(rds.held, rds.on, RECOVERY)
    given = {"TargetDBInstanceIdentifier": "x", "UseLatestRestorableTime": True}
    arn = f"arn:aws:rds:{RECOVERY}:123456789012:auto-backup:ab-none"
    with pytest.raises(ClientError, match="DBInstanceAutomatedBackupNotFound"):
        there.api.restore_db_instance_to_point_in_time(
            SourceDBInstanceAutomatedBackupsArn=arn, **given
        )
    source = rds.api.describe_db_instances()["DBInstances"][0]["DBInstanceArn"]
    made = there.api.start_db_instance_automated_backups_replication(SourceDBInstanceArn=source)
    arn = made["DBInstanceAutomatedBackup"]["DBInstanceAutomatedBackupsArn"]
    with pytest.raises(ClientError, match="is pending"):
        there.api.restore_db_instance_to_point_in_time(
            SourceDBInstanceAutomatedBackupsArn=arn, **given
        )


def test_retained_backups_outlive_their_instance_and_others_do_not(rds: Rds) -> None:
    rds.write(1)
    rds.make("other")
    rds.held.advance(900)
    ids = {
        one["DBInstanceIdentifier"]: one["DbiResourceId"]
        for one in rds.api.describe_db_instances()["DBInstances"]
    }
    for name, along in (("main", False), ("other", True)):
        rds.api.delete_db_instance(
            DBInstanceIdentifier=name, SkipFinalSnapshot=True, DeleteAutomatedBackups=along
        )
    rds.held.advance(3600)
    kept = rds.api.describe_db_instance_automated_backups()["DBInstanceAutomatedBackups"]
    assert [(b["DBInstanceIdentifier"], b["Status"]) for b in kept] == [("main", "retained")]
    rds.api.restore_db_instance_to_point_in_time(
        SourceDbiResourceId=ids["main"],
        TargetDBInstanceIdentifier="main",
        UseLatestRestorableTime=True,
    )
    rds.held.advance(3600)
    assert rds.rows() == [1]
    with pytest.raises(ClientError, match="DBInstanceNotFound"):
        rds.api.restore_db_instance_to_point_in_time(
            SourceDbiResourceId=ids["other"],
            TargetDBInstanceIdentifier="again",
            UseLatestRestorableTime=True,
        )
