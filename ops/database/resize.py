"""Changes the class of the database, after a snapshot. A failed change is undone."""

from typing import Any, Final

from pydantic import JsonValue

from components.facts.database import MULTI_AZ_RESIZE_TIME_SOURCE, SINGLE_AZ_RESIZE_TIME_SOURCE
from ops.core.aws import Aws
from ops.core.errors import OpsError, UsageError
from ops.core.plan import JsonObject, Plan, Step, Wait
from ops.core.stack_plan import build_stack_plan
from ops.database.events import CLASS_CHANGE_FAILURES, build_failure_reports
from ops.database.instance import (
    PENDING_CHANGES_PATH,
    DatabaseInstance,
    build_ready_wait,
    describe_instance_call,
    list_in_stack_region,
    rds_call,
    require_no_pending_changes,
    require_takes,
)
from ops.database.snapshots import build_snapshot_step
from ops.database.statuses import STEADY, Change, build_failed_conditions
from ops.outputs import Outputs
from ops.prices.difference import describe_class_cost

INSTANCE_CLASS_PATH: Final = "DBInstances[0].DBInstanceClass"
MULTI_AZ_RESIZE_DOWNTIME_SECONDS, SINGLE_AZ_RESIZE_DOWNTIME_SECONDS = 120, 600
TYPICAL_RESIZE_SECONDS: Final = 600


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
    """Raises UsageError, naming the option, unless the instance can change to the class.

    Raises OpsError if RDS lists no class at all for its version.
    """
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
        if not classes:
            raise OpsError(
                f"RDS lists no class that PostgreSQL {instance.version} can be ordered with "
                f"{instance.storage_type} storage in {outputs.stack.region}, as of a deprecated "
                "version: upgrade first",
                "ops db upgrade",
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

    Undo restores the class; the snapshot stays. Raises OpsError unless RDS takes both now and
    nothing is pending.
    """
    require_takes(instance, "before it is resized", Change.SNAPSHOT, Change.MODIFY)
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
    return build_stack_plan(
        outputs,
        run,
        "db resize",
        snapshot_step,
        resize_step,
        changes=[f"class: {instance.instance_class} -> {instance_class}"],
        losses=(),
        cost=describe_class_cost(
            instance.instance_class, instance_class, multi_az=instance.multi_az
        ),
        notes=notes,
        arguments=instance_class,
    )


def _build_class_step(
    outputs: Outputs, instance: DatabaseInstance, name: str, instance_class: str
) -> Step:
    # An undo ignores failed statuses, so that it is never left half done.
    failed_statuses: dict[str, list[JsonValue]] = (
        build_failed_conditions() if name != "back" else {}
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
        ready=build_ready_wait(outputs, instance.identifier, Change.MODIFY).model_copy(
            update={"failed": failed_statuses}
        ),
        goal=Wait(
            read=describe_instance_call(outputs, instance.identifier),
            met={
                INSTANCE_CLASS_PATH: instance_class,
                PENDING_CHANGES_PATH: {},
                **STEADY,
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
            reports=(
                build_failure_reports(outputs, instance.identifier, CLASS_CHANGE_FAILURES)
                if name != "back"
                else None
            ),
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
