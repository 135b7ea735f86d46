"""RDS in the sandbox: a restored instance has AWS's defaults, and there are not any number."""

from typing import Any

from sandbox.aws import ACCOUNT_ID
from sandbox.clock import ManualClock
from sandbox.patches.rds.restores import FILL_MIB_PER_SECOND, RESTORE_SECONDS, set_instance_quota
from tests.sandbox.conftest import ClientFactory, RefusalGetter
from tests.sandbox.database_stage import REGION
from tests.sandbox.patches.test_rds import create_main_database, read_database

RESTORE_OPTIONS: dict[str, Any] = {
    "MultiAZ": True,
    "DeletionProtection": True,
    "CopyTagsToSnapshot": True,
    "EnableIAMDatabaseAuthentication": True,
    "MonitoringInterval": 60,
    "MonitoringRoleArn": "arn:aws:iam::123456789012:role/m",
    "EnablePerformanceInsights": True,
    "BackupRetentionPeriod": 7,
    "Tags": [{"Key": "owner", "Value": "x"}],
}


def restore_to_latest_time(rds: Any, held_clock: ManualClock, **parameters: Any) -> dict[str, Any]:
    held_clock.advance(3600)
    rds.restore_db_instance_to_point_in_time(
        SourceDBInstanceIdentifier="main",
        TargetDBInstanceIdentifier="again",
        UseLatestRestorableTime=True,
        **parameters,
    )
    return read_database(rds, "again")


def test_a_restore_without_options_has_the_defaults_of_aws(
    aws_client: ClientFactory, held_clock: ManualClock
) -> None:
    rds = aws_client("rds")
    create_main_database(rds, **RESTORE_OPTIONS)
    instance = restore_to_latest_time(rds, held_clock)
    assert (
        instance["MultiAZ"],
        instance["DeletionProtection"],
        instance["CopyTagsToSnapshot"],
    ) == (
        False,
        False,
        False,
    )
    assert instance.get("MonitoringInterval", 0) == 0
    assert (instance["PerformanceInsightsEnabled"], instance["TagList"]) == (False, [])
    assert instance["DBParameterGroups"][0]["DBParameterGroupName"].startswith("default.")
    assert instance["BackupRetentionPeriod"] == 7, "taken from the source"


def test_a_restore_keeps_explicit_options_even_if_false(
    aws_client: ClientFactory, held_clock: ManualClock
) -> None:
    rds = aws_client("rds")
    create_main_database(rds, **RESTORE_OPTIONS)
    instance = restore_to_latest_time(
        rds, held_clock, MultiAZ=True, BackupRetentionPeriod=0, DeletionProtection=True
    )
    assert (instance["MultiAZ"], instance["BackupRetentionPeriod"]) == (True, 0)
    assert instance["DeletionProtection"] is True


def test_a_restored_volume_is_loaded_while_the_instance_serves(
    aws_client: ClientFactory, held_clock: ManualClock
) -> None:
    rds = aws_client("rds")
    create_main_database(rds, AllocatedStorage=100)
    restore_to_latest_time(rds, held_clock, BackupRetentionPeriod=0)
    held_clock.advance(RESTORE_SECONDS)
    instance = read_database(rds, "again")
    assert instance["DBInstanceStatus"] == "storage-initialization"
    assert instance["StorageOperationStatus"] == "Initializing"
    held_clock.advance(100 * 1024 / FILL_MIB_PER_SECOND)
    assert "StorageOperationStatus" not in read_database(rds, "again")


def test_an_instance_beyond_the_quota_is_refused(
    aws_client: ClientFactory, held_clock: ManualClock, get_refusal: RefusalGetter
) -> None:
    rds = aws_client("rds")
    create_main_database(rds)
    set_instance_quota(ACCOUNT_ID, REGION, 1)
    quotas = {
        q.pop("AccountQuotaName"): q for q in rds.describe_account_attributes()["AccountQuotas"]
    }
    assert quotas["DBInstances"] == {"Used": 1, "Max": 1}
    assert quotas["AllocatedStorage"]["Used"] > 0
    held_clock.advance(3600)
    code, _ = get_refusal(
        rds.restore_db_instance_to_point_in_time,
        SourceDBInstanceIdentifier="main",
        TargetDBInstanceIdentifier="again",
        UseLatestRestorableTime=True,
    )
    assert code == "InstanceQuotaExceeded"
