"""`ops recover`: restores, promotions, and what is deleted afterwards."""

from typing import Final

from ops.core.plan import Plan
from ops.database import password as rotating
from ops.database import replicas, snapshots
from ops.recovery import drill as drilling
from ops.recovery import promotion as promoting
from ops.recovery import restore as restoring
from ops.recovery.restore import Wanted
from ops.services import model as services
from tests.ops import service_stage
from tests.ops.db_stage import put as put_database
from tests.ops.db_stage import seen
from tests.ops.procedures import Procedure
from tests.ops.procedures.db_password import put_rotation
from tests.ops.procedures.db_replica import REPLICA, put_replica
from tests.ops.stage import REGION, Stage

GROUP: Final = "bulwark-test-database-16"
OWN: Final = "bulwark-test-database"
NAME: Final = f"{OWN}-before"
SAVED: Final = f"{OWN}-saved"
RUN: Final = "restore-1"
# What a restore would leave at AWS's defaults, and does not.
SETTINGS: Final = (
    "MultiAZ",
    "DBParameterGroups",
    "BackupRetentionPeriod",
    "MonitoringInterval",
    "PerformanceInsightsEnabled",
    "DeletionProtection",
    "PreferredMaintenanceWindow",
    "CopyTagsToSnapshot",
    "EnabledCloudwatchLogsExports",
    "StorageEncrypted",
)


def put(on: Stage) -> None:
    """A primary whose settings are none of RDS's defaults, and its secret."""
    rds = on.client("rds")
    rds.create_db_parameter_group(
        DBParameterGroupName=GROUP,
        DBParameterGroupFamily="postgres16",
        Description="a group",
    )
    put_database(
        on,
        BackupRetentionPeriod=7,
        MonitoringInterval=60,
        DeletionProtection=True,
        MonitoringRoleArn="arn:aws:iam::123456789012:role/monitoring",
        EnablePerformanceInsights=True,
        CopyTagsToSnapshot=True,
        StorageEncrypted=True,
        EnableCloudwatchLogsExports=["postgresql"],
        MaxAllocatedStorage=100,
        PreferredMaintenanceWindow="sun:03:00-sun:03:30",
        DBParameterGroupName=GROUP,
    )
    put_secret(on)


def put_secret(on: Stage) -> None:
    arn = on.client("secretsmanager").create_secret(
        Name="bulwark-test-database-1",
        SecretString='{"dbname": "app", "username": "bulwark_admin", "password": "a-new-password"}',
    )["ARN"]
    part = on.outputs.database.model_copy(update={"secret_arn": arn})
    on.outputs = on.outputs.model_copy(update={"database": part})


def put_snapshot(on: Stage) -> None:
    put(on)
    on.client("rds").create_db_snapshot(DBInstanceIdentifier=OWN, DBSnapshotIdentifier=SAVED)
    on.clock.sleep(3600)


def put_restored(on: Stage) -> None:
    """A restored instance beside the primary, whose secret is rotated by the stack's function."""
    put(on)
    service_stage.put(on)
    put_rotation(on)
    on.client("rds").restore_db_instance_to_point_in_time(
        SourceDBInstanceIdentifier=OWN,
        TargetDBInstanceIdentifier=NAME,
        UseLatestRestorableTime=True,
        MultiAZ=True,
        DeletionProtection=True,
    )
    on.clock.sleep(7200)


def in_time(on: Stage) -> Plan:
    source = replicas.get_instance_description(on.aws, on.outputs)
    now = on.clock.held.now()
    return restoring.to_time(on.outputs, source, None, Wanted(NAME), RUN, now)


def from_snapshot(on: Stage) -> Plan:
    source = replicas.get_instance_description(on.aws, on.outputs)
    listed = snapshots.list_snapshots(on.aws, on.outputs, REGION)
    one = snapshots.select_snapshot(listed, SAVED)
    return restoring.from_snapshot(on.outputs, source, one, Wanted(NAME), RUN, on.clock.held.now())


def renamed(on: Stage) -> Plan:
    own, made = (
        replicas.get_instance_description(on.aws, on.outputs, name) for name in (OWN, NAME)
    )
    now = on.clock.held.now()
    return promoting.by_rename(on.outputs, own, made, "promote-1", now, sql=False)


def switched(on: Stage) -> Plan:
    own, made = (
        replicas.get_instance_description(on.aws, on.outputs, name) for name in (OWN, NAME)
    )
    secret = rotating.describe_database_secret(on.aws, on.outputs)
    assert isinstance(secret, dict)
    one = services.one(on.aws, on.outputs, "backend")
    return promoting.by_secret(
        on.aws, on.outputs, secret, made, own, [one], "promote-1", on.clock.held.now()
    )


