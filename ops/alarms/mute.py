"""Mutes alarms for a time, by mute rules of CloudWatch or by disabling their actions.

A mute rule is named after the stack and the run, has up to 100 alarms and ends by itself. In a
region without mute rules the alarms' actions are disabled, which has no end: the run's journal
records what was muted until when, and `ops alarms unmute` enables exactly that.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from pydantic import JsonValue

from ops.alarms.health import MUTE_RULE_GONE_CODES
from ops.alarms.mute_state import (
    Mute,
    MuteData,
    MuteMethod,
    format_time,
)
from ops.core.aws import Aws
from ops.core.counts import format_count
from ops.core.errors import UsageError
from ops.core.plan import Call, JsonObject, Plan, Step, Wait
from ops.core.stack_plan import NO_COST, build_stack_plan
from ops.core.start_time import SPAN, StartTime, round_to_minute
from ops.core.times import AmbiguousTimeError, format_local_and_utc, parse_typed_time
from ops.outputs import Outputs

MINUTE: Final = "%Y-%m-%dT%H:%M"  # format of the start in a rule's schedule
ALARMS_PER_CALL: Final = (
    100  # alarms per rule, and names per call. Source: CloudWatch API reference
)
MAX_MUTE_MINUTES: Final = 24 * 60  # minutes; our limit, AWS allows 15 days
ENABLED_ALARMS_PATH: Final = "({} || `[]`)[?ActionsEnabled].AlarmName"
DISABLED_ALARMS_PATH: Final = "({} || `[]`)[?!ActionsEnabled].AlarmName"
ALARM_KINDS: Final = ("MetricAlarms", "CompositeAlarms")


@dataclass(frozen=True)
class StackAlarm:
    """An alarm of the outputs, with what muting needs."""

    name: str
    severity: str
    has_enabled_actions: bool
    is_scaling: bool


def parse_mute_end(now: datetime, minutes: str | None, until: str | None) -> datetime:
    """Returns when a mute ends, UTC.

    Raises UsageError unless exactly one of --for and --until is given and valid.
    """
    if (minutes is None) is (until is None):
        raise UsageError("exactly one of --for and --until must be set: every mute needs an end")
    if minutes is not None:
        if not minutes.isdecimal() or not 1 <= int(minutes) <= MAX_MUTE_MINUTES:
            raise UsageError(f"--for must be 1 to {MAX_MUTE_MINUTES} minutes, not {minutes!r}")
        return round_to_minute(now + timedelta(minutes=int(minutes)), up=True)
    try:
        end_time = parse_typed_time(str(until))
    except AmbiguousTimeError as error:
        raise UsageError(f"--until must be one time: {error}") from None
    except ValueError:
        raise UsageError(
            f"--until must be a time like {format_time(now + timedelta(hours=1))}, not {until!r}"
        ) from None
    end_time = end_time.replace(second=0, microsecond=0)
    if not now < end_time <= now + timedelta(minutes=MAX_MUTE_MINUTES):
        latest = format_time(now + timedelta(minutes=MAX_MUTE_MINUTES))
        raise UsageError(
            f"--until must be after {format_time(now)} and at most {latest}, not {until!r}, "
            f"which is {format_local_and_utc(end_time)}"
        )
    return end_time


def select_alarms(
    alarms: Sequence[StackAlarm],
    prefix: str,
    names: Sequence[str] = (),
    *,
    severity: str | None = None,
    key: str | None = None,
    component: str | None = None,
    everything: bool = False,
) -> list[StackAlarm]:
    """Returns the selected alarms without those that scale something.

    Raises UsageError if nothing is selected or a name does not exist.
    """
    if not (names or severity or key or component or everything):
        raise UsageError(
            "no alarm is selected: name some, or set --severity, --key, --component or --all",
            "ops alarms list",
        )
    by_name = {alarm.name: alarm for alarm in alarms}
    for name in names:
        named_alarm = by_name.get(name) or by_name.get(f"{prefix}-{name}")
        if named_alarm is None:
            raise UsageError(
                f"ALARM must be an alarm of the stack, not {name!r}", "ops alarms list"
            )
        if named_alarm.is_scaling:
            raise UsageError(f"ALARM is {name!r}, which triggers scaling and is never muted")
    full_names = {
        name for name_option in names for name in (name_option, f"{prefix}-{name_option}")
    }

    def is_selected(alarm: StackAlarm) -> bool:
        short_name = f"{alarm.name.removeprefix(f'{prefix}-')}-"
        return (
            (not names or alarm.name in full_names)
            and severity in (None, alarm.severity)
            and (key is None or short_name.startswith(f"{key}-"))
            and (component is None or short_name.split("-")[0] == component)
        )

    selected_alarms = [alarm for alarm in alarms if is_selected(alarm) and not alarm.is_scaling]
    if not selected_alarms:
        options = {"--severity": severity, "--key": key, "--component": component}
        option_text = ", ".join(
            f"{option} is {value!r}" for option, value in options.items() if value
        )
        component_names = sorted(
            {stack_alarm.name.removeprefix(f"{prefix}-").split("-")[0] for stack_alarm in alarms}
        )
        hint = f"; the components are {', '.join(component_names)}" if component else ""
        raise UsageError(
            f"no alarm matches: {option_text or '--all is set'}{hint}", "ops alarms list"
        )
    return selected_alarms


def list_stack_alarms(aws: Aws, outputs: Outputs) -> list[StackAlarm]:
    """Lists the alarms of the outputs that exist, the most severe first."""
    items_by_name: dict[str, Any] = {}
    severities = {
        alarm_name: alarm_severity
        for alarm_severity, names in outputs.alarms.names.items()
        for alarm_name in names
    }
    prefix = f"{outputs.stack.project}-{outputs.stack.stack}-"
    for kind in ALARM_KINDS:
        params: JsonObject = {"AlarmTypes": [kind.removesuffix("s")], "AlarmNamePrefix": prefix}
        for item in aws.list_items(
            "cloudwatch.describe_alarms", kind, params, outputs.stack.region
        ):
            items_by_name[item["AlarmName"]] = item
    return sorted(
        (
            StackAlarm(
                name,
                severities[name],
                bool(item.get("ActionsEnabled", True)),
                _is_scaling_alarm(item),
            )
            for name, item in items_by_name.items()
            if name in severities
        ),
        key=lambda alarm: (alarm.severity, alarm.name),
    )


def _is_scaling_alarm(item: Any) -> bool:
    """True if an alarm's actions are scaling policies or it belongs to target tracking."""
    actions = (*(item.get("AlarmActions") or ()), *(item.get("OKActions") or ()))
    is_target_tracking = str(item["AlarmName"]).startswith("TargetTracking-")
    return is_target_tracking or any(":autoscaling:" in str(action) for action in actions)


