"""`ops db replica add` and `remove`."""

from typing import Final

from ops.core.plan import Plan
from ops.database import replicas
from tests.ops.db_stage import describe_database
from tests.ops.db_stage import put_database as put_database
from tests.ops.procedures import Procedure
from tests.ops.stage import Stage

REPLICA_IDENTIFIER: Final = "bulwark-test-database-reports"


def put_replicable_database(stage: Stage) -> None:
    put_database(stage, BackupRetentionPeriod=7)


def put_database_replica(stage: Stage) -> None:
    put_replicable_database(stage)
    stage.client("rds").create_db_instance_read_replica(
        DBInstanceIdentifier=REPLICA_IDENTIFIER,
        DeletionProtection=True,
        SourceDBInstanceIdentifier=stage.outputs.database.identifier,
    )
    stage.clock.sleep(3600)


def plan_replica_add(stage: Stage) -> Plan:
    primary = replicas.get_instance_description(stage.aws, stage.outputs)
    return replicas.build_replica_creation_plan(
        stage.aws, stage.outputs, primary, "reports", "replica-1"
    )


def plan_replica_remove(stage: Stage) -> Plan:
    primary = replicas.get_instance_description(stage.aws, stage.outputs)
    return replicas.build_replica_removal_plan(
        stage.aws, stage.outputs, primary, "reports", "replica-1"
    )


def collect_replica_list_facts(stage: Stage) -> tuple[object, ...]:
    stage.clock.sleep(3600)
    instances = stage.client("rds").describe_db_instances()["DBInstances"]
    return (
        [
            (instance["DBInstanceIdentifier"], instance["DBInstanceStatus"])
            for instance in instances
        ],
        describe_database(stage)["ReadReplicaDBInstanceIdentifiers"],
    )


def is_every_replica_protected(stage: Stage) -> object:
    """Whether all replicas that there are, are protected; who was deleted is not there."""
    stage.clock.sleep(3600)
    instances = stage.client("rds").describe_db_instances()["DBInstances"]
    replica_items = [
        instance for instance in instances if instance.get("ReadReplicaSourceDBInstanceIdentifier")
    ]
    return all(instance["DeletionProtection"] for instance in replica_items)


PROCEDURES: Final = (
    Procedure(
        "db replica add",
        "reports",
        put_replicable_database,
        plan_replica_add,
        collect_replica_list_facts,
    ),
    Procedure(
        "db replica remove",
        "reports",
        put_database_replica,
        plan_replica_remove,
        collect_replica_list_facts,
        collect_undone_facts=is_every_replica_protected,
        steps_maybe_done=frozenset({"protect"}),  # of what is deleted
    ),
)
