"""What the demo does with a stack: lines that a person would type, each a process of its own.

While some of them run, a client goes on using the stack, and tells what it saw of it. One is
killed on its way, as a laptop's lid would.
"""

import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, Protocol

from ops.core.journal import Journal
from ops.core.run import Target
from ops.runs.report import Report, report
from sandbox.clients.observation import Seen
from sandbox.program import ROOT

if TYPE_CHECKING:
    from sandbox.running_stack import Up

Who = Literal["writer", "asker"]
LIMIT: Final = 120  # seconds of the wall that one line may take


@dataclass(frozen=True)
class Act:
    """One line after `ops`, RUN in it being the newest run, and how it must end.

    With `killed_at` the process is killed as soon as it says so on standard error. `client` is
    who goes on using the stack meanwhile.
    """

    title: str
    line: str
    code: int = 0
    killed_at: str | None = None
    client: Who | None = None


@dataclass(frozen=True)
class Acted:
    """What came of it. `simulated` are seconds on the sandbox's clock."""

    act: Act
    line: str
    code: int
    out: str
    err: str
    simulated: float
    runs: tuple[Report, ...]
    seen: Seen | None = None

    @property
    def as_meant(self) -> bool:
        """Whether it ended as it must."""
        return self.code == (-9 if self.act.killed_at else self.act.code)


class Client(Protocol):
    """Somebody who uses the stack until the end of a block."""

    def seen(self) -> Seen:
        """What it saw, once it has ended."""


Using = Callable[[Who], AbstractContextManager[Client]]


@dataclass
class Stage:
    """A stack that is up, with the clients that may use it and a look into its journals."""

    it: "Up"
    target: Target
    using: Using
    known: list[str] = field(default_factory=list)

    def play(self, acts: Sequence[Act]) -> Iterator[Acted]:
        """Carries the acts out, one after the other."""
        self.known = self.target.runs()
        for act in acts:
            yield self._act(act)

    def _act(self, act: Act) -> Acted:
        line = act.line.replace("RUN", self._newest()) if "RUN" in act.line else act.line
        began = time.monotonic()
        with self.using(act.client) if act.client else nullcontext() as client:
            code, out, err = self._typed(line, act.killed_at)
        took = time.monotonic() - began
        seen = client.seen() if client is not None else None
        fresh = [run for run in self.target.runs() if run not in self.known]
        named = [run for run in self.known if run in line]
        self.known += fresh
        if seen is not None:
            for run in fresh:
                self._note(run, seen)
        reports = tuple(self._report(run) for run in (*fresh, *named))
        return Acted(act, line, code, out, err, took * self.it.factor, reports, seen)

    def _typed(self, line: str, killed_at: str | None) -> tuple[int, str, str]:
        command = [sys.executable, "-m", "ops", *shlex.split(line)]
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=self.it.environment,
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        if killed_at is None:
            out, err = process.communicate(timeout=LIMIT)
            return process.returncode, out, err
        assert process.stderr is not None
        said = ""
        for heard in process.stderr:
            said += heard
            if killed_at in heard:
                process.kill()
        out, _ = process.communicate(timeout=LIMIT)
        return process.returncode, out, said

    def _newest(self) -> str:
        return max(self.known, key=lambda run: self._report(run).began)

    def _report(self, run: str) -> Report:
        return report(Journal(self.target.lines(run)))

    def _note(self, run: str, seen: Seen) -> None:
        self._typed(shlex.join(["runs", "note", run, seen.line()]), None)