def build_mute_plan(
    outputs: Outputs,
    alarms: Sequence[StackAlarm],
    now: datetime,
    until: datetime,
    reason: str,
    run: str,
    method: MuteMethod = "rules",
    minutes: int | None = None,
) -> Plan:
    """Builds the plan that mutes alarms until a time. Undo unmutes them.

    With `minutes` the end follows from when the plan starts. Raises UsageError if there is nothing
    to disable.
    """
    if method == "actions":
        alarms = [
            alarm for alarm in alarms if alarm.has_enabled_actions
        ]  # actions that are disabled already stay disabled
        if not alarms:
            raise UsageError("the actions of all selected alarms are disabled already")
    names = [alarm.name for alarm in alarms]
    end = format_time(until) if minutes is None else "${UNTIL}"
    batches = [names[n : n + ALARMS_PER_CALL] for n in range(0, len(names), ALARMS_PER_CALL)]
    steps = tuple(
        _build_rule_step(
            outputs, batch, end, reason, _format_rule_name(outputs, run, number), number
        )
        if method == "rules"
        else _build_alarm_actions_step(outputs, batch, number, enable=False)
        for number, batch in enumerate(batches, 1)
    )
    notes = [f"among them {', '.join(names[:5])}" if len(names) > 5 else ", ".join(names)]
    if any(alarm.severity == "P0" for alarm in alarms):
        notes.append("P0 alarms are among them: nobody is paged for an outage while they are muted")
    if method == "actions":
        notes.append("this does not end by itself: run `ops alarms unmute` at the end")
    notes.append("alarms that are still raised at the end notify then")
    length = f", for {minutes} minutes" if minutes is not None else ""
    plan = build_stack_plan(
        outputs,
        run,
        "alarms mute",
        *steps,
        changes=[f"{format_count(len(names), 'alarm')}: notifying -> muted{length}"],
        losses=(),
        cost=NO_COST,
        notes=notes,
        arguments=f"--until {end}",
        data=MuteData(until=end),
        reason=reason,
    )
    times = mute_times(minutes) if minutes is not None else _times_until(until)
    return plan.with_times(now, **times)


def mute_times(minutes: int) -> dict[str, StartTime]:
    """Returns the times of a mute that starts with the plan and lasts so many minutes."""
    seconds = minutes * 60
    return {
        "BEGIN": StartTime(rounding="down", form=MINUTE),
        "LENGTH": StartTime(offset=seconds, rounding="up", form=SPAN),
        "UNTIL": StartTime(offset=seconds, rounding="up"),
    }


def _times_until(until: datetime) -> dict[str, StartTime]:
    """Returns the times of a mute that ends at a fixed time."""
    return {
        "BEGIN": StartTime(rounding="down", form=MINUTE),
        "LENGTH": StartTime(until=until.isoformat(), form=SPAN),
    }


