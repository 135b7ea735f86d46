"""Alarms muted for a time: by a rule of CloudWatch that ends by itself, or by hand.

A mute rule is called after the stack and the run, holds up to 100 alarms, and ends without anybody.
Where a region has none, the alarms' actions are disabled instead: that has no end, so the journal
of the run says what was muted and until when, and `ops alarms unmute` brings back just that.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from pydantic import JsonValue

from ops.alarms.mute_state import GONE, How, Mute, MuteData, iso, parsed
from ops.core.aws import Aws
from ops.core.errors import UsageError
from ops.core.plan import SPAN, Call, Plan, StartTime, State, Step, Wait, round_to_minute
from ops.core.stack_plan import build_stack_plan
from ops.outputs import Outputs

MINUTE: Final = "%Y-%m-%dT%H:%M"  # how a rule's schedule writes the minute that it begins in
BATCH: Final = 100  # alarms a rule, and names a call. Source: CloudWatch API reference
LONGEST: Final = 24 * 60  # minutes; an assumption of ours, AWS takes 15 days
ENABLED: Final = "({} || `[]`)[?ActionsEnabled].AlarmName"
DISABLED: Final = "({} || `[]`)[?!ActionsEnabled].AlarmName"
KINDS: Final = ("MetricAlarms", "CompositeAlarms")


@dataclass(frozen=True)
class Alarm:
    """An alarm of the contract, as far as muting goes."""

    name: str
    severity: str
    enabled: bool
    scales: bool


def end(now: datetime, minutes: str | None, until: str | None) -> datetime:
    """When a mute ends. Raises UsageError where neither or both options say, or it is no time."""
    if (minutes is None) is (until is None):
        raise UsageError("one of --for and --until must be set: a mute has an end")
    if minutes is not None:
        if not minutes.isdecimal() or not 1 <= int(minutes) <= LONGEST:
            raise UsageError(f"--for is {minutes!r}, may be 1 to {LONGEST} minutes")
        return round_to_minute(now + timedelta(minutes=int(minutes)), up=True)
    try:
        at = parsed(str(until))
    except ValueError:
        raise UsageError(
            f"--until is {until!r}, may be a time like {iso(now + timedelta(hours=1))}"
        ) from None
    at = at.replace(second=0, microsecond=0)
    if not now < at <= now + timedelta(minutes=LONGEST):
        latest = iso(now + timedelta(minutes=LONGEST))
        raise UsageError(f"--until is {until!r}, may be after {iso(now)}, to {latest}")
    return at


def chosen(
    alarms: Sequence[Alarm],
    prefix: str,
    names: Sequence[str] = (),
    *,
    severity: str | None = None,
    key: str | None = None,
    component: str | None = None,
    everything: bool = False,
) -> list[Alarm]:
    """The alarms that are meant, those that scale left out. Raises UsageError where none is."""
    if not (names or severity or key or component or everything):
        raise UsageError(
            "no alarm is named: name some, or set --severity, --key, --component or --all",
            "ops alarms list",
        )
    by_name = {alarm.name: alarm for alarm in alarms}
    for name in names:
        named = by_name.get(name) or by_name.get(f"{prefix}-{name}")
        if named is None:
            raise UsageError(f"ALARM is {name!r}, may be one of the stack's", "ops alarms list")
        if named.scales:
            raise UsageError(f"ALARM is {name!r}, which scales something: it is never muted")
    wanted = {name for given in names for name in (given, f"{prefix}-{given}")}

    def meant(alarm: Alarm) -> bool:
        short = f"{alarm.name.removeprefix(f'{prefix}-')}-"
        return (
            (not names or alarm.name in wanted)
            and severity in (None, alarm.severity)
            and (key is None or short.startswith(f"{key}-"))
            and (component is None or short.split("-")[0] == component)
        )

    found = [alarm for alarm in alarms if meant(alarm) and not alarm.scales]
    if not found:
        options = {"--severity": severity, "--key": key, "--component": component}
        said = ", ".join(f"{option} is {value!r}" for option, value in options.items() if value)
        firsts = sorted({a.name.removeprefix(f"{prefix}-").split("-")[0] for a in alarms})
        may = f"; components are {', '.join(firsts)}" if component else ""
        raise UsageError(f"{said or '--all is set'}, which is no alarm's{may}", "ops alarms list")
    return found


def observed(aws: Aws, outputs: Outputs) -> list[Alarm]:
    """The alarms of the contract that are there, the most severe first."""
    found: dict[str, Any] = {}
    severities = {n: s for s, names in outputs.alarms.names.items() for n in names}
    prefix = f"{outputs.stack.project}-{outputs.stack.stack}-"
    for kind in KINDS:
        params: State = {"AlarmTypes": [kind.removesuffix("s")], "AlarmNamePrefix": prefix}
        for item in aws.pages("cloudwatch.describe_alarms", kind, params, outputs.stack.region):
            found[item["AlarmName"]] = item
    return sorted(
        (
            Alarm(name, severities[name], bool(item.get("ActionsEnabled", True)), _scales(item))
            for name, item in found.items()
            if name in severities
        ),
        key=lambda alarm: (alarm.severity, alarm.name),
    )


def _scales(item: Any) -> bool:
    """Whether an alarm scales something: its actions are scaling policies, or AWS made it."""
    actions = (*(item.get("AlarmActions") or ()), *(item.get("OKActions") or ()))
    by_name = str(item["AlarmName"]).startswith("TargetTracking-")
    return by_name or any(":autoscaling:" in str(action) for action in actions)


def mute(
    outputs: Outputs,
    alarms: Sequence[Alarm],
    now: datetime,
    until: datetime,
    why: str,
    run: str,
    how: How = "rules",
    minutes: int | None = None,
) -> Plan:
    """The actions of these alarms rest until then. Undone: they act again.

    With `minutes` it is a length that is agreed to, and the end follows from when it begins.
    """
    if how == "actions":
        alarms = [alarm for alarm in alarms if alarm.enabled]  # what was off is not ours to turn on
        if not alarms:
            raise UsageError("the actions of all these alarms are disabled already")
    names = [alarm.name for alarm in alarms]
    end = iso(until) if minutes is None else "${UNTIL}"
    batches = [names[n : n + BATCH] for n in range(0, len(names), BATCH)]
    steps = tuple(
        _rule(outputs, batch, end, why, _name(outputs, run, number), number)
        if how == "rules"
        else _switch(outputs, batch, number, on=False)
        for number, batch in enumerate(batches, 1)
    )
    notes = [f"{len(names)} alarms: {', '.join(names[:5])}{', ...' if len(names) > 5 else ''}"]
    if any(alarm.severity == "P0" for alarm in alarms):
        notes.append("among them P0: while they are muted nobody is paged for an outage")
    if how == "actions":
        notes.append("this does not end by itself: run `ops alarms unmute` then")
    notes.append("alarms that are raised when it ends tell of it then")
    if minutes is not None:
        notes.append(f"for {minutes} minutes")
    plan = build_stack_plan(
        outputs,
        run,
        "alarms mute",
        *steps,
        notes=notes,
        arguments=f"--until {end}",
        data=MuteData(until=end),
        reason=why,
    )
    times = mute_times(minutes) if minutes is not None else _times_until(until)
    return plan.with_times(now, **times)


def mute_times(minutes: int) -> dict[str, StartTime]:
    """The texts of a mute that begins in the minute of the start and lasts so many minutes."""
    seconds = minutes * 60
    return {
        "BEGIN": StartTime(rounding="down", form=MINUTE),
        "LENGTH": StartTime(offset=seconds, rounding="up", form=SPAN),
        "UNTIL": StartTime(offset=seconds, rounding="up"),
    }


def _times_until(until: datetime) -> dict[str, StartTime]:
    """The texts of a mute that ends at a time that was typed."""
    return {
        "BEGIN": StartTime(rounding="down", form=MINUTE),
        "LENGTH": StartTime(until=until.isoformat(), form=SPAN),
    }


def unmute(outputs: Outputs, mutes: Sequence[Mute], run: str) -> Plan:
    """What ops muted acts again. It is not undone: mute again instead."""
    steps: list[Step] = []
    for mute in mutes:
        if mute.rule is not None:
            steps.append(_end(outputs, mute.rule, f"unmute_{len(steps) + 1}"))
            continue
        for n in range(0, len(mute.names), BATCH):
            steps.append(_switch(outputs, mute.names[n : n + BATCH], len(steps) + 1, on=True))
    notes = ["alarms that are raised tell of it now"]
    return build_stack_plan(outputs, run, "alarms unmute", *steps, notes=notes)


def _name(outputs: Outputs, run: str, number: int) -> str:
    tail = f"-{number}" if number > 1 else ""
    return f"{outputs.stack.project}-{outputs.stack.stack}-{run}{tail}"


def _looking(outputs: Outputs, rule: str) -> Call:
    return Call(
        api="cloudwatch.get_alarm_mute_rule",
        params={"AlarmMuteRuleName": rule},
        answers=GONE,
        region=outputs.stack.region,
    )


def _rule(
    outputs: Outputs,
    names: Sequence[str],
    end: str,
    why: str,
    rule: str,
    number: int,
) -> Step:
    """A window that opens when the plan starts, and closes at its end."""
    schedule: State = {
        "Expression": "at(${BEGIN})",
        "Duration": "${LENGTH}",
        "Timezone": "UTC",
    }
    return Step(
        name=f"mute_{number}",
        says=f"mute {len(names)} alarms until {end}",
        do=Call(
            api="cloudwatch.put_alarm_mute_rule",
            params={
                "Name": rule,
                "Description": why,
                "Rule": {"Schedule": schedule},
                "MuteTargets": {"AlarmNames": list(names)},
                "ExpireDate": end,
            },
            region=outputs.stack.region,
        ),
        goal=Wait(
            read=_looking(outputs, rule),
            met={"Status": "ACTIVE"},
            begun={"Name": rule},
            failed={"Status": ["EXPIRED"]},
            every=5,
            within=600,
        ),
        undo=(_end(outputs, rule, f"back_{number}"),),
    )


def _end(outputs: Outputs, rule: str, name: str) -> Step:
    return Step(
        name=name,
        says=f"end the mute rule {rule}",
        do=Call(
            api="cloudwatch.delete_alarm_mute_rule",
            params={"AlarmMuteRuleName": rule},
            region=outputs.stack.region,
        ),
        goal=Wait(read=_looking(outputs, rule), met={"Name": None}, every=5, within=600),
    )


def _switch(outputs: Outputs, names: Sequence[str], number: int, *, on: bool) -> Step:
    """The actions of alarms enabled or disabled; the other way round on the way back."""
    listed: list[JsonValue] = list(names)
    absent = DISABLED if on else ENABLED
    met: State = {absent.format(kind): [] for kind in KINDS}

    def step(name: str, *, on: bool, met: State, undo: tuple[Step, ...] = ()) -> Step:
        return Step(
            name=name,
            says=f"{'enable' if on else 'disable'} the actions of {len(names)} alarms",
            do=Call(
                api=f"cloudwatch.{'enable' if on else 'disable'}_alarm_actions",
                params={"AlarmNames": listed},
                region=outputs.stack.region,
            ),
            goal=Wait(
                read=Call(
                    api="cloudwatch.describe_alarms",
                    params={
                        "AlarmNames": listed,
                        "AlarmTypes": ["MetricAlarm", "CompositeAlarm"],
                        "MaxRecords": BATCH,
                    },
                    region=outputs.stack.region,
                ),
                met=met,
                every=5,
                within=600,
            ),
            undo=undo,
        )

    if on:
        return step(f"unmute_{number}", on=True, met=met)
    back = step(f"back_{number}", on=True, met={DISABLED.format(k): [] for k in KINDS})
    return step(f"mute_{number}", on=False, met=met, undo=(back,))
