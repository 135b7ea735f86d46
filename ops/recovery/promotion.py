"""Promotes a restored instance to primary, by rename or by its address in the secret.

By rename the address stays, and both instances are down during the renames. By secret, services
read the new address when their tasks restart, while the stack's settings and ops use the old
instance until a rename. Either way the old instance is kept, and fenced first: what it acknowledged
afterwards would be lost.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from ops.core.aws import Aws
from ops.core.errors import OpsError, UsageError
from ops.core.plan import Plan, Sql, Step, Wait
from ops.core.stack_plan import NO_COST, NOT_PRICED, build_stack_plan
from ops.core.start_time import StartTime
from ops.database import replicas
from ops.database.events import PROMOTION_FAILURES, build_failure_reports
from ops.database.instance import (
    describe_instance_call,
    parse_instance,
    rds_call,
)
from ops.database.statuses import (
    STEADY,
    Change,
    build_failed_conditions,
    get_status_meaning,
    require_status_takes,
)
from ops.outputs import Outputs
from ops.prices.difference import describe_instance_cost
from ops.recovery.fence import (
    build_admission_steps,
    build_fence_step,
    build_fence_steps,
    is_fenceable,
    list_fence_notes,
)
from ops.recovery.promotion_notes import list_promotion_notes
from ops.recovery.rename import build_rename_step, get_replaced_identifier, require_renamable
from ops.recovery.restore import build_password_reset_step
from ops.recovery.secret_switch import (
    build_label_removal_steps,
    build_restart_steps,
    build_rotation_pause_step,
    build_secret_switch_step,
)
from ops.services.model import ServiceState

TYPICAL_REPLICA_PROMOTION_SECONDS: Final = 10 * 60
REPLICA_PROMOTION_TIME_SOURCE: Final = (
    "RDS User Guide, promoting a read replica: several minutes, with a reboot"
)
# Which server answers: its own address, which a rename does not change, or its folder if it is
# reached by a socket of its own machine. Source: PostgreSQL manual, "System Information Functions".
SERVER_STATEMENT: Final = """
SELECT coalesce(host(inet_server_addr()), current_setting('data_directory')) AS server,
       pg_is_in_recovery() AS standby"""


def require_promotable(outputs: Outputs, restored: Mapping[str, Any]) -> None:
    """Raises UsageError or OpsError unless an instance can become the primary now."""
    name = restored["DBInstanceIdentifier"]
    if name == outputs.database.identifier:
        raise UsageError(
            f"RESTORED is {name!r}, but that is the primary already", "ops recover list"
        )
    replication_source = restored.get("ReadReplicaSourceDBInstanceIdentifier")
    if replication_source:
        raise UsageError(
            f"RESTORED is {name!r}, a replica of {replication_source}: promote the replica first",
            f"ops recover replica promote {name}",
        )
    for change in (Change.MODIFY, Change.RENAME):
        require_status_takes(name, restored["DBInstanceStatus"], change, "before a promotion")


def build_rename_promotion_plan(
    outputs: Outputs,
    source: Mapping[str, Any] | None,
    restored: Mapping[str, Any],
    run: str,
    now: Any,
    *,
    can_query: bool,
    fence_steps: Sequence[Step] = (),
    secret_steps: Sequence[Step] = (),
) -> Plan:
    """Builds the plan that gives a restored instance the primary's name, and the primary another.

    Undo renames both back. Without a `source`, the name is free. `fence_steps` fence another
    instance that services use now; `secret_steps` lead services from it to the primary's address.
    Raises OpsError if RDS does not rename the source in its status.
    """
    primary_identifier, name = outputs.database.identifier, str(restored["DBInstanceIdentifier"])
    replaced_identifier = get_replaced_identifier(primary_identifier, run)
    steps = [
        build_password_reset_step(outputs, name, now),
        *build_admission_steps(outputs, restored),
    ]
    if source is not None:
        require_renamable(source, name)
        if can_query:
            steps.append(_build_old_identity_step(primary_identifier))
        if is_fenceable(outputs, source):
            steps.append(build_fence_step(outputs, source))
    steps += fence_steps
    if source is not None:
        source_status = str(source["DBInstanceStatus"])
        return_step = build_rename_step(
            outputs,
            "return",
            str(source["DbiResourceId"]),
            replaced_identifier,
            primary_identifier,
            status=source_status,
        )
        steps.append(
            build_rename_step(
                outputs,
                "away",
                str(source["DbiResourceId"]),
                primary_identifier,
                replaced_identifier,
                status=source_status,
                successor=name,
                undo=(return_step,),
            )
        )
    resource_id = str(restored["DbiResourceId"])
    undo_steps = (build_rename_step(outputs, "give_back", resource_id, primary_identifier, name),)
    steps.append(
        build_rename_step(outputs, "take", resource_id, name, primary_identifier, undo=undo_steps)
    )
    if can_query:
        steps.append(_build_answers_step(primary_identifier, has_source=source is not None))
    steps += secret_steps
    notes = [
        "the database is down from the first rename to the end of the second; then services "
        f"reconnect to the restored instance as {primary_identifier}, some minutes later if they "
        "have the old instance's address in a cache",
        *(
            list_fence_notes(outputs, source, replaced_identifier, is_open_long=False)
            if source is not None
            else ()
        ),
        *(
            [
                f"the stack's secret leads to another instance now: it gets the address of "
                f"{primary_identifier} again, and every service is restarted"
            ]
            if secret_steps
            else ()
        ),
        f"afterwards {primary_identifier} can be restored to times since its restore; for earlier "
        "times you need the automated backups of the old instance, which are deleted with it",
        *list_promotion_notes(outputs, source, restored),
        "Pulumi's state still refers to the old instance: `ops recover reconcile` lists the "
        "commands to fix it",
    ]
    if source is not None:
        notes.append(
            f"the old instance is kept as {replaced_identifier}, with its deletion protection"
        )
        if Change.RENAME not in get_status_meaning(str(source["DBInstanceStatus"])).takes:
            notes.append(
                f"{primary_identifier} is {source['DBInstanceStatus']}: RDS may refuse to rename "
                "it; then nothing has changed, and --by secret is the way"
            )
    changes = [f"instance that is {primary_identifier}: {replaced_identifier} -> {name}"]
    return _build_promotion_plan(outputs, run, steps, changes, notes, f"{name} --by rename", now)


def build_secret_promotion_plan(
    aws: Aws,
    outputs: Outputs,
    secret: Mapping[str, Any],
    restored: Mapping[str, Any],
    source: Mapping[str, Any] | None,
    services: Sequence[ServiceState],
    run: str,
    now: Any,
    serving: Mapping[str, Any] | None = None,
) -> Plan:
    """Builds the plan that writes an instance's address to the secret and restarts every service.

    Undo restores the old address; services that restarted need `ops service restart`. `serving` is
    the instance that services use now, if it is neither the source nor the restored one. Raises
    OpsError if the instance has no address yet.
    """
    name = str(restored["DBInstanceIdentifier"])
    endpoint = restored.get("Endpoint")
    if not endpoint:
        raise OpsError(f"{name} has no address yet", "ops recover list")
    steps = [
        build_password_reset_step(outputs, name, now),
        *build_admission_steps(outputs, restored),
    ]
    if secret.get("RotationEnabled"):
        steps.append(build_rotation_pause_step(outputs, secret))
    old_instances = [instance for instance in (source, serving) if instance is not None]
    for instance in old_instances:
        steps += build_fence_steps(aws, outputs, instance, now, is_primary=instance is source)
    host, port = str(endpoint["Address"]), int(endpoint["Port"])
    steps += build_label_removal_steps(outputs, secret)
    steps.append(build_secret_switch_step(outputs, secret, name, host, port, run))
    steps += build_restart_steps(aws, services)
    notes = [
        "running tasks have no database from then on until they are replaced; what was written "
        "since the backup is in the old instance only",
        *(
            note
            for instance in old_instances
            for note in list_fence_notes(
                outputs, instance, str(instance["DBInstanceIdentifier"]), is_open_long=True
            )
        ),
        f"after an undo, services keep the address of {name} until `ops service restart`",
        f"ops, alarms and dashboards use {outputs.database.identifier} until you run `ops recover "
        f"promote {name} --by rename` at a quiet time; `ops health` says so until then",
        *list_promotion_notes(outputs, source, restored),
    ]
    if secret.get("RotationEnabled"):
        notes.append(
            "password rotation is turned off, since it would change the old instance's password: "
            "`pulumi up` turns it on again after the rename"
        )
    if outputs.fleet is not None:
        notes.append(
            "fleet instances read the address when they start: run `ops fleet refresh start`"
        )
    changes = [f"instance in the stack's secret: the one before -> {name}"]
    return _build_promotion_plan(outputs, run, steps, changes, notes, f"{name} --by secret", now)


def build_replica_promotion_plan(
    outputs: Outputs, replica: Mapping[str, Any], retention_days: int, run: str
) -> Plan:
    """Builds the plan that makes a replica a standalone instance with backups. There is no undo.

    Raises UsageError unless it is a replica, OpsError unless it is available.
    """
    name = str(replica["DBInstanceIdentifier"])
    replication_source = replica.get("ReadReplicaSourceDBInstanceIdentifier")
    if not replication_source:
        raise UsageError(f"NAME must be a replica, but {name!r} replicates no other instance")
    require_status_takes(name, replica["DBInstanceStatus"], Change.PROMOTE, "before it is promoted")
    read = describe_instance_call(outputs, name)
    step = Step(
        name="promote",
        description=f"promote {name} from a replica of {replication_source}, with backups for "
        f"{retention_days} days",
        action=rds_call(
            outputs,
            "rds.promote_read_replica",
            {"DBInstanceIdentifier": name, "BackupRetentionPeriod": retention_days},
        ),
        goal=Wait(
            read=read,
            met={
                **STEADY,
                "DBInstances[0].ReadReplicaSourceDBInstanceIdentifier": None,
                "DBInstances[0].BackupRetentionPeriod": retention_days,
            },
            begun={"DBInstances[0].ReadReplicaSourceDBInstanceIdentifier": None},
            failed=build_failed_conditions(),
            reports=build_failure_reports(outputs, name, PROMOTION_FAILURES),
            every=15,
            within=2 * 3600,
            typical=TYPICAL_REPLICA_PROMOTION_SECONDS,
            source=REPLICA_PROMOTION_TIME_SOURCE,
        ),
        downtime=0,
    )
    notes = (
        f"it is down while it restarts; {replication_source} is not touched",
        f"then run `ops recover promote {name}` with --by rename or --by secret",
    )
    return build_stack_plan(
        outputs,
        run,
        "recover replica promote",
        step,
        changes=[f"{name}: replica of {replication_source} -> an instance of its own"],
        losses=["changes that it has not replayed yet"],
        cost=f"{NOT_PRICED}: its backups of {retention_days} days",
        notes=notes,
        arguments=name,
    )


def build_discard_plan(
    outputs: Outputs, instance: Mapping[str, Any], run: str, *, with_snapshot: bool
) -> Plan:
    """Deletes an instance beside the primary, after a snapshot.

    Raises UsageError if it is the primary or a replica, OpsError if RDS takes no snapshot. Whether
    services use it is not checked here: see ops/recovery/serving.py.
    """
    name = str(instance["DBInstanceIdentifier"])
    stack_identifiers = (outputs.database.identifier, *outputs.database.replicas)
    if name in stack_identifiers or instance.get("ReadReplicaSourceDBInstanceIdentifier"):
        raise UsageError(
            f"NAME must be a restored or replaced instance, not {name!r}", "ops recover list"
        )
    steps = list(replicas.build_instance_removal_steps(outputs, name, ""))
    if with_snapshot:
        from ops.database.snapshots import build_snapshot_step

        status = str(instance["DBInstanceStatus"])
        if Change.SNAPSHOT not in get_status_meaning(status).takes:
            raise OpsError(
                f"{name} is {status}, and RDS takes no snapshot of it: wait, or delete it without",
                f"ops recover discard {name} --no-snapshot",
            )
        steps.insert(0, build_snapshot_step(outputs, parse_instance(instance), run))
    way_back = (
        f"to go back, restore the snapshot {name}-{run}"
        if with_snapshot
        else "no snapshot is taken, so its data are gone"
    )
    return build_stack_plan(
        outputs,
        run,
        "recover discard",
        *steps,
        changes=["one DB instance fewer"],
        losses=[f"{name} and its automated backups; {way_back}"],
        cost=describe_instance_cost(
            str(instance.get("DBInstanceClass")),
            int(instance.get("AllocatedStorage") or 0),
            storage_type=str(instance.get("StorageType")),
            multi_az=bool(instance.get("MultiAZ")),
            count=-1,
        ),
        arguments=name if with_snapshot else f"{name} --no-snapshot",
    )


def _build_old_identity_step(primary_identifier: str) -> Step:
    """Builds the step that records which server has the primary's name, if it answers."""
    query = Sql(statement=SERVER_STATEMENT, unreachable_is_answer=True)
    return Step(
        name="old_identity",
        description=f"see which server answers as {primary_identifier} before the renames",
        action=query,
        goal=Wait(read=query, met={"type(rows)": "array"}),
    )


def _build_answers_step(primary_identifier: str, *, has_source: bool) -> Step:
    """Builds the query of the promoted instance, which the old one cannot answer for it."""
    query = Sql(statement=SERVER_STATEMENT, unreachable_is_answer=True)
    return Step(
        name="answers",
        description=f"query {primary_identifier} with the password in the stack's secret"
        + (", and see that it is not the old instance that answers" if has_source else ""),
        action=query,
        goal=Wait(
            read=query,
            met={"rows[0].standby": False},
            differs_from={"rows[0].server": "old_identity.rows[0].server"} if has_source else {},
            every=5,
            within=1800,
        ),
    )


def _build_promotion_plan(
    outputs: Outputs,
    run: str,
    steps: Sequence[Step],
    changes: Sequence[str],
    notes: Sequence[str],
    arguments: str,
    now: Any,
) -> Plan:
    plan = build_stack_plan(
        outputs,
        run,
        "recover promote",
        *steps,
        changes=changes,
        losses=["what the old instance has and the new one does not: it stays in the old one only"],
        cost=NO_COST,
        notes=notes,
        arguments=arguments,
    )
    return plan.with_times(now, SINCE=StartTime())
