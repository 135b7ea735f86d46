"""Adds storage to the database and moves the limit of its autoscaling.

Storage never shrinks, so adding it has no undo. A full disk has stopped the database: RDS takes no
snapshot then, and the change of its storage is what starts it again.
"""

import math
from typing import Final

from ops.core.errors import OpsError, UsageError
from ops.core.plan import UNDOCUMENTED_TIME_SOURCE, JsonObject, Plan, Step, Wait
from ops.core.stack_plan import NO_COST, build_stack_plan
from ops.database.copied_settings import MIN_GP3_PROVISIONED_GIB
from ops.database.events import STORAGE_FAILURES, build_failure_reports
from ops.database.instance import (
    PENDING_CHANGES_PATH,
    DatabaseInstance,
    build_ready_wait,
    describe_instance_call,
    rds_call,
    require_no_pending_changes,
    require_takes,
)
from ops.database.snapshots import build_snapshot_step
from ops.database.statuses import (
    STEADY,
    Change,
    build_failed_conditions,
    build_status_condition,
    get_status_meaning,
    list_statuses_taking,
)
from ops.outputs import Outputs
from ops.prices.difference import describe_storage_cost

ALLOCATED_STORAGE_PATH: Final = "DBInstances[0].AllocatedStorage"
STORAGE_LIMIT_PATH: Final = "DBInstances[0].MaxAllocatedStorage"
# Percent. "You must increase it by at least 10 percent": RDS User Guide, "Scaling up DB instance
# storage". The limit: "at least 10% more than the current allocated storage. We recommend at least
# 26%": RDS User Guide, "Managing capacity automatically with Amazon RDS storage autoscaling".
MIN_STORAGE_GROWTH_PERCENT, MIN_LIMIT_MARGIN_PERCENT, ADVISED_LIMIT_MARGIN_PERCENT = 10, 10, 26
MAX_STORAGE_GIB: Final = 65536  # of gp3 and PostgreSQL: RDS User Guide, DB instance storage
# The least IOPS and MiB a second of gp3 from 400 GiB on, for PostgreSQL: RDS User Guide, DB
# instance storage, gp3.
MIN_GP3_IOPS, MIN_GP3_THROUGHPUT = 12000, 500
# Storage types whose growth must name the IOPS, which may be those of now: API reference,
# ModifyDBInstance, AllocatedStorage.
PROVISIONED_IOPS_TYPES: Final = ("io1", "io2")
STORAGE_FULL: Final = "storage-full"
TYPICAL_GROWTH_SECONDS: Final = 600
LIMIT_SETTING_NOTE: Final = "change maxStorageGb in the stack's settings too"


def build_storage_plan(
    outputs: Outputs,
    instance: DatabaseInstance,
    storage_gib: int | None,
    limit_gib: int | None,
    run: str,
) -> Plan:
    """Builds the plan that adds storage after a snapshot, moves the autoscaling limit, or both.

    `storage_gib` is the new total and `limit_gib` the new limit; None leaves it. A limit that the
    new total would reach is raised with it. A full database has no snapshot taken first. Raises
    UsageError if a size is not allowed, OpsError if RDS does not take the change now.
    """
    if storage_gib is None:
        return _build_limit_plan(outputs, instance, limit_gib, run)
    _require_allowed_size(instance, storage_gib)
    new_limit_gib = _get_new_limit(instance, storage_gib, limit_gib)
    is_full = instance.status == STORAGE_FULL
    required_changes = (Change.STORAGE,) if is_full else (Change.STORAGE, Change.SNAPSHOT)
    require_takes(instance, "before storage is added", *required_changes)
    if instance.storage_operation is not None:
        raise OpsError(
            f"the storage of {instance.identifier} is {instance.storage_operation.lower()}: it can "
            "change again only when that ends, at least 6 hours after the last change",
            "ops db status",
        )
    require_no_pending_changes(instance)
    steps = [
        _build_growth_step(outputs, instance, storage_gib, new_limit_gib),
    ]
    if not is_full:
        steps.insert(0, build_snapshot_step(outputs, instance, run))
    notes = [
        "there is no undo, since storage never shrinks; it cannot change again for 6 hours",
        "no outage"
        if not is_full
        else "the database is down, its storage is full: RDS takes no snapshot now and starts it "
        "again once it has more storage",
        "change storageGb in the stack's settings too",
    ]
    changes = [f"storage: {instance.storage_gib} -> {storage_gib} GiB"]
    if new_limit_gib != instance.storage_limit_gib:
        changes.append(_describe_limit_change(instance, new_limit_gib))
        notes.append(LIMIT_SETTING_NOTE)
    return build_stack_plan(
        outputs,
        run,
        "db storage",
        *steps,
        changes=changes,
        losses=(),
        cost=describe_storage_cost(
            instance.storage_gib,
            storage_gib,
            storage_type=instance.storage_type,
            multi_az=instance.multi_az,
        ),
        notes=notes,
        arguments=f"{storage_gib}",
    )


