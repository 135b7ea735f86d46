"""Carries a plan out: journaled, resumable after a kill at any point, undone as far as it says.

Before each call the intent is durable, after it that it was sent, at its goal what was seen. A
resume looks first whether the step in doubt has happened. Values that later steps use come from
what was seen, never from a call's answer, since an answer can be lost and a look repeated.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol

from pydantic import JsonValue

from ops.core.errors import DeniedError, LostError, RefusedError, ThrottledError, UnreachableError
from ops.core.journal import Event, Journal, Record
from ops.core.plan import Action, Plan, Step, Wait, known

Verdict = Literal["met", "begun", "absent"]
Outcome = Literal["done", "undone"]
ASKED: Final = "asked for"  # why a run is undone that did not fail
# How often a call is sent whose answers are lost, each time only after a look that finds nothing.
SENT: Final = 5


class Clock(Protocol):
    """Wall time in seconds since the epoch (monotonic time dies with the process), and sleep."""

    def now(self) -> float:
        """The time."""

    def sleep(self, seconds: float) -> None:
        """Waits; where an interrupt takes effect."""


class Watcher(Protocol):
    """Is told what goes on; draws it for a person. Deciding anything is not its business."""

    def begins(self, step: Step, *, back: bool) -> None:
        """A step is about to be looked at."""

    def waits(self, step: Step, wait: Wait, seen: JsonValue, elapsed: float) -> None:
        """What was seen while waiting, seconds after the call."""

    def ends(self, step: Step, *, already: bool) -> None:
        """A step's goal has been seen; `already` where no call was needed."""


class StepFailedError(Exception):
    """Known to have failed: the one outcome that is undone."""


class StillRunningError(Exception):
    """Not known yet, the limit is over: a resume looks again."""


class InDoubtError(Exception):
    """Perhaps sent, and not repeatable: a person decides."""


class Quiet:
    """A watcher that says nothing."""

    def begins(self, step: Step, *, back: bool) -> None:
        """Says nothing."""

    def waits(self, step: Step, wait: Wait, seen: JsonValue, elapsed: float) -> None:
        """Says nothing."""

    def ends(self, step: Step, *, already: bool) -> None:
        """Says nothing."""


Act = Callable[[Action, dict[str, JsonValue]], JsonValue]