def build_unmute_plan(outputs: Outputs, mutes: Sequence[Mute], run: str) -> Plan:
    """Builds the plan that unmutes what ops muted. There is no undo: mute again instead."""
    steps: list[Step] = []
    for mute in mutes:
        if mute.rule is not None:
            steps.append(_build_rule_end_step(outputs, mute.rule, f"unmute_{len(steps) + 1}"))
            continue
        for n in range(0, len(mute.alarm_names), ALARMS_PER_CALL):
            steps.append(
                _build_alarm_actions_step(
                    outputs, mute.alarm_names[n : n + ALARMS_PER_CALL], len(steps) + 1, enable=True
                )
            )
    notes = ["alarms that are raised notify now"]
    return build_stack_plan(
        outputs,
        run,
        "alarms unmute",
        *steps,
        changes=["alarms: muted -> notifying"],
        losses=(),
        cost=NO_COST,
        notes=notes,
    )


def _format_rule_name(outputs: Outputs, run: str, number: int) -> str:
    suffix = f"-{number}" if number > 1 else ""
    return f"{outputs.stack.project}-{outputs.stack.stack}-{run}{suffix}"


def _describe_rule_call(outputs: Outputs, rule: str) -> Call:
    return Call(
        api="cloudwatch.get_alarm_mute_rule",
        params={"AlarmMuteRuleName": rule},
        expected_errors=MUTE_RULE_GONE_CODES,
        region=outputs.stack.region,
    )


def _build_rule_step(
    outputs: Outputs,
    names: Sequence[str],
    end: str,
    reason: str,
    rule: str,
    number: int,
) -> Step:
    """Builds the step that creates a mute rule from the plan's start to `end`."""
    schedule: JsonObject = {
        "Expression": "at(${BEGIN})",
        "Duration": "${LENGTH}",
        "Timezone": "UTC",
    }
    return Step(
        name=f"mute_{number}",
        description=f"mute {len(names)} alarms until {end}",
        action=Call(
            api="cloudwatch.put_alarm_mute_rule",
            params={
                "Name": rule,
                "Description": reason,
                "Rule": {"Schedule": schedule},
                "MuteTargets": {"AlarmNames": list(names)},
                "ExpireDate": end,
            },
            region=outputs.stack.region,
        ),
        goal=Wait(
            read=_describe_rule_call(outputs, rule),
            met={"Status": "ACTIVE"},
            begun={"Name": rule},
            failed={"Status": ["EXPIRED"]},
            every=5,
            within=600,
        ),
        undo=(_build_rule_end_step(outputs, rule, f"back_{number}"),),
    )


def _build_rule_end_step(outputs: Outputs, rule: str, name: str) -> Step:
    return Step(
        name=name,
        description=f"end the mute rule {rule}",
        action=Call(
            api="cloudwatch.delete_alarm_mute_rule",
            params={"AlarmMuteRuleName": rule},
            region=outputs.stack.region,
        ),
        goal=Wait(read=_describe_rule_call(outputs, rule), met={"Name": None}, every=5, within=600),
    )


def _build_alarm_actions_step(
    outputs: Outputs, names: Sequence[str], number: int, *, enable: bool
) -> Step:
    """Builds the step that enables or disables actions; disabling has an undo."""
    name_values: list[JsonValue] = list(names)
    unmet_path = DISABLED_ALARMS_PATH if enable else ENABLED_ALARMS_PATH
    met: JsonObject = {unmet_path.format(kind): [] for kind in ALARM_KINDS}

    def build_step(
        name: str, *, enable: bool, met: JsonObject, undo: tuple[Step, ...] = ()
    ) -> Step:
        return Step(
            name=name,
            description=f"{'enable' if enable else 'disable'} the actions of {len(names)} alarms",
            action=Call(
                api=f"cloudwatch.{'enable' if enable else 'disable'}_alarm_actions",
                params={"AlarmNames": name_values},
                region=outputs.stack.region,
            ),
            goal=Wait(
                read=Call(
                    api="cloudwatch.describe_alarms",
                    params={
                        "AlarmNames": name_values,
                        "AlarmTypes": ["MetricAlarm", "CompositeAlarm"],
                        "MaxRecords": ALARMS_PER_CALL,
                    },
                    region=outputs.stack.region,
                ),
                met=met,
                every=5,
                within=600,
            ),
            undo=undo,
        )

    if enable:
        return build_step(f"unmute_{number}", enable=True, met=met)
    undo_step = build_step(
        f"back_{number}", enable=True, met={DISABLED_ALARMS_PATH.format(k): [] for k in ALARM_KINDS}
    )
    return build_step(f"mute_{number}", enable=False, met=met, undo=(undo_step,))
