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

RESOURCE: Final = "DBInstances[0].DbiResourceId"
# "Renaming a DB instance", RDS User Guide: the new endpoint takes up to ten minutes.
RENAME: Final = 10 * 60
RENAME_SOURCE: Final = "RDS User Guide, renaming a DB instance: about ten minutes each"
PROMOTE: Final = 10 * 60
PROMOTE_SOURCE: Final = "RDS User Guide, promoting a read replica: several minutes, with a reboot"
SWITCH: Final = 5 * 60
SHOWN: Final = 6  # differences that a note lists


def checked(
    outputs: Outputs, source: Mapping[str, Any] | None, restored: Mapping[str, Any]
) -> None:
    """Raises where an instance cannot take the primary's place now."""
    name = restored["DBInstanceIdentifier"]
    if name == outputs.database.identifier:
        raise UsageError(f"RESTORED is {name!r}, which is the primary already", "ops recover list")
    follows = restored.get("ReadReplicaSourceDBInstanceIdentifier")
    if follows:
        raise UsageError(
            f"RESTORED is {name!r}, which follows {follows}: it is promoted first",
            f"ops recover replica promote {name}",
        )
    for one in filter(None, (restored, source)):
        if one["DBInstanceStatus"] != "available":
            raise OpsError(
                f"{one['DBInstanceIdentifier']} is {one['DBInstanceStatus']}, it must be available "
                "to be promoted or replaced",
                "ops recover list",
            )


def by_rename(
    outputs: Outputs,
    source: Mapping[str, Any] | None,
    restored: Mapping[str, Any],
    run: str,
    now: Any,
    *,
    sql: bool,
) -> Plan:
    """The restored instance has the primary's name, the old one keeps another. Undone: renamed
    back, as long as both are there."""
    own, name = outputs.database.identifier, str(restored["DBInstanceIdentifier"])
    kept = kept_name(own, run)
    steps = [restoring.given_password(outputs, name, now)]
    if source is not None:
        steps.append(
            _renamed(
                outputs,
                "away",
                str(source["DbiResourceId"]),
                own,
                kept,
                undo=(_renamed(outputs, "return", str(source["DbiResourceId"]), kept, own),),
            )
        )
    resource = str(restored["DbiResourceId"])
    back = (_renamed(outputs, "give_back", resource, own, name),)
    steps.append(_renamed(outputs, "take", resource, name, own, undo=back))
    if sql:
        ask = Sql(statement="SELECT 1 AS answers", unreachable_is_answer=True)
        says = f"see {own} answer a query, with the password of the stack's secret"
        goal = Wait(read=ask, met={"rows[0].answers": 1}, every=5, within=1800)
        steps.append(Step(name="answers", description=says, action=ask, goal=goal))
    notes = [
        f"nobody is answered from the first rename to the end of the second; then {own} leads to "
        "what was restored, and services connect to it again by themselves",
        f"afterwards {own} can be restored to times since its restore; to earlier ones only from "
        "the automated backups of the old one, which go when it is discarded",
        *_notes(outputs, source, restored),
        "Pulumi's state still knows the old instance: `ops recover reconcile` has the commands",
    ]
    if source is not None:
        notes.append(f"the old instance stays as {kept}, with its deletion protection")
    return _plan(outputs, run, steps, notes, now)


