"""From a plan to its end: locked, carried out, and what to do where it stopped."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

from ops.core.actions import Actions
from ops.core.clock import get_clock_rate
from ops.core.continuation import Continuation, build_continuation
from ops.core.engine import (
    UNDO_REQUESTED,
    Clock,
    Engine,
    InDoubtError,
    Outcome,
    ProgressListener,
    StillRunningError,
    get_person,
)
from ops.core.errors import (
    InterruptedRunError,
    LockHeldError,
    OpsError,
    RolledBackError,
    TimedOutError,
    UsageError,
)
from ops.core.goal_evaluation import StepFailedError
from ops.core.journal import (
    Journal,
    LineTakenError,
)
from ops.core.lock import LockedError, LockRecord, describe_process
from ops.core.plan import Plan, Step, step_and_undos
from ops.core.run_context import RunContext
from ops.core.run_lock import RunLock
from ops.core.times import format_utc_minute

STOP_MESSAGE = (
    "ops: stopping before the next call; Ctrl-C again stops at once, which is safe as well\n"
)
LOCK_MARGIN_SECONDS = 3600  # seconds that a lock holds beyond the plan's own limits


class WallClock:
    """The time of ops/core/clock.py; an interrupt takes effect in `sleep` and between calls."""

    def __init__(self) -> None:
        self.interrupted, self.clock_rate = False, get_clock_rate()

    def now(self) -> float:
        """Seconds since the epoch."""
        return self.clock_rate.now()

    def sleep(self, seconds: float) -> None:
        """Sleeps in short pieces. Raises KeyboardInterrupt soon after the first Ctrl-C."""
        deadline = self.now() + seconds
        with self.clock_rate.wait():
            while not self.interrupted and (remaining := deadline - self.now()) > 0:
                time.sleep(min(self.clock_rate.to_wall_seconds(remaining), 0.2))
        if self.interrupted:
            raise KeyboardInterrupt

    @contextmanager
    def handle_interrupts(self) -> Iterator[None]:
        """The first Ctrl-C stops between calls, the second at once."""

        def handle_signal(_: int, __: FrameType | None) -> None:
            if self.interrupted:
                signal.signal(signal.SIGINT, previous_handler)
                raise KeyboardInterrupt
            self.interrupted = True
            sys.stderr.write(STOP_MESSAGE)

        previous_handler = signal.signal(signal.SIGINT, handle_signal)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, previous_handler)


@dataclass(frozen=True)
class Runner:
    """Carries plans out on a target. `clock` may be simulated; `watcher` draws."""

    context: RunContext
    clock: Clock
    listener: ProgressListener
    actions: Actions
    settle_seconds: float = 60
    wait_limit_seconds: float | None = (
        None  # seconds that each wait goes on from now, if not the plan's own
    )

    def start(self, plan: Plan, expected_hash: str | None = None) -> Outcome:
        """Carries a new plan out. Errors as `finish`."""
        require_expected_hash(plan, expected_hash)
        self.context.check_account()
        engine = self._build_engine(plan.run)
        if engine.journal.records:
            raise UsageError(
                f"there is a run {plan.run} already: type the command again for another id",
                f"ops runs show {plan.run}",
            )
        if not plan.only_records:
            self._acquire_lock(plan)
        return self._run_engine(plan, engine, lambda: engine.start(plan))

    def resume(self, run: str, agreed: Continuation | None = None) -> Outcome:
        """Carries an unfinished run on, the way it was going.

        `agreed` is what a person agreed to. Raises UsageError if the run was undone, or if it has
        gone on since.
        """
        engine = self.get_engine(run)
        end_record = engine.journal.end_record
        if end_record is not None and end_record.data == "undone":
            raise UsageError(
                f"run {run!r} was undone: there is nothing to resume", engine.plan.command
            )
        expected_outcome: Outcome = "undone" if engine.reason == UNDO_REQUESTED else "done"
        self._prepare_run(engine, needs_lock=end_record is None)
        self._require_agreed(engine, agreed, undo=False)
        return self._run_engine(engine.plan, engine, engine.resume, expected_outcome)

    def undo(self, run: str, agreed: Continuation | None = None) -> Outcome:
        """Turns a run back; one that is done only while all is as it left it.

        `agreed` as in resume.
        """
        engine = self.get_engine(run)
        is_done = engine.journal.end_record is not None and engine.journal.end_record.data == "done"
        if is_done and not engine.list_undo_steps():
            raise UsageError(
                f"run {run!r} is done, and nothing of it can be undone", f"ops runs show {run}"
            )
        self._prepare_run(engine, needs_lock=is_done or engine.journal.end_record is None)
        self._require_agreed(engine, agreed, undo=True)
        try:
            changes = engine.describe_changes_since_end() if is_done else ""
        except BaseException:
            self.context.lock().release(run)
            raise
        if changes:
            self.context.lock().release(run)
            raise UsageError(
                f"run {run!r} is done, and what it did has been changed since: undone, that would "
                f"be lost as well ({changes})",
                "ops runs list",
            )
        return self._run_engine(engine.plan, engine, engine.undo, expected_outcome="undone")

    def get_engine(self, run: str) -> Engine:
        """The engine of a run that has a journal. Raises UsageError where there is none."""
        engine = self._build_engine(run)
        if not engine.journal.records or engine.journal.records[0].event != "plan":
            raise UsageError(f"RUN is {run!r}, which is no run of a plan", "ops runs list")
        return engine

    def _require_agreed(self, engine: Engine, agreed: Continuation | None, *, undo: bool) -> None:
        """Raises UsageError, and releases the lock, if other steps are left than were agreed to."""
        if agreed is None or build_continuation(engine, undo=undo).digest == agreed.digest:
            return
        run = engine.plan.run
        self.context.lock().release(run)
        raise UsageError(
            f"run {run!r} has gone on since it was shown: look at it again", f"ops runs show {run}"
        )

    def _prepare_run(self, engine: Engine, *, needs_lock: bool) -> None:
        self.context.check_account()
        if needs_lock and not engine.plan.only_records:
            self._acquire_lock(engine.plan)

    def _build_engine(self, run: str) -> Engine:
        journal = Journal(self.context.get_journal_store(run))
        run_lock = RunLock(
            run,
            self.context.lock,
            acquire=lambda: self._acquire_lock(engine.plan),
            clock=self.clock,
            notify=self.listener.on_notice,
            lock_advice=lambda: self.context.lock_advice(run)[:1],
        )
        engine = Engine(
            self.actions,
            journal,
            self.clock,
            self.listener,
            self.settle_seconds,
            require_lock=lambda: None if engine.plan.only_records else run_lock.require(),
            give_lock_back=lambda: None if engine.plan.only_records else run_lock.give_back(),
            wait_limit_seconds=self.wait_limit_seconds,
        )
        return engine

    def _acquire_lock(self, plan: Plan) -> None:
        now = self.clock.now()
        limit_seconds = sum(
            step.goal.within + (step.ready.within if step.ready else 0)
            for step in plan.steps
            if not step.is_look  # it gives the lock back before it waits
        )
        lock_record = LockRecord(
            holder=get_person(),
            process=os.getpid(),
            run=plan.run,
            reason=plan.reason or plan.command,
            since=now,
            until=now + limit_seconds + LOCK_MARGIN_SECONDS,
        )
        try:
            self.context.lock().acquire(lock_record)
        except LockedError as error:
            until = format_utc_minute(error.record.until)
            raise LockHeldError(
                f"{error}, until {until}{describe_process(error.record)}",
                *self.context.lock_advice(error.record.run),
            ) from None

    def _run_engine(
        self,
        plan: Plan,
        engine: Engine,
        run_engine: Callable[[], Outcome],
        expected_outcome: Outcome = "done",
    ) -> Outcome:
        is_elsewhere = False
        resume_command, undo_command = f"ops runs resume {plan.run}", f"ops runs undo {plan.run}"
        try:
            outcome = run_engine()
        except StillRunningError as error:
            raise TimedOutError(
                f"not finished in time: {error}", resume_command, undo_command
            ) from error
        except InDoubtError as error:
            message = f"step {error} may have been sent, and sending it twice would do it twice"
            raise OpsError(message, f"ops runs show {plan.run}", undo_command) from error
        except StepFailedError as error:  # of an undo: the direction never turns back
            raise OpsError(
                f"the undo failed, and a person must go on: {error}", undo_command
            ) from error
        except LineTakenError as error:
            is_elsewhere = True  # so is the lock, which has the run's name
            message = f"somebody else carries {plan.run} on: {error}"
            raise LockHeldError(message, f"ops runs show {plan.run}") from error
        except KeyboardInterrupt:
            raise InterruptedRunError(
                describe_progress(engine), resume_command, undo_command
            ) from None
        except OpsError as error:
            commands = (resume_command, undo_command) if engine.journal.records else ()
            error.args = (f"{error}; {describe_progress(engine)}",)
            error.advice = (*error.advice, *commands)
            raise
        finally:
            if not is_elsewhere:
                self._release_lock(engine, plan)
        if outcome == "undone" and expected_outcome == "done":
            undo_summary = "was undone" if engine.list_undo_steps() else "nothing of it is undone"
            raise RolledBackError(f"{plan.command} failed and {undo_summary}: {engine.reason}")
        return outcome

    def _release_lock(self, engine: Engine, plan: Plan) -> None:
        """Gives the lock back, unless AWS is at something. Where that fails it is only said."""
        if not plan.only_records and not list_steps_in_flight(engine):
            try:
                self.context.lock().release(plan.run)
            except OpsError as error:
                sys.stderr.write(
                    f"ops: the lock is not given back: {error}\n  ops lock break --reason REASON\n"
                )


def require_expected_hash(plan: Plan, expected_hash: str | None) -> None:
    """Raises UsageError where a plan is not the one of that hash."""
    if expected_hash is not None and expected_hash != plan.digest:
        raise UsageError(
            f"--expect is {expected_hash}, the plan is now {plan.digest}: look at it again",
            f"{plan.command} --dry-run",
        )


def list_steps_in_flight(engine: Engine) -> tuple[str, ...]:
    """Steps that AWS may be at: called, and their goal not seen. A look changes nothing."""
    journal = engine.journal
    if journal.end_record is not None:
        return ()
    looks = {step.name for step in _list_looks(engine)}
    step_names = dict.fromkeys(
        journal_record.step
        for journal_record in journal.records
        if journal_record.event in ("intent", "sent") and journal_record.step not in looks
    )
    last_records = {name: journal.find_last_record(name) for name in step_names}
    return tuple(
        step_name
        for step_name, record in last_records.items()
        if record and record.event in ("intent", "sent")
    )


def _list_looks(engine: Engine) -> list[Step]:
    """The steps of a run, its undo included, that only look."""
    plan = engine.journal.plan
    parts = [part for step in plan.steps for part in step_and_undos(step)] if plan else []
    return [step for step in parts if step.is_look]


def _describe_stop(engine: Engine) -> str:
    """Where a run was stopped that has nothing going on in AWS, for a person."""
    last_record = engine.journal.last_event_record
    looks = {step.name: step.description for step in _list_looks(engine)}
    if last_record is not None and last_record.event == "sent" and last_record.step in looks:
        return f"stopped while it only looked ({looks[last_record.step]})"
    return "stopped between two steps"


def describe_progress(engine: Engine) -> str:
    """What goes on in AWS when a run is stopped, for a person."""
    completed_steps = [record.step for record in engine.journal.records if record.event == "done"]
    completed_summary = (
        f"done so far: {', '.join(completed_steps)}"
        if completed_steps
        else "nothing is done so far"
    )
    steps_in_flight = list_steps_in_flight(engine)
    if not steps_in_flight:
        return f"{_describe_stop(engine)}, nothing of this run goes on in AWS; {completed_summary}"
    return f"stopped; in AWS may go on: {', '.join(steps_in_flight)}; {completed_summary}"
