"""Promotes a restored instance to primary, by rename or by its address in the secret.

By rename the address stays, and both instances are down during the renames. By secret, services
read the new address when their tasks restart, while the stack's settings and ops use the old
instance until a rename. Either way the old instance is kept.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from ops.core.aws import Aws
from ops.core.errors import OpsError, UsageError
from ops.core.plan import Call, JsonObject, Plan, SecretRewrite, Sql, Step, Wait
from ops.core.stack_plan import build_stack_plan
from ops.core.start_time import StartTime
from ops.database import replicas
from ops.database.copied_settings import list_setting_differences
from ops.database.instance import (
    describe_instance_call,
    parse_instance,
    rds_call,
)
from ops.database.password import get_rotation_token
from ops.database.statuses import (
    STEADY,
    Change,
    build_failed_conditions,
    get_status_meaning,
    require_status_takes,
)
from ops.outputs import Outputs
from ops.recovery.rename import build_rename_step, get_replaced_identifier, require_renamable
from ops.recovery.restore import build_password_reset_step
from ops.services.deployment_steps import build_force_deployment_step
from ops.services.model import ServiceState

TYPICAL_REPLICA_PROMOTION_SECONDS: Final = 10 * 60
REPLICA_PROMOTION_TIME_SOURCE: Final = (
    "RDS User Guide, promoting a read replica: several minutes, with a reboot"
)
SECRET_SWITCH_DOWNTIME_SECONDS: Final = 5 * 60
MAX_NOTED_DIFFERENCES: Final = 6  # differences listed in a note


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
) -> Plan:
    """Builds the plan that gives a restored instance the primary's name, and the primary another.

    Undo renames both back. Without a `source`, the name is free. Raises OpsError if RDS does not
    rename the source in its status.
    """
    primary_identifier, name = outputs.database.identifier, str(restored["DBInstanceIdentifier"])
    replaced_identifier = get_replaced_identifier(primary_identifier, run)
    steps = [build_password_reset_step(outputs, name, now)]
    if source is not None:
        require_renamable(source, name)
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
        query = Sql(statement="SELECT 1 AS answers", unreachable_is_answer=True)
        description = f"query {primary_identifier} with the password in the stack's secret"
        goal = Wait(read=query, met={"rows[0].answers": 1}, every=5, within=1800)
        steps.append(Step(name="answers", description=description, action=query, goal=goal))
    notes = [
        "the database is down from the first rename to the end of the second; then services "
        f"reconnect to the restored instance as {primary_identifier}",
        f"afterwards {primary_identifier} can be restored to times since its restore; for earlier "
        "times you need the automated backups of the old instance, which are deleted with it",
        *_list_promotion_notes(outputs, source, restored),
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
    return _build_promotion_plan(outputs, run, steps, notes, now)


def build_secret_promotion_plan(
    aws: Aws,
    outputs: Outputs,
    secret: Mapping[str, Any],
    restored: Mapping[str, Any],
    source: Mapping[str, Any] | None,
    services: Sequence[ServiceState],
    run: str,
    now: Any,
) -> Plan:
    """Builds the plan that writes an instance's address to the secret and restarts every service.

    Undo restores the old address; services that restarted need `ops service restart`. Raises
    OpsError if the instance has no address yet.
    """
    name = str(restored["DBInstanceIdentifier"])
    endpoint = restored.get("Endpoint")
    if not endpoint:
        raise OpsError(f"{name} has no address yet", "ops recover list")
    steps = [build_password_reset_step(outputs, name, now)]
    if secret.get("RotationEnabled"):
        steps.append(_build_rotation_pause_step(outputs, secret))
    steps.append(_build_secret_switch_step(outputs, secret, name, endpoint, run))
    steps += [
        build_force_deployment_step(aws, service, f"restart_{n}")
        for n, service in enumerate(services, 1)
    ]
    notes = [
        "running tasks write to the old instance until they are replaced, and these writes stay "
        "there only (`ops service maintenance on` stops writers)",
        f"after an undo, services keep the address of {name} until `ops service restart`",
        f"ops, alarms and dashboards use {outputs.database.identifier} until you run `ops recover "
        f"promote {name} --by rename` at a quiet time",
        *_list_promotion_notes(outputs, source, restored),
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
    return _build_promotion_plan(outputs, run, steps, notes, now)


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
            every=15,
            within=2 * 3600,
            typical=TYPICAL_REPLICA_PROMOTION_SECONDS,
            source=REPLICA_PROMOTION_TIME_SOURCE,
        ),
        downtime=0,
    )
    notes = (
        "there is no undo; changes that it has not replayed yet are lost",
        f"it is down while it restarts; {replication_source} is not touched",
        f"then run `ops recover promote {name}` with --by rename or --by secret",
    )
    return build_stack_plan(outputs, run, "recover replica promote", step, notes=notes)


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
    notes = (
        "its automated backups are deleted too; there is no undo"
        + (
            f": to go back, restore the snapshot {name}-{run}"
            if with_snapshot
            else " and no snapshot"
        ),
    )
    return build_stack_plan(outputs, run, "recover discard", *steps, notes=notes)


def _build_rotation_pause_step(outputs: Outputs, secret: Mapping[str, Any]) -> Step:
    """Builds the step that turns rotation off; it would change the old instance's password."""
    secret_params: JsonObject = {"SecretId": outputs.database.secret_arn}
    read = rds_call(outputs, "secretsmanager.describe_secret", {**secret_params})
    rules = {
        key: value
        for key, value in (secret.get("RotationRules") or {}).items()
        if key in ("AutomaticallyAfterDays", "Duration", "ScheduleExpression")
    }
    if "ScheduleExpression" in rules:
        rules.pop("AutomaticallyAfterDays", None)  # AWS returns both but accepts one
    undo_step = Step(
        name="rotated",
        description="turn password rotation on again",
        action=rds_call(
            outputs,
            "secretsmanager.rotate_secret",
            {
                **secret_params,
                "RotationLambdaARN": secret["RotationLambdaARN"],
                "RotationRules": rules,
                "RotateImmediately": False,
            },
        ),
        goal=Wait(read=read, met={"RotationEnabled": True}, every=5, within=600),
    )
    return Step(
        name="unrotated",
        description="turn password rotation off",
        action=rds_call(outputs, "secretsmanager.cancel_rotate_secret", {**secret_params}),
        goal=Wait(read=read, met={"RotationEnabled || `false`": False}, every=5, within=600),
        undo=(undo_step,),
    )


