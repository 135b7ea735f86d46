"""The recovery drill: restore beside the primary, look at it, measure, and take it away again.

The restored instance is deleted by the plan's last step, and by the undo of its first: whatever
becomes of the drill, killed, failed or not finished in time, carried on or undone it leaves none.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from ops.core.plan import Call, Plan, PlanData, StartTime, Step, Wait
from ops.core.stack_plan import build_stack_plan
from ops.database import instance as database
from ops.database import replicas
from ops.database.sql import contents
from ops.database.sql.contents import HeartbeatColumn
from ops.outputs import Outputs
from ops.recovery import restore as restoring
from ops.recovery.restore import Wanted

MOST: Final = 100  # alarms a call. Source: CloudWatch API reference, DescribeAlarms
NAME: Final = "DBInstances[0].DBInstanceIdentifier"
# What each of these waits has seen when its time is over: it has failed, and the drill is undone.
LATE: Final[Mapping[str, str]] = {"restore": NAME, "configure": NAME, "warm": NAME}


class DrillData(PlanData):
    """The objectives that the drill is held to, in minutes."""

    rto_minutes: float
    rpo_minutes: float


def drill(
    outputs: Outputs,
    source: Mapping[str, Any],
    wanted: Wanted,
    beat: HeartbeatColumn | None,
    run: str,
    now: datetime,
    rto: float,
    rpo: float,
) -> Plan:
    """A restore to the latest time, looked at and deleted. Objectives in minutes."""
    made = restoring.to_time(outputs, source, None, wanted, run, now)
    steps = [_source(outputs, source), *_detection(outputs)]
    steps += [_impatient(step, wanted.name) for step in made.steps]
    if wanted.sql:
        says = f"count what is in {wanted.name}"
        steps.append(_look("contents", says, wanted, contents.build_contents_statement()))
        if beat is not None:
            says = f"look for the newest {beat.full_name} in {wanted.name}"
            steps.append(_look("heartbeat", says, wanted, beat.newest_statement))
    _, delete = replicas.build_instance_removal_steps(outputs, wanted.name, "", run)
    steps.append(delete)
    notes = (
        f"{outputs.database.identifier} is not touched; {wanted.name} costs until it is deleted, "
        "at the end or where the drill is undone",
        *(() if wanted.sql else (restoring.NO_SQL,)),
    )
    return build_stack_plan(
        outputs,
        run,
        "recover drill",
        *steps,
        notes=notes,
        arguments=f"--rto {rto:g} --rpo {rpo:g}",
        data=DrillData(rto_minutes=rto, rpo_minutes=rpo),
    ).with_times(now, SINCE=StartTime())


def _source(outputs: Outputs, source: Mapping[str, Any]) -> Step:
    """What can be restored at the moment at which the primary is taken to be lost."""
    name = str(source["DBInstanceIdentifier"])
    read = database.describe_instance_call(outputs, name)
    return Step(
        name="lost",
        description=f"take {name} to be lost, and see until when it can be restored",
        action=read,
        goal=Wait(read=read, met={NAME: name}),
    )


def _detection(outputs: Outputs) -> list[Step]:
    """How long the alarms that page look before they are raised."""
    names = list(outputs.alarms.names.get("P0", ()))[:MOST]
    if not names:
        return []
    read = Call(
        api="cloudwatch.describe_alarms",
        params={"AlarmNames": [*names], "AlarmTypes": ["MetricAlarm"]},
        region=outputs.stack.region,
    )
    return [
        Step(
            name="detection",
            description=f"see how long the {len(names)} alarms that page look before they are raised",
            action=read,
            goal=Wait(read=read, met={"type(MetricAlarms)": "array"}),
        )
    ]


def _impatient(step: Step, name: str) -> Step:
    """Not over in time, a drill's step has failed: nobody waits for it, and it is undone."""
    late: dict[str, list[Any]] = {}
    if step.name in LATE:
        late = {LATE[step.name]: [name]}
    elif step.name == "answers":
        late = {"rows[0].answers": [None]}
    elif step.name == "credentials":
        late = {restoring.RESET: [False]}
    return step.model_copy(update={"goal": step.goal.model_copy(update={"late": late})})


def _look(name: str, says: str, wanted: Wanted, statement: str) -> Step:
    """A look whose answer is kept in the journal; where there is none, that is kept."""
    ask = contents.build_restored_instance_query(wanted.name, wanted.via, statement)
    goal = Wait(read=ask, met={"type(rows)": "array"})
    return Step(name=name, description=says, action=ask, goal=goal)
