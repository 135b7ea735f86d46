"""What the look at the database sees of events, states and metrics."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from moto.rds.models import Event, rds_backends

from components.facts.metrics import RDS_NAMESPACE
from ops.diagnose.facts import Facts
from ops.diagnose.reader import FactCollector
from ops.diagnose.readers.database import (
    add_instance_facts,
    add_maintenance_facts,
    read_database,
)
from ops.diagnose.readers.database_events import add_database_events, classify_database_event
from ops.diagnose.readers.database_metrics import (
    InstanceJudge,
    VolumeLimits,
    find_volume_limits,
)
from ops.metrics.parts import list_metric_parts
from tests.ops.db_stage import fail_operations
from tests.ops.diagnose_stage import build_request
from tests.ops.metric_stage import put_values
from tests.ops.stage import ACCOUNT, REGION, Stage

GIB = 1 << 30


def look(stage: Stage) -> Facts:
    return read_database(build_request(stage))


def put_metric(stage: Stage, name: str, values: Sequence[float | None]) -> None:
    """Values of each minute up to five minutes ago, as late as CloudWatch has them."""
    put_values(
        stage,
        name,
        values,
        namespace=RDS_NAMESPACE,
        dimensions={"DBInstanceIdentifier": stage.outputs.database.identifier},
        minutes_ago=len(values) + 5,
    )


def put_event(stage: Stage, message: str, category: str = "availability") -> None:
    Event.EVENT_MAP["TEST"] = {"Categories": [category], "Message": message}
    name = stage.outputs.database.identifier
    rds_backends[ACCOUNT][REGION].databases[name].add_event("TEST")


# Messages of RDS User Guide, in the wording of several years.
@pytest.mark.parametrize(
    ("message", "name"),
    [
        ("Multi-AZ instance failover started.", "failover"),
        ("Multi-AZ instance failover completed", "failover"),
        ("A Multi-AZ failover has completed.", "failover"),
        (
            "Multi-AZ failover to standby complete - DNS propagation may take a few minutes.",
            "failover",
        ),
        ("Multi-AZ instance activation completed.", "failover"),
        ("The user requested a failover of the DB instance.", "failover"),
        (
            "Abandoning user requested failover since a failover recently occurred on the database "
            "instance.",
            "failover-refused",
        ),
        ("DB instance restarted", "restarted"),
        ("DB instance shutdown", "restarted"),
        ("Recovery of the DB instance has started. Recovery time will vary.", "recovery"),
        ("Allocated storage has been exhausted. Allocate additional storage.", "storage-full"),
        (
            "DB instance has reached the storage-full threshold, and the database has been shut "
            "down. You can increase the allocated storage to address this issue.",
            "storage-full",
        ),
        (
            "The free storage capacity for DB instance: x is low at 8% of the provisioned storage "
            "[Provisioned Storage: 20 GB, Free Storage: 1.6 GB].",
            "storage-low",
        ),
        ("Storage autoscaling is unable to scale the storage for the reason: x.", "storage-stuck"),
        ("Applying off-line patches to DB instance", "maintenance"),
        ("Finished applying off-line patches to DB instance", "maintenance"),
        ("Database instance patched", "maintenance"),
        ("The downtime started for the DB engine version upgrade.", "maintenance"),
        ("The DB engine version upgrade finished.", "maintenance"),
        ("Reset master credentials", "password-reset"),
        ("Unable to reset your password. Error: x", "password-not-reset"),
        ("Replication has stopped.", "replication-stopped"),
        ("Replication streaming has been terminated.", "replication-stopped"),
        ("Replication for the Read Replica resumed", "replication-resumed"),
        (
            "Amazon RDS has been unable to access the KMS encryption key for database instance x. "
            "This database will be placed into an inaccessible state.",
            "key-inaccessible",
        ),
        ("The gp2 burst balance credits for the RDS database instance are low.", "burst-low"),
        ("DB instance stopped", "stopped"),
        (
            "Updated parameter work_mem to 8192 with apply method pending-reboot",
            "parameters-changed",
        ),
        ("Finished updating DB parameter group", "parameters-changed"),
        ("Finished applying modification to DB instance class", "class-changed"),
        ("Backing up DB instance", None),
        ("Finished DB Instance backup", None),
        ("The operating system update is available for your DB instance.", None),
        ("The DB instance has a DB engine minor version upgrade required.", None),
        ("DB instance created", None),
        ("Automated snapshot created", None),
    ],
)
def test_an_event_means_what_its_words_say(message: str, name: str | None) -> None:
    assert classify_database_event(message) == name


def test_events_of_the_hour_are_facts_each_kind_once(stage: Stage) -> None:
    put_event(stage, "Multi-AZ instance failover started.", "failover")
    stage.clock.sleep(120)
    put_event(stage, "Multi-AZ instance failover completed", "failover")
    put_event(stage, "Backing up DB instance", "backup")
    (fact,) = look(stage).select("rds.event.failover")
    assert fact.value == 2
    assert "completed" in fact.text
    assert fact.since is not None
    assert fact.since < stage.clock.held_clock.now() - timedelta(seconds=100)
    stage.clock.sleep(2 * 3600)
    assert not look(stage).select("rds.event.*")


def test_events_of_snapshots_are_none_of_the_instance() -> None:
    row: dict[str, object] = {
        "type": "db-snapshot",
        "source": "x",
        "event": "DB instance restarted",
        "at": "2026-11-30T02:00:00Z",
    }
    collector = FactCollector("test")
    add_database_events(collector, [row])
    assert not collector.build_facts().facts


def test_a_quiet_database_has_no_facts(stage: Stage) -> None:
    put_metric(stage, "FreeStorageSpace", [15.0 * GIB] * 120)
    put_metric(stage, "DBLoad", [0.3] * 120)
    facts = look(stage)
    assert [fact.key for fact in facts.facts] == []
    assert not facts.gaps


def test_no_metric_at_all_is_a_gap(stage: Stage) -> None:
    collector = FactCollector("test")
    subject = list_metric_parts(stage.outputs)["database"].subjects[0]
    InstanceJudge(collector, subject, {}, {}).add_facts(stage.clock.held_clock.now())
    (gap,) = collector.gaps
    assert "no recent data" in gap.reason
    assert gap.parts == ("database",)


def describe(stage: Stage, **changes: Any) -> list[Any]:
    name = stage.outputs.database.identifier
    items: list[Any] = stage.client("rds").describe_db_instances(DBInstanceIdentifier=name)[
        "DBInstances"
    ]
    return [items[0] | {"MultiAZ": True} | changes]


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"DBInstanceStatus": "storage-full"}, "rds.status.storage-full"),
        (
            {"DBInstanceStatus": "inaccessible-encryption-credentials-recoverable"},
            "rds.status.key-inaccessible",
        ),
        ({"DBInstanceStatus": "rebooting"}, "rds.status.rebooting"),
        ({"DBInstanceStatus": "modifying"}, "rds.serving.modifying"),
        ({"PendingModifiedValues": {"DBInstanceClass": "db.m6g.large"}}, "rds.changes-pending"),
        (
            {
                "DBParameterGroups": [
                    {"DBParameterGroupName": "g", "ParameterApplyStatus": "pending-reboot"}
                ]
            },
            "rds.parameters.pending-reboot",
        ),
        (
            {"StatusInfos": [{"Normal": False, "Status": "error", "Message": "no WAL"}]},
            "rds.replication.stopped",
        ),
        ({"MultiAZ": False}, "rds.no-standby"),
        (
            {"CertificateDetails": {"CAIdentifier": "rds-ca", "ValidTill": "2020-01-01T00:00:00Z"}},
            "rds.certificate.expired",
        ),
    ],
)
def test_a_description_says_what_is_wrong(stage: Stage, changes: dict[str, Any], key: str) -> None:
    collector = FactCollector("test")
    now = stage.clock.held_clock.now()
    add_instance_facts(collector, stage.outputs, describe(stage, **changes), now)
    assert key in [fact.key for fact in collector.facts]
    assert all(fact.command for fact in collector.facts)


def test_an_instance_that_is_gone_is_named(stage: Stage) -> None:
    collector = FactCollector("test")
    add_instance_facts(collector, stage.outputs, [], stage.clock.held_clock.now())
    assert [fact.key for fact in collector.facts] == ["rds.gone"]


def test_maintenance_that_is_due_is_told_from_what_may_wait(stage: Stage) -> None:
    now = stage.clock.held_clock.now()
    (item,) = describe(stage)
    action = {"Action": "os-upgrade", "OptInStatus": "immediate"}
    resource = {"ResourceIdentifier": item["DBInstanceArn"]}

    def list_keys(**details: str) -> list[str]:
        collector = FactCollector("test")
        actions = [resource | {"PendingMaintenanceActionDetails": [details]}]
        add_maintenance_facts(collector, actions, [item], now)
        return [fact.key for fact in collector.facts]

    def format_in(hours: float) -> str:
        return (now + timedelta(hours=hours)).isoformat()

    assert list_keys(**action) == ["rds.maintenance.under-way"]
    assert list_keys(Action="os-upgrade", ForcedApplyDate=format_in(3)) == ["rds.maintenance.soon"]
    assert list_keys(Action="os-upgrade", ForcedApplyDate=format_in(200)) == []
    assert list_keys(Action="os-upgrade") == []


def test_a_load_is_high_beside_the_vcpus_of_the_class(stage: Stage) -> None:
    put_metric(stage, "DBLoad", [0.3] * 60 + [7.0] * 15)
    put_metric(stage, "DBLoadNonCPU", [0.1] * 60 + [6.0] * 15)
    facts = look(stage)
    (fact,) = facts.select("db.load.high")
    assert fact.value == 3.5  # of db.t4g.small, which has two
    assert fact.since == get_minute(stage, 20)
    assert facts.select("db.load.waiting")


def get_minute(stage: Stage, minutes_ago: float) -> datetime:
    now = stage.clock.held_clock.now()
    return now.replace(second=0, microsecond=0) - timedelta(minutes=minutes_ago)


def test_a_load_that_is_over_is_no_fact(stage: Stage) -> None:
    put_metric(stage, "DBLoad", [7.0] * 60 + [0.3] * 15)
    assert not look(stage).select("db.*")


def test_storage_that_falls_is_projected(stage: Stage) -> None:
    free = [8.0 * GIB - n * 0.02 * GIB for n in range(90)]
    put_metric(stage, "FreeStorageSpace", free)
    (fact,) = look(stage).select("db.storage.falling")
    assert fact.value == pytest.approx(free[-1] / (60 * 0.02 * GIB), rel=0.1)
    assert "an hour" in fact.text


@pytest.mark.parametrize(
    ("free_gib", "key"), [(0.05, "db.storage.full"), (1.5, "db.storage.low"), (9.0, None)]
)
def test_storage_is_low_or_full_beside_what_is_allocated(
    stage: Stage, free_gib: float, key: str | None
) -> None:
    put_metric(stage, "FreeStorageSpace", [free_gib * GIB] * 30)
    keys = [fact.key for fact in look(stage).select("db.storage.*")]
    assert keys == ([key] if key else [])


def test_a_volume_at_its_limit_is_named(stage: Stage) -> None:
    (item,) = describe(stage)
    limit = find_volume_limits(item).operations
    assert limit is not None
    put_metric(stage, "ReadIOPS", [100.0] * 30 + [limit * 0.6] * 12)
    put_metric(stage, "WriteIOPS", [50.0] * 30 + [limit * 0.4] * 12)
    (fact,) = look(stage).select("db.iops.limit")
    assert fact.value == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("item", "limits"),
    [
        ({"StorageType": "gp3", "AllocatedStorage": 100}, VolumeLimits(3000, 125 * 2**20)),
        ({"StorageType": "gp3", "AllocatedStorage": 400}, VolumeLimits(12000, 500 * 2**20)),
        (
            {
                "StorageType": "gp3",
                "AllocatedStorage": 400,
                "Iops": 20000,
                "StorageThroughput": 900,
            },
            VolumeLimits(20000, 900 * 2**20),
        ),
        ({"StorageType": "gp2", "AllocatedStorage": 20}, VolumeLimits(3000, None)),
        ({"StorageType": "gp2", "AllocatedStorage": 2000}, VolumeLimits(6000, None)),
        ({"StorageType": "io1", "AllocatedStorage": 100, "Iops": 5000}, VolumeLimits(5000, None)),
        ({"StorageType": "standard", "AllocatedStorage": 100}, VolumeLimits(None, None)),
    ],
)
def test_a_volume_has_the_limits_of_its_type(item: dict[str, Any], limits: VolumeLimits) -> None:
    assert find_volume_limits(item) == limits


@pytest.mark.parametrize(
    ("metric", "key"), [("CPUCreditBalance", "credits.cpu"), ("BurstBalance", "credits.storage")]
)
def test_credits_that_are_gone_are_named(stage: Stage, metric: str, key: str) -> None:
    put_metric(stage, metric, [50.0] * 30 + [0.0] * 10)
    assert look(stage).select(f"db.{key}")


@pytest.mark.parametrize(
    "operation",
    [
        "describe_events",
        "describe_db_instances",
        "describe_pending_maintenance_actions",
        "get_metric_data",
    ],
)
def test_what_is_denied_is_a_gap_and_the_rest_is_read(stage: Stage, operation: str) -> None:
    put_event(stage, "DB instance restarted")
    put_metric(stage, "DBLoad", [7.0] * 30)
    with fail_operations("AccessDenied", operation):
        facts = look(stage)
    assert any(operation in gap.reason for gap in facts.gaps)
    expected = {"rds.event.restarted", "db.load.high"}
    if operation == "describe_events":
        expected.remove("rds.event.restarted")
    if operation == "get_metric_data":
        expected.remove("db.load.high")
    assert expected <= {fact.key for fact in facts.facts}


def test_a_past_time_has_events_and_metrics_of_then_and_no_state_of_now(stage: Stage) -> None:
    put_event(stage, "DB instance restarted")
    put_metric(stage, "DBLoad", [7.0] * 30)
    then = stage.clock.held_clock.now() + timedelta(minutes=1)
    stage.clock.sleep(6 * 3600)
    facts = read_database(build_request(stage, then.isoformat()))
    keys = {fact.key for fact in facts.facts}
    assert {"rds.event.restarted", "db.load.high"} <= keys
    assert not [gap for gap in facts.gaps if gap.is_failure]
    assert any("--at" in gap.reason for gap in facts.gaps)
