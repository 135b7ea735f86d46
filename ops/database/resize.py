"""Changes the class or adds storage to the database, after a snapshot.

A failed class change is undone. Storage never shrinks, so adding it has no undo.
"""

from typing import Any, Final

from pydantic import JsonValue

from components.facts.database import MULTI_AZ_RESIZE_TIME_SOURCE, SINGLE_AZ_RESIZE_TIME_SOURCE
from ops.core.aws import Aws
from ops.core.errors import UsageError
from ops.core.plan import JsonObject, Plan, Step, Wait
from ops.core.stack_plan import build_stack_plan
from ops.cost.difference import describe_class_cost, describe_storage_cost
from ops.database.instance import (
    DATABASE_STATUS_PATH,
    FAILED_STATUSES,
    PENDING_CHANGES_PATH,
    DatabaseInstance,
    available_with_nothing_pending,
    describe_instance_call,
    list_in_stack_region,
    rds_call,
    require_available,
    require_no_pending_changes,
)
from ops.database.snapshots import build_snapshot_step
from ops.outputs import Outputs

INSTANCE_CLASS_PATH: Final = "DBInstances[0].DBInstanceClass"
ALLOCATED_STORAGE_PATH: Final = "DBInstances[0].AllocatedStorage"
# The instance serves while its storage is optimized, which takes hours (RDS User Guide, storage).
SERVING_EXPRESSION: Final = (
    "contains(['available', 'storage-optimization'], DBInstances[0].DBInstanceStatus)"
)
MULTI_AZ_RESIZE_DOWNTIME_SECONDS, SINGLE_AZ_RESIZE_DOWNTIME_SECONDS = 120, 600
TYPICAL_RESIZE_SECONDS: Final = 600
MIN_STORAGE_GROWTH_PERCENT: Final = (
    10  # percent: the smallest increase that RDS accepts (RDS User Guide, storage)
)


def list_orderable_options(
    aws: Aws, outputs: Outputs, instance: DatabaseInstance, instance_class: str | None
) -> list[Any]:
    """Lists the orderable options that fit an instance, for one class or for all."""
    params: JsonObject = {"Engine": "postgres", "EngineVersion": instance.version, "Vpc": True}
    if instance_class is not None:
        params["DBInstanceClass"] = instance_class
    api = "rds.describe_orderable_db_instance_options"
    options = list_in_stack_region(aws, outputs, api, "OrderableDBInstanceOptions", params)
    return [option for option in options if _is_compatible_option(option, instance)]


def require_orderable_class(
    aws: Aws,
    outputs: Outputs,
    instance: DatabaseInstance,
    instance_class: str,
    option: str = "CLASS",
) -> None:
    """Raises UsageError, naming the option, unless the instance can change to the class."""
    if instance_class == instance.instance_class:
        raise UsageError(
            f"{option} is {instance_class!r}, but {instance.identifier} has that class already"
        )
    if not list_orderable_options(aws, outputs, instance, instance_class):
        classes = sorted(
            {
                orderable_option["DBInstanceClass"]
                for orderable_option in list_orderable_options(aws, outputs, instance, None)
            }
        )
        same_family_classes = [
            name for name in classes if name.split(".")[:2] == instance_class.split(".")[:2]
        ]
        raise UsageError(
            f"{option} must be {', '.join(same_family_classes or classes)}, not {instance_class!r}"
        )


def build_database_resize_plan(
    outputs: Outputs, instance: DatabaseInstance, instance_class: str, run: str
) -> Plan:
    """Builds the plan that takes a snapshot and changes the class.

    Undo restores the class; the snapshot stays. Raises OpsError unless the instance is available
    with nothing pending.
    """
    require_available(instance, "before it is resized")
    require_no_pending_changes(instance)
    undo_step = _build_class_step(outputs, instance, "back", instance.instance_class)
    resize_step = _build_class_step(outputs, instance, "resize", instance_class).model_copy(
        update={"undo": (undo_step,)}
    )
    notes = (
        "connections drop; parameters that depend on memory change too (max_connections)",
        f"change instanceClass in the stack's settings from {instance.instance_class} too, or the "
        "next `pulumi up` reverts it",
    )
    snapshot_step = build_snapshot_step(outputs, instance, run)
    plan = build_stack_plan(
        outputs,
        run,
        "db resize",
        snapshot_step,
        resize_step,
        notes=notes,
        arguments=instance_class,
    )
    cost = describe_class_cost(instance.instance_class, instance_class, multi_az=instance.multi_az)
    return plan.model_copy(update={"cost": cost})


