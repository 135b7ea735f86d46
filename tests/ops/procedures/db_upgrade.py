"""`ops db upgrade`: minor, replicas first, and major, with a parameter group of its own."""

from typing import Final

from ops.core.plan import Plan
from ops.database import instance as database
from ops.database import parameters
from ops.database import upgrade as upgrading
from tests.ops.db_stage import seen
from tests.ops.procedures import Procedure
from tests.ops.procedures.db_parameters import GROUP
from tests.ops.procedures.db_parameters import put as put_group
from tests.ops.stage import Stage


def put(on: Stage) -> None:
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


def _planned(on: Stage, version: str) -> Plan:
    found = database.get_primary(on.aws, on.outputs)
    to = upgrading.resolve_upgrade_target(
        found, upgrading.list_database_upgrade_targets(on.aws, on.outputs, found), version
    )
    replicas = [
        database.get_primary_or_replica(on.aws, on.outputs, name) for name in found.replicas
    ]
    own = (
        parameters.list_database_parameters(on.aws, on.outputs, GROUP, user_only=True)
        if to.is_major
        else []
    )
    return upgrading.build_database_upgrade_plan(on.outputs, found, replicas, to, own, "upgrade-1")


def minor(on: Stage) -> Plan:
    return _planned(on, "16.11")


def major(on: Stage) -> Plan:
    return _planned(on, "17")


def facts(on: Stage) -> tuple[object, ...]:
    on.clock.sleep(3600)
    rds = on.client("rds")
    listed = rds.describe_db_instances()["DBInstances"]
    snapshots = rds.describe_db_snapshots(SnapshotType="manual")["DBSnapshots"]
    groups = rds.describe_db_parameter_groups()["DBParameterGroups"]
    names = sorted(
        g["DBParameterGroupName"] for g in groups if "default" not in g["DBParameterGroupName"]
    )
    return (
        [(i["DBInstanceIdentifier"], i["DBInstanceStatus"], i["EngineVersion"]) for i in listed],
        [s["Status"] for s in snapshots],
        names,
        seen(on)["DBParameterGroups"][0]["DBParameterGroupName"],
    )


PROCEDURES: Final = (
    Procedure("db upgrade", "16.11", put, minor, facts),
    Procedure("db upgrade", "17", put, major, facts),
)
