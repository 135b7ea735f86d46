"""A restored instance takes the primary's place: by its name, or by its address in the secret.

By rename the address stays and both instances are away while they are renamed. By secret nothing
is renamed: each service reads another address when its tasks are started anew, and the stack's
settings and operations know the old instance until a rename. Either way the old one is kept.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from ops.core.aws import Aws
from ops.core.errors import OpsError, UsageError
from ops.core.plan import Call, JsonObject, Plan, SecretRewrite, Sql, StartTime, Step, Wait
from ops.core.stack_plan import build_stack_plan
from ops.database import copied_settings as likeness
from ops.database import instance as database
from ops.database import password as rotating
from ops.database import replicas
from ops.database.instance import DATABASE_STATUS_PATH, DB_INSTANCE_NOT_FOUND
from ops.outputs import Outputs
from ops.recovery import restore as restoring
from ops.services import deploy as deployments
from ops.services.model import ServiceState

RESOURCE_ID_PATH: Final = "DBInstances[0].DbiResourceId"
# "Renaming a DB instance", RDS User Guide: the new endpoint takes up to ten minutes.
TYPICAL_RENAME_SECONDS: Final = 10 * 60
RENAME_TIME_SOURCE: Final = "RDS User Guide, renaming a DB instance: about ten minutes each"
TYPICAL_REPLICA_PROMOTION_SECONDS: Final = 10 * 60
REPLICA_PROMOTION_TIME_SOURCE: Final = (
    "RDS User Guide, promoting a read replica: several minutes, with a reboot"
)
SECRET_SWITCH_DOWNTIME_SECONDS: Final = 5 * 60
MAX_NOTED_DIFFERENCES: Final = 6  # differences that a note lists


def require_promotable(
    outputs: Outputs, source: Mapping[str, Any] | None, restored: Mapping[str, Any]
) -> None:
    """Raises where an instance cannot take the primary's place now."""
    name = restored["DBInstanceIdentifier"]
    if name == outputs.database.identifier:
        raise UsageError(f"RESTORED is {name!r}, which is the primary already", "ops recover list")
    replication_source = restored.get("ReadReplicaSourceDBInstanceIdentifier")
    if replication_source:
        raise UsageError(
            f"RESTORED is {name!r}, which follows {replication_source}: it is promoted first",
            f"ops recover replica promote {name}",
        )
    for instance in filter(None, (restored, source)):
        if instance["DBInstanceStatus"] != "available":
            raise OpsError(
                f"{instance['DBInstanceIdentifier']} is {instance['DBInstanceStatus']}, it "
                "must be available "
                "to be promoted or replaced",
                "ops recover list",
            )


