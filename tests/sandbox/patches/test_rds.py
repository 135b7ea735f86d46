"""RDS in the sandbox: states take their time, changes wait, replicas and backups are real."""

from typing import Any

import pytest

from sandbox.clock import ManualClock
from tests.sandbox.conftest import Clients, Refusal

KEY = "arn:aws:kms:eu-west-1:123456789012:key/00000000-0000-4000-8000-000000000000"


def create(rds: Any, name: str = "main", **given: Any) -> dict[str, Any]:
    made = rds.create_db_instance(
        DBInstanceIdentifier=name,
        **{
            "DBInstanceClass": "db.t4g.small",
            "Engine": "postgres",
            "EngineVersion": "16",
            "MasterUsername": "bulwark_admin",
            "MasterUserPassword": "Aa1-Aa1-Aa1",
            "AllocatedStorage": 20,
            "StorageType": "gp3",
            "BackupRetentionPeriod": 7,
            **given,
        },
    )
    instance: dict[str, Any] = made["DBInstance"]
    return instance


def seen(rds: Any, name: str = "main") -> dict[str, Any]:
    found: dict[str, Any] = rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]
    return found


def test_a_new_instance_is_created_then_backed_up_then_available(
    mended: Clients, held: ManualClock
) -> None:
    rds = mended("rds")
    create(rds, MultiAZ=True)
    states = []
    for minutes in (0, 7, 2, 2):
        held.advance(60 * minutes)
        states.append(seen(rds)["DBInstanceStatus"])
    assert states == ["creating", "creating", "backing-up", "available"]


def test_without_a_held_clock_an_instance_is_available_at_once(mended: Clients) -> None:
    assert create(mended("rds"))["DBInstanceStatus"] == "available"


def test_an_instance_is_described_with_what_it_was_given(mended: Clients) -> None:
    rds = mended("rds")
    create(
        rds,
        MultiAZ=True,
        EnablePerformanceInsights=True,
        PerformanceInsightsKMSKeyId=KEY,
        PerformanceInsightsRetentionPeriod=31,
    )
    found = seen(rds)
    assert found["PerformanceInsightsEnabled"] is True
    assert found["PerformanceInsightsKMSKeyId"] == KEY
    assert found["PerformanceInsightsRetentionPeriod"] == 31
    assert (found["Iops"], found["StorageThroughput"]) == (3000, 125)
    assert found["SecondaryAvailabilityZone"] != found["AvailabilityZone"]
    assert found["EngineVersion"].startswith("16.")
    assert found["DBParameterGroups"][0]["DBParameterGroupName"] == "default.postgres16"


def test_each_instance_has_its_own_resource_id(mended: Clients) -> None:
    rds = mended("rds")
    assert len({create(rds, name)["DbiResourceId"] for name in ("a", "b")}) == 2


def test_a_change_waits_for_the_window_unless_it_is_immediate(mended: Clients) -> None:
    rds = mended("rds")
    create(rds)
    rds.modify_db_instance(DBInstanceIdentifier="main", DBInstanceClass="db.m7g.large")
    found = seen(rds)
    assert found["DBInstanceClass"] == "db.t4g.small"
    assert found["PendingModifiedValues"] == {"DBInstanceClass": "db.m7g.large"}
    rds.modify_db_instance(DBInstanceIdentifier="main", ApplyImmediately=True)
    assert seen(rds)["DBInstanceClass"] == "db.m7g.large"
    assert seen(rds)["PendingModifiedValues"] == {}


def test_an_instance_that_is_busy_is_not_modified(
    mended: Clients, held: ManualClock, refused: Refusal
) -> None:
    rds = mended("rds")
    create(rds)
    code, _ = refused(rds.modify_db_instance, DBInstanceIdentifier="main", AllocatedStorage=40)
    assert code == "InvalidDBInstanceState"


def test_a_rename_onto_another_instance_is_refused(mended: Clients, refused: Refusal) -> None:
    rds = mended("rds")
    create(rds, "a")
    create(rds, "b")
    rename = {"DBInstanceIdentifier": "a", "NewDBInstanceIdentifier": "b"}
    code, _ = refused(rds.modify_db_instance, **rename, ApplyImmediately=True)
    assert code == "DBInstanceAlreadyExists"


