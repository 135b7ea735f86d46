"""Databases and a cache that are public, open or not backed up; snapshots that are shared."""

from typing import Any

import pytest

from ops.audit.databases import LEAST_BACKUP_DAYS
from ops.core.checks import REPAIR_COMMAND
from tests.ops import db_stage
from tests.ops.audit.looks import find_audit_findings, mend, read_open
from tests.ops.aws_lines import run_aws_line
from tests.ops.every_command import open_command_line
from tests.ops.metric_stage import put_cache
from tests.ops.procedures.recover import put_primary_secret
from tests.ops.stage import REGION, Stage, open_stage
from tests.ops.typed_lines import put_operations_bucket

KEY, CACHE_KEY = "database-protection", "cache-protection"
SHARED_KEY, IMAGES_KEY = "shared-snapshots", "shared-images"
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


def put_unencrypted_database(stage: Stage) -> None:
    db_stage.put_database(
        stage, StorageEncrypted=False, DeletionProtection=True, BackupRetentionPeriod=7
    )
    put_primary_secret(stage)
    key = stage.client("kms").create_key()["KeyMetadata"]["Arn"]
    part = stage.outputs.stack.model_copy(update={"data_key_arn": key})
    stage.outputs = stage.outputs.model_copy(update={"stack": part, "services": None})


def test_an_unencrypted_database_is_replaced_by_an_encrypted_copy(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with open_command_line(put_unencrypted_database) as (stage, run_line):
        primary = stage.outputs.database.identifier
        (finding,) = read_open(run_line, capsys, KEY).values()
        assert finding["id"] == f"{KEY}/{primary}/encryption"
        assert finding["severity"] == "critical"
        assert "`ops recover snapshot`" in finding["evidence"]
        assert "`ops recover promote`" in finding["evidence"]
        mend(stage, finding, run_line)
        snapshots = stage.client("rds").describe_db_snapshots(SnapshotType="manual")["DBSnapshots"]
        (copy,) = (s for s in snapshots if s["Encrypted"])
        assert copy["KmsKeyId"] == stage.outputs.stack.data_key_arn
        name = copy["DBSnapshotIdentifier"]
        assert run_line(f"recover snapshot {name} --name encrypted --no-sql --yes") == 0
        assert run_line(f"recover promote {primary}-encrypted --by rename --no-sql --yes") == 0
        assert db_stage.describe_database(stage)["StorageEncrypted"]
        left = {f["subject"]: f for f in read_open(run_line, capsys, KEY).values()}
        assert primary not in left
        # The replaced primary stays until it is discarded.
        for finding in left.values():
            assert finding["command"] == f"ops recover discard {finding['subject']}"


def test_an_unencrypted_snapshot_is_copied_encrypted_and_deleted(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with open_command_line(put_unencrypted_database) as (stage, run_line):
        assert run_line("db snapshot create --yes") == 0
        (finding,) = read_open(run_line, capsys, SHARED_KEY).values()
        assert finding["id"].endswith("/encryption")
        mend(stage, finding, run_line)
        assert read_open(run_line, capsys, SHARED_KEY) == {}
        snapshots = stage.client("rds").describe_db_snapshots(SnapshotType="manual")["DBSnapshots"]
        assert [s["Encrypted"] for s in snapshots] == [True]


def test_what_is_encrypted_is_not_encrypted_again(capsys: pytest.CaptureFixture[str]) -> None:
    with open_command_line(put_safe_database) as (_, run_line):
        assert run_line("db snapshot create --yes") == 0
        capsys.readouterr()
        assert run_line("db snapshot copy --encrypt --yes") == 2
        error = capsys.readouterr().err
        assert "--encrypt needs a snapshot without encryption; bulwark-test-database-" in error


def test_a_database_without_deletion_protection_in_a_protected_stack() -> None:
    with open_stage() as stage:
        db_stage.put_database(stage, StorageEncrypted=True, BackupRetentionPeriod=LEAST_BACKUP_DAYS)
        put_operations_bucket(stage)
        protected = stage.outputs.stack.model_copy(update={"protect": True})
        stage.outputs = stage.outputs.model_copy(update={"stack": protected})

        (finding,) = find_audit_findings(stage, KEY)
        assert finding.id == f"{KEY}/{stage.outputs.database.identifier}/deletion"
        assert finding.severity == "high"
        run_aws_line(stage.client, finding.command, REGION)
        stage.clock.sleep(3600)
        assert find_audit_findings(stage, KEY) == []


def put_open_cache(stage: Stage) -> None:
    put_cache(stage)
    stage.clock.sleep(3600)


def test_a_cache_without_encryption_is_found_and_gets_tls(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with open_command_line(put_open_cache) as (stage, run_line):
        cache = stage.outputs.cache
        assert cache is not None
        findings = read_open(run_line, capsys, CACHE_KEY)
        prefix = f"{CACHE_KEY}/{cache.identifier}"
        assert set(findings) == {f"{prefix}/at-rest", f"{prefix}/in-transit"}
        assert findings[f"{prefix}/at-rest"]["command"] == REPAIR_COMMAND
        mend(stage, findings[f"{prefix}/in-transit"])
        stage.clock.sleep(3600)
        left = read_open(run_line, capsys, CACHE_KEY)
        assert set(left) == {f"{prefix}/at-rest", f"{prefix}/token"}
        rotation = f"rotate-secret --region {REGION} --secret-id {cache.secret_arn}"
        assert left[f"{prefix}/token"]["command"] == f"aws secretsmanager {rotation}"
        # What a rotation of the token does.
        stage.client("elasticache").modify_replication_group(
            ReplicationGroupId=cache.identifier,
            AuthToken="a-token-of-the-test-1234",
            AuthTokenUpdateStrategy="ROTATE",
            ApplyImmediately=True,
        )
        stage.clock.sleep(3600)
        assert set(read_open(run_line, capsys, CACHE_KEY)) == {f"{prefix}/at-rest"}


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
