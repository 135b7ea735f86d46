"""Renames a DB instance, confirmed by its resource id, and keeps the name from being left empty."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from ops.core.errors import OpsError
from ops.core.plan import Call, JsonObject, Step, Wait
from ops.database.events import build_failure_reports
from ops.database.instance import (
    DB_INSTANCE_NOT_FOUND,
    describe_instance_call,
    rds_call,
)
from ops.database.statuses import (
    FAILED_STATUSES,
    STEADY,
    Change,
    build_failed_conditions,
    build_status_condition,
    build_status_expression,
    get_status_meaning,
    list_statuses_taking,
    require_status_takes,
)
from ops.outputs import Outputs

RESOURCE_ID_PATH: Final = "DBInstances[0].DbiResourceId"
# "Renaming a DB instance", RDS User Guide: the new endpoint takes up to ten minutes.
TYPICAL_RENAME_SECONDS: Final = 10 * 60
RENAME_TIME_SOURCE: Final = "RDS User Guide, renaming a DB instance: about ten minutes each"


def require_renamable(source: Mapping[str, Any], restored_name: str) -> None:
    """Raises OpsError unless RDS renames the old primary now, or may do so.

    Its status is the reason for many promotions: if no document says that RDS refuses a rename in
    it, RDS is asked, and its refusal changes nothing.
    """
    name, status = str(source["DBInstanceIdentifier"]), str(source["DBInstanceStatus"])
    meaning = get_status_meaning(status)
    if Change.RENAME in meaning.takes or meaning.may_rename:
        return
    try:
        require_status_takes(name, status, Change.RENAME, "before --by rename")
    except OpsError as error:
        raise OpsError(str(error), f"ops recover promote {restored_name} --by secret") from None


def get_replaced_identifier(identifier: str, run: str) -> str:
    """Returns the name of the old instance after a promotion."""
    return f"{identifier}-{run}"


def build_rename_step(
    outputs: Outputs,
    step_name: str,
    resource_id: str,
    old_name: str,
    new_name: str,
    *,
    status: str | None = None,
    successor: str | None = None,
    undo: tuple[Step, ...] = (),
) -> Step:
    """Builds a rename, confirmed by the resource id, which a rename does not change.

    It can be repeated: once the old name is free, RDS refuses the call and the goal is met.
    `status` is that of an instance which keeps it through the rename. It begins only once RDS
    would rename the `successor` too, so that the name is not left without an instance.
    """
    is_kept = status is not None and Change.RENAME not in get_status_meaning(status).takes
    kept_statuses = (status,) if is_kept and status is not None else ()
    statuses = (*list_statuses_taking(Change.RENAME), *kept_statuses)
    old_name_call, new_name_call = (
        describe_instance_call(outputs, name).model_copy(
            update={"expected_errors": (DB_INSTANCE_NOT_FOUND,)}
        )
        for name in (old_name, new_name)
    )
    return Step(
        name=step_name,
        description=f"rename {old_name} to {new_name}",
        ready=_build_rename_ready_wait(outputs, old_name_call, old_name, statuses, successor),
        action=rds_call(
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
            met={
                RESOURCE_ID_PATH: resource_id,
                **(build_status_condition(statuses, "renamed") if kept_statuses else STEADY),
            },
            begun={RESOURCE_ID_PATH: resource_id},
            failed=build_failed_conditions(*kept_statuses),
            reports=build_failure_reports(outputs, old_name),
            every=15,
            within=2 * 3600,
            typical=TYPICAL_RENAME_SECONDS,
            source=RENAME_TIME_SOURCE,
        ),
        undo=undo,
        downtime=TYPICAL_RENAME_SECONDS,
    )


def _build_rename_ready_wait(
    outputs: Outputs,
    old_name_call: Call,
    old_name: str,
    statuses: Sequence[str],
    successor: str | None,
) -> Wait:
    """Builds the wait until RDS renames the instance and its successor, or the name is free."""
    if successor is None:
        expression = build_status_expression(statuses)
        met: JsonObject = {f"{expression} || answer == '{DB_INSTANCE_NOT_FOUND}'": True}
        return Wait(read=old_name_call, met=met, every=15)
    paths = {
        name: f"(DBInstances[?DBInstanceIdentifier=='{name}'] | [0])"
        for name in (old_name, successor)
    }
    status_paths = {name: f"{path}.DBInstanceStatus" for name, path in paths.items()}
    old_ready = build_status_expression(statuses, status_paths[old_name])
    successor_statuses = list_statuses_taking(Change.RENAME)
    successor_ready = build_status_expression(successor_statuses, status_paths[successor])
    return Wait(
        read=rds_call(
            outputs,
            "rds.describe_db_instances",
            {"Filters": [{"Name": "db-instance-id", "Values": [old_name, successor]}]},
        ),
        met={
            f"{old_ready} || !{paths[old_name]}": True,
            f"{successor_ready} && 'ready' || {status_paths[successor]}": "ready",
            f"length(keys({paths[successor]}.PendingModifiedValues || `{{}}`))": 0,
        },
        failed={status_paths[successor]: list(FAILED_STATUSES)},
        every=15,
    )
