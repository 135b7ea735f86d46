"""From a plan to its end: locked, carried out, and what to do where it stopped."""

import getpass
import json
import signal
import socket
import sys
import time
from collections.abc import Callable, Container, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Protocol

from botocore.exceptions import BotoCoreError, ClientError

from ops.core.actions import Actions
from ops.core.aws import Aws, of_bucket
from ops.core.clock import pace
from ops.core.engine import (
    ASKED,
    Clock,
    Engine,
    InDoubtError,
    Outcome,
    StepFailedError,
    StillRunningError,
    Watcher,
)
from ops.core.errors import (
    InterruptedRunError,
    LockHeldError,
    OpsError,
    RolledBackError,
    TimedOutError,
    UsageError,
)
from ops.core.journal import Bucket, Folder, Journal, Lines, LineTakenError
from ops.core.lock import BucketPlace, FolderPlace, Held, Lock, LockedError
from ops.core.plan import Plan
from ops.core.plan_kind import PlanKind
from ops.outputs import Outputs

STOPPING = "ops: stopping before the next call; Ctrl-C again stops at once, which is safe as well\n"
AT_ONCE = 16  # first lines read in parallel; botocore's pool holds 10 connections, more wait
SPARE = 3600  # seconds that a lock holds beyond the plan's own limits


class Ground(Protocol):
    """What a plan is carried out on, and where its record and its lock are."""

    @property
    def aws(self) -> Aws: ...

    @property
    def protect(self) -> bool:
        """Whether what destroys something wants a name typed."""
        ...

    def lines(self, run: str) -> Lines:
        """Where the lines of a run are."""
        ...

    def lock(self) -> Lock:
        """One operation at a time."""
        ...

    def held_by(self, run: str) -> tuple[str, ...]:
        """The commands that help where that run has the lock."""
        ...

    def check_account(self) -> None:
        """Raises UsageError where the credentials are of another account or region."""
        ...


@dataclass(frozen=True)
class Target:
    """The stack that is operated on, and where its journals and its lock are."""

    outputs: Outputs
    aws: Aws
    folder: Path | None = None

    @property
    def bucket(self) -> str:
        """The operations bucket."""
        return self.outputs.backups.operations_bucket

    @property
    def protect(self) -> bool:
        """Whether the stack is protected."""
        return self.outputs.stack.protect

    def held_by(self, _run: str) -> tuple[str, ...]:
        """What helps where another run has the lock."""
        return ("ops lock show", "ops lock break")

    def lines(self, run: str) -> Folder | Bucket:
        """Where the lines of a run are."""
        if self.folder is not None:
            return Folder(self.folder / "runs" / run)
        return Bucket(self.aws.client("s3"), self.bucket, run)

    def runs(self) -> list[str]:
        """The runs that have a journal, oldest name first."""
        if self.folder is not None:
            return sorted(p.name for p in (self.folder / "runs").glob("*"))
        pages = (
            self.aws.client("s3")
            .get_paginator("list_objects_v2")
            .paginate(Bucket=self.bucket, Prefix="runs/", Delimiter="/")
        )
        prefixes = (p["Prefix"] for page in pages for p in page.get("CommonPrefixes", ()))
        try:
            return sorted(prefix.split("/")[1] for prefix in prefixes)
        except (ClientError, BotoCoreError) as error:
            raise of_bucket(error, "s3.list_objects_v2") from error

    def journals(
        self, *kinds: PlanKind, without: Container[str] = ()
    ) -> Iterator[tuple[str, Journal]]:
        """The runs of plans of these kinds with their journals, oldest name first.

        Of every run the first line is read, many at once: a run's kind is in its plan alone.
        """
        runs = [run for run in self.runs() if run not in without]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            firsts = pool.map(lambda run: self.lines(run).read_first(), runs)
            for run, first in zip(runs, firsts, strict=True):
                if first is not None and _kind(first) in kinds:
                    yield run, Journal(self.lines(run))

    def lock(self) -> Lock:
        """The stack's lock."""
        if self.folder is not None:
            return Lock(FolderPlace(self.folder))
        return Lock(BucketPlace(self.aws.client("s3"), self.bucket))

    def check_account(self) -> None:
        """Raises UsageError where the credentials are not the stack's account and region."""
        wanted, found = self.outputs.stack, self.aws.account()
        if found != wanted.account:
            raise UsageError(
                f"the credentials are of account {found}, the stack is in {wanted.account}"
            )
        regions = (wanted.region, wanted.recovery_region)
        if self.aws.region not in regions:
            raise UsageError(f"--region is {self.aws.region!r}, may be {wanted.region!r}")


