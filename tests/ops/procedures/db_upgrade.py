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


def put_upgradable_database(on: Stage) -> None:
    put_group(on)
    rds = on.client("rds")
    rds.modify_db_instance(
        DBInstanceIdentifier=on.outputs.database.identifier,
        BackupRetentionPeriod=7,
        ApplyImmediately=True,
    )
    on.clock.sleep(3600)
    rds.create_db_instance_read_replica(
        DBInstanceIdentifier=f"{on.outputs.database.identifier}-reads",
        SourceDBInstanceIdentifier=on.outputs.database.identifier,
    )
    on.clock.sleep(3600)


def _plan_upgrade(on: Stage, version: str) -> Plan:
    instance = database.get_primary(on.aws, on.outputs)
    target = upgrading.resolve_upgrade_target(
        instance, upgrading.list_database_upgrade_targets(on.aws, on.outputs, instance), version
    )
    replicas = [
        database.get_primary_or_replica(on.aws, on.outputs, name) for name in instance.replicas
    ]
    user_parameters = (
        parameters.list_database_parameters(on.aws, on.outputs, PARAMETER_GROUP, user_only=True)
        if target.is_major
        else []
    )
    return upgrading.build_database_upgrade_plan(
        on.outputs, instance, replicas, target, user_parameters, "upgrade-1"
    )


def plan_minor_upgrade(on: Stage) -> Plan:
    return _plan_upgrade(on, "16.11")


def plan_major_upgrade(on: Stage) -> Plan:
    return _plan_upgrade(on, "17")


def collect_upgrade_facts(on: Stage) -> tuple[object, ...]:
    on.clock.sleep(3600)
    rds = on.client("rds")
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
        describe_database(on)["DBParameterGroups"][0]["DBParameterGroupName"],
    )


PROCEDURES: Final = (
    Procedure(
        "db upgrade", "16.11", put_upgradable_database, plan_minor_upgrade, collect_upgrade_facts
    ),
    Procedure(
        "db upgrade", "17", put_upgradable_database, plan_major_upgrade, collect_upgrade_facts
    ),
)
