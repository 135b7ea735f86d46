"""Lines of commands that no procedure stands for, each with what is on the stage beforehand."""

from typing import Final

from ops.core.lock import BucketLockStore, Lock, LockRecord
from ops.outputs import RegistryPart
from sandbox.patches.rds import states
from tests.ops import (
    cache_stage,
    change_stage,
    cost_stage,
    db_stage,
    diagnose_stage,
    fleet_stage,
    key_stage,
    log_stage,
    metric_stage,
    network_stage,
    service_stage,
    slo_stage,
)
from tests.ops.audit_stage import AUDIT_LINES
from tests.ops.certificate_stage import CERTIFICATE_LINES
from tests.ops.check_lines import CHECK_LINES
from tests.ops.database_lines import DATABASE_LINES, put_database_with_replica
from tests.ops.incident_lines import INCIDENT_LINES
from tests.ops.incident_stage import put_open_incident
from tests.ops.may_stage import MAY_LINES
from tests.ops.patch_stage import PATCH_LINES
from tests.ops.procedures import (
    alarms,
    baseline,
    db_parameters,
    db_password,
    db_replica,
    deploy,
    maintenance,
    recover,
    recover_rebuild,
    state,
)
from tests.ops.quota_lines import QUOTA_LINES
from tests.ops.rotation_lines import ROTATION_LINES
from tests.ops.stage import ACCOUNT, RECOVERY_REGION, REGION, STACK_PREFIX, Stage
from tests.ops.typed_line import TypedLine as TypedLine
from tests.ops.used_stage import USED_LINES


def put_operations_bucket(stage: Stage) -> None:
    """The operations bucket, where it is not there yet."""
    name, s3 = stage.outputs.backups.operations_bucket, stage.client("s3")
    if name not in [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]:
        s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})


def put_foreign_lock(stage: Stage) -> None:
    """Somebody's lock."""
    put_operations_bucket(stage)
    now = stage.clock.now()
    place = BucketLockStore(stage.client("s3"), stage.outputs.backups.operations_bucket)
    Lock(place).acquire(LockRecord(holder="a@b", run="r-1", reason="x", since=now, until=now + 60))


def put_database_and_service(stage: Stage) -> None:
    """A database with a replica, and a service whose tasks take sessions."""
    put_database_with_replica(stage)
    service_stage.put_only_exec_service(stage)


def put_recovery_region(stage: Stage) -> None:
    """A database whose backups are replicated, and what else a recovery region has."""
    recover.put_recoverable_database(stage)
    key = stage.client("kms", RECOVERY_REGION).create_key()["KeyMetadata"]["Arn"]
    recovery_rds = stage.client("rds", RECOVERY_REGION)
    backup = recovery_rds.start_db_instance_automated_backups_replication(
        SourceDBInstanceArn=db_stage.describe_database(stage)["DBInstanceArn"], KmsKeyId=key
    )["DBInstanceAutomatedBackup"]
    vault = stage.client("backup", RECOVERY_REGION).create_backup_vault(
        BackupVaultName=f"{STACK_PREFIX}-backups"
    )["BackupVaultArn"]
    outputs = stage.outputs
    parts = {
        "stack": outputs.stack.model_copy(update={"recovery_key_arn": key}),
        "database": outputs.database.model_copy(
            update={"replicated_backup_arn": backup["DBInstanceAutomatedBackupsArn"]}
        ),
        "backups": outputs.backups.model_copy(update={"recovery_vault_arn": vault}),
        "registry": RegistryPart(repositories={"backend": "x"}),
    }
    stage.outputs = outputs.model_copy(update=parts)


def put_ready_recovery_region(stage: Stage) -> None:
    """And whatever else is looked at: a certificate of its own here, a copy of the bucket there."""
    put_recovery_region(stage)
    outputs = stage.outputs
    balancer = outputs.load_balancer
    assert balancer is not None
    certificate = stage.client("acm").request_certificate(DomainName="app.example.com")
    certificate_fields = {"certificate_arn": certificate["CertificateArn"], "zone_id": None}
    parts = {
        "backups": outputs.backups.model_copy(update={"recovery_bucket": f"{STACK_PREFIX}-copy"}),
        "load_balancer": balancer.model_copy(update=certificate_fields),
    }
    stage.outputs = outputs.model_copy(update=parts)
    stage.client("s3", RECOVERY_REGION).create_bucket(
        Bucket=f"{STACK_PREFIX}-copy",
        CreateBucketConfiguration={"LocationConstraint": RECOVERY_REGION},
    )


