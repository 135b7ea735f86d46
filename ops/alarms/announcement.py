"""What goes on is announced by an alarm of its own, raised while it goes on.

SNS has no read that shows a message, so a publish could only be believed. An alarm's actions are
shown: CloudWatch tells the topic, keeps that it has, and tells it nothing where the state that is
set is the one it has already. So an announcement is seen to have been made, and made once however
often a run is killed; and it comes the way that every alarm of the stack comes, also to the chats
and pagers that take no other messages (docs/decisions/0012-maintenance.md).
"""

from typing import Any, Final, Literal

from ops.core.errors import UsageError
from ops.core.plan import Call, State, Step, Wait
from ops.outputs import Outputs

Level = Literal["warn", "page"]
LONGEST: Final = 500  # characters of a message: CloudWatch takes 1,023 of a reason, with ours
GONE: Final = ("ResourceNotFound", "ResourceNotFoundException")
_UPDATES: Final = "AlarmHistoryItems[?HistoryItemType=='StateUpdate' && {}]"
_DONE: Final = (
    "AlarmHistoryItems[?starts_with(HistorySummary, '{} action') && HistoryItemType=='Action']"
)


def _named(name: str, expression: str) -> str:
    """An expression that a person is told of by this name."""
    return f"{{{name}: {expression}}}.{name}"


def _changed(state: str) -> str:
    """Whether the alarm has come into a state."""
    updates = _UPDATES.format(f"ends_with(HistorySummary, 'to {state}')")
    return _named(f"is_{state.lower()}", f"length({updates}) > `0`")


_BOTH: Final = "(ends_with(HistorySummary, 'to ALARM') || ends_with(HistorySummary, 'to OK'))"
_SUCCESSES: Final = f"length({_DONE.format('Successfully executed')})"
_FAILURES: Final = f"length({_DONE.format('Failed to execute')})"
# Of each state people were told: as many actions were done as there were changes.
_TOLD: Final = _named("told", f"length({_UPDATES.format(_BOTH)}) <= {_SUCCESSES}")
# On the way back: so it was, or nobody could be told even of the beginning.
_TOLD_BACK: Final = _named(
    "told",
    f"length({_UPDATES.format(_BOTH)}) <= {_SUCCESSES} || {_SUCCESSES} == `0` && {_FAILURES} > `0`",
)
_FAILED: Final = _named("topic_could_not_be_told", f"{_FAILURES} > `0`")
WITHIN: Final = 900


def name_of(outputs: Outputs, run: str) -> str:
    """What the alarm of a run is called."""
    return f"{outputs.stack.project}-{outputs.stack.stack}-{run}"


def checked(text: str) -> str:
    """A message as it may be announced. Raises UsageError."""
    message = text.strip()
    if len(message) > LONGEST or not message.isprintable():
        raise UsageError(
            f"--message is {message[:40]!r}..., may be one line of {LONGEST} characters at most"
            if len(message) > LONGEST
            else f"--message is {message!r}, may be one line without control characters"
        )
    return message


def begin(outputs: Outputs, run: str, level: Level, about: str, until: str) -> tuple[Step, ...]:
    """The alarm is there, and is raised. Undone: people are told that it was broken off, and the
    alarm is gone."""
    name = name_of(outputs, run)
    off = _tell(
        outputs,
        "broken_off",
        name,
        "OK",
        f"Broken off and undone: {about}",
        says="announce that it was broken off",
        told=_TOLD_BACK,
    )
    told = _tell(
        outputs,
        "announce",
        name,
        "ALARM",
        f"Begun, until {until} at the latest: {about}",
        says=f"announce the beginning to the {level} topic",
    ).model_copy(update={"undo": (off,)})
    return _alarm(outputs, name, level, about), told


def end(outputs: Outputs, run: str, about: str) -> tuple[Step, ...]:
    """People are told that it is over, and the alarm is gone."""
    name = name_of(outputs, run)
    over = _tell(
        outputs,
        "announce_end",
        name,
        "OK",
        f"Over, done and looked at: {about}",
        says="announce the end",
    )
    return over, _gone(outputs, "withdraw", name)


def _alarm(outputs: Outputs, name: str, level: Level, about: str) -> Step:
    """An alarm of a metric that nobody writes, which stays in the state that it is set to."""
    alarms = outputs.alarms
    topic = alarms.page_topic_arn if level == "page" else alarms.warn_topic_arn
    call = _call(
        outputs,
        "put_metric_alarm",
        {
            "AlarmName": name,
            "AlarmDescription": f"Maintenance. {about}. Run: ops maintenance status",
            "AlarmActions": [topic],
            "OKActions": [topic],
            "Namespace": "Bulwark/Operations",
            "MetricName": "Maintenance",
            "Statistic": "Maximum",
            "Period": 60,
            "EvaluationPeriods": 1,
            "Threshold": 1,
            "ComparisonOperator": "GreaterThanOrEqualToThreshold",
            "TreatMissingData": "ignore",
        },
    )
    return Step(
        name="bell",
        says=f"make the alarm {name}, which tells of it",
        do=call,
        goal=Wait(
            read=_looking(outputs, name),
            met={"MetricAlarms[0].AlarmName": name},
            every=5,
            within=WITHIN,
        ),
        undo=(_gone(outputs, "unbell", name),),
    )


def _gone(outputs: Outputs, step: str, name: str) -> Step:
    return Step(
        name=step,
        says=f"delete the alarm {name}",
        do=_call(outputs, "delete_alarms", {"AlarmNames": [name]}, *GONE),
        goal=Wait(read=_looking(outputs, name), met={"MetricAlarms": []}, every=5, within=WITHIN),
    )


def _tell(
    outputs: Outputs,
    step: str,
    name: str,
    state: str,
    reason: str,
    *,
    says: str,
    told: str = _TOLD,
) -> Step:
    """The alarm is in a state, and its topic has been told. A topic that cannot be told of the
    beginning is a failure, when nothing has been done; that it can be told of the end is waited
    for."""
    changed = _changed(state)
    failed: Any = {_FAILED: [True]} if state == "ALARM" else {}
    return Step(
        name=step,
        says=says,
        do=_call(
            outputs,
            "set_alarm_state",
            {"AlarmName": name, "StateValue": state, "StateReason": reason},
            *GONE,
        ),
        goal=Wait(
            read=_call(outputs, "describe_alarm_history", {"AlarmName": name, "MaxRecords": 100}),
            met={changed: True, told: True},
            begun={changed: True},
            failed=failed,
            every=5,
            within=WITHIN,
        ),
    )


def _looking(outputs: Outputs, name: str) -> Call:
    return _call(outputs, "describe_alarms", {"AlarmNames": [name], "AlarmTypes": ["MetricAlarm"]})


def _call(outputs: Outputs, operation: str, params: State, *answers: str) -> Call:
    return Call(
        api=f"cloudwatch.{operation}", params=params, answers=answers, region=outputs.stack.region
    )