def _require_allowed_size(instance: DatabaseInstance, storage_gib: int) -> None:
    min_gib = instance.storage_gib + -(-instance.storage_gib * MIN_STORAGE_GROWTH_PERCENT // 100)
    if min_gib > MAX_STORAGE_GIB:
        raise UsageError(
            f"GIB is {storage_gib}, but {instance.identifier} has {instance.storage_gib} GiB, and "
            f"RDS offers no more than {MAX_STORAGE_GIB}"
        )
    if not min_gib <= storage_gib <= MAX_STORAGE_GIB:
        raise UsageError(
            f"GIB must be {min_gib} to {MAX_STORAGE_GIB}, not {storage_gib}: {instance.identifier} "
            f"has {instance.storage_gib}, and storage grows by at least "
            f"{MIN_STORAGE_GROWTH_PERCENT} % and never shrinks"
        )


def _get_new_limit(
    instance: DatabaseInstance, storage_gib: int, limit_gib: int | None
) -> int | None:
    """Returns the limit after the change; None if autoscaling stays off.

    Raises UsageError if --limit leaves too little room above the storage.
    """
    min_limit_gib = _add_percent(storage_gib, MIN_LIMIT_MARGIN_PERCENT)
    if limit_gib is not None:
        if not min_limit_gib <= limit_gib <= MAX_STORAGE_GIB:
            raise UsageError(
                f"--limit must be {min_limit_gib} to {MAX_STORAGE_GIB}, not {limit_gib}: at least "
                f"{MIN_LIMIT_MARGIN_PERCENT} % above the storage of {storage_gib} GiB"
                if min_limit_gib <= MAX_STORAGE_GIB
                else f"--limit is {limit_gib}, but storage of {storage_gib} GiB cannot grow further"
            )
        return limit_gib
    current_limit_gib = instance.storage_limit_gib
    if current_limit_gib is None or current_limit_gib >= min_limit_gib:
        return current_limit_gib
    return min(_add_percent(storage_gib, ADVISED_LIMIT_MARGIN_PERCENT), MAX_STORAGE_GIB)


def _add_percent(gib: int, percent: int) -> int:
    return math.ceil(gib * (100 + percent) / 100)


def _describe_limit_change(instance: DatabaseInstance, limit_gib: int | None) -> str:
    before = f"{instance.storage_limit_gib} GiB" if instance.storage_limit_gib else "off"
    return f"limit of storage autoscaling: {before} -> {limit_gib} GiB"


def _build_growth_step(
    outputs: Outputs, instance: DatabaseInstance, storage_gib: int, limit_gib: int | None
) -> Step:
    params: JsonObject = {
        "DBInstanceIdentifier": instance.identifier,
        "AllocatedStorage": storage_gib,
        **_get_performance_params(instance, storage_gib),
        "ApplyImmediately": True,
    }
    met: JsonObject = {ALLOCATED_STORAGE_PATH: storage_gib, PENDING_CHANGES_PATH: {}, **STEADY}
    if limit_gib is not None and limit_gib != instance.storage_limit_gib:
        params["MaxAllocatedStorage"] = limit_gib
        met[STORAGE_LIMIT_PATH] = limit_gib
    return Step(
        name="grow",
        description=f"grow {instance.identifier} from {instance.storage_gib} to {storage_gib} GiB",
        action=rds_call(outputs, "rds.modify_db_instance", params),
        ready=build_ready_wait(outputs, instance.identifier, Change.STORAGE),
        goal=Wait(
            read=describe_instance_call(outputs, instance.identifier),
            met=met,
            begun={
                f"{PENDING_CHANGES_PATH}.AllocatedStorage": storage_gib,
                ALLOCATED_STORAGE_PATH: storage_gib,
            },
            # It is full until RDS has added the storage.
            failed=build_failed_conditions(STORAGE_FULL),
            every=60,
            within=6 * 3600,
            typical=TYPICAL_GROWTH_SECONDS,
            source=UNDOCUMENTED_TIME_SOURCE,
            reports=build_failure_reports(outputs, instance.identifier, STORAGE_FAILURES),
        ),
    )


def _get_performance_params(instance: DatabaseInstance, storage_gib: int) -> JsonObject:
    """Returns the IOPS and throughput that growth must name: those of now, or the least."""
    if instance.storage_type in PROVISIONED_IOPS_TYPES:
        return {"Iops": instance.iops}
    if instance.storage_type != "gp3" or storage_gib < MIN_GP3_PROVISIONED_GIB:
        return {}
    return {
        "Iops": max(instance.iops or 0, MIN_GP3_IOPS),
        "StorageThroughput": max(instance.storage_throughput or 0, MIN_GP3_THROUGHPUT),
    }


def _build_limit_plan(
    outputs: Outputs, instance: DatabaseInstance, limit_gib: int | None, run: str
) -> Plan:
    """Builds the plan that changes only the limit. Undo restores it if there was one."""
    assert limit_gib is not None, "either size is given"
    if limit_gib == instance.storage_limit_gib:
        raise UsageError(f"--limit is {limit_gib} GiB already")
    new_limit_gib = _get_new_limit(instance, instance.storage_gib, limit_gib)
    if Change.STORAGE not in get_status_meaning(instance.status).takes:
        require_takes(instance, "before its limit is changed", Change.MODIFY)
    require_no_pending_changes(instance)
    undo = (
        (_build_limit_step(outputs, instance, "back", instance.storage_limit_gib),)
        if instance.storage_limit_gib
        else ()
    )
    step = _build_limit_step(outputs, instance, "limit", limit_gib).model_copy(
        update={"undo": undo}
    )
    return build_stack_plan(
        outputs,
        run,
        "db storage",
        step,
        changes=[_describe_limit_change(instance, new_limit_gib)],
        losses=(),
        cost=NO_COST,
        notes=("no outage", LIMIT_SETTING_NOTE),
    )


def _build_limit_step(
    outputs: Outputs, instance: DatabaseInstance, name: str, limit_gib: int
) -> Step:
    read = describe_instance_call(outputs, instance.identifier)
    statuses = (*list_statuses_taking(Change.MODIFY), *list_statuses_taking(Change.STORAGE))
    return Step(
        name=name,
        description=f"set the storage limit of {instance.identifier} to {limit_gib} GiB",
        action=rds_call(
            outputs,
            "rds.modify_db_instance",
            {
                "DBInstanceIdentifier": instance.identifier,
                "MaxAllocatedStorage": limit_gib,
                "ApplyImmediately": True,
            },
        ),
        ready=Wait(
            read=read,
            met={**build_status_condition(statuses, "ready"), PENDING_CHANGES_PATH: {}},
            failed=build_failed_conditions(*statuses),
        ),
        goal=Wait(
            read=read,
            met={STORAGE_LIMIT_PATH: limit_gib},
            reports=build_failure_reports(outputs, instance.identifier, STORAGE_FAILURES),
            every=10,
            within=1800,
        ),
    )