def test_an_instance_is_being_deleted_for_a_while(mended: Clients, held: ManualClock) -> None:
    rds = mended("rds")
    create(rds)
    held.advance(3600)
    rds.delete_db_instance(DBInstanceIdentifier="main", FinalDBSnapshotIdentifier="final")
    assert seen(rds)["DBInstanceStatus"] == "deleting"
    held.advance(3600)
    assert rds.describe_db_instances()["DBInstances"] == []
    assert rds.describe_db_snapshots(DBSnapshotIdentifier="final")["DBSnapshots"]


def test_a_protected_instance_is_not_deleted(mended: Clients, refused: Refusal) -> None:
    rds = mended("rds")
    create(rds, DeletionProtection=True)
    code, _ = refused(rds.delete_db_instance, DBInstanceIdentifier="main", SkipFinalSnapshot=True)
    assert code == "InvalidParameterCombination"


def test_a_security_group_that_is_not_there_is_refused(mended: Clients, refused: Refusal) -> None:
    code, _ = refused(lambda: create(mended("rds"), VpcSecurityGroupIds=["sg-0123456789abcdef0"]))
    assert code == "InvalidParameterValue"


def test_a_replica_is_its_own_instance_and_can_be_promoted(mended: Clients) -> None:
    rds = mended("rds")
    create(rds, EnableCloudwatchLogsExports=["postgresql"])
    rds.create_db_instance_read_replica(
        DBInstanceIdentifier="replica",
        SourceDBInstanceIdentifier="main",
        EnableCloudwatchLogsExports=["upgrade"],
    )
    replica = seen(rds, "replica")
    assert replica["ReadReplicaSourceDBInstanceIdentifier"] == "main"
    assert replica["BackupRetentionPeriod"] == 0
    assert replica["EnabledCloudwatchLogsExports"] == ["upgrade"]
    assert replica["DbiResourceId"] != seen(rds)["DbiResourceId"]
    assert seen(rds)["ReadReplicaDBInstanceIdentifiers"] == ["replica"]
    rds.promote_read_replica(DBInstanceIdentifier="replica", BackupRetentionPeriod=7)
    assert "ReadReplicaSourceDBInstanceIdentifier" not in seen(rds, "replica")
    assert seen(rds)["ReadReplicaDBInstanceIdentifiers"] == []


def test_without_backups_there_is_no_replica(mended: Clients, refused: Refusal) -> None:
    rds = mended("rds")
    create(rds, BackupRetentionPeriod=0)
    code, message = refused(
        rds.create_db_instance_read_replica,
        DBInstanceIdentifier="replica",
        SourceDBInstanceIdentifier="main",
    )
    assert code == "InvalidDBInstanceState"
    assert "Automated backups" in message


def test_backups_are_replicated_to_another_region(mended: Clients, held: ManualClock) -> None:
    rds, west = mended("rds"), mended("rds", "eu-west-1")
    arn = create(rds, StorageEncrypted=True, KmsKeyId=KEY)["DBInstanceArn"]
    started = west.start_db_instance_automated_backups_replication(
        SourceDBInstanceArn=arn, KmsKeyId=KEY, BackupRetentionPeriod=7
    )["DBInstanceAutomatedBackup"]
    assert started["Status"] == "pending"
    held.advance(3600)
    where = {"DBInstanceAutomatedBackupsArn": started["DBInstanceAutomatedBackupsArn"]}
    found = west.describe_db_instance_automated_backups(**where)["DBInstanceAutomatedBackups"][0]
    assert (found["Status"], found["Region"]) == ("replicating", "eu-north-1")
    assert seen(rds)["DBInstanceAutomatedBackupsReplications"] == [where]
    west.stop_db_instance_automated_backups_replication(SourceDBInstanceArn=arn)
    assert seen(rds)["DBInstanceAutomatedBackupsReplications"] == []
    assert west.describe_db_instance_automated_backups()["DBInstanceAutomatedBackups"] == []


