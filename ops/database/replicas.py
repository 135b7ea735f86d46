"""Read replicas beside those of the settings: added with the primary's settings, and removed."""

import re
from collections.abc import Mapping
from typing import Any, Final

from ops.core.aws import Aws
from ops.core.errors import OpsError, UsageError
from ops.core.plan import Plan, Step, Wait
from ops.core.stack_plan import build_stack_plan
from ops.database import copied_settings as likeness
from ops.database import instance as database
from ops.database.instance import DATABASE_STATUS_PATH, DB_INSTANCE_NOT_FOUND
from ops.database.snapshots import DATABASE_RUN_TAG
from ops.outputs import Outputs

MAX_REPLICAS: Final = (
    15  # replicas of one primary. Source: RDS User Guide, read replicas of PostgreSQL
)
DATABASE_RUN_TAG_PATH: Final = f"DBInstances[0].TagList[?Key=='{DATABASE_RUN_TAG}'].Value | [0]"
MAX_IDENTIFIER_CHARACTERS: Final = 63  # characters of an identifier. Source: API reference
REPLICA_NAME_PATTERN: Final = re.compile(r"[a-z]([a-z0-9]|-(?=[a-z0-9]))*")
TYPICAL_REPLICA_CREATION_SECONDS: Final = 15 * 60
REPLICA_CREATION_TIME_SOURCE: Final = (
    "an assumption, AWS states none: a snapshot of the primary, and its data copied"
)


def get_instance_description(
    aws: Aws, outputs: Outputs, identifier: str | None = None
) -> dict[str, Any]:
    """The primary, or another, as RDS describes it. Raises OpsError where it is not there."""
    identifier = identifier or outputs.database.identifier
    description = database.describe_instance(aws, outputs, identifier)
    if description is None:
        raise OpsError(f"there is no DB instance {identifier} in {outputs.stack.region}")
    return description


def get_replica_identifier(outputs: Outputs, name: str) -> str:
    """The identifier of a replica: the primary's, and the name. Raises UsageError."""
    prefix = f"{outputs.database.identifier}-"
    identifier = name if name.startswith(prefix) else f"{prefix}{name}"
    if not REPLICA_NAME_PATTERN.fullmatch(name) or len(identifier) > MAX_IDENTIFIER_CHARACTERS:
        raise UsageError(
            f"NAME is {name!r}, must be letters, digits and single hyphens, like reports"
        )
    return identifier


def build_replica_creation_plan(
    aws: Aws,
    outputs: Outputs,
    primary: Mapping[str, Any],
    name: str,
    run: str,
    *,
    instance_class: str | None = None,
) -> Plan:
    """Another replica, with the primary's settings. Undone: it is deleted again."""
    replica = get_replica_identifier(outputs, name)
    primary_identifier = primary["DBInstanceIdentifier"]
    if database.find_instance(aws, outputs, replica) is not None:
        raise UsageError(f"NAME is {name!r}, and {replica} is there already", "ops db status")
    if primary["DBInstanceStatus"] != "available":
        raise OpsError(
            f"{primary_identifier} is {primary['DBInstanceStatus']}, it must be available "
            "to be replicated",
            "ops db status",
        )
    if not primary.get("BackupRetentionPeriod"):
        raise OpsError(
            f"{primary_identifier} keeps no automated backups, which a replica is made from"
        )
    if len(primary.get("ReadReplicaDBInstanceIdentifiers") or ()) >= MAX_REPLICAS:
        raise OpsError(
            f"{primary_identifier} has {MAX_REPLICAS} replicas, which is the most", "ops db status"
        )
    instance_class = instance_class or str(primary["DBInstanceClass"])
    copied_settings = likeness.list_settings_to_copy(primary, likeness.REPLICA_SETTINGS)
    tags = database.parse_tags(primary.get("TagList"))
    user_tags = {key: value for key, value in tags.items() if not key.startswith("aws:")}
    describe_call = database.describe_instance_call(outputs, replica).model_copy(
        update={"expected_errors": (DB_INSTANCE_NOT_FOUND,)}
    )
    step = Step(
        name="add",
        description=f"make {replica} a {instance_class} that follows {primary_identifier}",
        action=database.rds_call(
            outputs,
            "rds.create_db_instance_read_replica",
            {
                "DBInstanceIdentifier": replica,
                "SourceDBInstanceIdentifier": primary_identifier,
                "DBInstanceClass": instance_class,
                "PubliclyAccessible": False,
                "DeletionProtection": outputs.stack.protect,
                "Tags": database.format_tags({**user_tags, DATABASE_RUN_TAG: run}),
                **copied_settings,
            },
            "DBInstanceAlreadyExists",
        ),
        goal=Wait(
            read=describe_call,
            met={
                DATABASE_STATUS_PATH: "available",
                "DBInstances[0].ReadReplicaSourceDBInstanceIdentifier": primary_identifier,
                DATABASE_RUN_TAG_PATH: run,
            },
            begun={DATABASE_STATUS_PATH: "creating"},
            failed={DATABASE_STATUS_PATH: list(database.FAILED_STATUSES)},
            every=60,
            within=3 * 3600,
            typical=TYPICAL_REPLICA_CREATION_SECONDS,
            source=REPLICA_CREATION_TIME_SOURCE,
        ),
        undo=build_instance_removal_steps(outputs, replica, "undo_"),
    )
    notes = (
        "it costs as much as an instance of its class, and its storage, until it is removed",
        "the settings of the stack do not know it: it is ops's, until `ops db replica remove`",
        "its alarms are not made: those of the stack's own replicas are (database.replicas)",
    )
    return build_stack_plan(outputs, run, "db replica add", step, notes=notes)