def by_secret(
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
    steps = [restoring.given_password(outputs, name, now)]
    if secret.get("RotationEnabled"):
        steps.append(_unrotated(outputs, secret))
    steps.append(_switched(outputs, secret, name, endpoint, run))
    steps += [
        deployments.build_force_deployment_step(aws, one, f"restart_{n}")
        for n, one in enumerate(services, 1)
    ]
    notes = [
        "tasks that run go on writing to the old instance until they are replaced: what they write "
        "meanwhile is in the old instance only (`ops service maintenance on` keeps writers away)",
        f"undone, the services keep the address of {name} until `ops service restart`",
        f"operations, alarms and dashboards look at {outputs.database.identifier} until `ops "
        f"recover promote {name} --by rename`, in a quiet hour",
        *_notes(outputs, source, restored),
    ]
    if secret.get("RotationEnabled"):
        notes.append(
            "the rotation of the password rests, since it would change the old instance's: `pulumi "
            "up` turns it on again after the rename"
        )
    if outputs.fleet is not None:
        notes.append("instances of the fleet read it when they start: `ops fleet refresh start`")
    return _plan(outputs, run, steps, notes, now)


def promote_replica(outputs: Outputs, replica: Mapping[str, Any], days: int, run: str) -> Plan:
    """A replica stands alone, takes writes and keeps backups. It never follows again."""
    name = str(replica["DBInstanceIdentifier"])
    follows = replica.get("ReadReplicaSourceDBInstanceIdentifier")
    if not follows:
        raise UsageError(f"NAME is {name!r}, which follows nobody: it is no replica")
    if replica["DBInstanceStatus"] != "available":
        raise OpsError(f"{name} is {replica['DBInstanceStatus']}, it must be available")
    read = database.describe_instance_call(outputs, name)
    step = Step(
        name="promote",
        description=f"let {name} follow {follows} no longer, and keep backups of {days} days",
        action=database.rds_call(
            outputs,
            "rds.promote_read_replica",
            {"DBInstanceIdentifier": name, "BackupRetentionPeriod": days},
        ),
        goal=Wait(
            read=read,
            met={
                DATABASE_STATUS_PATH: "available",
                "DBInstances[0].ReadReplicaSourceDBInstanceIdentifier": None,
                "DBInstances[0].BackupRetentionPeriod": days,
            },
            begun={"DBInstances[0].ReadReplicaSourceDBInstanceIdentifier": None},
            failed={DATABASE_STATUS_PATH: list(database.FAILED_STATUSES)},
            every=15,
            within=2 * 3600,
            typical=PROMOTE,
            source=PROMOTE_SOURCE,
        ),
        downtime=0,
    )
    notes = (
        "it never follows again, there is no undo; what it had not replayed yet is lost to it",
        f"whoever reads from it is not answered while it restarts; {follows} is not touched",
        f"then: ops recover promote {name} --by rename, or --by secret",
    )
    return build_stack_plan(outputs, run, "recover replica promote", step, notes=notes)


def discard(outputs: Outputs, found: Mapping[str, Any], run: str, *, save: bool) -> Plan:
    """An instance beside the primary is gone, a snapshot first."""
    name = str(found["DBInstanceIdentifier"])
    own = (outputs.database.identifier, *outputs.database.replicas)
    if name in own or found.get("ReadReplicaSourceDBInstanceIdentifier"):
        raise UsageError(
            f"NAME is {name!r}, which is no restored or replaced instance", "ops recover list"
        )
    steps = list(replicas.build_instance_removal_steps(outputs, name, ""))
    if save:
        from ops.database.snapshots import build_snapshot_step

        steps.insert(0, build_snapshot_step(outputs, database.parse_instance(found), run))
    notes = (
        "with it go its automated backups; there is no undo"
        + (f": the way back is the snapshot {name}-{run}" if save else ", and no snapshot"),
    )
    return build_stack_plan(outputs, run, "recover discard", *steps, notes=notes)


def kept_name(own: str, run: str) -> str:
    """What the old instance is called afterwards."""
    return f"{own}-{run}"


def _renamed(
    outputs: Outputs, step: str, resource: str, old: str, new: str, undo: tuple[Step, ...] = ()
) -> Step:
    """Which of two instances has a name is told by its resource id, which no rename changes.

    Repeatable, since the old name is then nobody's: RDS refuses, and the goal is looked at.
    """
    before, read = (
        database.describe_instance_call(outputs, name).model_copy(
            update={"answers": (DB_INSTANCE_NOT_FOUND,)}
        )
        for name in (old, new)
    )
    return Step(
        name=step,
        description=f"rename {old} to {new}",
        ready=Wait(
            read=before,
            met={
                f"{DATABASE_STATUS_PATH} == 'available' || answer == '{DB_INSTANCE_NOT_FOUND}'": True
            },
            every=15,
        ),
        action=database.rds_call(
            outputs,
            "rds.modify_db_instance",
            {"DBInstanceIdentifier": old, "NewDBInstanceIdentifier": new, "ApplyImmediately": True},
        ),
        goal=Wait(
            read=read,
            met={RESOURCE: resource, DATABASE_STATUS_PATH: "available"},
            begun={RESOURCE: resource},
            failed={DATABASE_STATUS_PATH: list(database.FAILED_STATUSES)},
            every=15,
            within=2 * 3600,
            typical=RENAME,
            source=RENAME_SOURCE,
        ),
        undo=undo,
        downtime=RENAME,
    )


def _unrotated(outputs: Outputs, secret: Mapping[str, Any]) -> Step:
    """No rotation while the function of the stack would change the old instance's password."""
    where: JsonObject = {"SecretId": outputs.database.secret_arn}
    read = database.rds_call(outputs, "secretsmanager.describe_secret", {**where})
    rules = {
        key: value
        for key, value in (secret.get("RotationRules") or {}).items()
        if key in ("AutomaticallyAfterDays", "Duration", "ScheduleExpression")
    }
    if "ScheduleExpression" in rules:
        rules.pop("AutomaticallyAfterDays", None)  # AWS shows both and takes one
    back = Step(
        name="rotated",
        description="turn the rotation of the password on again",
        action=database.rds_call(
            outputs,
            "secretsmanager.rotate_secret",
            {
                **where,
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
        action=database.rds_call(outputs, "secretsmanager.cancel_rotate_secret", {**where}),
        goal=Wait(read=read, met={"RotationEnabled || `false`": False}, every=5, within=600),
        undo=(back,),
    )


def _switched(
    outputs: Outputs, secret: Mapping[str, Any], name: str, endpoint: Mapping[str, Any], run: str
) -> Step:
    """A new version of the secret with another address; all else of it goes along unseen."""
    arn, token = outputs.database.secret_arn, rotating.get_rotation_token(run)
    stages = secret.get("VersionIdsToStages") or {}
    before = next((v for v, names in stages.items() if "AWSCURRENT" in names), None)
    if before is None:
        raise OpsError(f"the secret {arn} has no current version")
    read = database.rds_call(outputs, "secretsmanager.describe_secret", {"SecretId": arn})
    current = "contains(VersionIdsToStages.\"{}\" || `[]`, 'AWSCURRENT')"
    back = Step(
        name="switch_back",
        description="make the version of the secret with the old address the current one again",
        action=database.rds_call(
            outputs,
            "secretsmanager.update_secret_version_stage",
            {
                "SecretId": arn,
                "VersionStage": "AWSCURRENT",
                "MoveToVersionId": before,
                "RemoveFromVersionId": token,
            },
        ),
        goal=Wait(read=read, met={current.format(before): True}, every=5, within=600),
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
        goal=Wait(read=read, met={current.format(token): True}, every=5, within=600),
        undo=(back,),
        downtime=SWITCH,
    )


def _notes(
    outputs: Outputs, source: Mapping[str, Any] | None, restored: Mapping[str, Any]
) -> list[str]:
    found = likeness.list_setting_differences(source, restored) if source else []
    notes = []
    if found:
        shown = [f"{d.setting} is {d.restored_value!r}, was {d.source_value!r}" for d in found]
        more = f", and {len(shown) - SHOWN} more" if len(shown) > SHOWN else ""
        notes.append(f"not as the old one: {'; '.join(shown[:SHOWN])}{more}")
    following = [*((source or {}).get("ReadReplicaDBInstanceIdentifiers") or ())]
    if following:
        notes.append(
            f"{', '.join(following)} go on following the old instance: replicas of the new one are "
            "made by `pulumi up`, or `ops db replica add`"
        )
    if outputs.database.replicated_backup_arn:
        notes.append(
            "backups of the new instance are replicated to the recovery region only after "
            "`pulumi up`"
        )
    return notes


def _plan(
    outputs: Outputs, run: str, steps: Sequence[Step], notes: Sequence[str], now: Any
) -> Plan:
    made = build_stack_plan(outputs, run, "recover promote", *steps, notes=tuple(notes))
    return made.with_times(now, SINCE=StartTime())