def _kind(line: str) -> str | None:
    """The kind of the plan that a journal's first line holds."""
    record = json.loads(line)
    return record["data"].get("kind") if record.get("event") == "plan" else None


class WallClock:
    """The time of ops/core/clock.py; an interrupt takes effect in `sleep` and between calls."""

    def __init__(self) -> None:
        self.interrupted, self.pace = False, pace()

    def now(self) -> float:
        """Seconds since the epoch."""
        return self.pace.now()

    def sleep(self, seconds: float) -> None:
        """Sleeps in short pieces. Raises KeyboardInterrupt soon after the first Ctrl-C."""
        end = time.monotonic() + self.pace.real(seconds)
        while not self.interrupted and (left := end - time.monotonic()) > 0:
            time.sleep(min(left, 0.2))
        if self.interrupted:
            raise KeyboardInterrupt

    @contextmanager
    def listening(self) -> Iterator[None]:
        """The first Ctrl-C stops between calls, the second at once."""

        def stop(_: int, __: FrameType | None) -> None:
            if self.interrupted:
                signal.signal(signal.SIGINT, before)
                raise KeyboardInterrupt
            self.interrupted = True
            sys.stderr.write(STOPPING)

        before = signal.signal(signal.SIGINT, stop)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)


@dataclass(frozen=True)
class Runner:
    """Carries plans out on a target. `clock` may be simulated; `watcher` draws."""

    target: Ground
    clock: Clock
    watcher: Watcher
    actions: Actions
    settle: float = 60
    patience: float | None = None  # seconds that each wait goes on from now, if not the plan's own

    def start(self, plan: Plan, expect: str | None = None) -> Outcome:
        """Carries a new plan out. Errors as `finish`."""
        check_expected(plan, expect)
        self.target.check_account()
        engine = self._engine(plan.run)
        self._lock(plan)
        return self._finish(plan, engine, lambda: engine.start(plan))

    def resume(self, run: str) -> Outcome:
        """Carries an unfinished run on, the way it was going."""
        engine = self.known(run)
        wanted: Outcome = "undone" if engine.reason == ASKED else "done"
        self._begin(engine, lock=engine.journal.ended is None)
        return self._finish(engine.plan, engine, engine.resume, wanted)

    def undo(self, run: str) -> Outcome:
        """Turns a run back; one that is done only while all is as it left it."""
        engine = self.known(run)
        finished = engine.journal.ended is not None and engine.journal.ended.data == "done"
        if finished and not engine.returning():
            raise UsageError(
                f"run {run!r} is done, and nothing of it can be undone", f"ops runs show {run}"
            )
        self._begin(engine, lock=finished or engine.journal.ended is None)
        try:
            changed = engine.changed_since() if finished else ""
        except BaseException:
            self.target.lock().free(run)
            raise
        if changed:
            self.target.lock().free(run)
            raise UsageError(
                f"run {run!r} is done, and what it did has been changed since: undone, that would "
                f"be lost as well ({changed})",
                "ops runs list",
            )
        return self._finish(engine.plan, engine, engine.undo, wanted="undone")

    def known(self, run: str) -> Engine:
        """The engine of a run that has a journal. Raises UsageError where there is none."""
        engine = self._engine(run)
        if not engine.journal.records or engine.journal.records[0].event != "plan":
            raise UsageError(f"RUN is {run!r}, which is no run of a plan", "ops runs list")
        return engine

    def _begin(self, engine: Engine, *, lock: bool) -> None:
        self.target.check_account()
        if lock:
            self._lock(engine.plan)

    def _engine(self, run: str) -> Engine:
        journal = Journal(self.target.lines(run))
        return Engine(
            self.actions,
            journal,
            self.clock,
            self.watcher,
            self.settle,
            allowed=lambda: self._still_ours(run),
            patience=self.patience,
        )

    def _still_ours(self, run: str) -> None:
        """Raises LockHeldError where the lock is not this run's any more.

        Whoever breaks a lock may begin another run, whose journal is not this one's: the lines
        of the journal would let both go on. One read of S3 before each change prevents it.
        """
        held = self.target.lock().held()
        if held is None or held.run != run:
            now = f"{held.holder} holds it for {held.run}: {held.reason}" if held else "it is free"
            raise LockHeldError(
                f"the lock of {run} was taken from it, and {now}; no more is sent",
                *self.target.held_by(run)[:1],
            )

    def _lock(self, plan: Plan) -> None:
        now = self.clock.now()
        limits = sum(step.goal.within for step in plan.steps)
        held = Held(
            holder=f"{getpass.getuser()}@{socket.gethostname()}",
            run=plan.run,
            reason=plan.reason or plan.command,
            since=now,
            until=now + limits + SPARE,
        )
        try:
            self.target.lock().take(held)
        except LockedError as error:
            until = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(error.held.until))
            raise LockHeldError(
                f"{error}, until {until}", *self.target.held_by(error.held.run)
            ) from None

    def _finish(
        self,
        plan: Plan,
        engine: Engine,
        go: Callable[[], Outcome],
        wanted: Outcome = "done",
    ) -> Outcome:
        resume, undo = f"ops runs resume {plan.run}", f"ops runs undo {plan.run}"
        try:
            outcome = go()
        except StillRunningError as error:
            raise TimedOutError(f"not finished in time: {error}", resume, undo) from error
        except InDoubtError as error:
            message = f"step {error} may have been sent, and sending it twice would do it twice"
            raise OpsError(message, f"ops runs show {plan.run}", undo) from error
        except StepFailedError as error:  # of an undo: the direction never turns back
            raise OpsError(f"the undo failed, and a person must go on: {error}", undo) from error
        except LineTakenError as error:
            message = f"somebody else carries {plan.run} on: {error}"
            raise LockHeldError(message, f"ops runs show {plan.run}") from error
        except KeyboardInterrupt:
            raise InterruptedRunError(going_on(engine), resume, undo) from None
        except OpsError as error:
            ways = (resume, undo) if engine.journal.records else ()
            error.args = (f"{error}; {going_on(engine)}",)
            error.advice = (*error.advice, *ways)
            raise
        finally:
            self._free(engine, plan.run)
        if outcome == "undone" and wanted == "done":
            undone = "was undone" if engine.returning() else "nothing of it is undone"
            raise RolledBackError(f"{plan.command} failed and {undone}: {engine.reason}")
        return outcome

    def _free(self, engine: Engine, run: str) -> None:
        """Gives the lock back, unless AWS is at something. Where that fails it is only said."""
        if not in_flight(engine):
            try:
                self.target.lock().free(run)
            except OpsError as error:
                sys.stderr.write(f"ops: the lock is not given back: {error}\n  ops lock break\n")


def check_expected(plan: Plan, expect: str | None) -> None:
    """Raises UsageError where a plan is not the one of that hash."""
    if expect is not None and expect != plan.digest:
        raise UsageError(
            f"--expect is {expect}, the plan is now {plan.digest}: look at it again",
            f"{plan.command} --dry-run",
        )


def in_flight(engine: Engine) -> tuple[str, ...]:
    """Steps that AWS may be at: called, and their goal not seen."""
    journal = engine.journal
    if journal.ended is not None:
        return ()
    names = dict.fromkeys(r.step for r in journal.records if r.event in ("intent", "sent"))
    last = {name: journal.last(name) for name in names}
    return tuple(n for n, record in last.items() if record and record.event in ("intent", "sent"))


def going_on(engine: Engine) -> str:
    """What goes on in AWS when a run is stopped, for a person."""
    done = [r.step for r in engine.journal.records if r.event == "done"]
    so_far = f"done so far: {', '.join(done)}" if done else "nothing is done so far"
    going = in_flight(engine)
    if not going:
        return f"stopped between two steps, nothing of this run goes on in AWS; {so_far}"
    return f"stopped; in AWS may go on: {', '.join(going)}; {so_far}"
