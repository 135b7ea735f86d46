"""Read replicas that ops adds and removes, beside those of the stack's settings."""

import re
from collections.abc import Mapping
from typing import Any, Final

from ops.core.aws import Aws
from ops.core.errors import OpsError, UsageError
from ops.core.plan import RUN_TAG, Plan, Step, Wait
from ops.core.stack_plan import build_stack_plan
from ops.database.copied_settings import REPLICA_SETTINGS, list_settings_to_copy
from ops.database.events import CREATION_FAILURES, build_failure_reports
from ops.database.instance import (
    DB_INSTANCE_NOT_FOUND,
    describe_instance,
    describe_instance_call,
    find_instance,
    format_tags,
    parse_tags,
    rds_call,
)
from ops.database.statuses import (
    DATABASE_STATUS_PATH,
    STEADY,
    Change,
    build_failed_conditions,
    build_status_expression,
    list_statuses_taking,
    require_status_takes,
)
from ops.outputs import Outputs
from ops.prices.difference import describe_instance_cost

MAX_REPLICAS: Final = (
    15  # replicas per primary. Source: RDS User Guide, read replicas of PostgreSQL
)
DATABASE_RUN_TAG_PATH: Final = f"DBInstances[0].TagList[?Key=='{RUN_TAG}'].Value | [0]"
MAX_IDENTIFIER_CHARACTERS: Final = 63  # characters of an identifier. Source: API reference
REPLICA_NAME_PATTERN: Final = re.compile(r"[a-z]([a-z0-9]|-(?=[a-z0-9]))*")
TYPICAL_REPLICA_CREATION_SECONDS: Final = 15 * 60
REPLICA_CREATION_TIME_SOURCE: Final = (
    "an assumption, AWS gives no figure: RDS takes a snapshot of the primary and copies it"
)


def get_instance_description(
    aws: Aws, outputs: Outputs, identifier: str | None = None
) -> dict[str, Any]:
    """Returns RDS's description of an instance, by default the primary.

    Raises OpsError if it does not exist.
    """
    identifier = identifier or outputs.database.identifier
    description = describe_instance(aws, outputs, identifier)
    if description is None:
        raise OpsError(f"there is no DB instance {identifier} in {outputs.stack.region}")
    return description


