"""RDS in the sandbox: states take their time, changes wait, replicas and backups are real."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sandbox.clock import ManualClock, set_sandbox_clock
from sandbox.patches.rds.groups import APPLYING_DELAY_SECONDS, APPLYING_SECONDS
from tests.sandbox.conftest import ClientFactory, RefusalGetter

KMS_KEY_ARN = "arn:aws:kms:eu-west-1:123456789012:key/00000000-0000-4000-8000-000000000000"


def create_main_database(rds: Any, name: str = "main", **parameters: Any) -> dict[str, Any]:
    response = rds.create_db_instance(
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
            **parameters,
        },
    )
    instance: dict[str, Any] = response["DBInstance"]
    return instance


def read_database(rds: Any, name: str = "main") -> dict[str, Any]:
    instance: dict[str, Any] = rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][
        0
    ]
    return instance


def test_a_new_instance_is_created_then_backed_up_then_available(
    aws_client: ClientFactory, held_clock: ManualClock
) -> None:
    rds = aws_client("rds")
    create_main_database(rds, MultiAZ=True)
    states = []
    for minutes in (0, 7, 2, 2):
        held_clock.advance(60 * minutes)
        states.append(read_database(rds)["DBInstanceStatus"])
    assert states == ["creating", "creating", "backing-up", "available"]


def test_without_a_held_clock_an_instance_is_available_at_once(aws_client: ClientFactory) -> None:
    assert create_main_database(aws_client("rds"))["DBInstanceStatus"] == "available"


def test_an_instance_is_described_with_what_it_was_given(aws_client: ClientFactory) -> None:
    rds = aws_client("rds")
    create_main_database(
        rds,
        MultiAZ=True,
        EnablePerformanceInsights=True,
        PerformanceInsightsKMSKeyId=KMS_KEY_ARN,
        PerformanceInsightsRetentionPeriod=31,
    )
    instance = read_database(rds)
    assert instance["PerformanceInsightsEnabled"] is True
    assert instance["PerformanceInsightsKMSKeyId"] == KMS_KEY_ARN
    assert instance["PerformanceInsightsRetentionPeriod"] == 31
    assert (instance["Iops"], instance["StorageThroughput"]) == (3000, 125)
    assert instance["SecondaryAvailabilityZone"] != instance["AvailabilityZone"]
    assert instance["EngineVersion"].startswith("16.")
    assert instance["DBParameterGroups"][0]["DBParameterGroupName"] == "default.postgres16"


def test_each_instance_has_its_own_resource_id(aws_client: ClientFactory) -> None:
    rds = aws_client("rds")
    assert len({create_main_database(rds, name)["DbiResourceId"] for name in ("a", "b")}) == 2


def test_a_change_waits_for_the_window_unless_it_is_immediate(aws_client: ClientFactory) -> None:
    rds = aws_client("rds")
    create_main_database(rds)
    rds.modify_db_instance(DBInstanceIdentifier="main", DBInstanceClass="db.m7g.large")
    instance = read_database(rds)
    assert instance["DBInstanceClass"] == "db.t4g.small"
    assert instance["PendingModifiedValues"] == {"DBInstanceClass": "db.m7g.large"}
    rds.modify_db_instance(DBInstanceIdentifier="main", ApplyImmediately=True)
    assert read_database(rds)["DBInstanceClass"] == "db.m7g.large"
    assert read_database(rds)["PendingModifiedValues"] == {}


def test_an_instance_that_is_busy_is_not_modified(
    aws_client: ClientFactory, held_clock: ManualClock, get_refusal: RefusalGetter
) -> None:
    rds = aws_client("rds")
    create_main_database(rds)
    code, _ = get_refusal(rds.modify_db_instance, DBInstanceIdentifier="main", AllocatedStorage=40)
    assert code == "InvalidDBInstanceState"


def test_a_rename_onto_another_instance_is_refused(
    aws_client: ClientFactory, get_refusal: RefusalGetter
) -> None:
    rds = aws_client("rds")
    create_main_database(rds, "a")
    create_main_database(rds, "b")
    rename = {"DBInstanceIdentifier": "a", "NewDBInstanceIdentifier": "b"}
    code, _ = get_refusal(rds.modify_db_instance, **rename, ApplyImmediately=True)
    assert code == "DBInstanceAlreadyExists"


def test_an_instance_is_being_deleted_for_a_while(
    aws_client: ClientFactory, held_clock: ManualClock
) -> None:
    rds = aws_client("rds")
    create_main_database(rds)
    held_clock.advance(3600)
    rds.delete_db_instance(DBInstanceIdentifier="main", FinalDBSnapshotIdentifier="final")
    assert read_database(rds)["DBInstanceStatus"] == "deleting"
    held_clock.advance(3600)
    assert rds.describe_db_instances()["DBInstances"] == []
    assert rds.describe_db_snapshots(DBSnapshotIdentifier="final")["DBSnapshots"]


def test_a_protected_instance_is_not_deleted(
    aws_client: ClientFactory, get_refusal: RefusalGetter
) -> None:
    rds = aws_client("rds")
    create_main_database(rds, DeletionProtection=True)
    code, _ = get_refusal(
        rds.delete_db_instance, DBInstanceIdentifier="main", SkipFinalSnapshot=True
    )
    assert code == "InvalidParameterCombination"


def test_a_security_group_that_is_not_there_is_refused(
    aws_client: ClientFactory, get_refusal: RefusalGetter
) -> None:
    code, _ = get_refusal(
        lambda: create_main_database(
            aws_client("rds"), VpcSecurityGroupIds=["sg-0123456789abcdef0"]
        )
    )
    assert code == "InvalidParameterValue"


def test_a_replica_is_its_own_instance_and_can_be_promoted(aws_client: ClientFactory) -> None:
    rds = aws_client("rds")
    create_main_database(rds, EnableCloudwatchLogsExports=["postgresql"])
    rds.create_db_instance_read_replica(
        DBInstanceIdentifier="replica",
        SourceDBInstanceIdentifier="main",
        EnableCloudwatchLogsExports=["upgrade"],
    )
    replica = read_database(rds, "replica")
    assert replica["ReadReplicaSourceDBInstanceIdentifier"] == "main"
    assert replica["BackupRetentionPeriod"] == 0
    assert replica["EnabledCloudwatchLogsExports"] == ["upgrade"]
    assert replica["DbiResourceId"] != read_database(rds)["DbiResourceId"]
    assert read_database(rds)["ReadReplicaDBInstanceIdentifiers"] == ["replica"]
    rds.promote_read_replica(DBInstanceIdentifier="replica", BackupRetentionPeriod=7)
    assert "ReadReplicaSourceDBInstanceIdentifier" not in read_database(rds, "replica")
    assert read_database(rds)["ReadReplicaDBInstanceIdentifiers"] == []


def test_without_backups_there_is_no_replica(
    aws_client: ClientFactory, get_refusal: RefusalGetter
) -> None:
    rds = aws_client("rds")
    create_main_database(rds, BackupRetentionPeriod=0)
    code, message = get_refusal(
        rds.create_db_instance_read_replica,
        DBInstanceIdentifier="replica",
        SourceDBInstanceIdentifier="main",
    )
    assert code == "InvalidDBInstanceState"
    assert "Automated backups" in message


def test_backups_are_replicated_to_another_region(
    aws_client: ClientFactory, held_clock: ManualClock
) -> None:
    rds, west = aws_client("rds"), aws_client("rds", "eu-west-1")
    arn = create_main_database(rds, StorageEncrypted=True, KmsKeyId=KMS_KEY_ARN)["DBInstanceArn"]
    started = west.start_db_instance_automated_backups_replication(
        SourceDBInstanceArn=arn, KmsKeyId=KMS_KEY_ARN, BackupRetentionPeriod=7
    )["DBInstanceAutomatedBackup"]
    assert started["Status"] == "pending"
    held_clock.advance(3600)
    where = {"DBInstanceAutomatedBackupsArn": started["DBInstanceAutomatedBackupsArn"]}
    backup = west.describe_db_instance_automated_backups(**where)["DBInstanceAutomatedBackups"][0]
    assert (backup["Status"], backup["Region"]) == ("replicating", "eu-north-1")
    assert read_database(rds)["DBInstanceAutomatedBackupsReplications"] == [where]
    west.stop_db_instance_automated_backups_replication(SourceDBInstanceArn=arn)
    assert read_database(rds)["DBInstanceAutomatedBackupsReplications"] == []
    assert west.describe_db_instance_automated_backups()["DBInstanceAutomatedBackups"] == []


def test_backups_are_not_replicated_between_every_two_regions(
    aws_client: ClientFactory, get_refusal: RefusalGetter
) -> None:
    arn = create_main_database(aws_client("rds"))["DBInstanceArn"]
    code, message = get_refusal(
        aws_client("rds", "ap-south-1").start_db_instance_automated_backups_replication,
        SourceDBInstanceArn=arn,
    )
    assert (code, message) == (
        "InvalidParameterValue",
        "Feature is not available in region ap-south-1.",
    )


def test_an_instance_has_its_backups_in_its_own_region(aws_client: ClientFactory) -> None:
    rds = aws_client("rds")
    create_main_database(rds)
    create_main_database(rds, "unsaved", BackupRetentionPeriod=0)
    backups = rds.describe_db_instance_automated_backups()["DBInstanceAutomatedBackups"]
    assert [(b["DBInstanceIdentifier"], b["Status"]) for b in backups] == [("main", "active")]


def create_parameter_group(rds: Any) -> None:
    rds.create_db_parameter_group(
        DBParameterGroupName="group", DBParameterGroupFamily="postgres16", Description="d"
    )


def test_a_parameter_keeps_its_apply_method(aws_client: ClientFactory) -> None:
    rds = aws_client("rds")
    create_parameter_group(rds)
    static = {"ParameterName": "shared_preload_libraries", "ParameterValue": "x"}
    rds.modify_db_parameter_group(
        DBParameterGroupName="group", Parameters=[{**static, "ApplyMethod": "pending-reboot"}]
    )
    user_parameters = rds.describe_db_parameters(DBParameterGroupName="group", Source="user")[
        "Parameters"
    ]
    assert [(p["ApplyMethod"], p["Source"]) for p in user_parameters] == [
        ("pending-reboot", "user")
    ]
    rds.reset_db_parameter_group(DBParameterGroupName="group", ResetAllParameters=True)
    changed_parameters = rds.describe_db_parameters(DBParameterGroupName="group", Source="user")[
        "Parameters"
    ]
    assert changed_parameters == []


def test_every_parameter_is_described_with_its_allowed_values(aws_client: ClientFactory) -> None:
    rds = aws_client("rds")
    create_parameter_group(rds)
    pages = rds.get_paginator("describe_db_parameters").paginate(
        DBParameterGroupName="group", MaxRecords=20
    )
    parameters_by_name = {p["ParameterName"]: p for page in pages for p in page["Parameters"]}
    assert parameters_by_name["max_connections"]["ApplyType"] == "static"
    assert parameters_by_name["work_mem"]["AllowedValues"] == "64-2147483647"
    assert parameters_by_name["fsync"]["IsModifiable"] is False


@pytest.mark.parametrize(
    ("name", "method", "code"),
    [
        ("fsync", "pending-reboot", "InvalidParameterValue"),
        ("max_connections", "immediate", "InvalidParameterCombination"),
    ],
)
def test_an_invalid_parameter_or_apply_method_is_refused(
    aws_client: ClientFactory, get_refusal: RefusalGetter, name: str, method: str, code: str
) -> None:
    rds = aws_client("rds")
    create_parameter_group(rds)
    parameter = {"ParameterName": name, "ParameterValue": "1", "ApplyMethod": method}
    answer = get_refusal(
        rds.modify_db_parameter_group, DBParameterGroupName="group", Parameters=[parameter]
    )
    assert answer[0] == code


def test_a_static_parameter_waits_for_a_reboot(aws_client: ClientFactory) -> None:
    rds = aws_client("rds")
    create_parameter_group(rds)
    create_main_database(rds, DBParameterGroupName="group")
    change = {"ParameterName": "max_connections", "ParameterValue": "200"}
    rds.modify_db_parameter_group(
        DBParameterGroupName="group", Parameters=[{**change, "ApplyMethod": "pending-reboot"}]
    )
    assert read_database(rds)["DBParameterGroups"][0]["ParameterApplyStatus"] == "pending-reboot"
    rds.reboot_db_instance(DBInstanceIdentifier="main")
    assert read_database(rds)["DBParameterGroups"][0]["ParameterApplyStatus"] == "in-sync"


def test_a_parameter_group_in_use_is_not_deleted(
    aws_client: ClientFactory, get_refusal: RefusalGetter
) -> None:
    rds = aws_client("rds")
    create_parameter_group(rds)
    create_main_database(rds, DBParameterGroupName="group")
    code, _ = get_refusal(rds.delete_db_parameter_group, DBParameterGroupName="group")
    assert code == "InvalidDBParameterGroupState"


@pytest.mark.parametrize(("version", "family"), [("15", "postgres15"), ("17.6", "postgres17")])
def test_a_family_is_named_by_the_major_version(
    aws_client: ClientFactory, version: str, family: str
) -> None:
    instance = create_main_database(aws_client("rds"), EngineVersion=version)
    assert instance["DBParameterGroups"][0]["DBParameterGroupName"] == f"default.{family}"


def read_group_status(rds: Any) -> str:
    (instance,) = rds.describe_db_instances()["DBInstances"]
    return str(instance["DBParameterGroups"][0]["ParameterApplyStatus"])


def test_a_parameter_is_applied_for_a_while(
    aws_client: ClientFactory, held_clock: ManualClock
) -> None:
    rds = aws_client("rds")
    create_parameter_group(rds)
    create_main_database(rds, DBParameterGroupName="group")
    held_clock.advance(3600)
    assert read_group_status(rds) == "in-sync"
    dynamic = {"ParameterName": "work_mem", "ParameterValue": "8192", "ApplyMethod": "immediate"}
    rds.modify_db_parameter_group(DBParameterGroupName="group", Parameters=[dynamic])
    assert read_group_status(rds) == "in-sync", "it does not show at once"
    held_clock.advance(APPLYING_DELAY_SECONDS)
    assert read_group_status(rds) == "applying"
    held_clock.advance(APPLYING_SECONDS)
    assert read_group_status(rds) == "in-sync"
    static = {
        "ParameterName": "max_connections",
        "ParameterValue": "200",
        "ApplyMethod": "pending-reboot",
    }
    rds.modify_db_parameter_group(DBParameterGroupName="group", Parameters=[dynamic, static])
    held_clock.advance(APPLYING_DELAY_SECONDS)
    assert read_group_status(rds) == "applying"
    held_clock.advance(APPLYING_SECONDS)
    assert read_group_status(rds) == "pending-reboot"


def test_the_latest_restorable_time_is_never_now(aws_client: ClientFactory) -> None:
    five_past = ManualClock(datetime(2096, 11, 21, 12, 5, tzinfo=UTC))
    previous_clock = set_sandbox_clock(five_past)
    try:
        rds = aws_client("rds")
        create_main_database(rds, BackupRetentionPeriod=7)
        five_past.advance(3600)
        (instance,) = rds.describe_db_instances()["DBInstances"]
        assert five_past.now() - instance["LatestRestorableTime"] == timedelta(minutes=5)
        five_past.advance(60)
        (instance,) = rds.describe_db_instances()["DBInstances"]
        assert five_past.now() - instance["LatestRestorableTime"] == timedelta(minutes=1)
    finally:
        set_sandbox_clock(previous_clock)
