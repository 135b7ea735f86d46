"""What a person reads of a plan: what changes, what is at stake, how it is undone.

Everything is taken from the plan itself, so that no plan can be shown without it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from ops.cli.durations import format_duration
from ops.core.continuation import Continuation, is_deletion
from ops.core.plan import Call, OpsCommand, Plan, ProgramCommand, Sql, Step

# Parameters whose value before is known from the step that undoes it, as a person calls them.
PARAMETER_WORDS: Final = {
    "DBInstanceClass": "class",
    "DeletionProtection": "deletion protection",
    "DesiredCapacity": "instances",
    "MaxSize": "most instances",
    "MinSize": "fewest instances",
    "desiredCount": "tasks",
}
CHANGE_MARK: Final = " -> "  # between what it is now and what it becomes
# Operations that only add something, by their first word: without an undo it stays, no more.
ADDING_VERBS: Final = ("copy", "create", "register")
# Instances that a group terminates, and what a command does on them, are in no parameter.
UNTOLD_SERVICES: Final = ("autoscaling", "ssm")
# A count of nothing, and a page instead of the service, last until somebody ends them.
COUNT_PARAMETERS: Final = ("DesiredCapacity", "desiredCount")
MUTE_RULE_DELETION: Final = "cloudwatch.delete_alarm_mute_rule"
PAGE_KIND: Final = "service maintenance on"


@dataclass(frozen=True)
class ViewLine:
    """A line of a view: a label, empty for a step, and its text."""

    label: str
    text: str
    style: str = ""


def list_plan_lines(plan: Plan, digest: str, *, details: bool) -> Iterator[ViewLine]:
    """A plan, filled for its start: changes, steps, stakes, undo, notes. No steps with `details`.

    The caller prints the steps itself then, with every call and condition.
    """
    yield from (ViewLine("changes", change) for change in plan.changes)
    if not details:
        yield from list_step_lines(plan.steps)
    deletions = list_lasting_deletions(plan.steps)
    is_known = not (plan.losses or list_deletions(plan.steps)) and _is_deletion_known(plan.steps)
    outage = describe_outage(plan)
    yield _build_downtime_line(outage, plan.duration, nothing_deleted=is_known)
    yield from _list_deletion_lines(deletions)
    yield from (ViewLine("loses", text, "bold") for text in plan.losses)
    if plan.cost:
        yield ViewLine("cost", plan.cost)
    yield ViewLine("undo", describe_undo(plan.steps))
    yield from (ViewLine("note", note) for note in plan.notes)
    yield _build_hash_line(digest, details=details)


def list_continuation_lines(continuation: Continuation, *, details: bool) -> Iterator[ViewLine]:
    """What is left of a run, or of its undo, in the same order as a plan."""
    is_back = continuation.direction == "back"
    if continuation.completed:
        yield ViewLine("done", ", ".join(continuation.completed))
    changes = list_changes(continuation.steps) if is_back else continuation.plan.changes
    yield from (ViewLine("changes", change) for change in changes)
    if not details:
        yield from list_step_lines(continuation.steps)
    if not continuation.steps:
        yield ViewLine("", "nothing of it can be undone" if is_back else "no step is left")
    is_known = not continuation.deletions and _is_deletion_known(continuation.steps)
    outage = _format_outage(continuation.steps, continuation.downtime)
    yield _build_downtime_line(outage, continuation.duration, nothing_deleted=is_known)
    yield from _list_deletion_lines(continuation.deletions)
    if not is_back:
        losses = continuation.plan.losses
        yield from (ViewLine("loses", text, "bold") for text in losses)
        yield ViewLine("undo", describe_undo(continuation.plan.steps))
    yield from (ViewLine("stays", f"as it is: {text}") for text in continuation.kept)
    yield _build_hash_line(continuation.digest, details=details)


def list_step_lines(steps: Sequence[Step]) -> Iterator[ViewLine]:
    """One line a step, numbered."""
    yield from (ViewLine("", f"{n}. {step.description}") for n, step in enumerate(steps, 1))


def list_changes(steps: Sequence[Step]) -> list[str]:
    """What steps that undo a plan change, each as `what: before -> after`, by their parameters.

    The value before is that of the step that undoes it by the same call.
    """
    return [change for step in steps for change in _list_step_changes(step)]


def _list_step_changes(step: Step) -> Iterator[str]:
    for undo_step in step.undo:
        before, after = undo_step.action, step.action
        if not isinstance(before, Call) or not isinstance(after, Call) or before.api != after.api:
            continue
        for parameter, word in PARAMETER_WORDS.items():
            values = before.params.get(parameter), after.params.get(parameter)
            if None not in values and values[0] != values[1]:
                yield f"{word}: {_format_value(values[0])}{CHANGE_MARK}{_format_value(values[1])}"


def list_deletions(steps: Sequence[Step]) -> list[str]:
    """What is deleted, by the descriptions of the steps that do it."""
    return [step.description for step in steps if is_deletion(step.action)]


def list_lasting_deletions(steps: Sequence[Step]) -> list[str]:
    """As list_deletions, without mute rules and what a step of the same plan made."""
    made = [undo_step.action for step in steps for undo_step in step.undo]
    return [
        step.description
        for step in steps
        if is_deletion(step.action) and step.action not in made
        if not (isinstance(step.action, Call) and step.action.api == MUTE_RULE_DELETION)
    ]


def is_change(step: Step) -> bool:
    """True unless a step only looks."""
    return step.action != step.goal.read and not isinstance(step.action, OpsCommand)


def describe_undo(steps: Sequence[Step]) -> str:
    """Which steps are undone, when, and what stays."""
    changing = {number: step for number, step in enumerate(steps, 1) if is_change(step)}
    undone = [number for number, step in changing.items() if step.undo]
    added = [n for n, step in changing.items() if not step.undo and is_addition(step)]
    kept = [n for n, step in changing.items() if not step.undo and not is_addition(step)]
    if not changing:
        return "not needed, nothing is changed"
    if not undone:
        return "none: this cannot be undone" if kept else "none: what it adds stays"
    which = _format_numbers(undone) if added or kept else "everything"
    texts = [f"{which} on failure, or with `ops runs undo`"]
    texts += [f"{_format_numbers(added)} stays" if len(added) == 1 else ""]
    texts += [f"{_format_numbers(added)} stay" if len(added) > 1 else ""]
    texts += [f"{_format_numbers(kept)} cannot be undone" if kept else ""]
    return "; ".join(filter(None, texts))


def is_addition(step: Step) -> bool:
    """True if a step only adds something, like a snapshot."""
    action = step.action
    return isinstance(action, Call) and action.operation.split("_")[0] in ADDING_VERBS


def describe_stakes(steps: Sequence[Step], outage: str, losses: Sequence[str] = ()) -> str:
    """What is at stake when some steps are carried out, for the question before them."""
    stakes = [f"downtime {outage}", *_list_deletion_stakes(steps), *losses]
    changing = [step for step in steps if is_change(step) and not is_addition(step)]
    undone = [bool(step.undo) for step in changing]
    if changing:
        part = "part of it cannot be undone" if any(undone) else "it cannot be undone"
        stakes.append("it can be undone" if all(undone) else part)
    return "; ".join(stakes)


def _list_deletion_stakes(steps: Sequence[Step]) -> list[str]:
    deletions = list_lasting_deletions(steps)
    more = f" (and {len(deletions) - 1} more)" if len(deletions) > 1 else ""
    return [f"for good: {deletions[0]}{more}"] if deletions else []


def describe_plan_stakes(plan: Plan) -> str:
    """What is at stake with a plan."""
    return describe_stakes(plan.steps, describe_outage(plan), plan.losses)


def describe_continuation_stakes(continuation: Continuation) -> str:
    """What is at stake when a run is resumed or undone. Nothing undoes an undo."""
    outage = _format_outage(continuation.steps, continuation.downtime)
    if continuation.direction == "back":
        return "; ".join([f"downtime {outage}", *_list_deletion_stakes(continuation.steps)])
    return describe_stakes(continuation.steps, outage, continuation.plan.losses)


def describe_outage(plan: Plan) -> str:
    """How long there is no service, as far as a plan says it."""
    if plan.kind == PAGE_KIND:
        return "until the page is turned off"
    return _format_outage(plan.steps, plan.downtime)


def _format_outage(steps: Sequence[Step], downtime: float | None) -> str:
    actions = [step.action for step in steps]
    counts = [
        a.params.get(name) for a in actions if isinstance(a, Call) for name in COUNT_PARAMETERS
    ]
    if 0 in [count for count in counts if count is not None]:
        return "until it is scaled up again"
    if downtime is None:
        return "not known"
    if downtime:
        return f"about {format_duration(downtime)}"
    return "not known" if any(_is_untold_outage(step) for step in steps) else "none expected"


def _is_untold_outage(step: Step) -> bool:
    """True if a step deploys a program or runs a command on instances: it may interrupt them."""
    action = step.action
    if isinstance(action, ProgramCommand):
        return action.tool == "pulumi" and "up" in action.arguments
    return isinstance(action, Call) and action.api == "ssm.send_command"


def _build_downtime_line(outage: str, duration: float, *, nothing_deleted: bool) -> ViewLine:
    whole = f"takes about {format_duration(duration)}" if duration else "no usual time is known"
    rest = "; nothing is deleted" if nothing_deleted else ""
    return ViewLine("downtime", f"{outage}; {whole}{rest}")


def _list_deletion_lines(deletions: Sequence[str]) -> Iterator[ViewLine]:
    yield from (ViewLine("deletes", text.removeprefix("delete "), "bold") for text in deletions)


def _is_deletion_known(steps: Sequence[Step]) -> bool:
    """False if a step's parameters do not tell what is gone after it, as with a program or SQL."""
    actions = [step.action for step in steps if is_change(step)]
    return not any(
        isinstance(action, ProgramCommand | Sql)
        or (isinstance(action, Call) and action.service in UNTOLD_SERVICES)
        for action in actions
    )


def _build_hash_line(digest: str, *, details: bool) -> ViewLine:
    hint = "" if details else " (--details: every call and condition)"
    return ViewLine("hash", f"{digest}{hint}")


def _format_value(value: object) -> str:
    return {True: "on", False: "off"}[value] if isinstance(value, bool) else str(value)


def _format_numbers(numbers: Sequence[int]) -> str:
    """Numbers of steps, like `step 2` or `steps 1, 3-5`."""
    spans = []
    for _, group in groupby(enumerate(numbers), key=lambda pair: pair[1] - pair[0]):
        members = [number for _, number in group]
        is_span = len(members) > 1
        spans.append(f"{members[0]}-{members[-1]}" if is_span else f"{members[0]}")
    return f"step{'s' if len(numbers) > 1 else ''} {', '.join(spans)}"
