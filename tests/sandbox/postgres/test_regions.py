"""PostgreSQL behind the sandbox's RDS: restores from backups that were replicated, or retained."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from botocore.exceptions import ClientError

from sandbox.aws import get_client
from sandbox.patches.rds.backups import (
    LOG_AVAILABLE_SECONDS,
    LOG_UPLOAD_SECONDS,
    REPLICATION_LAG_SECONDS,
)
from tests.sandbox.database_stage import REGION, DatabaseStage, open_database_stage

RECOVERY_REGION = "eu-west-1"


@pytest.fixture
def database_stage() -> Iterator[DatabaseStage]:
    with open_database_stage() as opened_stage:
        opened_stage.create_instance()
        yield opened_stage


def start_replication(database_stage: DatabaseStage) -> tuple[DatabaseStage, str]:
    """The recovery region, and the backups that were replicated there."""
    recovery_stage = DatabaseStage(
        database_stage.held_clock, database_stage.postgres_servers, RECOVERY_REGION
    )
    source = database_stage.api.describe_db_instances()["DBInstances"][0]["DBInstanceArn"]
    response = recovery_stage.api.start_db_instance_automated_backups_replication(
        SourceDBInstanceArn=source
    )
    database_stage.held_clock.advance(3600)
    return recovery_stage, response["DBInstanceAutomatedBackup"]["DBInstanceAutomatedBackupsArn"]


@pytest.mark.exhaustive
def test_a_restore_in_another_region_has_the_rows_replicated_by_then(
    database_stage: DatabaseStage,
) -> None:
    recovery_stage, arn = start_replication(database_stage)
    database_stage.insert_rows(1)
    database_stage.held_clock.advance(1800)
    database_stage.insert_rows(2)  # not replicated yet
    database_stage.api.delete_db_instance(DBInstanceIdentifier="main", SkipFinalSnapshot=True)
    database_stage.held_clock.advance(3600)
    (shown,) = recovery_stage.api.describe_db_instance_automated_backups(
        DBInstanceAutomatedBackupsArn=arn
    )["DBInstanceAutomatedBackups"]
    last = shown["RestoreWindow"]["LatestTime"]
    assert shown["Status"] == "replicating"
    parameters = {"SourceDBInstanceAutomatedBackupsArn": arn}
    recovery_stage.api.restore_db_instance_to_point_in_time(
        TargetDBInstanceIdentifier="main", UseLatestRestorableTime=True, **parameters
    )
    with pytest.raises(ClientError, match="can be restored to a time from"):
        recovery_stage.api.restore_db_instance_to_point_in_time(
            TargetDBInstanceIdentifier="late",
            RestoreTime=last + timedelta(seconds=REPLICATION_LAG_SECONDS),
            **parameters,
        )
    database_stage.held_clock.advance(3600)
    assert recovery_stage.list_rows() == [1]
    instance = recovery_stage.api.describe_db_instances(DBInstanceIdentifier="main")["DBInstances"][
        0
    ]
    assert (instance["MultiAZ"], instance["DBInstanceArn"].split(":")[3]) == (
        False,
        RECOVERY_REGION,
    )


def test_a_restored_instance_has_regional_defaults_and_its_backups_key() -> None:
    with open_database_stage() as rds:
        key_arn = get_client("kms", REGION).create_key()["KeyMetadata"]["Arn"]
        rds.create_instance(StorageEncrypted=True, KmsKeyId=key_arn, DeletionProtection=True)
        recovery_stage = DatabaseStage(rds.held_clock, rds.postgres_servers, RECOVERY_REGION)
        key = get_client("kms", RECOVERY_REGION).create_key()["KeyMetadata"]["Arn"]
        source = rds.api.describe_db_instances()["DBInstances"][0]
        parameters = {"SourceDBInstanceArn": source["DBInstanceArn"]}
        with pytest.raises(ClientError, match="need a KmsKeyId here"):
            recovery_stage.api.start_db_instance_automated_backups_replication(**parameters)
        response = recovery_stage.api.start_db_instance_automated_backups_replication(
            KmsKeyId=key, **parameters
        )
        rds.held_clock.advance(3600)
        recovery_stage.api.restore_db_instance_to_point_in_time(
            TargetDBInstanceIdentifier="main",
            UseLatestRestorableTime=True,
            SourceDBInstanceAutomatedBackupsArn=response["DBInstanceAutomatedBackup"][
                "DBInstanceAutomatedBackupsArn"
            ],
        )
        rds.held_clock.advance(3600)
        (instance,) = recovery_stage.api.describe_db_instances()["DBInstances"]
        ec2 = get_client("ec2", RECOVERY_REGION)
        (vpc,) = ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"]
        groups = ec2.describe_security_groups(
            Filters=[
                {"Name": "vpc-id", "Values": [vpc["VpcId"]]},
                {"Name": "group-name", "Values": ["default"]},
            ]
        )["SecurityGroups"]
        assert [g["VpcSecurityGroupId"] for g in instance["VpcSecurityGroups"]] == [
            g["GroupId"] for g in groups
        ]
        assert [g["DBParameterGroupName"] for g in instance["DBParameterGroups"]] == [
            "default.postgres16"
        ]
        assert (instance["KmsKeyId"], instance["StorageEncrypted"]) == (key, True)
        assert (instance["MultiAZ"], instance["DeletionProtection"]) == (False, False)
        assert instance["DbiResourceId"] != source["DbiResourceId"]


@pytest.mark.exhaustive
def test_a_copied_snapshot_has_its_data_there_when_the_source_and_its_region_are_gone(
    database_stage: DatabaseStage,
) -> None:
    database_stage.insert_rows(1)
    database_stage.api.create_db_snapshot(DBInstanceIdentifier="main", DBSnapshotIdentifier="s")
    database_stage.held_clock.advance(900)
    arn = database_stage.api.describe_db_snapshots(DBSnapshotIdentifier="s")["DBSnapshots"][0][
        "DBSnapshotArn"
    ]
    recovery_stage = DatabaseStage(
        database_stage.held_clock, database_stage.postgres_servers, RECOVERY_REGION
    )
    recovery_stage.api.copy_db_snapshot(
        SourceDBSnapshotIdentifier=arn, TargetDBSnapshotIdentifier="copy", SourceRegion=REGION
    )
    database_stage.held_clock.advance(3600)
    database_stage.insert_rows(2)
    database_stage.api.delete_db_snapshot(DBSnapshotIdentifier="s")
    database_stage.api.delete_db_instance(DBInstanceIdentifier="main", SkipFinalSnapshot=True)
    database_stage.held_clock.advance(3600)
    recovery_stage.api.restore_db_instance_from_db_snapshot(
        DBInstanceIdentifier="main", DBSnapshotIdentifier="copy"
    )
    database_stage.held_clock.advance(3600)
    assert recovery_stage.list_rows() == [1]


def test_replicated_backups_go_as_far_as_the_source_went_before_it_was_lost(
    database_stage: DatabaseStage,
) -> None:
    recovery_stage, arn = start_replication(database_stage)
    database_stage.insert_rows(1)
    database_stage.held_clock.advance(1800)
    gone = database_stage.held_clock.now()
    database_stage.api.delete_db_instance(DBInstanceIdentifier="main", SkipFinalSnapshot=True)
    database_stage.held_clock.advance(24 * 3600)
    (shown,) = recovery_stage.api.describe_db_instance_automated_backups(
        DBInstanceAutomatedBackupsArn=arn
    )["DBInstanceAutomatedBackups"]
    last = shown["RestoreWindow"]["LatestTime"]
    assert (
        REPLICATION_LAG_SECONDS
        <= (gone - last).total_seconds()
        <= REPLICATION_LAG_SECONDS + LOG_AVAILABLE_SECONDS + LOG_UPLOAD_SECONDS
    ), "it does not go on"
    recovery_stage.api.restore_db_instance_to_point_in_time(
        TargetDBInstanceIdentifier="main",
        RestoreTime=last,
        SourceDBInstanceAutomatedBackupsArn=arn,
    )
    database_stage.held_clock.advance(3600)
    assert recovery_stage.list_rows() == [1]


def test_backups_that_are_not_there_or_not_whole_are_refused(database_stage: DatabaseStage) -> None:
    recovery_stage = DatabaseStage(
        database_stage.held_clock, database_stage.postgres_servers, RECOVERY_REGION
    )
    parameters = {"TargetDBInstanceIdentifier": "x", "UseLatestRestorableTime": True}
    arn = f"arn:aws:rds:{RECOVERY_REGION}:123456789012:auto-backup:ab-none"
    with pytest.raises(ClientError, match="DBInstanceAutomatedBackupNotFound"):
        recovery_stage.api.restore_db_instance_to_point_in_time(
            SourceDBInstanceAutomatedBackupsArn=arn, **parameters
        )
    source = database_stage.api.describe_db_instances()["DBInstances"][0]["DBInstanceArn"]
    response = recovery_stage.api.start_db_instance_automated_backups_replication(
        SourceDBInstanceArn=source
    )
    arn = response["DBInstanceAutomatedBackup"]["DBInstanceAutomatedBackupsArn"]
    with pytest.raises(ClientError, match="is pending"):
        recovery_stage.api.restore_db_instance_to_point_in_time(
            SourceDBInstanceAutomatedBackupsArn=arn, **parameters
        )


def test_retained_backups_outlive_their_instance_and_others_do_not(
    database_stage: DatabaseStage,
) -> None:
    database_stage.insert_rows(1)
    database_stage.create_instance("other")
    database_stage.held_clock.advance(900)
    ids = {
        instance["DBInstanceIdentifier"]: instance["DbiResourceId"]
        for instance in database_stage.api.describe_db_instances()["DBInstances"]
    }
    for name, along in (("main", False), ("other", True)):
        database_stage.api.delete_db_instance(
            DBInstanceIdentifier=name, SkipFinalSnapshot=True, DeleteAutomatedBackups=along
        )
    database_stage.held_clock.advance(3600)
    retained_backups = database_stage.api.describe_db_instance_automated_backups()[
        "DBInstanceAutomatedBackups"
    ]
    assert [(b["DBInstanceIdentifier"], b["Status"]) for b in retained_backups] == [
        ("main", "retained")
    ]
    database_stage.api.restore_db_instance_to_point_in_time(
        SourceDbiResourceId=ids["main"],
        TargetDBInstanceIdentifier="main",
        UseLatestRestorableTime=True,
    )
    database_stage.held_clock.advance(3600)
    assert database_stage.list_rows() == [1]
    with pytest.raises(ClientError, match="DBInstanceNotFound"):
        database_stage.api.restore_db_instance_to_point_in_time(
            SourceDbiResourceId=ids["other"],
            TargetDBInstanceIdentifier="again",
            UseLatestRestorableTime=True,
        )