def get_replica_identifier(outputs: Outputs, name: str) -> str:
    """Returns the primary's identifier, a hyphen and the name. Raises UsageError if invalid."""
    prefix = f"{outputs.database.identifier}-"
    identifier = name if name.startswith(prefix) else f"{prefix}{name}"
    if not REPLICA_NAME_PATTERN.fullmatch(name) or len(identifier) > MAX_IDENTIFIER_CHARACTERS:
        raise UsageError(
            f"NAME must be lowercase letters, digits and single hyphens, like reports, at most "
            f"{MAX_IDENTIFIER_CHARACTERS - len(prefix)} characters, not {name!r}"
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
    """Builds the plan that adds a replica with the primary's settings. Undo deletes it.

    Raises UsageError if the replica exists, OpsError if the primary cannot be replicated now.
    """
    replica = get_replica_identifier(outputs, name)
    primary_identifier = primary["DBInstanceIdentifier"]
    if find_instance(aws, outputs, replica) is not None:
        raise UsageError(
            f"NAME must be a new name, not {name!r}: {replica} exists already", "ops db status"
        )
    require_status_takes(
        primary_identifier,
        primary["DBInstanceStatus"],
        Change.REPLICATE,
        "before a replica is added",
    )
    if not primary.get("BackupRetentionPeriod"):
        raise OpsError(f"{primary_identifier} has no automated backups, which a replica needs")
    if len(primary.get("ReadReplicaDBInstanceIdentifiers") or ()) >= MAX_REPLICAS:
        raise OpsError(
            f"{primary_identifier} already has {MAX_REPLICAS} replicas, the maximum",
            "ops db status",
        )
    instance_class = instance_class or str(primary["DBInstanceClass"])
    copied_settings = list_settings_to_copy(outputs, primary, REPLICA_SETTINGS)
    tags = parse_tags(primary.get("TagList"))
    user_tags = {key: value for key, value in tags.items() if not key.startswith("aws:")}
    describe_call = describe_instance_call(outputs, replica).model_copy(
        update={"expected_errors": (DB_INSTANCE_NOT_FOUND,)}
    )
    step = Step(
        name="add",
        description=f"create {replica} ({instance_class}) as a replica of {primary_identifier}",
        action=rds_call(
            outputs,
            "rds.create_db_instance_read_replica",
            {
                "DBInstanceIdentifier": replica,
                "SourceDBInstanceIdentifier": primary_identifier,
                "DBInstanceClass": instance_class,
                "PubliclyAccessible": False,
                "DeletionProtection": outputs.stack.protect,
                "Tags": format_tags({**user_tags, RUN_TAG: run}),
                **copied_settings,
            },
            "DBInstanceAlreadyExists",
        ),
        goal=Wait(
            read=describe_call,
            met={
                **STEADY,
                "DBInstances[0].ReadReplicaSourceDBInstanceIdentifier": primary_identifier,
                DATABASE_RUN_TAG_PATH: run,
            },
            begun={DATABASE_STATUS_PATH: "creating"},
            failed=build_failed_conditions(),
            reports=build_failure_reports(outputs, replica, CREATION_FAILURES),
            every=60,
            within=3 * 3600,
            typical=TYPICAL_REPLICA_CREATION_SECONDS,
            source=REPLICA_CREATION_TIME_SOURCE,
        ),
        undo=build_instance_removal_steps(outputs, replica, "undo_"),
    )
    notes = (
        "the stack's settings do not manage it; remove it with `ops db replica remove`",
        "it has no alarms; replicas in database.replicas have them",
    )
    count = len(primary.get("ReadReplicaDBInstanceIdentifiers") or ())
    return build_stack_plan(
        outputs,
        run,
        "db replica add",
        step,
        changes=[f"replicas: {count} -> {count + 1}"],
        losses=(),
        cost=describe_instance_cost(
            instance_class,
            int(primary["AllocatedStorage"]),
            storage_type=str(primary.get("StorageType")),
        ),
        notes=notes,
        arguments=name,
    )


def build_replica_removal_plan(
    aws: Aws, outputs: Outputs, primary: Mapping[str, Any], name: str, run: str
) -> Plan:
    """Builds the plan that deletes a replica which ops added.

    Undo restores its deletion protection if it still exists. Raises UsageError if NAME is not a
    replica, or one of the stack's settings.
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
            f"NAME must be {removable_identifiers}, not {name!r}"
            if removable_identifiers
            else f"NAME is {name!r}, but ops has added no replicas",
            "ops db status",
        )
    if replica in outputs.database.replicas:
        raise UsageError(
            f"NAME is {name!r}, a replica of the stack's settings: lower database.replicas instead"
        )
    description = get_instance_description(aws, outputs, replica)
    is_protected = bool(description.get("DeletionProtection"))
    notes = ("clients that read from it lose their connection",)
    unprotect_step, delete_step = build_instance_removal_steps(outputs, replica, "")
    steps = [delete_step]
    if is_protected:
        undo_update = {"undo": (_build_protect_step(outputs, replica),)}
        steps.insert(0, unprotect_step.model_copy(update=undo_update))
    count = len(replica_identifiers)
    return build_stack_plan(
        outputs,
        run,
        "db replica remove",
        *steps,
        changes=[f"replicas: {count} -> {count - 1}"],
        losses=[f"{replica}, without a final snapshot; the primary keeps the data"],
        cost=describe_instance_cost(
            str(description.get("DBInstanceClass")),
            int(description["AllocatedStorage"]),
            storage_type=str(description.get("StorageType")),
            multi_az=bool(description.get("MultiAZ")),
            count=-1,
        ),
        notes=notes,
        arguments=name,
    )


def _build_protect_step(outputs: Outputs, replica: str) -> Step:
    """Builds the step that turns deletion protection on again if the replica still exists."""
    describe_call = describe_instance_call(outputs, replica).model_copy(
        update={"expected_errors": (DB_INSTANCE_NOT_FOUND,)}
    )
    absent_condition = f"answer == '{DB_INSTANCE_NOT_FOUND}'"
    return Step(
        name="protect",
        description=f"turn deletion protection of {replica} on again if it still exists",
        ready=Wait(
            read=describe_call,
            met={f"{DATABASE_STATUS_PATH} != 'deleting'": True},
            every=30,
            within=3600,
        ),
        action=rds_call(
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
    """Builds the steps that unprotect and delete an instance; both succeed if it is gone.

    With `run`, deletes only an instance that this run created; otherwise the wait times out.
    """
    describe_call = describe_instance_call(outputs, identifier).model_copy(
        update={"expected_errors": (DB_INSTANCE_NOT_FOUND,)}
    )
    protection_path = "DBInstances[0].DeletionProtection || `false`"
    run_conditions = (
        {}
        if run is None
        else {f"{DATABASE_RUN_TAG_PATH} == '{run}' || answer == '{DB_INSTANCE_NOT_FOUND}'": True}
    )
    at_rest_condition = build_status_expression(list_statuses_taking(Change.DELETE))
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
        description=f"turn deletion protection of {identifier} off",
        ready=unprotect_ready,
        action=rds_call(
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
        action=rds_call(
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
            source="an assumption, AWS gives no figure",
        ),
    )
    return unprotect_step, delete_step
