"""What of a foundation is there: each step's goal, looked at, is what a check says of it."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final, Literal

from pydantic import JsonValue

from ops.bootstrap import buckets, keys, roles
from ops.bootstrap.names import PURPOSES, Given
from ops.core.actions import Actions
from ops.core.aws import Aws
from ops.core.engine import shown, verdict
from ops.core.errors import DeniedError, RefusedError, ThrottledError, UnreachableError
from ops.core.plan import Action, Plan, Step

AT_ONCE: Final = 8
COMMAND: Final = "ops bootstrap"
UNKNOWN: Final = (DeniedError, ThrottledError, UnreachableError)


@dataclass(frozen=True)
class Looked:
    """One thing of the foundation, and how it is. `why` says what was seen where it is not ok."""

    step: Step
    state: Literal["ok", "missing", "unknown"]
    why: str = ""

    def row(self) -> dict[str, object]:
        """What a person sees of it."""
        return {"state": self.state, "what": self.step.says, "seen": self.why or None}


COLUMNS: Final = ("state", "what", "seen")


@dataclass(frozen=True)
class _Reads:
    """Reads that are sent once: whether a part is there is asked before its steps are known."""

    actions: Actions
    seen: dict[str, JsonValue] = field(default_factory=dict)

    def __call__(self, action: Action) -> JsonValue:
        key = action.model_dump_json()
        if key not in self.seen:
            self.seen[key] = self.actions(action, {})
        return self.seen[key]


def looked(given: Given, aws: Aws, run: str) -> list[Looked]:
    """Everything that a foundation has, in the order in which it is made, and how it is now.

    Raises OpsError where a key is there and cannot be used.
    """
    actions = _Reads(Actions(aws))
    known = _ids(given, actions)
    there = _there(given, actions)
    provider = _read(actions, roles.provider(given, None).goal.read)
    listed = provider.get("ClientIDList") if isinstance(provider, dict) else None
    clients = [str(one) for one in listed] if isinstance(listed, list) else None
    steps: list[Step] = []
    for purpose in PURPOSES:
        steps += keys.steps(given, purpose, known[purpose], run)
    steps.append(roles.provider(given, clients))
    steps += roles.steps(given, there)
    steps += buckets.steps(given, there)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(lambda step: _looked(actions, step), steps))


def plan(given: Given, found: Sequence[Looked], run: str) -> Plan | None:
    """What brings about what is not there. None where nothing has to be done."""
    steps = tuple(one.step for one in found if one.state != "ok")
    if not steps:
        return None
    notes = (
        "the record of this run is in a folder of this machine, since there is no bucket yet: "
        "carried on or undone, it must be here",
        "an undo takes nothing away that was there already, nor a bucket of access logs; keys it "
        "makes go after 30 days",
    )
    return Plan(
        run=run,
        kind="bootstrap",
        stack=given.project,
        account=given.account,
        region=given.region,
        steps=steps,
        notes=notes,
    )


def _ids(given: Given, actions: _Reads) -> dict[str, str | None]:
    return {
        purpose: keys.usable(
            given, purpose, _read(actions, keys.named(given, purpose, given.region))
        )
        for purpose in PURPOSES
    }


def _there(given: Given, actions: _Reads) -> frozenset[str]:
    """The buckets and the roles that there are: whatever is not known is not new."""
    looks = roles.looked_for(given) | {one.name: one.look for one in buckets.buckets(given)}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        seen = dict(zip(looks, pool.map(lambda a: _read(actions, a), looks.values()), strict=True))
    return frozenset(
        n for n, one in seen.items() if not (isinstance(one, dict) and "answer" in one)
    )


def _read(actions: _Reads, action: Action) -> JsonValue:
    """What is there; None where nobody knows, so that it is taken for nothing new."""
    try:
        return actions(action)
    except UNKNOWN:
        return None


def _looked(actions: _Reads, step: Step) -> Looked:
    refers = getattr(step.goal.read, "refs", {})
    if refers or step.goal.same:  # to what is not there yet
        return Looked(step, "missing")
    try:
        seen = actions(step.goal.read)
    except UNKNOWN as error:
        return Looked(step, "unknown", str(error))
    except RefusedError as error:
        return Looked(step, "missing", str(error))
    if verdict(step.goal, seen) == "met":
        return Looked(step, "ok")
    answer = seen.get("answer") if isinstance(seen, dict) else None
    return Looked(step, "missing", str(answer or shown(step.goal, seen)))
