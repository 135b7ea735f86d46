"""Databases that are public, not backed up, not protected; snapshots that are shared."""

from typing import Any

import pytest

from ops.audit.databases import LEAST_BACKUP_DAYS
from tests.ops import db_stage
from tests.ops.audit.looks import mend, read_open
from tests.ops.every_command import open_command_line
from tests.ops.stage import Stage

KEY, SHARED_KEY, IMAGES_KEY = "database-protection", "shared-snapshots", "shared-images"
FOREIGN_ACCOUNT = "210987654321"
STACK_TAGS = [{"Key": "Project", "Value": "bulwark"}, {"Key": "Environment", "Value": "test"}]


def put_safe_database(stage: Stage) -> None:
    db_stage.put_database(
        stage,
        StorageEncrypted=True,
        DeletionProtection=True,
        BackupRetentionPeriod=LEAST_BACKUP_DAYS,
    )


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"PubliclyAccessible": True}, "public"),
        ({"BackupRetentionPeriod": 0}, "backups"),
        ({"BackupRetentionPeriod": 3}, "backups"),
    ],
)
def test_a_database_that_was_changed_is_mended(
    change: dict[str, Any], name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with open_command_line(put_safe_database) as (stage, run_line):
        assert read_open(run_line, capsys, KEY) == {}
        identifier = stage.outputs.database.identifier
        stage.client("rds").modify_db_instance(
            DBInstanceIdentifier=identifier, ApplyImmediately=True, **change
        )
        stage.clock.sleep(3600)
        (found,) = read_open(run_line, capsys, KEY).values()
        assert found["id"] == f"{KEY}/{identifier}/{name}"
        mend(stage, found)
        stage.clock.sleep(3600)
        assert read_open(run_line, capsys, KEY) == {}


def test_a_shared_snapshot_is_taken_back(capsys: pytest.CaptureFixture[str]) -> None:
    with open_command_line(put_safe_database) as (stage, run_line):
        rds = stage.client("rds")
        rds.create_db_snapshot(
            DBSnapshotIdentifier="by-hand",
            DBInstanceIdentifier=stage.outputs.database.identifier,
        )
        stage.clock.sleep(3600)
        before = set(read_open(run_line, capsys, SHARED_KEY))
        assert before == set()
        rds.modify_db_snapshot_attribute(
            DBSnapshotIdentifier="by-hand",
            AttributeName="restore",
            ValuesToAdd=["all", FOREIGN_ACCOUNT],
        )
        found = read_open(run_line, capsys, SHARED_KEY)
        assert {id_: f["severity"] for id_, f in found.items()} == {
            f"{SHARED_KEY}/by-hand/all": "critical",
            f"{SHARED_KEY}/by-hand/{FOREIGN_ACCOUNT}": "high",
        }
        for finding in found.values():
            assert finding["since"]
            mend(stage, finding)
        assert read_open(run_line, capsys, SHARED_KEY) == {}


def test_a_shared_snapshot_of_a_volume_is_taken_back(capsys: pytest.CaptureFixture[str]) -> None:
    with open_command_line(put_safe_database) as (stage, run_line):
        ec2 = stage.client("ec2")
        volume = ec2.create_volume(AvailabilityZone="eu-north-1a", Size=1)["VolumeId"]
        snapshot = ec2.create_snapshot(VolumeId=volume)["SnapshotId"]
        assert read_open(run_line, capsys, SHARED_KEY) == {}
        ec2.modify_snapshot_attribute(
            SnapshotId=snapshot,
            Attribute="createVolumePermission",
            OperationType="add",
            GroupNames=["all"],
        )
        ec2.modify_snapshot_attribute(
            SnapshotId=snapshot,
            Attribute="createVolumePermission",
            OperationType="add",
            UserIds=[FOREIGN_ACCOUNT],
        )
        found = read_open(run_line, capsys, SHARED_KEY)
        assert set(found) == {
            f"{SHARED_KEY}/{snapshot}/all",
            f"{SHARED_KEY}/{snapshot}/{FOREIGN_ACCOUNT}",
        }
        for finding in found.values():
            mend(stage, finding)
        assert read_open(run_line, capsys, SHARED_KEY) == {}


def test_a_shared_image_is_taken_back(capsys: pytest.CaptureFixture[str]) -> None:
    with open_command_line(put_safe_database) as (stage, run_line):
        ec2 = stage.client("ec2")
        base = ec2.register_image(Name="base")["ImageId"]
        (instance,) = ec2.run_instances(ImageId=base, MinCount=1, MaxCount=1)["Instances"]
        image = ec2.create_image(InstanceId=instance["InstanceId"], Name="ours")["ImageId"]
        ec2.create_tags(Resources=[image], Tags=STACK_TAGS)
        assert read_open(run_line, capsys, IMAGES_KEY) == {}
        ec2.modify_image_attribute(
            ImageId=image,
            Attribute="launchPermission",
            OperationType="add",
            UserIds=[FOREIGN_ACCOUNT],
        )
        (found,) = read_open(run_line, capsys, IMAGES_KEY).values()
        mend(stage, found)
        assert read_open(run_line, capsys, IMAGES_KEY) == {}