def test_an_instance_has_its_backups_in_its_own_region(mended: Clients) -> None:
    rds = mended("rds")
    create(rds)
    create(rds, "unsaved", BackupRetentionPeriod=0)
    found = rds.describe_db_instance_automated_backups()["DBInstanceAutomatedBackups"]
    assert [(b["DBInstanceIdentifier"], b["Status"]) for b in found] == [("main", "active")]


def parameter_group(rds: Any) -> None:
    rds.create_db_parameter_group(
        DBParameterGroupName="group", DBParameterGroupFamily="postgres16", Description="d"
    )


def test_a_parameter_keeps_its_apply_method(mended: Clients) -> None:
    rds = mended("rds")
    parameter_group(rds)
    static = {"ParameterName": "shared_preload_libraries", "ParameterValue": "x"}
    rds.modify_db_parameter_group(
        DBParameterGroupName="group", Parameters=[{**static, "ApplyMethod": "pending-reboot"}]
    )
    found = rds.describe_db_parameters(DBParameterGroupName="group", Source="user")["Parameters"]
    assert [(p["ApplyMethod"], p["Source"]) for p in found] == [("pending-reboot", "user")]
    rds.reset_db_parameter_group(DBParameterGroupName="group", ResetAllParameters=True)
    own = rds.describe_db_parameters(DBParameterGroupName="group", Source="user")["Parameters"]
    assert own == []


def test_every_parameter_is_described_with_what_it_may_be(mended: Clients) -> None:
    rds = mended("rds")
    parameter_group(rds)
    pages = rds.get_paginator("describe_db_parameters").paginate(
        DBParameterGroupName="group", MaxRecords=20
    )
    found = {p["ParameterName"]: p for page in pages for p in page["Parameters"]}
    assert found["max_connections"]["ApplyType"] == "static"
    assert found["work_mem"]["AllowedValues"] == "64-2147483647"
    assert found["fsync"]["IsModifiable"] is False


@pytest.mark.parametrize(
    ("name", "method", "code"),
    [
        ("fsync", "pending-reboot", "InvalidParameterValue"),
        ("max_connections", "immediate", "InvalidParameterCombination"),
    ],
)
def test_a_parameter_that_cannot_be_set_so_is_refused(
    mended: Clients, refused: Refusal, name: str, method: str, code: str
) -> None:
    rds = mended("rds")
    parameter_group(rds)
    one = {"ParameterName": name, "ParameterValue": "1", "ApplyMethod": method}
    answer = refused(rds.modify_db_parameter_group, DBParameterGroupName="group", Parameters=[one])
    assert answer[0] == code


def test_a_static_parameter_waits_for_a_reboot(mended: Clients) -> None:
    rds = mended("rds")
    parameter_group(rds)
    create(rds, DBParameterGroupName="group")
    change = {"ParameterName": "max_connections", "ParameterValue": "200"}
    rds.modify_db_parameter_group(
        DBParameterGroupName="group", Parameters=[{**change, "ApplyMethod": "pending-reboot"}]
    )
    assert seen(rds)["DBParameterGroups"][0]["ParameterApplyStatus"] == "pending-reboot"
    rds.reboot_db_instance(DBInstanceIdentifier="main")
    assert seen(rds)["DBParameterGroups"][0]["ParameterApplyStatus"] == "in-sync"


def test_a_parameter_group_in_use_is_not_deleted(mended: Clients, refused: Refusal) -> None:
    rds = mended("rds")
    parameter_group(rds)
    create(rds, DBParameterGroupName="group")
    code, _ = refused(rds.delete_db_parameter_group, DBParameterGroupName="group")
    assert code == "InvalidDBParameterGroupState"


@pytest.mark.parametrize(("wanted", "family"), [("15", "postgres15"), ("17.6", "postgres17")])
def test_a_family_is_named_by_the_major_version(mended: Clients, wanted: str, family: str) -> None:
    found = create(mended("rds"), EngineVersion=wanted)
    assert found["DBParameterGroups"][0]["DBParameterGroupName"] == f"default.{family}"
