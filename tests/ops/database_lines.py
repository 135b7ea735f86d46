"""The lines of `ops db extension` and `ops db user`, and the databases that lines are typed on."""

from tests.ops import db_stage
from tests.ops.procedures import db_parameters
from tests.ops.stage import STACK_PREFIX, Stage
from tests.ops.typed_line import TypedLine


def put_database_with_replica(stage: Stage) -> None:
    """A primary with a replica, and their secret."""
    db_stage.put_database(stage)
    primary, replica = stage.outputs.database.identifier, f"{STACK_PREFIX}-database-replica-1"
    stage.client("rds").create_db_instance_read_replica(
        DBInstanceIdentifier=replica, SourceDBInstanceIdentifier=primary
    )
    database = stage.outputs.database.model_copy(update={"replicas": (replica,)})
    stage.outputs = stage.outputs.model_copy(update={"database": database})
    put_database_password(stage)


def put_database_password(stage: Stage) -> None:
    """The secret of the database's user."""
    secret_value = '{"dbname": "app", "username": "bulwark_admin", "password": "x"}'
    secret = stage.client("secretsmanager").create_secret(
        Name=f"{STACK_PREFIX}-database-1", SecretString=secret_value
    )
    database = stage.outputs.database.model_copy(update={"secret_arn": secret["ARN"]})
    stage.outputs = stage.outputs.model_copy(update={"database": database})


def put_database_with_group_and_password(stage: Stage) -> None:
    """A database with a parameter group of the stack's, and the secret of its user."""
    db_parameters.put_database_with_group(stage)
    put_database_password(stage)


DATABASE_LINES: dict[str, tuple[TypedLine, ...]] = {
    "db extension create": (
        TypedLine("db extension create pgstattuple --yes", put_database_with_replica),
    ),
    "db extension list": (TypedLine("db extension list", put_database_with_group_and_password),),
    "db extension update": (
        TypedLine("db extension update pg_trgm --yes", put_database_with_replica),
    ),
    "db user list": (
        TypedLine(
            f"db user list --replica {STACK_PREFIX}-database-replica-1", put_database_with_replica
        ),
    ),
}
