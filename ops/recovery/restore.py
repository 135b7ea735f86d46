"""Restores the database beside the primary, with all its settings.

RDS restores with its own defaults: default groups, no standby, no monitoring. The steps here copy
the source's settings and then set the password of the stack's secret, since a backup contains the
password of its time.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from ops.alarms.mute_state import format_time
from ops.core.aws import Aws
from ops.core.plan import (
    RUN_TAG,
    UNDOCUMENTED_TIME_SOURCE,
    Call,
    JsonObject,
    Plan,
    Sql,
    Step,
    Wait,
)
from ops.core.plan_kind import PlanKind
from ops.core.stack_plan import build_stack_plan
from ops.core.start_time import StartTime
from ops.database import replicas
from ops.database.copied_settings import (
    POINT_IN_TIME_ONLY_SETTINGS,
    POST_RESTORE_SETTINGS,
    RESTORE_SETTINGS,
    get_user_tags,
    list_settings_to_copy,
)
from ops.database.events import CREATION_FAILURES, PASSWORD_FAILURES, build_failure_reports
from ops.database.instance import (
    DB_INSTANCE_NOT_FOUND,
    PENDING_CHANGES_PATH,
    build_ready_wait,
    describe_instance_call,
    format_tags,
    list_in_stack_region,
    rds_call,
)
from ops.database.instance_in_use import is_beside_primary
from ops.database.snapshots import Snapshot
from ops.database.statuses import (
    STEADY,
    STEADY_STATUSES,
    Change,
    build_failed_conditions,
    build_status_condition,
)
from ops.outputs import Outputs
from ops.prices.difference import describe_instance_cost
from ops.recovery.restore_request import RestoreRequest
from ops.recovery.volume_fill import (
    VOLUME_FILL_RATE_SOURCE,
    compute_fill_limit,
    compute_typical_fill,
)

STORAGE_OPERATION_PATH: Final = "DBInstances[0].StorageOperationStatus"
# "Initializing: the volume is initializing from a snapshot", "Optimizing" is after a growth: API
# reference, DBInstance, StorageOperationStatus.
VOLUME_FILLED: Final[JsonObject] = {
    **build_status_condition(
        (status for status in STEADY_STATUSES if status != "storage-initialization"), "loaded"
    ),
    f"'Initializing' != ({STORAGE_OPERATION_PATH} || '')": True,
}
# "Reset master credentials": RDS User Guide, "Amazon RDS event categories and event messages".
CREDENTIALS_RESET_EXPRESSION: Final = (
    "length(Events[?starts_with(Message, 'Reset master credentials')]) > `0`"
)
TYPICAL_RESTORE_SECONDS: Final = 20 * 60
RESTORE_TIME_SOURCE: Final = (
    f"{UNDOCUMENTED_TIME_SOURCE}: the WAL of a day with many writes takes longer"
)
TYPICAL_CONFIGURE_SECONDS, TYPICAL_PASSWORD_RESET_SECONDS, TYPICAL_FIRST_QUERY_SECONDS = (
    3 * 60,
    60,
    30,
)
NO_SQL: Final = (
    "SQL is off or cannot reach it from here, so only its status is checked; to run a query too, "
    "set --via or run this inside the network"
)


def build_point_in_time_restore_plan(
    outputs: Outputs,
    source: Mapping[str, Any],
    restore_time: datetime | None,
    request: RestoreRequest,
    run: str,
    now: datetime,
    *,
    resource_id: str | None = None,
) -> Plan:
    """The source as it was at that time, or as late as it can be, under another name.

    With `resource_id` the source is a deleted instance, whose automated backups are retained.
    """
    name = str(source["DBInstanceIdentifier"])
    time_params: JsonObject = (
        {"UseLatestRestorableTime": True}
        if restore_time is None
        else {"RestoreTime": format_time(restore_time)}
    )
    source_params: JsonObject = (
        {"SourceDBInstanceIdentifier": name, **time_params}
        if resource_id is None
        else {"SourceDbiResourceId": resource_id, **time_params}
    )
    call = rds_call(
        outputs,
        "rds.restore_db_instance_to_point_in_time",
        {
            **source_params,
            "TargetDBInstanceIdentifier": request.identifier,
            **_build_restore_params(outputs, source, request, run),
        },
        "DBInstanceAlreadyExists",
    )
    description = (
        f"restore {name} as of "
        f"{'the latest time' if restore_time is None else format_time(restore_time)} as "
        f"{request.identifier}"
    )
    steps = build_restore_steps(
        outputs, call, description, source, request, run, now, unsupported_settings=()
    )
    return _build_restore_plan(outputs, "recover point-in-time", steps, source, request, run, now)


def build_snapshot_restore_plan(
    outputs: Outputs,
    source: Mapping[str, Any],
    snapshot: Snapshot,
    request: RestoreRequest,
    run: str,
    now: datetime,
) -> Plan:
    """Builds the plan that restores a snapshot with the settings of the source."""
    settings = _build_restore_params(outputs, source, request, run)
    unsupported_settings = POINT_IN_TIME_ONLY_SETTINGS
    call = rds_call(
        outputs,
        "rds.restore_db_instance_from_db_snapshot",
        {
            "DBSnapshotIdentifier": snapshot.restore_identifier,
            "DBInstanceIdentifier": request.identifier,
            **{name: value for name, value in settings.items() if name not in unsupported_settings},
        },
        "DBInstanceAlreadyExists",
    )
    description = f"restore the snapshot {snapshot.name} as {request.identifier}"
    steps = build_restore_steps(
        outputs,
        call,
        description,
        source,
        request,
        run,
        now,
        unsupported_settings=unsupported_settings,
    )
    return _build_restore_plan(outputs, "recover snapshot", steps, source, request, run, now)


def _build_restore_plan(
    outputs: Outputs,
    kind: PlanKind,
    steps: Sequence[Step],
    source: Mapping[str, Any],
    request: RestoreRequest,
    run: str,
    now: datetime,
) -> Plan:
    primary = outputs.database.identifier
    is_gone = request.identifier == primary
    return build_stack_plan(
        outputs,
        run,
        kind,
        *steps,
        changes=[
            f"{primary}: gone -> restored"
            if is_gone
            else f"one DB instance more: {request.identifier}"
        ],
        losses=(),
        cost=describe_instance_cost(
            request.instance_class or str(source.get("DBInstanceClass")),
            int(source["AllocatedStorage"]),
            storage_type=str(source.get("StorageType")),
            multi_az=bool(source.get("MultiAZ")),
        ),
        notes=list_restore_notes(outputs, request),
    ).with_times(now, SINCE=StartTime())


def build_restore_steps(
    outputs: Outputs,
    call: Call,
    description: str,
    source: Mapping[str, Any],
    request: RestoreRequest,
    run: str,
    now: datetime,
    *,
    unsupported_settings: Sequence[str],
) -> list[Step]:
    """Builds the steps from the restore call to a loaded volume. Undo deletes the instance.

    `unsupported_settings` are set after the restore, since its call does not accept them.
    """
    name = request.identifier
    read = _describe_restored_instance_call(outputs, name)
    settings = {**list_settings_to_copy(outputs, source, POST_RESTORE_SETTINGS)}
    if not unsupported_settings:  # the restore call has set them
        settings = {
            key: value for key, value in settings.items() if key not in POINT_IN_TIME_ONLY_SETTINGS
        }
    restore_step = Step(
        name="restore",
        description=description,
        action=call,
        goal=Wait(
            read=read,
            met={replicas.DATABASE_RUN_TAG_PATH: run, **STEADY},
            begun={replicas.DATABASE_RUN_TAG_PATH: run},
            failed=build_failed_conditions(),
            reports=build_failure_reports(outputs, name, CREATION_FAILURES),
            every=10,
            within=12 * 3600,
            typical=TYPICAL_RESTORE_SECONDS,
            source=RESTORE_TIME_SOURCE,
        ),
        undo=replicas.build_instance_removal_steps(outputs, name, "undo_", run),
    )
    steps = [restore_step]
    if settings:
        steps.append(_build_configure_step(outputs, name, settings))
    steps.append(build_password_reset_step(outputs, name, now))
    if request.can_query:
        steps.append(build_first_query_step(name, request.via))
    steps.append(_build_volume_filled_step(outputs, name, int(source["AllocatedStorage"])))
    return steps


def list_restore_notes(outputs: Outputs, request: RestoreRequest) -> tuple[str, ...]:
    """Lists the notes of a restore plan."""
    primary = outputs.database.identifier
    notes = [
        f"{primary} is gone: what is restored takes its name, and services connect to it again"
        if request.identifier == primary
        else f"{primary} is not touched; {request.identifier} stays until `ops recover discard`",
        "RDS creates its log groups, without the stack's key and retention, while it has this name",
    ]
    if not request.can_query:
        notes.append(NO_SQL)
    return (*notes, *request.room_notes)


def _build_restore_params(
    outputs: Outputs, source: Mapping[str, Any], request: RestoreRequest, run: str
) -> JsonObject:
    tags = {**get_user_tags(source), **request.tags, RUN_TAG: run}
    params = list_settings_to_copy(outputs, source, RESTORE_SETTINGS)
    if request.instance_class:
        params["DBInstanceClass"] = request.instance_class
    deletion_protection = bool(source.get("DeletionProtection")) and request.is_permanent
    return {**params, "DeletionProtection": deletion_protection, "Tags": format_tags(tags)}


def _describe_restored_instance_call(outputs: Outputs, name: str) -> Call:
    return describe_instance_call(outputs, name).model_copy(
        update={"expected_errors": (DB_INSTANCE_NOT_FOUND,)}
    )


def _build_configure_step(outputs: Outputs, name: str, settings: JsonObject) -> Step:
    """Builds the step that sets monitoring and maintenance window as the source has them."""
    paths = POST_RESTORE_SETTINGS
    applied_condition = " && ".join(
        f"DBInstances[0].{paths[key]} == `{json.dumps(value)}`" for key, value in settings.items()
    )
    return Step(
        name="configure",
        description=f"set the monitoring and the maintenance window of {name}",
        ready=build_ready_wait(outputs, name, Change.MODIFY),
        action=rds_call(
            outputs,
            "rds.modify_db_instance",
            {"DBInstanceIdentifier": name, "ApplyImmediately": True, **settings},
        ),
        goal=Wait(
            read=describe_instance_call(outputs, name),
            met={
                **STEADY,
                PENDING_CHANGES_PATH: {},
                applied_condition: True,
            },
            begun={applied_condition: True},
            failed=build_failed_conditions(),
            reports=build_failure_reports(outputs, name),
            every=10,
            within=2 * 3600,
            typical=TYPICAL_CONFIGURE_SECONDS,
            source=UNDOCUMENTED_TIME_SOURCE,
        ),
    )


def build_password_reset_step(outputs: Outputs, name: str, now: datetime) -> Step:
    """Builds the step that sets the current password. Only an event confirms it."""
    return Step(
        name="credentials",
        description=f"set the password of {name} from the stack's secret",
        ready=build_ready_wait(outputs, name, Change.MODIFY),
        action=Call(
            api="rds.modify_db_instance",
            params={"DBInstanceIdentifier": name, "ApplyImmediately": True},
            secrets={"MasterUserPassword": f"{outputs.database.secret_arn}#password"},
            region=outputs.stack.region,
        ),
        goal=Wait(
            read=rds_call(
                outputs,
                "rds.describe_events",
                {"SourceType": "db-instance", "SourceIdentifier": name, "StartTime": "${SINCE}"},
            ),
            met={CREDENTIALS_RESET_EXPRESSION: True},
            every=5,
            within=3600,
            typical=TYPICAL_PASSWORD_RESET_SECONDS,
            source=UNDOCUMENTED_TIME_SOURCE,
            reports=build_failure_reports(outputs, name, PASSWORD_FAILURES),
        ),
    )


def build_first_query_step(name: str, via: str | None) -> Step:
    """Builds the step that waits until an available instance answers a query."""
    query = Sql(
        statement="SELECT 1 AS answers",
        identifier=name,
        other_instance=True,
        via=via,
        unreachable_is_answer=True,
    )
    return Step(
        name="answers",
        description=f"query {name} with the password in the stack's secret",
        action=query,
        goal=Wait(
            read=query,
            met={"rows[0].answers": 1},
            every=5,
            within=1800,
            typical=TYPICAL_FIRST_QUERY_SECONDS,
            source=UNDOCUMENTED_TIME_SOURCE,
        ),
    )


def _build_volume_filled_step(outputs: Outputs, name: str, storage_gib: int) -> Step:
    """Builds the step that waits until the volume is loaded from the backup."""
    read = describe_instance_call(outputs, name)
    return Step(
        name="warm",
        description=f"wait until the volume of {name} is loaded from its backup",
        action=read,
        goal=Wait(
            read=read,
            met=VOLUME_FILLED,
            failed=build_failed_conditions(),
            reports=build_failure_reports(outputs, name),
            every=20,
            within=compute_fill_limit(storage_gib),
            typical=compute_typical_fill(storage_gib),
            source=VOLUME_FILL_RATE_SOURCE,
        ),
    )


def list_restored_and_replaced_instances(aws: Aws, outputs: Outputs) -> list[dict[str, Any]]:
    """Lists the descriptions of restored and replaced instances, which are not replicas."""
    instances = list_in_stack_region(aws, outputs, "rds.describe_db_instances", "DBInstances", {})
    return [instance for instance in instances if is_beside_primary(outputs, instance)]
