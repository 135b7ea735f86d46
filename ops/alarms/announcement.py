"""What goes on is announced by an alarm of its own, raised while it goes on.

SNS has no read that shows a message, so a publish could only be believed. An alarm's actions are
shown: CloudWatch tells the topic, keeps that it has, and tells it nothing where the state that is
set is the one it has already. So an announcement is seen to have been made, and made once however
often a run is killed; and it comes the way that every alarm of the stack comes, also to the chats
and pagers that take no other messages (docs/decisions/0012-maintenance.md).
"""

from typing import Any, Final, Literal

from ops.core.errors import UsageError
from ops.core.plan import Call, JsonObject, Step, Wait
from ops.outputs import Outputs

AnnouncementLevel = Literal["warn", "page"]
MAX_ANNOUNCEMENT_CHARACTERS: Final = (
    500  # characters of a message: CloudWatch takes 1,023 of a reason, with ours
)
ALARM_GONE_CODES: Final = ("ResourceNotFound", "ResourceNotFoundException")
_UPDATES: Final = "AlarmHistoryItems[?HistoryItemType=='StateUpdate' && {}]"
_ACTIONS: Final = (
    "AlarmHistoryItems[?starts_with(HistorySummary, '{} action') && HistoryItemType=='Action']"
)


def _name_expression(name: str, expression: str) -> str:
    """An expression that a person is told of by this name."""
    return f"{{{name}: {expression}}}.{name}"


def _format_state_path(state: str) -> str:
    """Whether the alarm has come into a state."""
    updates = _UPDATES.format(f"ends_with(HistorySummary, 'to {state}')")
    return _name_expression(f"is_{state.lower()}", f"length({updates}) > `0`")


_ANY_STATE: Final = "(ends_with(HistorySummary, 'to ALARM') || ends_with(HistorySummary, 'to OK'))"
_SUCCESSES: Final = f"length({_ACTIONS.format('Successfully executed')})"
_FAILURES: Final = f"length({_ACTIONS.format('Failed to execute')})"
# Of each state people were told: as many actions were done as there were changes.
_NOTIFIED: Final = _name_expression(
    "told", f"length({_UPDATES.format(_ANY_STATE)}) <= {_SUCCESSES}"
)
# On the way back: so it was, or nobody could be told even of the beginning.
_NOTIFIED_OR_UNREACHABLE: Final = _name_expression(
    "told",
    f"length({_UPDATES.format(_ANY_STATE)}) <= {_SUCCESSES} || {_SUCCESSES} == `0` && "
    f"{_FAILURES} > `0`",
)
_NOTIFICATION_FAILED: Final = _name_expression("topic_could_not_be_told", f"{_FAILURES} > `0`")
ANNOUNCEMENT_TIMEOUT_SECONDS: Final = 900


def format_announcement_name(outputs: Outputs, run: str) -> str:
    """What the alarm of a run is called."""
    return f"{outputs.stack.project}-{outputs.stack.stack}-{run}"


def parse_message(text: str) -> str:
    """A message as it may be announced. Raises UsageError."""
    message = text.strip()
    if len(message) > MAX_ANNOUNCEMENT_CHARACTERS or not message.isprintable():
        raise UsageError(
            f"--message is {message[:40]!r}..., must be one line of "
            f"{MAX_ANNOUNCEMENT_CHARACTERS} characters at most"
            if len(message) > MAX_ANNOUNCEMENT_CHARACTERS
            else f"--message is {message!r}, must be one line without control characters"
        )
    return message


