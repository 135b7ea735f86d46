"""`ops recover`: restores, promotions, and what is deleted afterwards."""

import json
from typing import Final

from ops.core.plan import Plan
from ops.database import password as rotating
from ops.database import replicas, snapshots
from ops.database.instance_in_use import build_instance_label, find_labelled_instance
from ops.recovery import drill as drilling
from ops.recovery import promotion as promoting
from ops.recovery import restore as restoring
from ops.recovery.restore_request import RestoreRequest
from ops.services import model as services
from tests.ops import service_stage
from tests.ops.db_stage import describe_database
from tests.ops.db_stage import put_database as put_database
from tests.ops.procedures import Procedure
from tests.ops.procedures.db_password import put_rotation_function
from tests.ops.procedures.db_replica import REPLICA_IDENTIFIER, put_database_replica
from tests.ops.stage import REGION, Stage

RECOVERY_PARAMETER_GROUP: Final = "bulwark-test-database-16"
PRIMARY_IDENTIFIER: Final = "bulwark-test-database"
RESTORED_IDENTIFIER: Final = f"{PRIMARY_IDENTIFIER}-before"
SAVED_SNAPSHOT: Final = f"{PRIMARY_IDENTIFIER}-saved"
RESTORE_RUN: Final = "restore-1"
# What a restore would leave at AWS's defaults, and does not.
COPIED_SETTINGS: Final = (
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
    "EngineLifecycleSupport",
    "VpcSecurityGroups",
)


def put_recoverable_database(stage: Stage) -> None:
    """A primary whose settings are none of RDS's defaults, and its secret."""
    rds = stage.client("rds")
    rds.create_db_parameter_group(
        DBParameterGroupName=RECOVERY_PARAMETER_GROUP,
        DBParameterGroupFamily="postgres16",
        Description="a group",
    )
    put_database(
        stage,
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
        DBParameterGroupName=RECOVERY_PARAMETER_GROUP,
        EngineLifecycleSupport="open-source-rds-extended-support-disabled",
    )
    put_primary_secret(stage)


def put_primary_secret(stage: Stage) -> None:
    login = {"username": "bulwark_admin", "password": "a-new-password"}
    address = {"host": describe_database(stage)["Endpoint"]["Address"], "dbname": "app"}
    arn = stage.client("secretsmanager").create_secret(
        Name="bulwark-test-database-1", SecretString=json.dumps({**address, **login})
    )["ARN"]
    part = stage.outputs.database.model_copy(update={"secret_arn": arn})
    stage.outputs = stage.outputs.model_copy(update={"database": part})


def put_saved_snapshot(stage: Stage) -> None:
    put_recoverable_database(stage)
    stage.client("rds").create_db_snapshot(
        DBInstanceIdentifier=PRIMARY_IDENTIFIER, DBSnapshotIdentifier=SAVED_SNAPSHOT
    )
    stage.clock.sleep(3600)


def put_fence(stage: Stage) -> None:
    """The stack's security groups of the database; the primary is in the one that has a rule."""
    ec2 = stage.client("ec2")
    ids = {
        name: ec2.create_security_group(GroupName=f"database-{name}", Description=name)["GroupId"]
        for name in ("server", "fence")
    }
    ec2.authorize_security_group_ingress(
        GroupId=ids["server"], IpProtocol="tcp", FromPort=5433, ToPort=5433, CidrIp="10.0.0.0/8"
    )
    part = stage.outputs.database.model_copy(
        update={"security_group_id": ids["server"], "fence_security_group_id": ids["fence"]}
    )
    stage.outputs = stage.outputs.model_copy(update={"database": part})
    stage.client("rds").modify_db_instance(
        DBInstanceIdentifier=part.identifier, VpcSecurityGroupIds=[ids["server"]]
    )
    stage.clock.sleep(600)


