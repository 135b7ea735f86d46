"""Announces maintenance by an alarm of its own, raised while the maintenance lasts.

SNS has no read that shows a message, so a publish cannot be verified. CloudWatch records an alarm's
actions in its history and does not notify again if the state stays the same. So an announcement can
be verified, and a killed run does not repeat it. It also reaches chats and pagers that only accept
alarms (docs/decisions/0012-maintenance.md).
"""

from typing import Any, Final, Literal

from ops.core.errors import UsageError
from ops.core.plan import Call, JsonObject, Step, Wait
from ops.outputs import Outputs

AnnouncementLevel = Literal["warn", "page"]
MAX_ANNOUNCEMENT_CHARACTERS: Final = (
    500  # characters of a message; CloudWatch accepts 1,023 in a reason, which includes ours
)
ALARM_GONE_CODES: Final = ("ResourceNotFound", "ResourceNotFoundException")
_UPDATES: Final = "AlarmHistoryItems[?HistoryItemType=='StateUpdate' && {}]"
_ACTIONS: Final = (
    "AlarmHistoryItems[?starts_with(HistorySummary, '{} action') && HistoryItemType=='Action']"
)


def _name_expression(name: str, expression: str) -> str:
    """Builds an expression that progress and errors show under this name."""
    return f"{{{name}: {expression}}}.{name}"


def _count_updates_to(state: str) -> str:
    return "length({})".format(_UPDATES.format(f"ends_with(HistorySummary, 'to {state}')"))


def _format_state_path(state: str) -> str:
    """Builds the expression that is true once the alarm has changed to a state."""
    return _name_expression(f"is_{state.lower()}", f"{_count_updates_to(state)} > `0`")


# For an undo: also true if the start was never announced, as nobody has to hear of its end then.
_OK_OR_NEVER_RAISED: Final = _name_expression(
    "is_over",
    f"{_count_updates_to('OK')} > `0` || {_count_updates_to('ALARM')} == `0`",
)
_ANY_STATE: Final = "(ends_with(HistorySummary, 'to ALARM') || ends_with(HistorySummary, 'to OK'))"
_SUCCESSES: Final = f"length({_ACTIONS.format('Successfully executed')})"
_FAILURES: Final = f"length({_ACTIONS.format('Failed to execute')})"
# True if the topic was notified of each change: there are as many actions as changes.
_NOTIFIED: Final = _name_expression(
    "notified", f"length({_UPDATES.format(_ANY_STATE)}) <= {_SUCCESSES}"
)
# For an undo: also true if the notification of the start failed.
_NOTIFIED_OR_UNREACHABLE: Final = _name_expression(
    "notified",
    f"length({_UPDATES.format(_ANY_STATE)}) <= {_SUCCESSES} || {_SUCCESSES} == `0` && "
    f"{_FAILURES} > `0`",
)
_NOTIFICATION_FAILED: Final = _name_expression("notification_failed", f"{_FAILURES} > `0`")
ANNOUNCEMENT_TIMEOUT_SECONDS: Final = 900


def format_announcement_name(outputs: Outputs, run: str) -> str:
    """Returns the name of a run's alarm."""
    return f"{outputs.stack.project}-{outputs.stack.stack}-{run}"


def parse_message(text: str) -> str:
    """Parses --message. Raises UsageError if it is too long or not a single line."""
    message = text.strip()
    if len(message) > MAX_ANNOUNCEMENT_CHARACTERS or not message.isprintable():
        raise UsageError(
            f"--message must be at most {MAX_ANNOUNCEMENT_CHARACTERS} characters long, not "
            f"{len(message)}"
            if len(message) > MAX_ANNOUNCEMENT_CHARACTERS
            else f"--message must be one line without control characters, not {message!r}"
        )
    return message


def build_announcement_steps(
    outputs: Outputs, run: str, level: AnnouncementLevel, subject: str, until: str
) -> tuple[Step, ...]:
    """Builds the steps that create the alarm and raise it.

    Undo announces that the maintenance was cancelled and deletes the alarm.
    """
    name = format_announcement_name(outputs, run)
    cancel_step = _build_state_step(
        outputs,
        "broken_off",
        name,
        "OK",
        f"Cancelled and undone: {subject}",
        description="announce that maintenance was cancelled",
        notified_path=_NOTIFIED_OR_UNREACHABLE,
        met_path=_OK_OR_NEVER_RAISED,
    )
    announce_step = _build_state_step(
        outputs,
        "announce",
        name,
        "ALARM",
        f"Started, until {until} at the latest: {subject}",
        description=f"announce the start to the {level} topic",
    ).model_copy(update={"undo": (cancel_step,)})
    return _build_alarm_step(outputs, name, level, subject), announce_step


def build_withdrawal_steps(outputs: Outputs, run: str, subject: str) -> tuple[Step, ...]:
    """Builds the steps that announce the end and delete the alarm."""
    name = format_announcement_name(outputs, run)
    end_step = _build_state_step(
        outputs,
        "announce_end",
        name,
        "OK",
        f"Completed and verified: {subject}",
        description="announce the end",
    )
    return end_step, _build_delete_step(outputs, "withdraw", name)


def _build_alarm_step(outputs: Outputs, name: str, level: AnnouncementLevel, subject: str) -> Step:
    """Builds the step that creates the alarm. Its metric has no data, so a set state stays."""
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
        description=f"create the alarm {name} for the announcements",
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
    met_path: str | None = None,
) -> Step:
    """Builds the step that sets the alarm's state and waits until its topic is notified.

    A failed notification fails the start, before anything has changed; the end keeps waiting.
    """
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
            met={met_path or state_path: True, notified_path: True},
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