def put_fetchable_state(stage: Stage) -> None:
    """A saved state, and no file yet where it is to go."""
    state.put_saved_state(stage)
    (recover_rebuild.PROGRAM_FOLDER / "fetched.json").unlink(missing_ok=True)


def put_all_services(stage: Stage) -> None:
    """All services of the outputs, one of them scaled by itself."""
    service_stage.put_services(stage, ("backend", "frontend"))
    service_stage.put_scalable_target(stage)


def put_unstartable_database(stage: Stage) -> None:
    """A database that a parameter keeps from starting."""
    db_parameters.put_database_with_group(stage)
    name = stage.outputs.database.identifier
    states.spoil_parameter(ACCOUNT, REGION, name, "work_mem", "4096")


def put_retained_backup(stage: Stage) -> None:
    """The automated backup that a deleted database has left."""
    recover.put_recoverable_database(stage)
    stage.clock.sleep(3600)
    rds, name = stage.client("rds"), stage.outputs.database.identifier
    rds.modify_db_instance(DBInstanceIdentifier=name, DeletionProtection=False)
    rds.delete_db_instance(
        DBInstanceIdentifier=name, SkipFinalSnapshot=True, DeleteAutomatedBackups=False
    )
    stage.clock.sleep(3600)


CAPTURE_LINE: Final = "baseline capture --yes --name"
MUTE_LINE: Final = "alarms mute --for 60 --reason test --yes"
SNAPSHOT_LINE: Final = "db snapshot create --yes"
DEPLOY_LINE: Final = f"service deploy {service_stage.BACKEND_IMAGE}:{{}} --service backend --yes"
TWO_DEPLOY_LINES: Final = (DEPLOY_LINE.format("v2"), DEPLOY_LINE.format("v3"))
REPLICA_OPTION: Final = f"--replica {STACK_PREFIX}-database-replica-1"


def list_log_lines(line: str) -> tuple[TypedLine, ...]:
    """A look at the lines of a service, of a deployment's tasks, and of files in S3."""
    return (
        TypedLine(line.format("backend"), log_stage.put_services_with_lines),
        TypedLine(line.format("backend --deployment current"), log_stage.put_services_with_lines),
        TypedLine(line.format("load-balancer"), log_stage.put_access_logs),
    )