def build_rename_promotion_plan(
    outputs: Outputs,
    source: Mapping[str, Any] | None,
    restored: Mapping[str, Any],
    run: str,
    now: Any,
    *,
    can_query: bool,
) -> Plan:
    """The restored instance has the primary's name, the old one keeps another. Undone: renamed
    back, as long as both are there."""
    primary_identifier, name = outputs.database.identifier, str(restored["DBInstanceIdentifier"])
    replaced_identifier = get_replaced_identifier(primary_identifier, run)
    steps = [restoring.build_password_reset_step(outputs, name, now)]
    if source is not None:
        steps.append(
            _build_rename_step(
                outputs,
                "away",
                str(source["DbiResourceId"]),
                primary_identifier,
                replaced_identifier,
                undo=(
                    _build_rename_step(
                        outputs,
                        "return",
                        str(source["DbiResourceId"]),
                        replaced_identifier,
                        primary_identifier,
                    ),
                ),
            )
        )
    resource_id = str(restored["DbiResourceId"])
    undo_steps = (_build_rename_step(outputs, "give_back", resource_id, primary_identifier, name),)
    steps.append(
        _build_rename_step(outputs, "take", resource_id, name, primary_identifier, undo=undo_steps)
    )
    if can_query:
        query = Sql(statement="SELECT 1 AS answers", unreachable_is_answer=True)
        description = (
            f"see {primary_identifier} answer a query, with the password of the stack's secret"
        )
        goal = Wait(read=query, met={"rows[0].answers": 1}, every=5, within=1800)
        steps.append(Step(name="answers", description=description, action=query, goal=goal))
    notes = [
        "nobody is answered from the first rename to the end of the second; then "
        f"{primary_identifier} leads to "
        "what was restored, and services connect to it again by themselves",
        f"afterwards {primary_identifier} can be restored to times since its restore; to "
        "earlier ones only from "
        "the automated backups of the old one, which go when it is discarded",
        *_list_promotion_notes(outputs, source, restored),
        "Pulumi's state still knows the old instance: `ops recover reconcile` has the commands",
    ]
    if source is not None:
        notes.append(
            f"the old instance stays as {replaced_identifier}, with its deletion protection"
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
    """The secret has the restored instance's address, and every service has read it.

    Undone: the secret has the old address; what has been started with the new one is started again
    by `ops service restart`.
    """
    name = str(restored["DBInstanceIdentifier"])
    endpoint = restored.get("Endpoint")
    if not endpoint:
        raise OpsError(f"{name} has no address yet", "ops recover list")
    steps = [restoring.build_password_reset_step(outputs, name, now)]
    if secret.get("RotationEnabled"):
        steps.append(_build_rotation_pause_step(outputs, secret))
    steps.append(_build_secret_switch_step(outputs, secret, name, endpoint, run))
    steps += [
        deployments.build_force_deployment_step(aws, service, f"restart_{n}")
        for n, service in enumerate(services, 1)
    ]
    notes = [
        "tasks that run go on writing to the old instance until they are replaced: what they write "
        "meanwhile is in the old instance only (`ops service maintenance on` keeps writers away)",
        f"undone, the services keep the address of {name} until `ops service restart`",
        f"operations, alarms and dashboards look at {outputs.database.identifier} until `ops "
        f"recover promote {name} --by rename`, in a quiet hour",
        *_list_promotion_notes(outputs, source, restored),
    ]
    if secret.get("RotationEnabled"):
        notes.append(
            "the rotation of the password rests, since it would change the old instance's: `pulumi "
            "up` turns it on again after the rename"
        )
    if outputs.fleet is not None:
        notes.append("instances of the fleet read it when they start: `ops fleet refresh start`")
    return _build_promotion_plan(outputs, run, steps, notes, now)


def build_replica_promotion_plan(
    outputs: Outputs, replica: Mapping[str, Any], retention_days: int, run: str
) -> Plan:
    """A replica stands alone, takes writes and keeps backups. It never follows again."""
    name = str(replica["DBInstanceIdentifier"])
    replication_source = replica.get("ReadReplicaSourceDBInstanceIdentifier")
    if not replication_source:
        raise UsageError(f"NAME is {name!r}, which follows nobody: it is no replica")
    if replica["DBInstanceStatus"] != "available":
        raise OpsError(f"{name} is {replica['DBInstanceStatus']}, it must be available")
    read = database.describe_instance_call(outputs, name)
    step = Step(
        name="promote",
        description=f"let {name} follow {replication_source} no longer, and keep backups "
        f"of {retention_days} days",
        action=database.rds_call(
            outputs,
            "rds.promote_read_replica",
            {"DBInstanceIdentifier": name, "BackupRetentionPeriod": retention_days},
        ),
        goal=Wait(
            read=read,
            met={
                DATABASE_STATUS_PATH: "available",
                "DBInstances[0].ReadReplicaSourceDBInstanceIdentifier": None,
                "DBInstances[0].BackupRetentionPeriod": retention_days,
            },
            begun={"DBInstances[0].ReadReplicaSourceDBInstanceIdentifier": None},
            failed={DATABASE_STATUS_PATH: list(database.FAILED_STATUSES)},
            every=15,
            within=2 * 3600,
            typical=TYPICAL_REPLICA_PROMOTION_SECONDS,
            source=REPLICA_PROMOTION_TIME_SOURCE,
        ),
        downtime=0,
    )
    notes = (
        "it never follows again, there is no undo; what it had not replayed yet is lost to it",
        f"whoever reads from it is not answered while it restarts; {replication_source} is "
        "not touched",
        f"then: ops recover promote {name} --by rename, or --by secret",
    )
    return build_stack_plan(outputs, run, "recover replica promote", step, notes=notes)


def build_discard_plan(
    outputs: Outputs, instance: Mapping[str, Any], run: str, *, with_snapshot: bool
) -> Plan:
    """Deletes an instance beside the primary, after a snapshot.

    Raises UsageError if it is the primary or a replica. Whether services use it is not checked
    here: see ops/recovery/serving.py.
    """
    name = str(instance["DBInstanceIdentifier"])
    stack_identifiers = (outputs.database.identifier, *outputs.database.replicas)
    if name in stack_identifiers or instance.get("ReadReplicaSourceDBInstanceIdentifier"):
        raise UsageError(
            f"NAME is {name!r}, which is no restored or replaced instance", "ops recover list"
        )
    steps = list(replicas.build_instance_removal_steps(outputs, name, ""))
    if with_snapshot:
        from ops.database.snapshots import build_snapshot_step

        steps.insert(0, build_snapshot_step(outputs, database.parse_instance(instance), run))
    notes = (
        "with it go its automated backups; there is no undo"
        + (
            f": the way back is the snapshot {name}-{run}" if with_snapshot else ", and no snapshot"
        ),
    )
    return build_stack_plan(outputs, run, "recover discard", *steps, notes=notes)


# The old instance serves, or is gone: its name is free then.
AVAILABLE_OR_GONE: Final = (
    f"{DATABASE_STATUS_PATH} == 'available' || answer == '{DB_INSTANCE_NOT_FOUND}'"
)


def get_replaced_identifier(identifier: str, run: str) -> str:
    """What the old instance is called afterwards."""
    return f"{identifier}-{run}"


def _build_rename_step(
    outputs: Outputs,
    step_name: str,
    resource_id: str,
    old_name: str,
    new_name: str,
    undo: tuple[Step, ...] = (),
) -> Step:
    """Which of two instances has a name is told by its resource id, which no rename changes.

    Repeatable, since the old name is then nobody's: RDS refuses, and the goal is looked at.
    """
    old_name_call, new_name_call = (
        database.describe_instance_call(outputs, name).model_copy(
            update={"expected_errors": (DB_INSTANCE_NOT_FOUND,)}
        )
        for name in (old_name, new_name)
    )
    return Step(
        name=step_name,
        description=f"rename {old_name} to {new_name}",
        ready=Wait(
            read=old_name_call,
            met={AVAILABLE_OR_GONE: True},
            every=15,
        ),
        action=database.rds_call(
            outputs,
            "rds.modify_db_instance",
            {
                "DBInstanceIdentifier": old_name,
                "NewDBInstanceIdentifier": new_name,
                "ApplyImmediately": True,
            },
        ),
        goal=Wait(
            read=new_name_call,
            met={RESOURCE_ID_PATH: resource_id, DATABASE_STATUS_PATH: "available"},
            begun={RESOURCE_ID_PATH: resource_id},
            failed={DATABASE_STATUS_PATH: list(database.FAILED_STATUSES)},
            every=15,
            within=2 * 3600,
            typical=TYPICAL_RENAME_SECONDS,
            source=RENAME_TIME_SOURCE,
        ),
        undo=undo,
        downtime=TYPICAL_RENAME_SECONDS,
    )


def _build_rotation_pause_step(outputs: Outputs, secret: Mapping[str, Any]) -> Step:
    """No rotation while the function of the stack would change the old instance's password."""
    secret_params: JsonObject = {"SecretId": outputs.database.secret_arn}
    read = database.rds_call(outputs, "secretsmanager.describe_secret", {**secret_params})
    rules = {
        key: value
        for key, value in (secret.get("RotationRules") or {}).items()
        if key in ("AutomaticallyAfterDays", "Duration", "ScheduleExpression")
    }
    if "ScheduleExpression" in rules:
        rules.pop("AutomaticallyAfterDays", None)  # AWS shows both and takes one
    undo_step = Step(
        name="rotated",
        description="turn the rotation of the password on again",
        action=database.rds_call(
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
        description="let the rotation of the password rest",
        action=database.rds_call(outputs, "secretsmanager.cancel_rotate_secret", {**secret_params}),
        goal=Wait(read=read, met={"RotationEnabled || `false`": False}, every=5, within=600),
        undo=(undo_step,),
    )


def _build_secret_switch_step(
    outputs: Outputs, secret: Mapping[str, Any], name: str, endpoint: Mapping[str, Any], run: str
) -> Step:
    """A new version of the secret with another address; all else of it goes along unseen."""
    arn, token = outputs.database.secret_arn, rotating.get_rotation_token(run)
    stages = secret.get("VersionIdsToStages") or {}
    current_version_id = next(
        (version_id for version_id, stage_names in stages.items() if "AWSCURRENT" in stage_names),
        None,
    )
    if current_version_id is None:
        raise OpsError(f"the secret {arn} has no current version")
    read = database.rds_call(outputs, "secretsmanager.describe_secret", {"SecretId": arn})
    current_stage_format = "contains(VersionIdsToStages.\"{}\" || `[]`, 'AWSCURRENT')"
    undo_step = Step(
        name="switch_back",
        description="make the version of the secret with the old address the current one again",
        action=database.rds_call(
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
    differences = likeness.list_setting_differences(source, restored) if source else []
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
            f"not as the old one: {'; '.join(descriptions[:MAX_NOTED_DIFFERENCES])}{omission}"
        )
    replica_names = [*((source or {}).get("ReadReplicaDBInstanceIdentifiers") or ())]
    if replica_names:
        notes.append(
            f"{', '.join(replica_names)} go on following the old instance: replicas of the "
            "new one are "
            "made by `pulumi up`, or `ops db replica add`"
        )
    if outputs.database.replicated_backup_arn:
        notes.append(
            "backups of the new instance are replicated to the recovery region only after "
            "`pulumi up`"
        )
    return notes


def _build_promotion_plan(
    outputs: Outputs, run: str, steps: Sequence[Step], notes: Sequence[str], now: Any
) -> Plan:
    plan = build_stack_plan(outputs, run, "recover promote", *steps, notes=tuple(notes))
    return plan.with_times(now, SINCE=StartTime())
