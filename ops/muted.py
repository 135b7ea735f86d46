"""What ops has muted: the rules of CloudWatch that are not over, and what it disabled by hand.

A rule is known to be ours by its name, which carries the run. What was disabled by hand stands in
the journal of its run.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal

from botocore.exceptions import ClientError
from pydantic import JsonValue

from ops.aws import Aws
from ops.errors import OpsError, RefusedError
from ops.journal import Journal
from ops.outputs import Outputs
from ops.plan import Call, Plan, State
from ops.run import Target

How = Literal["rules", "actions"]
GONE: Final = ("ResourceNotFoundException", "ResourceNotFound")
# What AWS answers where a region does not have an operation.
UNKNOWN: Final = ("UnknownOperationException", "UnknownOperation", "InvalidAction")
RUN: Final = re.compile(r"mute-\d{8}-\d{6}-[0-9a-f]{4}")
UNTIL: Final = re.compile(r"--until (\S+)")


@dataclass(frozen=True)
class Mute:
    """What ops muted: by which run, what, until when and why. `rule` is its rule's name."""

    run: str
    names: tuple[str, ...]
    until: str
    why: str
    how: How
    rule: str | None = None

    def over(self, now: datetime) -> bool:
        """Whether it should have ended."""
        return parsed(self.until) <= now


def parsed(text: str) -> datetime:
    """A time in ISO 8601, UTC where it does not say. Raises ValueError."""
    found = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)


def iso(at: datetime) -> str:
    """A time as it is shown and sent, to the minute."""
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def has_rules(aws: Aws, outputs: Outputs) -> bool:
    """Whether the region has mute rules. A throttle or a denial raises: it is no answer."""
    return _ours(aws, outputs) is not None


def mutes(of: Target, now: datetime, *, disabled: Iterable[str] = ()) -> list[Mute]:
    """What ops has muted: rules that are active, and runs whose alarms are disabled still.

    `disabled` are the alarms whose actions do not act; without any the journals are not read.
    """
    found: list[Mute] = []
    for rule in _ours(of.aws, of.outputs) or ():
        seen = _read(of.aws, of.outputs, rule)
        if seen is not None and seen["Status"] != "EXPIRED":
            found.append(
                Mute(
                    run=RUN.findall(rule)[-1],
                    names=tuple(seen["MuteTargets"]["AlarmNames"]),
                    until=iso(parsed(seen["ExpireDate"])),
                    why=seen.get("Description") or "",
                    how="rules",
                    rule=rule,
                )
            )
    off = set(disabled)
    if off:
        found += [one for run in of.runs() if RUN.fullmatch(run) for one in _by_hand(of, run, off)]
    return sorted(found, key=lambda one: (one.until, one.rule or one.run))


def _by_hand(of: Target, run: str, off: set[str]) -> Iterable[Mute]:
    """The alarms of a run that disabled them, as far as they are disabled still."""
    journal = Journal(of.lines(run))
    if not journal.records or journal.records[0].event != "plan":
        return
    plan = Plan.model_validate(journal.records[0].data)
    calls = [
        step.do for step in plan.steps
        if isinstance(step.do, Call) and step.do.api == "cloudwatch.disable_alarm_actions"
        and journal.last(step.name) is not None
    ]  # fmt: skip
    listed: list[Any] = [name for call in calls for name in _list(call.params["AlarmNames"])]
    names = tuple(name for name in listed if name in off)
    until = UNTIL.search(plan.command)
    if names and until:
        yield Mute(run, names, until[1], plan.reason, "actions")


def _list(value: JsonValue) -> list[JsonValue]:
    return value if isinstance(value, list) else []


def _ours(aws: Aws, outputs: Outputs) -> list[str] | None:
    """Names of the stack's rules that are not over; None where the region has no rules."""
    params: State = {"Statuses": ["ACTIVE", "SCHEDULED"], "MaxRecords": 100}
    try:
        items = list(
            aws.pages(
                "cloudwatch.list_alarm_mute_rules", "AlarmMuteRuleSummaries", params,
                outputs.stack.region,
            )
        )  # fmt: skip
    except ClientError as error:
        if error.response["Error"]["Code"] in UNKNOWN:
            return None
        raise _refused("cloudwatch.list_alarm_mute_rules", error) from error
    names = (str(item["AlarmMuteRuleArn"]).rsplit(":", 1)[-1] for item in items)
    begin = f"{outputs.stack.project}-{outputs.stack.stack}-mute-"
    return [name for name in names if name.startswith(begin) and RUN.search(name)]


def _read(aws: Aws, outputs: Outputs, rule: str) -> Any:
    """A rule, or None where it is gone meanwhile."""
    try:
        return aws.call(
            "cloudwatch.get_alarm_mute_rule", {"AlarmMuteRuleName": rule}, outputs.stack.region
        )
    except ClientError as error:
        if error.response["Error"]["Code"] in GONE:
            return None
        raise _refused("cloudwatch.get_alarm_mute_rule", error) from error


def _refused(api: str, error: ClientError) -> OpsError:
    answer = error.response["Error"]
    return RefusedError(f"{api}: {answer['Code']}: {answer.get('Message')}")
