"""What is muted: by the rules of CloudWatch that are active, and by what ops disabled by hand.

A rule is known to be ours by its name, which carries the run. What was disabled by hand stands in
the journal of its run.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal

from botocore.exceptions import ClientError

from ops.core.aws import Aws
from ops.core.errors import OpsError, RefusedError
from ops.core.plan import Action, Call, Plan, PlanData, State
from ops.core.plan_kind import PlanKind
from ops.core.run import Target
from ops.outputs import Outputs

How = Literal["rules", "actions"]
GONE: Final = ("ResourceNotFoundException", "ResourceNotFound")
# What AWS answers where a region does not have an operation.
UNKNOWN: Final = ("UnknownOperationException", "UnknownOperation", "InvalidAction")
NUMBER: Final = re.compile(r"-\d+$")
# The plans that change what is muted.
MUTING: Final[tuple[PlanKind, ...]] = ("alarms mute", "alarms unmute", "maintenance run")


class MuteData(PlanData):
    """Until when alarms are muted, in ISO 8601, UTC; a placeholder if that depends on the start."""

    until: str


@dataclass(frozen=True)
class Mute:
    """What is muted, until when and why. `rule` is its rule's name.

    `run` is the run of ops that muted it; None where somebody else's rule did. `until` is None
    where such a rule has no end.
    """

    run: str | None
    names: tuple[str, ...]
    until: str | None
    why: str
    how: How
    rule: str | None = None

    def over(self, now: datetime) -> bool:
        """Whether it should have ended."""
        return self.until is not None and parsed(self.until) <= now


def parsed(text: str) -> datetime:
    """A time in ISO 8601, UTC where it does not say. Raises ValueError."""
    found = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)


def iso(at: datetime) -> str:
    """A time as it is shown and sent, to the minute."""
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def has_rules(aws: Aws, outputs: Outputs) -> bool:
    """Whether the region has mute rules. A throttle or a denial raises: it is no answer."""
    return _rules(aws, outputs) is not None


def mutes(of: Target, *, disabled: Iterable[str] = ()) -> list[Mute]:
    """What of the stack's alarms is muted: by rules that are active, and by runs of ops by hand.

    `disabled` are the alarms whose actions do not act; without any the journals are not read.
    """
    prefix = f"{of.outputs.stack.project}-{of.outputs.stack.stack}-"
    found: list[Mute] = []
    for rule in _rules(of.aws, of.outputs) or ():
        seen = _read(of.aws, of.outputs, rule)
        if seen is None or seen["Status"] != "ACTIVE":
            continue
        targets = (seen.get("MuteTargets") or {}).get("AlarmNames") or ()
        names = tuple(name for name in targets if name.startswith(prefix))
        ours = _run_of(rule.removeprefix(prefix), of) if rule.startswith(prefix) else None
        end, why = seen.get("ExpireDate"), seen.get("Description") or ""
        until = iso(parsed(end)) if end else None
        if names:
            found.append(Mute(ours, names, until, why, "rules", rule))
    if off := set(disabled):
        found += _by_hand(of, off)
    return sorted(found, key=lambda one: (one.until or "", one.rule or str(one.run)))


def _run_of(name: str, of: Target) -> str | None:
    """The run whose rule this is: a rule is called after its run, with a number from the second."""
    runs = of.runs()
    return next((run for run in runs if name == run or NUMBER.sub("", name) == run), None)


def _by_hand(of: Target, off: set[str]) -> list[Mute]:
    """The alarms that runs of ops have disabled, and that none has enabled since."""
    begun = [(plan, j) for _, j in of.journals(*MUTING) if (plan := j.plan) is not None]
    begun.sort(key=lambda pair: (pair[1].records[0].at, pair[0].kind == "alarms unmute"))
    muted_by: dict[str, Plan] = {}
    for plan, journal in begun:
        for step in plan.steps:
            names = _named(step.do)
            if not names or journal.last(step.name) is None:
                continue
            if isinstance(step.do, Call) and step.do.operation.startswith("disable"):
                back = any(journal.last(undo.name, "done") for undo in step.undo)
                if not back and (journal.ended is None or journal.ended.data == "done"):
                    muted_by |= dict.fromkeys(names, plan)
            elif journal.last(step.name, "done") is not None:
                muted_by = {k: v for k, v in muted_by.items() if k not in names}
    plans = {plan.run: plan for name, plan in muted_by.items() if name in off}
    return [
        Mute(
            run,
            tuple(n for n, p in muted_by.items() if p.run == run and n in off),
            _until(plan),
            plan.reason,
            "actions",
        )
        for run, plan in plans.items()
    ]


def _named(action: Action) -> list[str]:
    """The alarms whose actions a step enables or disables."""
    if not isinstance(action, Call) or not action.api.endswith("able_alarm_actions"):
        return []
    names = action.params["AlarmNames"]
    return [str(name) for name in names] if isinstance(names, list) else []


def _until(plan: Plan) -> str | None:
    return plan.read_data(MuteData).until if plan.data else None


def _rules(aws: Aws, outputs: Outputs) -> list[str] | None:
    """Names of the rules that are active, whosever; None where the region has no rules."""
    params: State = {"Statuses": ["ACTIVE"], "MaxRecords": 100}
    try:
        items = list(
            aws.pages(
                "cloudwatch.list_alarm_mute_rules",
                "AlarmMuteRuleSummaries",
                params,
                outputs.stack.region,
            )
        )
    except ClientError as error:
        if error.response["Error"]["Code"] in UNKNOWN:
            return None
        raise _refused("cloudwatch.list_alarm_mute_rules", error) from error
    return [str(item["AlarmMuteRuleArn"]).rsplit(":", 1)[-1] for item in items]


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
