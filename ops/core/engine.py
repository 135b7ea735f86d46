"""Carries a plan out: journaled, resumable after a kill at any point, undone as far as it says.

Before each call the intent is durable, after it that it was sent, at its goal what was seen. A
resume looks first whether the step in doubt has happened. Values that later steps use come from
what was seen, never from a call's answer, since an answer can be lost and a look repeated.
"""

import getpass
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol, TypeVar

from pydantic import JsonValue

from ops.core.errors import (
    BusyError,
    CredentialsExpiredError,
    DeniedError,
    OutcomeUnknownError,
    RefusedError,
    ThrottledError,
    UnreachableError,
)
from ops.core.failure_reports import ReportReader
from ops.core.goal_evaluation import (
    StepFailedError,
    Verdict,
    describe_conditions,
    evaluate,
    find_path_with_value,
)
from ops.core.journal import Journal
from ops.core.journal_record import Event, Record
from ops.core.plan import Action, ContainerTask, Plan, SentRecord, Step, Wait
from ops.core.times import format_utc_minute


def get_person() -> str:
    """Who carries a plan out, as locks and journals name them."""
    return f"{getpass.getuser()}@{socket.gethostname()}"


Outcome = Literal["done", "undone"]
Answer = TypeVar("Answer")
UNDO_REQUESTED: Final = "asked for"  # why a run is undone that did not fail
# How often a call is sent whose answers are lost, each time only after a look that finds nothing.
MAX_ATTEMPTS: Final = 5
# A read that ends with one of these says nothing about what was read: it is repeated.
READ_ERRORS_TO_REPEAT: Final = (
    ThrottledError,
    UnreachableError,
    OutcomeUnknownError,
    CredentialsExpiredError,
)


class Clock(Protocol):
    """Wall time in seconds since the epoch (monotonic time dies with the process), and sleep."""

    def now(self) -> float:
        """The time."""

    def sleep(self, seconds: float) -> None:
        """Waits; where an interrupt takes effect."""


class ProgressListener(Protocol):
    """Is told what goes on; draws it for a person. Deciding anything is not its business."""

    def on_step_begin(self, step: Step, *, is_undo: bool) -> None:
        """A step is about to be looked at."""

    def on_wait(self, step: Step, wait: Wait, result: JsonValue, elapsed: float) -> None:
        """What was seen while waiting, seconds after the call."""

    def on_notice(self, text: str) -> None:
        """Something a person should know while it goes on, like a read without an answer."""

    def on_step_end(self, step: Step, *, already_done: bool) -> None:
        """A step's goal has been seen; `already_done` if no call was needed."""


class StillRunningError(Exception):
    """Not known yet, the limit is over: a resume looks again."""


class InDoubtError(Exception):
    """Perhaps sent, and not repeatable: a person decides."""


class SilentListener:
    """A watcher that says nothing."""

    def on_step_begin(self, step: Step, *, is_undo: bool) -> None:
        """Says nothing."""

    def on_wait(self, step: Step, wait: Wait, result: JsonValue, elapsed: float) -> None:
        """Says nothing."""

    def on_notice(self, text: str) -> None:
        """Says nothing."""

    def on_step_end(self, step: Step, *, already_done: bool) -> None:
        """Says nothing."""


ActionRunner = Callable[[Action, dict[str, JsonValue]], JsonValue]


