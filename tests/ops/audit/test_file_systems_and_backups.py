"""File systems without encryption, and what AWS Backup did not save."""

import pytest

from tests.ops import db_stage
from tests.ops.audit.looks import mend, read_open
from tests.ops.audit_stage import put_vpc
from tests.ops.every_command import open_command_line
from tests.ops.stage import REGION, STACK_PREFIX, Stage

KEY, BACKUP_KEY = "file-system-encryption", "backup-coverage"
TAGS = [{"Key": "Project", "Value": "bulwark"}, {"Key": "Environment", "Value": "test"}]
OTHER_TAGS = [{"Key": "Project", "Value": "bulwark"}, {"Key": "Environment", "Value": "test-eu"}]


def put_file_systems(stage: Stage) -> None:
    put_vpc(stage)
    key = stage.client("kms").create_key()["KeyMetadata"]["Arn"]
    part = stage.outputs.stack.model_copy(update={"data_key_arn": key})
    stage.outputs = stage.outputs.model_copy(update={"stack": part})
    efs = stage.client("efs")
    efs.create_file_system(CreationToken="ours", Encrypted=True, Tags=TAGS)
    efs.create_file_system(CreationToken="theirs", Encrypted=False, Tags=OTHER_TAGS)


def test_a_file_system_is_replaced_by_an_encrypted_one(capsys: pytest.CaptureFixture[str]) -> None:
    with open_command_line(put_file_systems) as (stage, run_line):
        assert read_open(run_line, capsys, KEY) == {}
        efs = stage.client("efs")
        name = efs.create_file_system(CreationToken="plain", Encrypted=False, Tags=TAGS)[
            "FileSystemId"
        ]
        (finding,) = read_open(run_line, capsys, KEY).values()
        assert finding["id"] == f"{KEY}/{name}"
        assert "EFS.1" in finding["reason"]
        mend(stage, finding)
        (finding,) = read_open(run_line, capsys, KEY).values()
        assert finding["command"].startswith("aws efs delete-file-system")
        mend(stage, finding)
        assert read_open(run_line, capsys, KEY) == {}
        ours = [f for f in efs.describe_file_systems()["FileSystems"] if f["Tags"] == TAGS]
        assert [f["Encrypted"] for f in ours] == [True, True]


def put_data(stage: Stage) -> None:
    """A database, a volume, a file system and a table, and the vault of the stack."""
    db_stage.put_database(stage)
    stage.client("backup").create_backup_vault(BackupVaultName=f"{STACK_PREFIX}-backups")
    part = stage.outputs.backups.model_copy(
        update={
            "vault": f"{STACK_PREFIX}-backups",
            "role_arn": "arn:aws:iam::123456789012:role/backup",
        }
    )
    stage.outputs = stage.outputs.model_copy(update={"backups": part})
    specification = [{"ResourceType": "volume", "Tags": TAGS}]
    stage.client("ec2").create_volume(
        AvailabilityZone=f"{REGION}a", Size=8, TagSpecifications=specification
    )
    stage.client("efs").create_file_system(CreationToken="ours", Encrypted=True, Tags=TAGS)
    stage.client("dynamodb").create_table(
        TableName=f"{STACK_PREFIX}-sessions",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )


def test_what_was_not_saved_for_days_is_saved(capsys: pytest.CaptureFixture[str]) -> None:
    with open_command_line(put_data) as (stage, run_line):
        assert read_open(run_line, capsys, BACKUP_KEY) == {}
        stage.clock.sleep(3 * 86_400)
        findings = read_open(run_line, capsys, BACKUP_KEY)
        controls = sorted(finding["reason"] for finding in findings.values())
        assert controls == ["FSBP DynamoDB.4", "FSBP EC2.28", "FSBP EFS.2", "FSBP RDS.26"]
        for finding in findings.values():
            assert "no recovery point of it" in finding["evidence"]
            mend(stage, finding)
        assert read_open(run_line, capsys, BACKUP_KEY) == {}
        stage.clock.sleep(3 * 86_400)
        assert {f["evidence"] for f in read_open(run_line, capsys, BACKUP_KEY).values()} == {
            "AWS Backup has one of it, 3 days old; must be at most 2 days old"
        }