def build_replica_removal_plan(
    aws: Aws, outputs: Outputs, primary: Mapping[str, Any], name: str, run: str
) -> Plan:
    """A replica that operations added is gone, with its data, which are the primary's.

    Undone where it is not deleted yet: it is protected from that as before.
    """
    replica = get_replica_identifier(outputs, name)
    replica_identifiers = [
        str(identifier) for identifier in primary.get("ReadReplicaDBInstanceIdentifiers") or ()
    ]
    if replica not in replica_identifiers:
        removable_identifiers = ", ".join(
            identifier
            for identifier in replica_identifiers
            if identifier not in outputs.database.replicas
        )
        raise UsageError(
            f"NAME is {name!r}, which is no replica, must be "
            f"{removable_identifiers or 'none: there is none'}",
            "ops db status",
        )
    if replica in outputs.database.replicas:
        raise UsageError(
            f"NAME is {name!r}, which is the settings' own: lower database.replicas instead"
        )
    is_protected = bool(get_instance_description(aws, outputs, replica).get("DeletionProtection"))
    notes = ("whoever reads from it is refused; there is no final snapshot of a replica",)
    unprotect_step, delete_step = build_instance_removal_steps(outputs, replica, "")
    steps = [delete_step]
    if is_protected:
        undo_update = {"undo": (_build_protect_step(outputs, replica),)}
        steps.insert(0, unprotect_step.model_copy(update=undo_update))
    return build_stack_plan(outputs, run, "db replica remove", *steps, notes=notes)


def _build_protect_step(outputs: Outputs, replica: str) -> Step:
    """What turns its protection on again, where it is still there."""
    describe_call = database.describe_instance_call(outputs, replica).model_copy(
        update={"expected_errors": (DB_INSTANCE_NOT_FOUND,)}
    )
    absent_condition = f"answer == '{DB_INSTANCE_NOT_FOUND}'"
    return Step(
        name="protect",
        description=f"keep {replica} from being deleted, where it is still there",
        ready=Wait(
            read=describe_call,
            met={f"{DATABASE_STATUS_PATH} != 'deleting'": True},
            every=30,
            within=3600,
        ),
        action=database.rds_call(
            outputs,
            "rds.modify_db_instance",
            {"DBInstanceIdentifier": replica, "DeletionProtection": True},
            DB_INSTANCE_NOT_FOUND,
        ),
        goal=Wait(
            read=describe_call,
            met={f"DBInstances[0].DeletionProtection || {absent_condition}": True},
            every=15,
            within=900,
        ),
    )


def build_instance_removal_steps(
    outputs: Outputs, identifier: str, prefix: str, run: str | None = None
) -> tuple[Step, ...]:
    """Its protection off, then deleted; of what is not there nothing is to be done.

    With `run` only an instance that this run has made: for another's it waits, and stops.
    """
    describe_call = database.describe_instance_call(outputs, identifier).model_copy(
        update={"expected_errors": (DB_INSTANCE_NOT_FOUND,)}
    )
    protection_path = "DBInstances[0].DeletionProtection || `false`"
    run_conditions = (
        {}
        if run is None
        else {f"{DATABASE_RUN_TAG_PATH} == '{run}' || answer == '{DB_INSTANCE_NOT_FOUND}'": True}
    )
    # RDS deletes what is at rest, also what it could not make.
    at_rest_condition = " || ".join(
        f"{DATABASE_STATUS_PATH} == '{status}'"
        for status in ("available", *database.FAILED_STATUSES)
    )
    delete_ready = Wait(
        read=describe_call,
        met={f"{at_rest_condition} || answer == '{DB_INSTANCE_NOT_FOUND}'": True, **run_conditions},
        every=60,
    )
    unprotect_ready = (
        None if run is None else Wait(read=describe_call, met=run_conditions, every=15, within=900)
    )
    unprotect_step = Step(
        name=f"{prefix}unprotect",
        description=f"let {identifier} be deleted",
        ready=unprotect_ready,
        action=database.rds_call(
            outputs,
            "rds.modify_db_instance",
            {"DBInstanceIdentifier": identifier, "DeletionProtection": False},
            DB_INSTANCE_NOT_FOUND,
        ),
        goal=Wait(read=describe_call, met={protection_path: False}, every=15, within=900),
    )
    delete_step = Step(
        name=f"{prefix}delete",
        description=f"delete {identifier}",
        ready=delete_ready,
        action=database.rds_call(
            outputs,
            "rds.delete_db_instance",
            {"DBInstanceIdentifier": identifier, "SkipFinalSnapshot": True},
            DB_INSTANCE_NOT_FOUND,
        ),
        goal=Wait(
            read=describe_call,
            met={"answer": DB_INSTANCE_NOT_FOUND},
            begun={DATABASE_STATUS_PATH: "deleting"},
            every=30,
            within=3600,
            typical=300,
            source="an assumption, AWS states none",
        ),
    )
    return unprotect_step, delete_step
