"""What the health of a stack is read from: maintenance, certificates, targets, metrics."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sandbox import clock
from sandbox.patches.rds.maintenance import announce_maintenance
from tests.sandbox.conftest import REGION, ClientFactory

ACCOUNT_ID = "123456789012"
GIB = 1024**3


def create_bare_database(aws_client: ClientFactory) -> Any:
    return aws_client("rds").create_db_instance(
        DBInstanceIdentifier="db",
        DBInstanceClass="db.t4g.small",
        Engine="postgres",
        AllocatedStorage=20,
        MasterUsername="admin",
        MasterUserPassword="a-password-of-the-test",
    )["DBInstance"]


def list_free_storage(aws_client: ClientFactory, name: str) -> list[float]:
    now = datetime.now(UTC)
    metric = {
        "Namespace": "AWS/RDS",
        "MetricName": "FreeStorageSpace",
        "Dimensions": [{"Name": "DBInstanceIdentifier", "Value": name}],
    }
    answer = aws_client("cloudwatch").get_metric_data(
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


def test_maintenance_is_none_until_it_is_announced(aws_client: ClientFactory) -> None:
    arn, rds = create_bare_database(aws_client)["DBInstanceArn"], aws_client("rds")
    assert rds.describe_pending_maintenance_actions()["PendingMaintenanceActions"] == []
    announce_maintenance(
        ACCOUNT_ID, REGION, arn, {"Action": "system-update", "Description": "new OS"}
    )
    (maintenance_actions,) = rds.describe_pending_maintenance_actions()["PendingMaintenanceActions"]
    assert maintenance_actions["ResourceIdentifier"] == arn
    assert maintenance_actions["PendingMaintenanceActionDetails"][0]["Action"] == "system-update"
    other = rds.describe_pending_maintenance_actions(ResourceIdentifier=f"{arn}-other")
    assert other["PendingMaintenanceActions"] == []


def test_a_servers_certificate_always_holds_for_another_half_year(
    aws_client: ClientFactory, held_clock: clock.ManualClock
) -> None:
    create_bare_database(aws_client)
    for _ in range(4):
        (instance,) = aws_client("rds").describe_db_instances()["DBInstances"]
        remaining = instance["CertificateDetails"]["ValidTill"] - held_clock.now()
        assert timedelta(days=182) < remaining < timedelta(days=366)
        held_clock.advance(200 * 86400)


def test_a_database_reports_its_free_storage_and_one_that_is_not_there_does_not(
    aws_client: ClientFactory,
) -> None:
    create_bare_database(aws_client)
    assert list_free_storage(aws_client, "db")[0] == 16 * GIB
    assert list_free_storage(aws_client, "other") == []


def test_metric_data_of_a_test_overrides_modelled_values(aws_client: ClientFactory) -> None:
    create_bare_database(aws_client)
    aws_client("cloudwatch").put_metric_data(
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
    assert list_free_storage(aws_client, "db") == [1.0]
