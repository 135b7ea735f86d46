"""What is muted now: by active mute rules of CloudWatch, and by actions that ops disabled.

A rule of ops has the run in its name. Disabled actions are recorded in the journal of their run.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal

from botocore.exceptions import ClientError

from ops.alarms.health import MUTE_RULE_GONE_CODES, UNKNOWN_OPERATION_CODES
from ops.core.aws import Aws
from ops.core.errors import OpsError, RefusedError
from ops.core.plan import Action, Call, JsonObject, Plan, PlanData
from ops.core.plan_kind import PlanKind
from ops.core.run_context import StackContext
from ops.outputs import Outputs

MuteMethod = Literal["rules", "actions"]
NUMBER: Final = re.compile(r"-\d+$")
# Plans that mute or unmute alarms.
MUTING: Final[tuple[PlanKind, ...]] = ("alarms mute", "alarms unmute", "maintenance run")


class MuteData(PlanData):
    """The end of a mute, ISO 8601, UTC; a placeholder if it depends on the start."""

    until: str


@dataclass(frozen=True)
class Mute:
    """One mute: alarms, end and reason. `rule` is the name of its mute rule.

    `run` is None for a rule that ops did not create; `until` is None if such a rule has no end.
    """

    run: str | None
    alarm_names: tuple[str, ...]
    until: str | None
    reason: str
    method: MuteMethod
    rule: str | None = None

    def has_ended(self, now: datetime) -> bool:
        """True if its end has passed."""
        return self.until is not None and parse_time(self.until) <= now


def parse_time(text: str) -> datetime:
    """Parses an ISO 8601 time; without an offset it is UTC. Raises ValueError."""
    time = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC)


def format_time(time: datetime) -> str:
    """Formats a time in ISO 8601, UTC, to the second."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


def has_mute_rules(aws: Aws, outputs: Outputs) -> bool:
    """True if the region has mute rules. Throttled and denied calls raise."""
    return _find_active_rules(aws, outputs) is not None


def list_mutes(context: StackContext, *, disabled_alarms: Iterable[str] = ()) -> list[Mute]:
    """Lists the mutes of the stack's alarms, the first to end first.

    `disabled_alarms` are alarms with disabled actions; without any, journals are not read.
    """
    prefix = f"{context.outputs.stack.project}-{context.outputs.stack.stack}-"
    mute_list: list[Mute] = []
    rules = _find_active_rules(context.aws, context.outputs) or ()
    runs = context.list_runs() if any(rule.startswith(prefix) for rule in rules) else []
    for rule in rules:
        rule_detail = _find_rule(context.aws, context.outputs, rule)
        if rule_detail is None or rule_detail["Status"] != "ACTIVE":
            continue
        targets = (rule_detail.get("MuteTargets") or {}).get("AlarmNames") or ()
        names = tuple(name for name in targets if name.startswith(prefix))
        run_match = (
            _find_mute_run(rule.removeprefix(prefix), runs) if rule.startswith(prefix) else None
        )
        expire_date, reason = rule_detail.get("ExpireDate"), rule_detail.get("Description") or ""
        until = format_time(parse_time(expire_date)) if expire_date else None
        if names:
            mute_list.append(Mute(run_match, names, until, reason, "rules", rule))
    if disabled_names := set(disabled_alarms):
        mute_list += _list_manual_mutes(context, disabled_names)
    return sorted(mute_list, key=lambda mute: (mute.until or "", mute.rule or str(mute.run)))


def _find_mute_run(name: str, runs: list[str]) -> str | None:
    """Returns the run of a rule, whose name is the run, with a number from the second rule on."""
    return next((run for run in runs if name == run or NUMBER.sub("", name) == run), None)


def _list_manual_mutes(context: StackContext, disabled_names: set[str]) -> list[Mute]:
    """Lists alarms that runs of ops have disabled and not enabled since."""
    started_journals = [
        (plan, run_journal)
        for _, run_journal in context.journals(*MUTING)
        if (plan := run_journal.plan) is not None
    ]
    started_journals.sort(
        key=lambda pair: (pair[1].records[0].timestamp, pair[0].kind == "alarms unmute")
    )
    muted_by: dict[str, Plan] = {}
    for plan, journal in started_journals:
        for step in plan.steps:
            names = _list_action_alarms(step.action)
            if not names or journal.find_last_record(step.name) is None:
                continue
            if isinstance(step.action, Call) and step.action.operation.startswith("disable"):
                is_undone = any(
                    journal.find_last_record(undo_step.name, "done") for undo_step in step.undo
                )
                if not is_undone and (
                    journal.end_record is None or journal.end_record.data == "done"
                ):
                    muted_by |= dict.fromkeys(names, plan)
            elif journal.find_last_record(step.name, "done") is not None:
                muted_by = {k: v for k, v in muted_by.items() if k not in names}
    plans = {plan.run: plan for name, plan in muted_by.items() if name in disabled_names}
    return [
        Mute(
            run,
            tuple(n for n, p in muted_by.items() if p.run == run and n in disabled_names),
            _find_end_time(plan),
            plan.reason,
            "actions",
        )
        for run, plan in plans.items()
    ]


def _list_action_alarms(action: Action) -> list[str]:
    """Returns the alarms whose actions a step enables or disables."""
    if not isinstance(action, Call) or not action.api.endswith("able_alarm_actions"):
        return []
    names = action.params["AlarmNames"]
    return [str(name) for name in names] if isinstance(names, list) else []


def _find_end_time(plan: Plan) -> str | None:
    return plan.read_data(MuteData).until if plan.data else None


def _find_active_rules(aws: Aws, outputs: Outputs) -> list[str] | None:
    """Returns the names of all active rules; None if the region has no mute rules."""
    params: JsonObject = {"Statuses": ["ACTIVE"], "MaxRecords": 100}
    try:
        items = list(
            aws.list_items(
                "cloudwatch.list_alarm_mute_rules",
                "AlarmMuteRuleSummaries",
                params,
                outputs.stack.region,
            )
        )
    except ClientError as error:
        if error.response["Error"]["Code"] in UNKNOWN_OPERATION_CODES:
            return None
        raise _build_refused_error("cloudwatch.list_alarm_mute_rules", error) from error
    return [str(item["AlarmMuteRuleArn"]).rsplit(":", 1)[-1] for item in items]


def _find_rule(aws: Aws, outputs: Outputs, rule: str) -> Any:
    """Returns a rule, or None if it no longer exists."""
    try:
        return aws.call(
            "cloudwatch.get_alarm_mute_rule", {"AlarmMuteRuleName": rule}, outputs.stack.region
        )
    except ClientError as error:
        if error.response["Error"]["Code"] in MUTE_RULE_GONE_CODES:
            return None
        raise _build_refused_error("cloudwatch.get_alarm_mute_rule", error) from error


def _build_refused_error(api: str, error: ClientError) -> OpsError:
    error_detail = error.response["Error"]
    return RefusedError(f"{api}: {error_detail['Code']}: {error_detail.get('Message')}")