TYPED_LINES: dict[str, tuple[TypedLine, ...]] = {
    **{
        f"db {verb}": (TypedLine(f"db {verb} {REPLICA_OPTION}", put_database_with_replica),)
        for verb in ("activity", "bloat", "databases", "indexes", "locks", "size", "slow")
    },
    **DATABASE_LINES,
    **AUDIT_LINES,
    **CERTIFICATE_LINES,
    **MAY_LINES,
    **USED_LINES,
    **QUOTA_LINES,
    **ROTATION_LINES,
    **PATCH_LINES,
    "baseline capture": (TypedLine("baseline capture --yes", baseline.put_stack_and_bucket),),
    "baseline capture --to": (
        TypedLine("baseline capture --to {folder}/kept.json", baseline.put_stack_and_bucket),
    ),
    "baseline compare": (
        TypedLine("baseline compare", baseline.put_stack_and_bucket, 3, (f"{CAPTURE_LINE} now",)),
    ),
    "baseline list": (TypedLine("baseline list"),),
    "db kill": (TypedLine(f"db kill 42 --yes {REPLICA_OPTION}", put_database_with_replica),),
    "db kill-idle": (TypedLine(f"db kill-idle --yes {REPLICA_OPTION}", put_database_with_replica),),
    "db connect": (
        TypedLine(f"db connect {REPLICA_OPTION}", put_database_and_service),
        TypedLine("db connect", fleet_stage.put_fleet_only),
    ),
    "db parameters": (TypedLine("db parameters", db_parameters.put_database_with_group),),
    "db parameters --set": (
        TypedLine("db parameters --set work_mem=8192 --yes", put_unstartable_database),
    ),
    "db replica add": (
        TypedLine(
            "db replica add reports --class db.m7g.large --yes", db_replica.put_replicable_database
        ),
    ),
    "db rotate-password": (
        TypedLine("db rotate-password --check --yes", db_password.put_rotatable_database),
    ),
    "db reindex": (TypedLine("db reindex orders --yes", put_database_with_replica),),
    "db vacuum": (TypedLine("db vacuum orders --yes", put_database_with_replica),),
    "alarms list": (
        TypedLine(
            "alarms list",
            alarms.put_alarms,
            lines_before=(
                f"{MUTE_LINE} --severity P2 --by rules",
                f"{MUTE_LINE} --severity P1 --by actions",
            ),
        ),
    ),
    **CHECK_LINES,
    "health": (TypedLine("health", maintenance.put_maintainable_stack, 3, (SNAPSHOT_LINE,)),),
    "db insights": (TypedLine("db insights", db_stage.put_database_with_insights),),
    "cache connect": (
        TypedLine("cache connect", cache_stage.put_cache_and_service),
        TypedLine("cache connect --reader", cache_stage.put_cache_and_fleet),
    ),
    "cache hit-rate": (TypedLine("cache hit-rate", metric_stage.put_cache),),
    "cache status": (TypedLine("cache status", cache_stage.put_available_cache),),
    **{
        f"db {verb}": (TypedLine(f"db {verb}", db_stage.put_database),)
        for verb in ("events", "maintenance list", "snapshot list", "status", "storage")
    },
    "changes": (TypedLine("changes", change_stage.put_changed_stack, 0, (SNAPSHOT_LINE,)),),
    **{
        f"diagnose{option}": (
            TypedLine(f"diagnose{option}", put_open_incident, exit_code=3),
            TypedLine("diagnose", maintenance.put_maintainable_stack, 3, (SNAPSHOT_LINE,)),
            TypedLine("diagnose", diagnose_stage.put_diagnosed_stack, 3),
            TypedLine("diagnose", diagnose_stage.put_stack_with_dns_servers, 3),
        )
        for option in ("", " --share")
    },
    "fleet ami": (TypedLine("fleet ami", fleet_stage.put_fleet),),
    "fleet activities": (TypedLine("fleet activities", fleet_stage.put_fleet),),
    "fleet console": (TypedLine("fleet console {instance}", fleet_stage.put_fleet),),
    "fleet session": (TypedLine("fleet session {instance}", fleet_stage.put_fleet),),
    "fleet instances": (TypedLine("fleet instances", fleet_stage.put_fleet),),
    "fleet limits": (TypedLine("fleet limits", fleet_stage.put_fleet),),
    "fleet refresh status": (TypedLine("fleet refresh status", fleet_stage.put_fleet),),
    **INCIDENT_LINES,
    "keys rotate": (TypedLine("keys rotate exporter --unused 0s --yes", key_stage.put_user),),
    "lock break": (TypedLine("lock break --reason test --yes", put_foreign_lock),),
    "lock show": (TypedLine("lock show", put_foreign_lock),),
    "logs errors": (
        *list_log_lines("logs errors {}"),
        TypedLine("logs errors fleet", log_stage.put_services_with_lines),
    ),
    "logs list": (TypedLine("logs list"),),
    "logs query": (TypedLine("logs query errors", log_stage.put_services_with_lines),),
    "logs search": list_log_lines("logs search {} 50"),
    "logs tail": list_log_lines("logs tail {}"),
    "logs top": list_log_lines("logs top {}"),
    **cost_stage.COST_LINES,
    "slo report": tuple(TypedLine("slo report", day, 3) for day in slo_stage.FIRST_DAYS),
    "metrics": (TypedLine("metrics all", metric_stage.put_cache),),
    "maintenance status": (
        TypedLine(
            "maintenance status",
            maintenance.put_maintainable_stack,
            lines_before=(
                f"{MUTE_LINE} --severity P2 --by rules",
                f"{MUTE_LINE} --severity P1 --by actions",
            ),
        ),
    ),
    **{
        f"network flows {name}": (
            TypedLine(f"network flows {name}", network_stage.put_network_with_flow_logs),
        )
        for name in ("nat", "rejected", "top")
    },
    "network reach": (
        *(
            TypedLine(f"network reach {line}", network_stage.put_network, code)
            for line, code in (
                ("backend cache", 0),
                ("backend s3", 0),
                ("load-balancer backend", 0),
                ("fleet database", 3),
            )
        ),
        TypedLine("network reach backend database", network_stage.put_network_with_dns_servers, 3),
        TypedLine("network reach rotation database", network_stage.put_network_with_function),
    ),
    "network reach --probe": tuple(
        TypedLine(f"network reach {line} --probe --dry-run", set_up)
        for line, set_up in (
            ("backend cache", network_stage.put_network),
            ("backend load-balancer", network_stage.put_network),
            ("backend database", network_stage.put_network_with_dns_servers),
        )
    ),
    "outputs show": (TypedLine("outputs show"),),
    "permissions": (TypedLine("permissions db"),),
    "recover compare": (
        TypedLine(
            f"recover compare {STACK_PREFIX}-database {STACK_PREFIX}-database --no-sql",
            put_database_with_replica,
        ),
        TypedLine(
            f"recover compare {STACK_PREFIX}-database {STACK_PREFIX}-database --sql",
            put_database_with_replica,
        ),
    ),
    "recover drills": (
        TypedLine(
            "recover drills",
            recover.put_paging_alarm,
            lines_before=("recover drill --no-sql --rto 60 --rpo 60 --yes",),
        ),
    ),
    "recover ready": (
        TypedLine(
            "recover ready",
            put_ready_recovery_region,
            exit_code=3,
            lines_before=("recover drill --no-sql --rto 60 --rpo 60 --yes",),
        ),
    ),
    "recover list": (TypedLine("recover list", db_stage.put_database),),
    "recover sources": (TypedLine("recover sources", recover.put_saved_snapshot),),
    "recover failover": (TypedLine("recover failover --yes", db_stage.put_database),),
    "recover point-in-time": (
        TypedLine("recover point-in-time --to latest --no-sql --dry-run", put_retained_backup),
    ),
    "recover reconcile": (TypedLine("recover reconcile", db_stage.put_database),),
    "runs list": (TypedLine("runs list", db_stage.put_database, lines_before=(SNAPSHOT_LINE,)),),
    "runs note": (TypedLine("runs note {run} seen", db_stage.put_database),),
    "runs report": (TypedLine("runs report {run}", db_stage.put_database),),
    "runs resume": (TypedLine("runs resume {stopped} --yes", db_stage.put_database),),
    "runs show": (TypedLine("runs show {run}", db_stage.put_database),),
    "runs undo": (TypedLine("runs undo {stopped} --yes", db_stage.put_database),),
    "deploy": (
        TypedLine(
            f"deploy test --after staging --despite tested --dry-run "
            f"--program {recover_rebuild.PROGRAM_FOLDER}",
            deploy.put_earlier_stack,
        ),
    ),
    "service deploy": (
        TypedLine(
            DEPLOY_LINE.format("v3"),
            service_stage.put_services,
            lines_before=(f"{DEPLOY_LINE.format('v2')} --no-wait",),
        ),
    ),
    "service events": (TypedLine("service events", put_all_services),),
    "service exec": (TypedLine("service exec --service backend", service_stage.put_exec_service),),
    "service limits": (TypedLine("service limits", put_all_services),),
    "service list": (TypedLine("service list", put_all_services),),
    "service revisions": (
        TypedLine(
            "service revisions --service backend",
            service_stage.put_services,
            lines_before=TWO_DEPLOY_LINES,
        ),
    ),
    "service rollback": (
        TypedLine(
            "service rollback --service backend --yes",
            service_stage.put_services,
            lines_before=TWO_DEPLOY_LINES,
        ),
    ),
    "service show": (TypedLine("service show backend", service_stage.put_scaled_service),),
    "service tasks": (TypedLine("service tasks --service backend", service_stage.put_services),),
    "state drift": (
        TypedLine(f"state drift {recover_rebuild.PROGRAM_OPTION}", state.put_program_and_bucket),
    ),
    "state fetch": (
        TypedLine(
            f"state fetch --to {recover_rebuild.PROGRAM_FOLDER}/fetched.json", put_fetchable_state
        ),
    ),
}
