"""From a plan to its end: locked, carried out, and what to do where it stopped."""

import getpass
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Literal

from ops.actions import Actions
from ops.aws import Aws
from ops.clock import pace
from ops.engine import Clock, Engine, InDoubtError, StepFailedError, StillRunningError, Watcher
from ops.errors import (
    InterruptedRunError,
    LockHeldError,
    OpsError,
    RolledBackError,
    TimedOutError,
    UsageError,
)
from ops.journal import Bucket, Folder, Journal, Lines
from ops.lock import BucketPlace, FolderPlace, Held, Lock, LockedError
from ops.outputs import Outputs
from ops.plan import Plan

SPARE = 3600  # seconds that a lock holds beyond the plan's own limits


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

    def lines(self, run: str) -> Lines:
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
        return sorted(prefix.split("/")[1] for prefix in prefixes)

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


class WallClock:
    """The time of ops/clock.py; an interrupt takes effect in `sleep` and between calls."""

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

        before = signal.signal(signal.SIGINT, stop)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)


@dataclass(frozen=True)
class Runner:
    """Carries plans out on a target. `clock` may be simulated; `watcher` draws."""

    target: Target
    clock: Clock
    watcher: Watcher
    actions: Actions
    settle: float = 60

    def start(self, plan: Plan, expect: str | None = None) -> str:
        """Carries a new plan out; returns its run. Errors as `finish`."""
        if expect is not None and expect != plan.digest:
            raise UsageError(
                f"--expect is {expect}, the plan is now {plan.digest}: look at it again",
                f"{plan.command} --dry-run",
            )
        self.target.check_account()
        engine = self._engine(plan.run)
        self._lock(plan)
        return self._finish(plan, engine, lambda: engine.start(plan))

    def resume(self, run: str) -> str:
        """Carries an unfinished run on, the way it was going."""
        engine = self._known(run)
        return self._finish(engine.plan, engine, engine.resume)

    def undo(self, run: str) -> str:
        """Turns a run back."""
        engine = self._known(run)
        if engine.journal.ended is not None and engine.journal.ended.data == "done":
            raise UsageError(
                f"run {run!r} is done, only one that is on its way can be undone",
                f"ops runs show {run}",
            )
        return self._finish(engine.plan, engine, engine.undo, wanted="undone")

    def _known(self, run: str) -> Engine:
        engine = self._engine(run)
        if not engine.journal.records:
            raise UsageError(f"there is no run {run!r}", "ops runs list")
        self.target.check_account()
        if engine.journal.ended is None:
            self._lock(engine.plan)
        return engine

    def _engine(self, run: str) -> Engine:
        journal = Journal(self.target.lines(run))
        return Engine(self.actions, journal, self.clock, self.watcher, self.settle)

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
                f"{error}, until {until}", "ops lock show", "ops lock break"
            ) from None

    def _finish(
        self, plan: Plan, engine: Engine, go: Callable[[], Literal["done", "undone"]],
        wanted: str = "done",
    ) -> str:  # fmt: skip
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
        except KeyboardInterrupt:
            raise InterruptedRunError(going_on(engine), resume, undo) from None
        except OpsError as error:
            error.advice = (*error.advice, resume, undo)
            raise
        finally:
            if not in_flight(engine):
                self.target.lock().free(plan.run)
        if outcome == "undone" and wanted == "done":
            raise RolledBackError(f"{plan.command} failed and was undone: {engine.reason}")
        return plan.run


def in_flight(engine: Engine) -> tuple[str, ...]:
    """Steps that AWS may be at: called, and their goal not seen."""
    journal = engine.journal
    if journal.ended is not None:
        return ()
    names = dict.fromkeys(r.step for r in journal.records if r.event in ("intent", "sent"))
    return tuple(name for name in names if journal.last(name, "done") is None)


def going_on(engine: Engine) -> str:
    """What goes on in AWS when a run is stopped, for a person."""
    going = in_flight(engine)
    if not going:
        return "stopped between two steps: nothing of this run goes on in AWS"
    return f"stopped here; in AWS goes on: {', '.join(going)}"
