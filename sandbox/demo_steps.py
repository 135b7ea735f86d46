"""The demo's steps on a stack: commands that a person would type, each in its own process.

While some of them run, a client uses the stack and reports what it observed. One is killed midway,
like by a laptop's closed lid.
"""

import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, Protocol

from ops.core.clock import CLOCK_VARIABLE
from ops.core.journal import Journal
from ops.core.run_context import StackContext
from ops.runs.report import RunReport, build_run_report
from sandbox.clients.observation import ClientObservation
from sandbox.clock import get_sandbox_clock
from sandbox.pausing_clock import PausingClock
from sandbox.program import PROJECT_ROOT

if TYPE_CHECKING:
    from sandbox.running_stack import RunningStack

ClientKind = Literal["writer", "asker"]
STEP_LIMIT_SECONDS: Final = 900  # real seconds until one command is stopped


@dataclass(frozen=True)
class DemoStep:
    """One command line after `ops` and its expected end; RUN stands for the newest run.

    With `killed_at` the process is killed as soon as that text is on standard error. `client` is
    the client that uses the stack meanwhile.
    """

    title: str
    line: str
    code: int = 0
    killed_at: str | None = None
    client: ClientKind | None = None


@dataclass(frozen=True)
class DemoStepResult:
    """Its result. `simulated` are seconds on the sandbox's clock."""

    act: DemoStep
    line: str
    code: int
    out: str
    err: str
    simulated: float
    runs: tuple[RunReport, ...]
    seen: ClientObservation | None = None

    @property
    def expected_code(self) -> int:
        """The exit code of its expected end; -9 if it is killed."""
        return -9 if self.act.killed_at else self.act.code

    @property
    def as_meant(self) -> bool:
        """True if it ended as expected."""
        return self.code == self.expected_code


class ObservingClient(Protocol):
    """A client that uses the stack until the end of a block."""

    def get_observation(self) -> ClientObservation:
        """Its observation, after it has ended."""


ClientOpener = Callable[[ClientKind], AbstractContextManager[ObservingClient]]


@dataclass
class DemoRunner:
    """A running stack, its clients, and access to its journals."""

    running_stack: "RunningStack"
    context: StackContext
    open_client: ClientOpener
    run_ids: list[str] = field(default_factory=list)

    def run_steps(self, steps: Sequence[DemoStep]) -> Iterator[DemoStepResult]:
        """Runs the acts, one after the other."""
        self.run_ids = self.context.list_runs()
        for step in steps:
            yield self._run_step(step)

    def _run_step(self, step: DemoStep) -> DemoStepResult:
        line = (
            step.line.replace("RUN", self._get_newest_run_id()) if "RUN" in step.line else step.line
        )
        start_time = get_sandbox_clock().now()
        with self.open_client(step.client) if step.client else nullcontext() as client:
            exit_code, stdout, stderr = self._run_ops_line(line, step.killed_at)
        elapsed = get_sandbox_clock().now() - start_time
        observation = client.get_observation() if client is not None else None
        new_run_ids = [run_id for run_id in self.context.list_runs() if run_id not in self.run_ids]
        named_run_ids = [run_id for run_id in self.run_ids if run_id in line]
        self.run_ids += new_run_ids
        if observation is not None:
            for run_id in new_run_ids:
                self._add_run_note(run_id, observation)
        reports = tuple(self._build_report(run_id) for run_id in (*new_run_ids, *named_run_ids))
        return DemoStepResult(
            step,
            line,
            exit_code,
            stdout,
            stderr,
            elapsed.total_seconds(),
            reports,
            observation,
        )

    def _run_ops_line(self, line: str, killed_at: str | None) -> tuple[int, str, str]:
        command = [sys.executable, "-m", "ops", *shlex.split(line)]
        with _lend_clock() as (variables, descriptors):
            process = subprocess.Popen(
                command,
                cwd=PROJECT_ROOT,
                env={**self.running_stack.environment, **variables},
                text=True,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                pass_fds=descriptors,
            )
        if killed_at is None:
            stdout, stderr = process.communicate(timeout=STEP_LIMIT_SECONDS)
            return process.returncode, stdout, stderr
        assert process.stderr is not None
        stderr_text = ""
        for stderr_line in process.stderr:
            stderr_text += stderr_line
            if killed_at in stderr_line:
                process.kill()
        stdout, _ = process.communicate(timeout=STEP_LIMIT_SECONDS)
        return process.returncode, stdout, stderr_text

    def _get_newest_run_id(self) -> str:
        return max(self.run_ids, key=lambda run_id: self._build_report(run_id).began)

    def _build_report(self, run_id: str) -> RunReport:
        return build_run_report(Journal(self.context.get_journal_store(run_id)))

    def _add_run_note(self, run_id: str, observation: ClientObservation) -> None:
        self._run_ops_line(shlex.join(["runs", "note", run_id, observation.line()]), None)


@contextmanager
def _lend_clock() -> Iterator[tuple[dict[str, str], tuple[int, ...]]]:
    """The variables and descriptors of a process that holds a pausing clock while it computes."""
    current_clock = get_sandbox_clock()
    if not isinstance(current_clock, PausingClock):
        yield {}, ()
        return
    with current_clock.lend_to_process() as (value, descriptor):
        yield {CLOCK_VARIABLE: value}, (descriptor,)
