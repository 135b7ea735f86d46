"""RDS in the sandbox: a restored instance has AWS's defaults, and there are not any number."""

from typing import Any

from sandbox.aws import ACCOUNT_ID
from sandbox.clock import ManualClock
from sandbox.patches.rds.restores import FILL_MIB_PER_SECOND, RESTORE_SECONDS, set_instance_quota
from tests.sandbox.conftest import Clients, Refusal
from tests.sandbox.database_stage import REGION
from tests.sandbox.patches.test_rds import create, seen

TOLD: dict[str, Any] = {
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


def restored(rds: Any, held: ManualClock, **given: Any) -> dict[str, Any]:
    held.advance(3600)
    rds.restore_db_instance_to_point_in_time(
        SourceDBInstanceIdentifier="main",
        TargetDBInstanceIdentifier="again",
        UseLatestRestorableTime=True,
        **given,
    )
    return seen(rds, "again")


def test_untold_it_has_awss_defaults_and_not_its_sources_settings(
    mended: Clients, held: ManualClock
) -> None:
    rds = mended("rds")
    create(rds, **TOLD)
    made = restored(rds, held)
    assert (made["MultiAZ"], made["DeletionProtection"], made["CopyTagsToSnapshot"]) == (
        False,
        False,
        False,
    )
    assert made.get("MonitoringInterval", 0) == 0
    assert (made["PerformanceInsightsEnabled"], made["TagList"]) == (False, [])
    assert made["DBParameterGroups"][0]["DBParameterGroupName"].startswith("default.")
    assert made["BackupRetentionPeriod"] == 7, "taken from the source"


def test_told_it_has_what_it_is_told_even_where_that_is_no(
    mended: Clients, held: ManualClock
) -> None:
    rds = mended("rds")
    create(rds, **TOLD)
    made = restored(rds, held, MultiAZ=True, BackupRetentionPeriod=0, DeletionProtection=True)
    assert (made["MultiAZ"], made["BackupRetentionPeriod"]) == (True, 0)
    assert made["DeletionProtection"] is True


def test_its_volume_is_filled_while_it_serves(mended: Clients, held: ManualClock) -> None:
    rds = mended("rds")
    create(rds, AllocatedStorage=100)
    restored(rds, held, BackupRetentionPeriod=0)
    held.advance(RESTORE_SECONDS)
    made = seen(rds, "again")
    assert made["DBInstanceStatus"] == "available"
    assert made["StorageOperationStatus"] == "Initializing"
    held.advance(100 * 1024 / FILL_MIB_PER_SECOND)
    assert "StorageOperationStatus" not in seen(rds, "again")


def test_one_too_many_is_refused_and_the_quota_says_how_many(
    mended: Clients, held: ManualClock, refused: Refusal
) -> None:
    rds = mended("rds")
    create(rds)
    set_instance_quota(ACCOUNT_ID, REGION, 1)
    (quota,) = rds.describe_account_attributes()["AccountQuotas"]
    assert (quota["AccountQuotaName"], quota["Used"], quota["Max"]) == ("DBInstances", 1, 1)
    held.advance(3600)
    code, _ = refused(
        rds.restore_db_instance_to_point_in_time,
        SourceDBInstanceIdentifier="main",
        TargetDBInstanceIdentifier="again",
        UseLatestRestorableTime=True,
    )
    assert code == "InstanceQuotaExceeded"
