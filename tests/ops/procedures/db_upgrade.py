"""`ops db upgrade`: minor, replicas first, and major, with a parameter group of its own."""

from typing import Final

from ops.core.plan import Plan
from ops.database import instance as database
from ops.database import parameters
from ops.database import upgrade as upgrading
from tests.ops.db_stage import describe_database
from tests.ops.procedures import Procedure
from tests.ops.procedures.db_parameters import PARAMETER_GROUP
from tests.ops.procedures.db_parameters import put_database_with_group as put_group
from tests.ops.stage import Stage


def put_upgradable_database(stage: Stage) -> None:
    put_group(stage)
    rds = stage.client("rds")
    rds.modify_db_instance(
        DBInstanceIdentifier=stage.outputs.database.identifier,
        BackupRetentionPeriod=7,
        ApplyImmediately=True,
    )
    stage.clock.sleep(3600)
    rds.create_db_instance_read_replica(
        DBInstanceIdentifier=f"{stage.outputs.database.identifier}-reads",
        SourceDBInstanceIdentifier=stage.outputs.database.identifier,
    )
    stage.clock.sleep(3600)


def _plan_upgrade(stage: Stage, version: str) -> Plan:
    instance = database.get_primary(stage.aws, stage.outputs)
    target = upgrading.resolve_upgrade_target(
        instance,
        upgrading.list_database_upgrade_targets(stage.aws, stage.outputs, instance),
        version,
    )
    replicas = [
        database.get_primary_or_replica(stage.aws, stage.outputs, name)
        for name in instance.replicas
    ]
    user_parameters = (
        parameters.list_database_parameters(
            stage.aws, stage.outputs, PARAMETER_GROUP, user_only=True
        )
        if target.is_major
        else []
    )
    return upgrading.build_database_upgrade_plan(
        stage.outputs, instance, replicas, target, user_parameters, "upgrade-1"
    )


def plan_minor_upgrade(stage: Stage) -> Plan:
    return _plan_upgrade(stage, "16.11")


def plan_major_upgrade(stage: Stage) -> Plan:
    return _plan_upgrade(stage, "17")


def collect_upgrade_facts(stage: Stage) -> tuple[object, ...]:
    stage.clock.sleep(3600)
    rds = stage.client("rds")
    instances = rds.describe_db_instances()["DBInstances"]
    snapshots = rds.describe_db_snapshots(SnapshotType="manual")["DBSnapshots"]
    groups = rds.describe_db_parameter_groups()["DBParameterGroups"]
    names = sorted(
        group["DBParameterGroupName"]
        for group in groups
        if "default" not in group["DBParameterGroupName"]
    )
    return (
        [
            (
                instance["DBInstanceIdentifier"],
                instance["DBInstanceStatus"],
                instance["EngineVersion"],
            )
            for instance in instances
        ],
        [snapshot["Status"] for snapshot in snapshots],
        names,
        describe_database(stage)["DBParameterGroups"][0]["DBParameterGroupName"],
    )


PROCEDURES: Final = (
    Procedure(
        "db upgrade", "16.11", put_upgradable_database, plan_minor_upgrade, collect_upgrade_facts
    ),
    Procedure(
        "db upgrade", "17", put_upgradable_database, plan_major_upgrade, collect_upgrade_facts
    ),
)
