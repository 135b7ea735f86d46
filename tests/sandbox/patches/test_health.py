"""What the health of a stack is read from: maintenance, certificates, targets, metrics."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sandbox import clock
from sandbox.patches.rds.maintenance import announce_maintenance
from tests.sandbox.conftest import REGION, Clients

ACCOUNT = "123456789012"
GIB = 1024**3


def database(mended: Clients) -> Any:
    return mended("rds").create_db_instance(
        DBInstanceIdentifier="db",
        DBInstanceClass="db.t4g.small",
        Engine="postgres",
        AllocatedStorage=20,
        MasterUsername="admin",
        MasterUserPassword="a-password-of-the-test",
    )["DBInstance"]


def storage(mended: Clients, name: str) -> list[float]:
    now = datetime.now(UTC)
    metric = {
        "Namespace": "AWS/RDS",
        "MetricName": "FreeStorageSpace",
        "Dimensions": [{"Name": "DBInstanceIdentifier", "Value": name}],
    }
    answer = mended("cloudwatch").get_metric_data(
        MetricDataQueries=[
            {"Id": "m1", "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Minimum"}}
        ],
        StartTime=now - timedelta(minutes=5),
        EndTime=now,
        ScanBy="TimestampDescending",
    )
    (result,) = answer["MetricDataResults"]
    assert result["Timestamps"] == sorted(result["Timestamps"], reverse=True)
    return list(result["Values"])


def test_maintenance_is_none_until_it_is_announced(mended: Clients) -> None:
    arn, rds = database(mended)["DBInstanceArn"], mended("rds")
    assert rds.describe_pending_maintenance_actions()["PendingMaintenanceActions"] == []
    announce_maintenance(ACCOUNT, REGION, arn, {"Action": "system-update", "Description": "new OS"})
    (found,) = rds.describe_pending_maintenance_actions()["PendingMaintenanceActions"]
    assert found["ResourceIdentifier"] == arn
    assert found["PendingMaintenanceActionDetails"][0]["Action"] == "system-update"
    other = rds.describe_pending_maintenance_actions(ResourceIdentifier=f"{arn}-other")
    assert other["PendingMaintenanceActions"] == []


def test_a_servers_certificate_always_holds_for_another_half_year(
    mended: Clients, held: clock.ManualClock
) -> None:
    database(mended)
    for _ in range(4):
        (found,) = mended("rds").describe_db_instances()["DBInstances"]
        left = found["CertificateDetails"]["ValidTill"] - held.now()
        assert timedelta(days=182) < left < timedelta(days=366)
        held.advance(200 * 86400)


def test_a_database_reports_its_free_storage_and_one_that_is_not_there_does_not(
    mended: Clients,
) -> None:
    database(mended)
    assert storage(mended, "db")[0] == 16 * GIB
    assert storage(mended, "other") == []


def test_what_a_test_puts_wins_over_what_is_modelled(mended: Clients) -> None:
    database(mended)
    mended("cloudwatch").put_metric_data(
        Namespace="AWS/RDS",
        MetricData=[
            {
                "MetricName": "FreeStorageSpace",
                "Value": 1.0,
                "Timestamp": datetime.now(UTC) - timedelta(minutes=1),
                "Dimensions": [{"Name": "DBInstanceIdentifier", "Value": "db"}],
            }
        ],
    )
    assert storage(mended, "db") == [1.0]