def put_restored_instance(stage: Stage) -> None:
    """A restored instance beside the primary, whose secret is rotated by the stack's function."""
    put_recoverable_database(stage)
    put_fence(stage)
    service_stage.put_services(stage)
    put_rotation_function(stage)
    put_earlier_label(stage)
    stage.client("rds").restore_db_instance_to_point_in_time(
        SourceDBInstanceIdentifier=PRIMARY_IDENTIFIER,
        TargetDBInstanceIdentifier=RESTORED_IDENTIFIER,
        UseLatestRestorableTime=True,
        MultiAZ=True,
        DeletionProtection=True,
    )
    stage.clock.sleep(7200)


def put_earlier_label(stage: Stage) -> None:
    """Versions of the secret as an earlier promotion, and the return from it, left them."""
    secrets, arn = stage.client("secretsmanager"), stage.outputs.database.secret_arn
    content = secrets.get_secret_value(SecretId=arn)["SecretString"]
    for name in ("gone", PRIMARY_IDENTIFIER):
        stages = ["AWSCURRENT", build_instance_label(name)]
        secrets.put_secret_value(SecretId=arn, SecretString=content, VersionStages=stages)


def plan_time_restore(stage: Stage) -> Plan:
    source = replicas.get_instance_description(stage.aws, stage.outputs)
    now = stage.clock.held_clock.now()
    return restoring.build_point_in_time_restore_plan(
        stage.outputs, source, None, RestoreRequest(RESTORED_IDENTIFIER), RESTORE_RUN, now
    )


def plan_snapshot_restore(stage: Stage) -> Plan:
    source = replicas.get_instance_description(stage.aws, stage.outputs)
    snapshot_list = snapshots.list_snapshots(stage.aws, stage.outputs, REGION)
    snapshot = snapshots.select_snapshot(snapshot_list, SAVED_SNAPSHOT)
    return restoring.build_snapshot_restore_plan(
        stage.outputs,
        source,
        snapshot,
        RestoreRequest(RESTORED_IDENTIFIER),
        RESTORE_RUN,
        stage.clock.held_clock.now(),
    )


def plan_rename_promotion(stage: Stage) -> Plan:
    primary, restored = (
        replicas.get_instance_description(stage.aws, stage.outputs, name)
        for name in (PRIMARY_IDENTIFIER, RESTORED_IDENTIFIER)
    )
    now = stage.clock.held_clock.now()
    return promoting.build_rename_promotion_plan(
        stage.outputs, primary, restored, "promote-1", now, can_query=False
    )


def plan_secret_promotion(stage: Stage) -> Plan:
    primary, restored = (
        replicas.get_instance_description(stage.aws, stage.outputs, name)
        for name in (PRIMARY_IDENTIFIER, RESTORED_IDENTIFIER)
    )
    secret = rotating.describe_database_secret(stage.aws, stage.outputs)
    assert isinstance(secret, dict)
    service = services.get_service(stage.aws, stage.outputs, "backend")
    return promoting.build_secret_promotion_plan(
        stage.aws,
        stage.outputs,
        secret,
        restored,
        primary,
        [service],
        "promote-1",
        stage.clock.held_clock.now(),
    )


def put_paging_alarm(stage: Stage) -> None:
    put_recoverable_database(stage)
    alarm = "bulwark-test-database-cpu-critical"
    stage.client("cloudwatch").put_metric_alarm(
        AlarmName=alarm,
        Namespace="AWS/RDS",
        MetricName="CPUUtilization",
        Statistic="Average",
        Period=60,
        EvaluationPeriods=5,
        Threshold=95,
        ComparisonOperator="GreaterThanThreshold",
        TreatMissingData="breaching",  # a lost database has no metrics
    )
    alarms_part = stage.outputs.alarms.model_copy(update={"names": {"P0": (alarm,)}})
    stage.outputs = stage.outputs.model_copy(update={"alarms": alarms_part})


def plan_drill(stage: Stage) -> Plan:
    source = replicas.get_instance_description(stage.aws, stage.outputs)
    request = RestoreRequest(RESTORED_IDENTIFIER, is_permanent=False)
    return drilling.build_drill_plan(
        stage.outputs, source, request, None, "drill-1", stage.clock.held_clock.now(), 30, 5
    )