def build_announcement_steps(
    outputs: Outputs, run: str, level: AnnouncementLevel, subject: str, until: str
) -> tuple[Step, ...]:
    """The alarm is there, and is raised. Undone: people are told that it was broken off, and the
    alarm is gone."""
    name = format_announcement_name(outputs, run)
    cancel_step = _build_state_step(
        outputs,
        "broken_off",
        name,
        "OK",
        f"Broken off and undone: {subject}",
        description="announce that it was broken off",
        notified_path=_NOTIFIED_OR_UNREACHABLE,
    )
    announce_step = _build_state_step(
        outputs,
        "announce",
        name,
        "ALARM",
        f"Begun, until {until} at the latest: {subject}",
        description=f"announce the beginning to the {level} topic",
    ).model_copy(update={"undo": (cancel_step,)})
    return _build_alarm_step(outputs, name, level, subject), announce_step


def build_withdrawal_steps(outputs: Outputs, run: str, subject: str) -> tuple[Step, ...]:
    """People are told that it is over, and the alarm is gone."""
    name = format_announcement_name(outputs, run)
    end_step = _build_state_step(
        outputs,
        "announce_end",
        name,
        "OK",
        f"Over, done and looked at: {subject}",
        description="announce the end",
    )
    return end_step, _build_delete_step(outputs, "withdraw", name)


def _build_alarm_step(outputs: Outputs, name: str, level: AnnouncementLevel, subject: str) -> Step:
    """An alarm of a metric that nobody writes, which stays in the state that it is set to."""
    alarms = outputs.alarms
    topic = alarms.page_topic_arn if level == "page" else alarms.warn_topic_arn
    call = _build_call(
        outputs,
        "put_metric_alarm",
        {
            "AlarmName": name,
            "AlarmDescription": f"Maintenance. {subject}. Run: ops maintenance status",
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
        description=f"make the alarm {name}, which tells of it",
        action=call,
        goal=Wait(
            read=_describe_alarm_call(outputs, name),
            met={"MetricAlarms[0].AlarmName": name},
            every=5,
            within=ANNOUNCEMENT_TIMEOUT_SECONDS,
        ),
        undo=(_build_delete_step(outputs, "unbell", name),),
    )


def _build_delete_step(outputs: Outputs, step: str, name: str) -> Step:
    return Step(
        name=step,
        description=f"delete the alarm {name}",
        action=_build_call(outputs, "delete_alarms", {"AlarmNames": [name]}, *ALARM_GONE_CODES),
        goal=Wait(
            read=_describe_alarm_call(outputs, name),
            met={"MetricAlarms": []},
            every=5,
            within=ANNOUNCEMENT_TIMEOUT_SECONDS,
        ),
    )


def _build_state_step(
    outputs: Outputs,
    step: str,
    name: str,
    state: str,
    reason: str,
    *,
    description: str,
    notified_path: str = _NOTIFIED,
) -> Step:
    """The alarm is in a state, and its topic has been told. A topic that cannot be told of the
    beginning is a failure, when nothing has been done; that it can be told of the end is waited
    for."""
    state_path = _format_state_path(state)
    failure_values: Any = {_NOTIFICATION_FAILED: [True]} if state == "ALARM" else {}
    return Step(
        name=step,
        description=description,
        action=_build_call(
            outputs,
            "set_alarm_state",
            {"AlarmName": name, "StateValue": state, "StateReason": reason},
            *ALARM_GONE_CODES,
        ),
        goal=Wait(
            read=_build_call(
                outputs, "describe_alarm_history", {"AlarmName": name, "MaxRecords": 100}
            ),
            met={state_path: True, notified_path: True},
            begun={state_path: True},
            failed=failure_values,
            every=5,
            within=ANNOUNCEMENT_TIMEOUT_SECONDS,
        ),
    )


def _describe_alarm_call(outputs: Outputs, name: str) -> Call:
    return _build_call(
        outputs, "describe_alarms", {"AlarmNames": [name], "AlarmTypes": ["MetricAlarm"]}
    )


def _build_call(
    outputs: Outputs, operation: str, params: JsonObject, *expected_errors: str
) -> Call:
    return Call(
        api=f"cloudwatch.{operation}",
        params=params,
        expected_errors=expected_errors,
        region=outputs.stack.region,
    )