@dataclass
class Engine:
    """One run. `act` carries out one action, given what earlier steps saw.

    `settle` is how many seconds a read may be stale after a write. `allowed` is asked before each
    call that changes something, and raises where the lock is no longer this run's. `patience` is
    for how many seconds from now on each wait goes on, instead of the plan's own limit.
    """

    act: Act
    journal: Journal
    clock: Clock
    watcher: Watcher = field(default_factory=Quiet)
    settle: float = 60
    allowed: Callable[[], None] = lambda: None  # raises where the run may send nothing more
    patience: float | None = None

    def start(self, plan: Plan) -> Outcome:
        """Writes the whole plan down, then carries it out."""
        if self.journal.records:
            raise ValueError(f"run {plan.run} has begun already: resume it")
        started = plan.model_copy(update={"started": self.clock.now()})
        self._write("plan", plan.run, started.model_dump(mode="json"))
        return self.resume()

    def resume(self) -> Outcome:
        """Carries the recorded run on the way it was going: forward or back.

        Raises StillRunningError, InDoubtError, or what `act` raises: then it can be resumed.
        """
        plan = self.plan
        if (ended := self.journal.ended) is not None:
            return "undone" if ended.data == "undone" else "done"
        if not self.journal.backwards:
            try:
                for step in plan.steps:
                    self._bring(step, back=False)
            except StepFailedError as error:
                self._write("undo", plan.run, str(error))
            else:
                self._write("ended", plan.run, "done")
                return "done"
        return self._back(plan)

    def undo(self) -> Outcome:
        """Turns the run back, from wherever it is, also from its end."""
        if not self.journal.backwards:
            self._write("undo", self.plan.run, ASKED)
        return self._back(self.plan)

    @property
    def plan(self) -> Plan:
        """The plan as it was written down: a resume never plans anew."""
        if (plan := self.journal.plan) is None:
            raise ValueError("the journal has no plan")
        return plan

    @property
    def reason(self) -> str:
        """Why the run is being undone; empty where it is not."""
        turned = next((r for r in self.journal.records if r.event == "undo"), None)
        return str(turned.data) if turned else ""

    def returning(self) -> list[Step]:
        """The steps that undo what may have happened, the last first."""
        ours = {r.step for r in self.journal.records if r.event == "intent"}
        return [
            back for step in reversed(self.plan.steps) if step.name in ours for back in step.undo
        ]

    def changed_since(self) -> str:
        """What is no longer as a finished run left it; empty where all is.

        Looked at are the steps that can be undone, and those that only look.
        """
        for step in self.plan.steps:
            if step.undo or step.do == step.goal.read:
                try:
                    found, seen = self._look(step)
                except StepFailedError as error:
                    return f"{step.name}: {error}"
                if found != "met":
                    return f"{step.name}: {shown(step.goal, seen, self.journal.seen())}"
        return ""

    def _back(self, plan: Plan) -> Outcome:
        """Undoes every step that may have happened, the last first."""
        if self.journal.ended is None:
            self.clock.sleep(self.settle)  # let what is in flight show itself
            for back in self.returning():
                self._bring(back, back=True)
            self._write("ended", plan.run, "undone")
        return "undone"

    def _bring(self, step: Step, *, back: bool) -> None:
        """Brings a step to its goal, however much of it is done already."""
        last = self.journal.last(step.name)
        if last and last.event == "done":
            return
        self.clock.sleep(0)  # where an interrupt between two steps takes effect
        self.watcher.begins(step, back=back)
        for left in reversed(range(SENT)):
            if last is not None and last.event == "sent":
                break
            doubt = last is not None and last.event == "intent"
            self.clock.sleep(self.settle if doubt else 0)
            found, seen = self._look(step)
            if found == "met" and not doubt:
                self._done(step, seen, already=True)
                return
            if found != "absent":
                last = self._write("sent", step.name)
                break
            try:
                last = self._call(step, doubt=doubt)
            except LostError:
                last = self.journal.last(step.name)
                if not left:
                    raise
        assert last is not None
        self._done(step, self._watch(step, step.goal, last.at), already=False)

    def _look(self, step: Step) -> tuple[Verdict, JsonValue]:
        seen = self._act(step.goal.read)
        return verdict(step.goal, seen, self.journal.seen()), seen

    def _call(self, step: Step, *, doubt: bool) -> Record:
        """Calls, which has not been done so far, or, in doubt, can be done twice."""
        if doubt and not step.do.repeatable:
            raise InDoubtError(step.name)
        if step.ready:
            self._watch(step, step.ready, self.clock.now())
        self.allowed()
        self._write("intent", step.name)
        try:
            self._act(step.do)
        except RefusedError as error:  # of the change itself; of a read it would mean nothing
            # Sent again, it may be refused because the first is at work, only now to be seen.
            if not doubt or self._look(step)[0] == "absent":
                raise StepFailedError(str(error)) from error
        except (DeniedError, ThrottledError, UnreachableError) as error:  # known to have no effect
            self._write("failed", step.name, str(error))
            raise
        return self._write("sent", step.name)

    def _done(self, step: Step, seen: JsonValue, *, already: bool) -> None:
        self._write("done", step.name, seen)
        self.watcher.ends(step, already=already)

    def _watch(self, step: Step, wait: Wait, since: float) -> JsonValue:
        """Reads until it is met. The limit counts from `since`: a restart does not lengthen it."""
        end = since + wait.within
        if self.patience is not None:
            end = self.clock.now() + self.patience
        while verdict(wait, seen := self._act(wait.read), self.journal.seen()) != "met":
            elapsed = self.clock.now() - since
            self.watcher.waits(step, wait, seen, elapsed)
            if self.clock.now() > end:
                words = shown(wait, seen, self.journal.seen())
                if _holds(wait.late, seen) is not None:
                    raise StepFailedError(f"{words}, after {elapsed:.0f} s")
                raise StillRunningError(f"{step.name}: {words}")
            self.clock.sleep(wait.every)
        return seen

    def _act(self, action: Action) -> JsonValue:
        return self.act(action, self.journal.seen())

    def _write(self, event: Event, step: str, data: JsonValue = None) -> Record:
        return self.journal.write(event, step, self.clock.now(), data)


def verdict(wait: Wait, seen: JsonValue, earlier: Mapping[str, JsonValue] | None = None) -> Verdict:
    """Whether what was seen is the goal, on the way there, or neither. Raises StepFailedError.

    `earlier` is what earlier steps saw.
    """
    if (path := _holds(wait.failed, seen)) is not None:
        found = f"{short(path)} is {known(path, seen)!r}"
        raise StepFailedError(f"{found}; {shown(wait, seen, earlier)}")
    if all(known(path, seen) == value for path, value in _wanted(wait, earlier)):
        return "met"
    begun = any(known(path, seen) == value for path, value in wait.begun.items())
    return "begun" if begun else "absent"


def _holds(either: Mapping[str, list[JsonValue]], seen: JsonValue) -> str | None:
    """The first path at which one of its values stands."""
    return next((path for path, values in either.items() if known(path, seen) in values), None)


def shown(wait: Wait, seen: JsonValue, earlier: Mapping[str, JsonValue] | None = None) -> str:
    """What was seen and what was wanted, for a person."""
    parts = (
        f"{short(path)} is {known(path, seen)!r}, wanted {value!r}"
        for path, value in _wanted(wait, earlier)
    )
    return "; ".join(parts)


def short(path: str) -> str:
    """The last name of a path: what a person needs of it."""
    names = re.findall(r"[A-Za-z_]+", path)
    return str(names[-1]) if names else path


def _wanted(wait: Wait, earlier: Mapping[str, JsonValue] | None) -> Iterator[tuple[str, JsonValue]]:
    """Paths and what must stand there. What no earlier step saw is never there."""
    yield from wait.met.items()
    for path, other in wait.same.items():
        value = known(other, earlier or {})
        yield path, f"what {other} was" if value is None else value