def build_storage_growth_plan(
    outputs: Outputs, instance: DatabaseInstance, storage_gib: int, run: str
) -> Plan:
    """Builds the plan that takes a snapshot and adds storage; `storage_gib` is the new total.

    RDS keeps optimizing the storage while the instance serves. Raises UsageError if the size is
    not allowed, OpsError unless the instance is available with nothing pending.
    """
    min_gib = instance.storage_gib + -(-instance.storage_gib * MIN_STORAGE_GROWTH_PERCENT // 100)
    max_gib = instance.storage_limit_gib or 65536
    if storage_gib < min_gib or storage_gib > max_gib:
        raise UsageError(
            f"GIB must be {min_gib} to {max_gib}, not {storage_gib}: {instance.identifier} has "
            f"{instance.storage_gib}, and storage grows by at least {MIN_STORAGE_GROWTH_PERCENT} % "
            "and never shrinks"
        )
    require_available(instance, "before storage is added")
    require_no_pending_changes(instance)
    step = Step(
        name="grow",
        description=f"grow {instance.identifier} from {instance.storage_gib} to {storage_gib} GiB",
        action=rds_call(
            outputs,
            "rds.modify_db_instance",
            {
                "DBInstanceIdentifier": instance.identifier,
                "AllocatedStorage": storage_gib,
                "ApplyImmediately": True,
            },
        ),
        ready=available_with_nothing_pending(outputs, instance.identifier),
        goal=Wait(
            read=describe_instance_call(outputs, instance.identifier),
            met={
                ALLOCATED_STORAGE_PATH: storage_gib,
                PENDING_CHANGES_PATH: {},
                SERVING_EXPRESSION: True,
            },
            begun={
                f"{PENDING_CHANGES_PATH}.AllocatedStorage": storage_gib,
                ALLOCATED_STORAGE_PATH: storage_gib,
            },
            failed={DATABASE_STATUS_PATH: list(FAILED_STATUSES)},
            every=60,
            within=6 * 3600,
            typical=TYPICAL_RESIZE_SECONDS,
            source="an assumption, AWS gives no figure",
        ),
    )
    notes = (
        "no outage; there is no undo; storage cannot change again for 6 hours",
        "change storageGb in the stack's settings too",
    )
    snapshot_step = build_snapshot_step(outputs, instance, run)
    plan = build_stack_plan(
        outputs, run, "db storage", snapshot_step, step, notes=notes, arguments=f"{storage_gib}"
    )
    if instance.storage_type != "gp3":
        return plan  # the price table has gp3 alone
    cost = describe_storage_cost(instance.storage_gib, storage_gib, multi_az=instance.multi_az)
    return plan.model_copy(update={"cost": cost})


def _build_class_step(
    outputs: Outputs, instance: DatabaseInstance, name: str, instance_class: str
) -> Step:
    # An undo ignores failed statuses, so that it is never left half done.
    failed_statuses: dict[str, list[JsonValue]] = (
        {DATABASE_STATUS_PATH: list(FAILED_STATUSES)} if name != "back" else {}
    )
    downtime = (
        MULTI_AZ_RESIZE_DOWNTIME_SECONDS if instance.multi_az else SINGLE_AZ_RESIZE_DOWNTIME_SECONDS
    )
    return Step(
        name=name,
        description=f"change {instance.identifier} to {instance_class}",
        action=rds_call(
            outputs,
            "rds.modify_db_instance",
            {
                "DBInstanceIdentifier": instance.identifier,
                "DBInstanceClass": instance_class,
                "ApplyImmediately": True,
            },
        ),
        ready=available_with_nothing_pending(outputs, instance.identifier).model_copy(
            update={"failed": failed_statuses}
        ),
        goal=Wait(
            read=describe_instance_call(outputs, instance.identifier),
            met={
                INSTANCE_CLASS_PATH: instance_class,
                DATABASE_STATUS_PATH: "available",
                PENDING_CHANGES_PATH: {},
            },
            begun={
                f"{PENDING_CHANGES_PATH}.DBInstanceClass": instance_class,
                INSTANCE_CLASS_PATH: instance_class,
            },
            failed=failed_statuses,
            every=60,
            within=2 * 3600,
            typical=TYPICAL_RESIZE_SECONDS,
            source=MULTI_AZ_RESIZE_TIME_SOURCE
            if instance.multi_az
            else SINGLE_AZ_RESIZE_TIME_SOURCE,
        ),
        downtime=downtime,
    )


def _is_compatible_option(option: Any, instance: DatabaseInstance) -> bool:
    """True if an option supports the instance's storage type, standby and encryption."""
    return (
        option.get("StorageType") == instance.storage_type
        and (option.get("MultiAZCapable", False) or not instance.multi_az)
        and (option.get("SupportsStorageEncryption", False) or not instance.encrypted)
    )