def put_alarm_that_pages(on: Stage) -> None:
    put(on)
    alarm = "bulwark-test-database-cpu-critical"
    on.client("cloudwatch").put_metric_alarm(
        AlarmName=alarm,
        Namespace="AWS/RDS",
        MetricName="CPUUtilization",
        Statistic="Average",
        Period=60,
        EvaluationPeriods=5,
        Threshold=95,
        ComparisonOperator="GreaterThanThreshold",
    )
    part = on.outputs.alarms.model_copy(update={"names": {"P0": (alarm,)}})
    on.outputs = on.outputs.model_copy(update={"alarms": part})


def drilled(on: Stage) -> Plan:
    source = replicas.get_instance_description(on.aws, on.outputs)
    wanted = Wanted(NAME, lasts=False)
    return drilling.drill(on.outputs, source, wanted, None, "drill-1", on.clock.held.now(), 30, 5)


def discarded(on: Stage) -> Plan:
    found = replicas.get_instance_description(on.aws, on.outputs, NAME)
    return promoting.discard(on.outputs, found, "discard-1", save=True)


def promoted(on: Stage) -> Plan:
    found = replicas.get_instance_description(on.aws, on.outputs, REPLICA)
    return promoting.promote_replica(on.outputs, found, 7, "promote-1")


def facts(on: Stage) -> tuple[object, ...]:
    """Who is there, by what was made when, and what the restored one is like."""
    on.clock.sleep(7200)
    listed = on.client("rds").describe_db_instances()["DBInstances"]
    first = min(one["InstanceCreateTime"] for one in listed)
    shown = [
        (
            one["DBInstanceIdentifier"],
            one["DBInstanceStatus"],
            one["InstanceCreateTime"] == first,
            *(str(one.get(key)) for key in SETTINGS),
        )
        for one in listed
    ]
    kept = on.client("rds").describe_db_snapshots(SnapshotType="manual")["DBSnapshots"]
    return sorted(shown), sorted(one["DBSnapshotIdentifier"] for one in kept)


def switched_facts(on: Stage) -> tuple[object, ...]:
    secrets = on.client("secretsmanager")
    arn = on.outputs.database.secret_arn
    described = secrets.describe_secret(SecretId=arn)
    stages = sorted(
        [name for name in stage if name == "AWSCURRENT"]
        for stage in described["VersionIdsToStages"].values()
    )
    history = on.client("ecs").list_service_deployments(cluster="bulwark-test", service="backend")
    return (
        secrets.get_secret_value(SecretId=arn)["SecretString"],
        stages,
        described["RotationEnabled"],
        [one["status"] for one in history["serviceDeployments"]],
    )


def address(on: Stage) -> object:
    """The secret's address, and whether its password is rotated: what an undo gives back."""
    return switched_facts(on)[0], switched_facts(on)[2]


def replica_facts(on: Stage) -> tuple[object, ...]:
    on.clock.sleep(3600)
    found = seen(on, REPLICA)
    return (
        found["DBInstanceStatus"],
        found.get("ReadReplicaSourceDBInstanceIdentifier"),
        found["BackupRetentionPeriod"],
        seen(on)["ReadReplicaDBInstanceIdentifiers"],
    )


# A drill that is done has left nothing to delete.
GONE: Final = frozenset({"undo_unprotect", "undo_delete"})
PROCEDURES: Final = (
    Procedure(
        "recover point-in-time",
        "--to latest --name before --no-sql",
        put,
        in_time,
        facts,
        long=True,
    ),
    Procedure(
        "recover snapshot",
        f"{SAVED} --name before --no-sql",
        put_snapshot,
        from_snapshot,
        facts,
        long=True,
    ),
    Procedure(
        "recover promote", f"{NAME} --by rename --no-sql", put_restored, renamed, facts, long=True
    ),
    Procedure(
        "recover promote",
        f"{NAME} --by secret",
        put_restored,
        switched,
        switched_facts,
        undone=address,
        long=True,
    ),
    Procedure(
        "recover drill",
        "--no-sql --rto 60 --rpo 60",
        put_alarm_that_pages,
        drilled,
        facts,
        already=GONE,
        long=True,
    ),
    Procedure("recover discard", NAME, put_restored, discarded, facts, long=True),
    Procedure("recover replica promote", REPLICA, put_replica, promoted, replica_facts, long=True),
)
