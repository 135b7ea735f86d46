"""The recovery drill: restores beside the primary, checks and measures, and deletes the instance.

The plan's last step deletes the restored instance, and so does the undo of its first. A drill that
is killed, fails or times out leaves no instance once it is resumed or undone.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from math import ceil
from typing import Any, Final

from ops.core.counts import format_count
from ops.core.plan import Call, Plan, PlanData, Sql, Step, Wait
from ops.core.stack_plan import NOT_PRICED, build_stack_plan
from ops.core.start_time import StartTime
from ops.database import replicas
from ops.database.instance import describe_instance_call
from ops.database.sql import contents
from ops.database.sql.contents import HeartbeatColumn
from ops.outputs import Outputs
from ops.recovery.restore import (
    CREDENTIALS_RESET_EXPRESSION,
    NO_SQL,
    build_point_in_time_restore_plan,
)
from ops.recovery.restore_request import RestoreRequest
from ops.recovery.volume_fill import VOLUME_FILL_RATE_SOURCE

MAX_ALARMS_PER_CALL: Final = (
    100  # alarms per call. Source: CloudWatch API reference, DescribeAlarms
)
INSTANCE_IDENTIFIER_PATH: Final = "DBInstances[0].DBInstanceIdentifier"
# By step: a path that makes its timeout a failure, so that the drill is undone.
FAILED_ON_TIMEOUT_PATHS: Final[Mapping[str, str]] = {
    "restore": INSTANCE_IDENTIFIER_PATH,
    "configure": INSTANCE_IDENTIFIER_PATH,
    "warm": INSTANCE_IDENTIFIER_PATH,
}


class DrillData(PlanData):
    """The objectives of the drill, in minutes."""

    rto_minutes: float
    rpo_minutes: float


def build_drill_plan(
    outputs: Outputs,
    source: Mapping[str, Any],
    request: RestoreRequest,
    heartbeat: HeartbeatColumn | None,
    run: str,
    now: datetime,
    rto_minutes: float,
    rpo_minutes: float,
) -> Plan:
    """Builds the plan that restores to the latest time, checks and deletes.

    The objectives are in minutes.
    """
    restore_plan = build_point_in_time_restore_plan(outputs, source, None, request, run, now)
    steps = [_build_loss_step(outputs, source), *_build_detection_steps(outputs)]
    if request.can_query:
        steps.append(_build_primary_identity_step(source))
    for step in restore_plan.steps:
        steps.append(_fail_on_timeout(step, request.identifier))
        if step.name == "answers":
            description = f"see which server answers as {request.identifier}"
            steps.append(
                _build_inspection_step(
                    "identity", description, request, contents.IDENTITY_STATEMENT
                )
            )
    if request.can_query:
        description = f"count the tables and rows of {request.identifier}"
        steps.append(
            _build_inspection_step(
                "contents", description, request, contents.build_contents_statement()
            )
        )
        if heartbeat is not None:
            description = f"read the newest {heartbeat.full_name} in {request.identifier}"
            steps.append(
                _build_inspection_step(
                    "heartbeat", description, request, heartbeat.newest_statement
                )
            )
    _, delete_step = replicas.build_instance_removal_steps(outputs, request.identifier, "", run)
    steps.append(delete_step)
    notes = (
        f"{outputs.database.identifier} is not touched; {request.identifier} is deleted when the "
        "drill ends or is undone",
        describe_limit(steps, int(source["AllocatedStorage"])),
        *(() if request.can_query else (NO_SQL,)),
        *request.room_notes,
    )
    return build_stack_plan(
        outputs,
        run,
        "recover drill",
        *steps,
        changes=["nothing that stays: an instance is restored, measured and deleted"],
        losses=(),
        cost=f"{NOT_PRICED}: an instance like {outputs.database.identifier} for some hours",
        notes=notes,
        arguments=f"--rto {rto_minutes:g} --rpo {rpo_minutes:g}",
        data=DrillData(rto_minutes=rto_minutes, rpo_minutes=rpo_minutes),
    ).with_times(now, SINCE=StartTime())


def describe_limit(steps: Sequence[Step], storage_gib: int) -> str:
    """Says when a drill of a database of this size counts as failed, and why then."""
    seconds = sum(step.goal.within for step in steps if step.name in FAILED_ON_TIMEOUT_PATHS)
    return (
        f"it fails, and is undone, if restore, settings and load take more than "
        f"{format_hours(seconds)}: {storage_gib} GiB, and {VOLUME_FILL_RATE_SOURCE}"
    )


def format_hours(seconds: float) -> str:
    """Formats a limit in whole hours."""
    return f"{ceil(seconds / 3600)} h"


def _build_loss_step(outputs: Outputs, source: Mapping[str, Any]) -> Step:
    """Builds the step that records the latest restorable time when the primary counts as lost."""
    name = str(source["DBInstanceIdentifier"])
    read = describe_instance_call(outputs, name)
    return Step(
        name="lost",
        description=f"assume that {name} is lost; read its latest restorable time",
        action=read,
        goal=Wait(read=read, met={INSTANCE_IDENTIFIER_PATH: name}),
    )


def _build_primary_identity_step(source: Mapping[str, Any]) -> Step:
    """Builds the step that records which server the primary is, if it can be reached."""
    query = Sql(statement=contents.IDENTITY_STATEMENT, unreachable_is_answer=True)
    return Step(
        name="primary_identity",
        description=f"see which server answers as {source['DBInstanceIdentifier']}",
        action=query,
        goal=Wait(read=query, met={"type(rows)": "array"}),
    )


def _build_detection_steps(outputs: Outputs) -> list[Step]:
    """Builds the steps that read how long the paging alarms take to be raised, 100 a call."""
    names = list(outputs.alarms.names.get("P0", ()))
    groups = [
        names[start : start + MAX_ALARMS_PER_CALL]
        for start in range(0, len(names), MAX_ALARMS_PER_CALL)
    ]
    return [
        _build_detection_step(outputs, f"detection{f'_{number}' if number > 1 else ''}", group)
        for number, group in enumerate(groups, 1)
    ]


def _build_detection_step(outputs: Outputs, name: str, alarm_names: list[str]) -> Step:
    read = Call(
        api="cloudwatch.describe_alarms",
        params={
            "AlarmNames": [*alarm_names],
            "AlarmTypes": ["MetricAlarm"],
            "MaxRecords": MAX_ALARMS_PER_CALL,  # else a page has 50 alarms
        },
        region=outputs.stack.region,
    )
    return Step(
        name=name,
        description=f"read how long {format_count(len(alarm_names), 'paging alarm')} would take "
        "to be raised",
        action=read,
        goal=Wait(read=read, met={"type(MetricAlarms)": "array"}),
    )


def _fail_on_timeout(step: Step, name: str) -> Step:
    """Makes a timeout of a drill's step a failure, so that the drill is undone."""
    failed_on_timeout: dict[str, list[Any]] = {}
    if step.name in FAILED_ON_TIMEOUT_PATHS:
        failed_on_timeout = {FAILED_ON_TIMEOUT_PATHS[step.name]: [name]}
    elif step.name == "answers":
        failed_on_timeout = {"rows[0].answers": [None]}
    elif step.name == "credentials":
        failed_on_timeout = {CREDENTIALS_RESET_EXPRESSION: [False]}
    return step.model_copy(
        update={"goal": step.goal.model_copy(update={"failed_on_timeout": failed_on_timeout})}
    )


def _build_inspection_step(
    name: str, description: str, request: RestoreRequest, statement: str
) -> Step:
    """Builds a query whose answer, or lack of one, is recorded in the journal."""
    query = contents.build_restored_instance_query(request.identifier, request.via, statement)
    goal = Wait(read=query, met={"type(rows)": "array"})
    return Step(name=name, description=description, action=query, goal=goal)