def plan_discard(stage: Stage) -> Plan:
    restored = replicas.get_instance_description(stage.aws, stage.outputs, RESTORED_IDENTIFIER)
    return promoting.build_discard_plan(stage.outputs, restored, "discard-1", with_snapshot=True)


def plan_replica_promotion(stage: Stage) -> Plan:
    replica = replicas.get_instance_description(stage.aws, stage.outputs, REPLICA_IDENTIFIER)
    return promoting.build_replica_promotion_plan(stage.outputs, replica, 7, "promote-1")


def collect_recovery_facts(stage: Stage) -> tuple[object, ...]:
    """Who is there, by what was made when, and what the restored one is like."""
    stage.clock.sleep(7200)
    instances = stage.client("rds").describe_db_instances()["DBInstances"]
    first_created = min(item["InstanceCreateTime"] for item in instances)
    instance_facts = [
        (
            item["DBInstanceIdentifier"],
            item["DBInstanceStatus"],
            item["InstanceCreateTime"] == first_created,
            *(str(item.get(key)) for key in COPIED_SETTINGS),
        )
        for item in instances
    ]
    snapshot_list = stage.client("rds").describe_db_snapshots(SnapshotType="manual")["DBSnapshots"]
    return sorted(instance_facts), sorted(item["DBSnapshotIdentifier"] for item in snapshot_list)


def collect_promotion_facts(on: Stage) -> tuple[object, ...]:
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
        find_labelled_instance(described),
        [deployment["status"] for deployment in history["serviceDeployments"]],
    )


def collect_undone_promotion_facts(stage: Stage) -> object:
    """The secret's address, whether it is rotated, and its label: what an undo gives back."""
    secret, _, *rotation_and_label, _ = collect_promotion_facts(stage)
    return secret, *rotation_and_label


def collect_replica_facts(stage: Stage) -> tuple[object, ...]:
    stage.clock.sleep(3600)
    replica = describe_database(stage, REPLICA_IDENTIFIER)
    return (
        replica["DBInstanceStatus"],
        replica.get("ReadReplicaSourceDBInstanceIdentifier"),
        replica["BackupRetentionPeriod"],
        describe_database(stage)["ReadReplicaDBInstanceIdentifiers"],
    )


# A drill that is done has left nothing to delete.
DELETION_STEPS: Final = frozenset({"undo_unprotect", "undo_delete"})
PROCEDURES: Final = (
    Procedure(
        "recover point-in-time",
        "--to latest --name before --no-sql",
        put_recoverable_database,
        plan_time_restore,
        collect_recovery_facts,
        is_long=True,
    ),
    Procedure(
        "recover snapshot",
        f"{SAVED_SNAPSHOT} --name before --no-sql",
        put_saved_snapshot,
        plan_snapshot_restore,
        collect_recovery_facts,
        is_long=True,
    ),
    Procedure(
        "recover promote",
        f"{RESTORED_IDENTIFIER} --by rename --no-sql",
        put_restored_instance,
        plan_rename_promotion,
        collect_recovery_facts,
        is_long=True,
    ),
    Procedure(
        "recover promote",
        f"{RESTORED_IDENTIFIER} --by secret",
        put_restored_instance,
        plan_secret_promotion,
        collect_promotion_facts,
        collect_undone_facts=collect_undone_promotion_facts,
        is_long=True,
    ),
    Procedure(
        "recover drill",
        "--no-sql --rto 60 --rpo 60",
        put_paging_alarm,
        plan_drill,
        collect_recovery_facts,
        steps_maybe_done=DELETION_STEPS,
        is_long=True,
    ),
    Procedure(
        "recover discard",
        RESTORED_IDENTIFIER,
        put_restored_instance,
        plan_discard,
        collect_recovery_facts,
        is_long=True,
    ),
    Procedure(
        "recover replica promote",
        REPLICA_IDENTIFIER,
        put_database_replica,
        plan_replica_promotion,
        collect_replica_facts,
        is_long=True,
    ),
)