def _build_secret_switch_step(
    outputs: Outputs, secret: Mapping[str, Any], name: str, endpoint: Mapping[str, Any], run: str
) -> Step:
    """Builds the step that writes a secret version in which only the address is new."""
    arn, token = outputs.database.secret_arn, get_rotation_token(run)
    stages = secret.get("VersionIdsToStages") or {}
    current_version_id = next(
        (version_id for version_id, stage_names in stages.items() if "AWSCURRENT" in stage_names),
        None,
    )
    if current_version_id is None:
        raise OpsError(f"the secret {arn} has no current version")
    read = rds_call(outputs, "secretsmanager.describe_secret", {"SecretId": arn})
    current_stage_format = "contains(VersionIdsToStages.\"{}\" || `[]`, 'AWSCURRENT')"
    undo_step = Step(
        name="switch_back",
        description="restore the secret's version with the old address",
        action=rds_call(
            outputs,
            "secretsmanager.update_secret_version_stage",
            {
                "SecretId": arn,
                "VersionStage": "AWSCURRENT",
                "MoveToVersionId": current_version_id,
                "RemoveFromVersionId": token,
            },
        ),
        goal=Wait(
            read=read,
            met={current_stage_format.format(current_version_id): True},
            every=5,
            within=600,
        ),
    )
    return Step(
        name="switch",
        description=f"put the address of {name} into the stack's secret",
        action=Call(
            api="secretsmanager.put_secret_value",
            params={"SecretId": arn, "ClientRequestToken": token},
            rewrites={
                "SecretString": SecretRewrite(
                    secret=arn,
                    keys={"host": str(endpoint["Address"]), "port": int(endpoint["Port"])},
                )
            },
            region=outputs.stack.region,
        ),
        goal=Wait(read=read, met={current_stage_format.format(token): True}, every=5, within=600),
        undo=(undo_step,),
        downtime=SECRET_SWITCH_DOWNTIME_SECONDS,
    )


def _list_promotion_notes(
    outputs: Outputs, source: Mapping[str, Any] | None, restored: Mapping[str, Any]
) -> list[str]:
    differences = list_setting_differences(source, restored) if source else []
    notes = []
    if differences:
        descriptions = [
            f"{difference.setting} is {difference.restored_value!r}, was "
            f"{difference.source_value!r}"
            for difference in differences
        ]
        omission = (
            f", and {len(descriptions) - MAX_NOTED_DIFFERENCES} more"
            if len(descriptions) > MAX_NOTED_DIFFERENCES
            else ""
        )
        notes.append(
            f"differs from the old instance: "
            f"{'; '.join(descriptions[:MAX_NOTED_DIFFERENCES])}{omission}"
        )
    replica_names = [*((source or {}).get("ReadReplicaDBInstanceIdentifiers") or ())]
    if replica_names:
        notes.append(
            f"these still replicate the old instance: {', '.join(replica_names)}; create replicas "
            "of the new one with `pulumi up` or `ops db replica add`"
        )
    if outputs.database.replicated_backup_arn:
        notes.append(
            "backups of the new instance are not replicated to the recovery region until "
            "`pulumi up`"
        )
    return notes


def _build_promotion_plan(
    outputs: Outputs, run: str, steps: Sequence[Step], notes: Sequence[str], now: Any
) -> Plan:
    plan = build_stack_plan(outputs, run, "recover promote", *steps, notes=tuple(notes))
    return plan.with_times(now, SINCE=StartTime())
