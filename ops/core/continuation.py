"""What is left of a run that stopped, or of its undo: shown and agreed to like a new plan."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from ops.core.engine import Engine
from ops.core.plan import AccessKeys, Action, Call, Plan, Step, sum_downtimes

Direction = Literal["forward", "back"]
# Operations that destroy what they name, by the first word of the operation.
DELETING_VERBS = ("delete", "terminate", "deregister", "release", "purge")


@dataclass(frozen=True)
class Continuation:
    """The steps that are left of a run, in order.

    `direction` is "back" if they undo it. `completed` are names of steps that are done. `kept` are
    descriptions of steps that were carried out and have no undo: what they made stays.
    """

    plan: Plan
    direction: Direction
    steps: tuple[Step, ...]
    completed: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """A hash of exactly what would be carried out, in this run."""
        body = {
            "run": self.plan.run,
            "plan": self.plan.digest,
            "direction": self.direction,
            "steps": [step.model_dump(mode="json") for step in self.steps],
        }
        return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:16]

    @property
    def duration(self) -> float:
        """Seconds that the waits usually take together, as far as their steps say."""
        return sum(step.goal.typical or 0 for step in self.steps)

    @property
    def downtime(self) -> float | None:
        """Seconds without service to expect, None if a step's are unknown."""
        return sum_downtimes(self.steps)

    @property
    def deletions(self) -> tuple[str, ...]:
        """What is deleted, by the descriptions of the steps that do it."""
        return tuple(step.description for step in self.steps if is_deletion(step.action))

    @property
    def is_destructive(self) -> bool:
        """True if the plan was destructive when it was agreed to, or its undo deletes something."""
        return self.plan.destructive if self.direction == "forward" else bool(self.deletions)


def is_deletion(action: Action) -> bool:
    """True if an action deletes what it names."""
    if isinstance(action, AccessKeys):
        return action.operation == "delete_new"
    return isinstance(action, Call) and action.operation.split("_")[0] in DELETING_VERBS


def build_continuation(engine: Engine, *, undo: bool) -> Continuation:
    """What `ops runs resume` (or, with `undo`, `ops runs undo`) would carry out now."""
    is_back = undo or engine.journal.is_undoing
    done_steps = {record.step for record in engine.journal.records if record.event == "done"}
    steps = engine.list_undo_steps() if is_back else list(engine.plan.steps)
    return Continuation(
        plan=engine.plan,
        direction="back" if is_back else "forward",
        steps=tuple(step for step in steps if step.name not in done_steps),
        completed=tuple(step.name for step in engine.plan.steps if step.name in done_steps),
        kept=tuple(_list_kept(engine)) if is_back else (),
    )


def _list_kept(engine: Engine) -> Iterator[str]:
    """Changes that were sent and have no undo."""
    called_steps = {record.step for record in engine.journal.records if record.event == "intent"}
    for step in engine.plan.steps:
        if step.name in called_steps and not step.undo and step.action != step.goal.read:
            yield step.description