@dataclass
class Engine:
    """One run. `run_action` carries out one action, given what earlier steps saw.

    `settle_seconds` is how long a read may be stale after a write. `require_lock` is called before
    each call that changes something, and raises if the lock is no longer this run's; a step that
    only looks gives the lock back before it waits. `wait_limit_seconds` is how long each wait goes
    on from now, instead of the plan's own limit.
    """

    run_action: ActionRunner
    journal: Journal
    clock: Clock
    listener: ProgressListener = field(default_factory=SilentListener)
    settle_seconds: float = 60
    require_lock: Callable[[], None] = lambda: None  # raises where the run may send nothing more
    give_lock_back: Callable[[], None] = lambda: None  # while the run only looks
    wait_limit_seconds: float | None = None
    steps_with_failed_reads: set[str] = field(default_factory=set)  # each is reported once
    report_reader: ReportReader = field(init=False)

    def __post_init__(self) -> None:
        self.report_reader = ReportReader(
            self.journal, self._run_action, lambda text: self.listener.on_notice(text)
        )

    def start(self, plan: Plan) -> Outcome:
        """Writes the whole plan down, then carries it out."""
        if self.journal.records:
            raise ValueError(f"run {plan.run} has begun already: resume it")
        started = plan.model_copy(update={"started": self.clock.now(), "started_by": get_person()})
        self._write_record("plan", plan.run, started.model_dump(mode="json"))
        return self.resume()

    def resume(self) -> Outcome:
        """Carries the recorded run on the way it was going: forward or back.

        Raises StillRunningError, InDoubtError, or what `run_action` raises: then it can be resumed.
        """
        plan = self.plan
        if (end_record := self.journal.end_record) is not None:
            return "undone" if end_record.data == "undone" else "done"
        if not self.journal.is_undoing:
            try:
                for step in plan.steps:
                    self._run_step(step, is_undo=False)
            except StepFailedError as error:
                self._write_record("undo", plan.run, str(error))
            else:
                self._write_record("ended", plan.run, "done")
                return "done"
        return self._undo_steps(plan)

    def undo(self) -> Outcome:
        """Turns the run back, from wherever it is, also from its end."""
        if not self.journal.is_undoing:
            self._write_record("undo", self.plan.run, UNDO_REQUESTED)
        return self._undo_steps(self.plan)

    @property
    def plan(self) -> Plan:
        """The plan as it was written down: a resume never plans anew."""
        if (plan := self.journal.plan) is None:
            raise ValueError("the journal has no plan")
        return plan

    @property
    def reason(self) -> str:
        """Why the run is being undone; empty where it is not."""
        undo_record = next(
            (record for record in self.journal.records if record.event == "undo"), None
        )
        return str(undo_record.data) if undo_record else ""

    def list_undo_steps(self) -> list[Step]:
        """The steps that undo what may have happened, the last first."""
        called_steps = {record.step for record in self.journal.records if record.event == "intent"}
        return [
            undo_step
            for step in reversed(self.plan.steps)
            if step.name in called_steps
            for undo_step in step.undo
        ]

    def describe_changes_since_end(self) -> str:
        """What is no longer as a finished run left it; empty where all is.

        Looked at are the steps that can be undone, and those that only look.
        """
        for step in self.plan.steps:
            if step.undo or step.is_look:
                try:
                    verdict, result = self._evaluate_goal(step)
                except StepFailedError as error:
                    return f"{step.name}: {error}"
                if verdict != "met":
                    return (
                        f"{step.name}: "
                        f"{describe_conditions(step.goal, result, self.journal.get_step_results())}"
                    )
        return ""

    def _undo_steps(self, plan: Plan) -> Outcome:
        """Undoes every step that may have happened, the last first."""
        if self.journal.end_record is None:
            self.clock.sleep(self.settle_seconds)  # let what is in flight show itself
            for undo_step in self.list_undo_steps():
                self._run_step(undo_step, is_undo=True)
            self._write_record("ended", plan.run, "undone")
        return "undone"

    def _run_step(self, step: Step, *, is_undo: bool) -> None:
        """Brings a step to its goal, however much of it is done already."""
        last_record = self.journal.find_last_record(step.name)
        if last_record and last_record.event == "done":
            return
        self.clock.sleep(0)  # where an interrupt between two steps takes effect
        self.listener.on_step_begin(step, is_undo=is_undo)
        if step.is_look:
            self._watch(step, last_record)
            return
        for attempts_left in reversed(range(MAX_ATTEMPTS)):
            if last_record is not None and last_record.event == "sent":
                break
            in_doubt = last_record is not None and last_record.event == "intent"
            self.clock.sleep(self.settle_seconds if in_doubt else 0)
            verdict, result = self._evaluate_goal(step)
            if verdict == "met" and not in_doubt:
                self._record_done(step, result, already_done=True)
                return
            if verdict != "absent":
                last_record = self._write_record("sent", step.name)
                break
            try:
                last_record = self._send_action(step, in_doubt=in_doubt)
            except OutcomeUnknownError:
                last_record = self.journal.find_last_record(step.name)
                if not attempts_left:
                    raise
        assert last_record is not None
        self._record_done(
            step, self._wait_until_met(step, step.goal, last_record.timestamp), already_done=False
        )

    def _watch(self, step: Step, last_record: Record | None) -> None:
        """Waits for what a step only looks at, without the lock as soon as it has to wait."""
        if last_record is None:
            verdict, result = self._evaluate_goal(step)
            if verdict == "met" and not step.goal.holds_for:
                self._record_done(step, result, already_done=True)
                return
            last_record = self._write_record(
                "sent", step.name, self.report_reader.list_before_look(step)
            )
        self.give_lock_back()
        self._record_done(
            step, self._wait_until_met(step, step.goal, last_record.timestamp), already_done=False
        )

    def _evaluate_goal(self, step: Step) -> tuple[Verdict, JsonValue]:
        """Looks once at a goal; repeats a read without an answer only while the run goes on."""
        is_going_on = self._has_begun and self.journal.end_record is None
        deadline = self._get_deadline(step.goal, self.clock.now()) if is_going_on else 0
        result = self._read(step, step.goal, deadline)
        return evaluate(step.goal, result, self.journal.get_step_results()), result

    def _send_action(self, step: Step, *, in_doubt: bool) -> Record:
        """Calls, which has not been done so far, or, in doubt, can be done twice."""
        if in_doubt and not self._is_repeatable_now(step):
            raise InDoubtError(step.name)
        if step.ready:
            self._wait_until_met(step, step.ready, self.clock.now())
        earlier_reports = self._read_reports(step, step.goal)
        self.require_lock()
        self._write_record("intent", step.name, earlier_reports)
        try:
            self._run_action(step.action)
        except RefusedError as error:  # of the change itself; of a read it would mean nothing
            # Sent again, it may be refused because the first is at work, only now to be seen.
            if not in_doubt or self._evaluate_goal(step)[0] == "absent":
                raise StepFailedError(str(error)) from error
        except (DeniedError, ThrottledError, UnreachableError) as error:  # known to have no effect
            self._write_record("failed", step.name, str(error))
            raise
        return self._write_record("sent", step.name)

    def _is_repeatable_now(self, step: Step) -> bool:
        """True if the action in doubt, called again, does nothing twice."""
        if isinstance(step.action, ContainerTask):
            last_record = self.journal.find_last_record(step.name)
            sent_at = last_record.timestamp if last_record else self.clock.now()
            return step.action.is_certain_after(self.clock.now() - sent_at)
        return step.action.repeatable

    def _record_done(self, step: Step, result: JsonValue, *, already_done: bool) -> None:
        self._write_record("done", step.name, result)
        self.listener.on_step_end(step, already_done=already_done)

    def _wait_until_met(self, step: Step, wait: Wait, start_time: float) -> JsonValue:
        """Reads until it is met. The limit counts from `start_time`, also after a restart."""
        deadline = self._get_deadline(wait, start_time)
        met_since: float | None = None
        while True:
            result = self._read(step, wait, deadline)
            if self._evaluate_once(step, wait, result) == "met":
                met_since = self.clock.now() if met_since is None else met_since
                if self.clock.now() - met_since >= wait.holds_for:
                    return result
            else:
                met_since = None
            elapsed = self.clock.now() - start_time
            self.listener.on_wait(step, wait, result, elapsed)
            if self.clock.now() > deadline:
                conditions = describe_conditions(wait, result, self.journal.get_step_results())
                conditions += self.report_reader.describe_told(step)
                if find_path_with_value(wait.failed_on_timeout, result) is not None:
                    raise StepFailedError(f"{conditions}, after {elapsed:.0f} s")
                raise StillRunningError(f"{step.name}: {conditions}")
            self.clock.sleep(wait.every)

    def _evaluate_once(self, step: Step, wait: Wait, result: JsonValue) -> Verdict:
        """Judges one look. Raises StepFailedError also if AWS reports that it gave up.

        The reports are read first: they say why, also if the goal itself says that it failed.
        """
        failures = self.report_reader.list_new_failures(step, wait, result)
        try:
            verdict = evaluate(wait, result, self.journal.get_step_results())
        except StepFailedError as error:
            told = self.report_reader.describe_told(step)
            raise StepFailedError("; ".join((f"{error}{told}", *failures))) from None
        if failures and (verdict != "met" or wait.holds_for):
            raise StepFailedError("; ".join(failures))
        return verdict

    @property
    def _has_begun(self) -> bool:
        """True once a step was sent or done: before that, stopping costs nothing."""
        return any(record.event in ("intent", "sent", "done") for record in self.journal.records)

    def _get_deadline(self, wait: Wait, start_time: float) -> float:
        if self.wait_limit_seconds is not None:
            return self.clock.now() + self.wait_limit_seconds
        return start_time + wait.within

    def _read(self, step: Step, wait: Wait, deadline: float) -> JsonValue:
        """Reads what a wait waits for until there is an answer, whatever it says."""
        return self._repeat_read(step, wait, deadline, lambda: self._run_action(wait.read))

    def _repeat_read(
        self, step: Step, wait: Wait, deadline: float, read: Callable[[], Answer]
    ) -> Answer:
        """Reads until there is an answer.

        Raises what the last read ended with once the deadline is over: nothing was seen, so that
        it is no failure of the step, and nothing is undone.
        """
        first_failure: float | None = None
        while True:
            try:
                return read()
            except READ_ERRORS_TO_REPEAT as error:
                now = self.clock.now()
                if isinstance(error, BusyError) or now >= deadline:
                    if first_failure is not None:
                        error.args = (
                            f"{step.name} could not be observed for {now - first_failure:.0f} s: "
                            f"{error}",
                        )
                    raise
                first_failure = now if first_failure is None else first_failure
                if step.name not in self.steps_with_failed_reads:
                    self.steps_with_failed_reads.add(step.name)
                    end = format_utc_minute(deadline)
                    self.listener.on_notice(f"no answer, asked again until {end}: {error}")
                self.clock.sleep(min(wait.every, max(deadline - now, 0)))

    def _read_reports(self, step: Step, wait: Wait) -> JsonValue:
        """What AWS reports now, before the call; None if the wait has no reports."""
        deadline = self._get_deadline(wait, self.clock.now()) if self._has_begun else 0
        reports = self._repeat_read(step, wait, deadline, lambda: self.report_reader.list_now(wait))
        return None if reports is None else [*reports]

    def _run_action(self, action: Action) -> JsonValue:
        if isinstance(action, SentRecord):
            return {"sent": self.journal.find_last_record(action.step, "sent") is not None}
        return self.run_action(action, self.journal.get_step_results())

    def _write_record(self, event: Event, step: str, data: JsonValue = None) -> Record:
        return self.journal.write_record(event, step, self.clock.now(), data)
