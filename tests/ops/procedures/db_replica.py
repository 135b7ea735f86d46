"""`ops db replica add` and `remove`."""

from typing import Final

from ops.core.plan import Plan
from ops.database import replicas
from tests.ops.db_stage import put as put_database
from tests.ops.db_stage import seen
from tests.ops.procedures import Procedure
from tests.ops.stage import Stage

REPLICA: Final = "bulwark-test-database-reports"


def put(on: Stage) -> None:
    put_database(on, BackupRetentionPeriod=7)


def put_replica(on: Stage) -> None:
    put(on)
    on.client("rds").create_db_instance_read_replica(
        DBInstanceIdentifier=REPLICA,
        DeletionProtection=True,
        SourceDBInstanceIdentifier=on.outputs.database.identifier,
    )
    on.clock.sleep(3600)


def added(on: Stage) -> Plan:
    primary = replicas.get_instance_description(on.aws, on.outputs)
    return replicas.build_replica_creation_plan(on.aws, on.outputs, primary, "reports", "replica-1")


def removed(on: Stage) -> Plan:
    primary = replicas.get_instance_description(on.aws, on.outputs)
    return replicas.build_replica_removal_plan(on.aws, on.outputs, primary, "reports", "replica-1")


def facts(on: Stage) -> tuple[object, ...]:
    on.clock.sleep(3600)
    listed = on.client("rds").describe_db_instances()["DBInstances"]
    return (
        [(i["DBInstanceIdentifier"], i["DBInstanceStatus"]) for i in listed],
        seen(on)["ReadReplicaDBInstanceIdentifiers"],
    )


def protected(on: Stage) -> object:
    """Whether all replicas that there are, are protected; who was deleted is not there."""
    on.clock.sleep(3600)
    listed = on.client("rds").describe_db_instances()["DBInstances"]
    own = [i for i in listed if i.get("ReadReplicaSourceDBInstanceIdentifier")]
    return all(i["DeletionProtection"] for i in own)


PROCEDURES: Final = (
    Procedure("db replica add", "reports", put, added, facts),
    Procedure(
        "db replica remove",
        "reports",
        put_replica,
        removed,
        facts,
        undone=protected,
        already=frozenset({"protect"}),  # of what is deleted
    ),
)
