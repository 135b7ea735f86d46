"""Kills of a procedure at every point, at every two points, on its way back, and with late reads.

The procedure is carried out once. At each touch of AWS or of the journal the process is forked:
in the child it is killed there, as it were, and a new engine carries on with nothing but the
journal's lines, in the same world; the parent goes on undisturbed. A child forks at its own touches
for the second kill. So no world is built twice, and what lies before a kill is run once.

Two kills in a row are one and the same where between them no line was written, no call changed
anything and no time passed: the engine is gone with all that it knew, and what is left is the
same. Such kills (after a call, and before the line that says so) are carried out once and counted
each. That a read changes nothing is shown by `test_reads_change_nothing`.

Nor is a kill carried out again whose state another kill has left already: the same lines (but for
who wrote them), the same changes at the same times, the same time now. A run that is resumed after
a kill soon goes through the very states of the undisturbed one; killed there for the second time,
it is where a single kill would have left it. Such pairs are counted, and judged by the single one.
`test_a_pair_of_kills_may_be_a_single_one` carries them out all the same.
"""

import hashlib
import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from pydantic import JsonValue

from ops.core.actions import Actions
from ops.core.engine import Engine, InDoubtError
from ops.core.errors import RefusedError
from ops.core.goal_evaluation import evaluate
from ops.core.journal import Journal
from ops.core.plan import Action, Plan, SentRecord, step_and_undos
from tests.ops.forks import Fork, run_in_fork
from tests.ops.procedures import Procedure
from tests.ops.stage import Stage, open_stage

WRITER_PATTERN: Final = re.compile('"writer":"[^"]*"')
GROUP_ID_PATTERN: Final = re.compile("sg-[0-9a-f]{17}")
READ_LAG_SECONDS: Final = 50.0  # seconds; an engine's reads may be stale for 60 after a write
PARALLEL_FORKS: Final = os.cpu_count() or 1
RunProcess: TypeAlias = Callable[[Engine], str]
# Whether to kill: after so many kills, at this state of the run, at this poll of one wait.
IsKillPoint: TypeAlias = Callable[[int, int, int], bool]


@dataclass(frozen=True)
class RunOutcome:
    """What is left of a world: how the run ended, its facts, the changes that AWS accepted."""

    result: str
    facts: str
    changes: tuple[str, ...]


@dataclass(frozen=True)
class KillCase:
    """Kills at these states, which stand for so many kills, and what was left.

    None where fewer kills leave the same state, so that it is known what comes of it.
    """

    kills: tuple[int, ...]
    kill_count: int
    outcome: RunOutcome | None


@dataclass
class KillWorld:
    """A stage with one procedure on it: what outlives a kill.

    With `lag`, whatever the plan reads is answered for so many seconds after a change as it was
    right before it. The call of the step `refused` is refused by AWS. `facts` are compared
    instead of the procedure's own.
    """

    stage: Stage
    procedure: Procedure
    plan: Plan
    lag: float = 0
    refused_step: str | None = None
    facts: Callable[[Stage], object] | None = None
    journal_lines: list[str] = field(default_factory=list)
    changes: list[str] = field(default_factory=list)
    change_times: list[float] = field(default_factory=list)
    known_states: frozenset[str] = frozenset()
    stale_answers: dict[str, tuple[float, JsonValue]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._know(self.plan.fill())
        procedure = self.procedure
        self.actions = Actions(
            self.stage.aws,
            procedure.build_sql_runner and procedure.build_sql_runner(self.stage),
            procedure.build_shell_runner and procedure.build_shell_runner(self.stage),
            procedure.open_workstation(self.stage),
            self.stage.clock.now,
        )

    def _know(self, plan: Plan) -> None:
        """The actions of a plan, as its times are filled when it starts."""
        steps = [part for step in plan.steps for part in step_and_undos(step)]
        waits = [wait for step in steps for wait in (step.goal, step.ready) if wait]
        reads = [wait.read for wait in waits]
        reads += [wait.reports.read for wait in waits if wait.reports]
        self.reads_by_key = {
            read.model_dump_json(): read for read in reads if not isinstance(read, SentRecord)
        }
        self.names_by_action = {step.action.model_dump_json(): step.name for step in steps}

    def get_state(self) -> tuple[int, int, float]:
        """What a kill leaves: where it is equal, nothing is different."""
        return len(self.journal_lines), len(self.changes), self.stage.clock.now()

    def compute_state_key(self) -> str:
        """The same of any run, however it came there."""
        lines = [WRITER_PATTERN.sub("", line) for line in self.journal_lines]
        state_text = repr((lines, self.changes, self.change_times, self.stage.clock.now()))
        return hashlib.sha256(state_text.encode()).hexdigest()

    def run_action(self, action: Action, step_results: dict[str, JsonValue]) -> JsonValue:
        """One action, late where reads lag."""
        key = action.model_dump_json()
        if key not in self.reads_by_key and key not in self.names_by_action:
            started = Journal(_JournalLines(self.journal_lines, do_nothing)).plan
            assert started is not None
            self._know(started)
        if key in self.reads_by_key:
            return self._answer_read(key, step_results)
        name = self.names_by_action[key]
        if name == self.refused_step:
            raise RefusedError(f"{name}: InvalidParameterValue: refused by the test")
        if self.lag:
            answers_before = {}
            for read in self.reads_by_key:
                with suppress(RefusedError):  # refers to what is not there yet
                    answers_before[read] = self._answer_read(read, step_results)
            stale_until = self.stage.clock.now() + self.lag
        answer = self.actions(action, step_results)
        if not (isinstance(answer, dict) and "answer" in answer):
            self.changes.append(name)
            self.change_times.append(self.stage.clock.now())
            if self.lag:
                self.stale_answers |= {
                    read: (stale_until, stale_answer)
                    for read, stale_answer in answers_before.items()
                }
        return answer

    def _answer_read(self, key: str, step_results: dict[str, JsonValue]) -> JsonValue:
        stale_until, stale_answer = self.stale_answers.get(key, (0.0, None))
        return (
            stale_answer
            if self.stage.clock.now() < stale_until
            else self.actions(self.reads_by_key[key], step_results)
        )

    def build_engine(self, touch: Callable[[], None]) -> Engine:
        """A new process: it knows the journal's lines and nothing else."""

        def run_touched_action(action: Action, step_results: dict[str, JsonValue]) -> JsonValue:
            touch()
            answer = self.run_action(action, step_results)
            touch()
            return answer

        return Engine(
            run_touched_action, Journal(_JournalLines(self.journal_lines, touch)), self.stage.clock
        )

    def run_to_end(self, run_process: RunProcess, touch: Callable[[], None]) -> RunOutcome:
        """Carries the run on in a new process to its end; what is left then."""
        try:
            result = run_process(self.build_engine(touch))
        except InDoubtError as doubt:
            return RunOutcome(f"in doubt: {doubt}", "", tuple(self.changes))
        changes = tuple(self.changes)
        facts = number_groups(repr((self.facts or self.procedure.collect_facts)(self.stage)))
        if result == "undone":
            self._require_undone()
        return RunOutcome(result, facts, changes)

    def _require_undone(self) -> None:
        """Whatever was changed and can be undone is as it was."""
        step_results = Journal(_JournalLines(self.journal_lines, do_nothing)).get_step_results()
        for step in self.plan.steps:
            for undo_step in step.undo if step.name in self.changes else ():
                answer = self.actions(undo_step.goal.read, step_results)
                assert evaluate(undo_step.goal, answer, step_results) == "met", (
                    f"{step.name}: {answer}"
                )


@dataclass
class _JournalLines:
    lines: list[str]
    touch: Callable[[], None]

    def append(self, index: int, line: str) -> None:
        self.touch()
        assert index == len(self.lines), "a line was skipped"
        self.lines.append(line)
        self.touch()

    def read(self) -> Sequence[str]:
        return self.lines


@contextmanager
def open_kill_world(
    procedure: Procedure,
    lag: float = 0,
    refused_step: str | None = None,
    facts: Callable[[Stage], object] | None = None,
) -> Iterator[KillWorld]:
    """A stage with what a procedure needs, and the procedure planned."""
    with open_stage() as stage:
        procedure.set_up(stage)
        yield KillWorld(stage, procedure, procedure.build_plan(stage), lag, refused_step, facts)


def number_groups(facts: str) -> str:
    """Security groups by the order in which they are named: their ids are of each world alone."""
    ids = dict.fromkeys(GROUP_ID_PATTERN.findall(facts))
    numbers = {group_id: f"sg-{number}" for number, group_id in enumerate(ids, start=1)}
    return GROUP_ID_PATTERN.sub(lambda match: numbers[match[0]], facts)


def start_or_resume(engine: Engine, plan: Plan) -> str:
    """What a person does first, and again where not even the plan was written down."""
    return engine.resume() if engine.journal.records else engine.start(plan)


def undo_started_run(engine: Engine) -> str:
    """What a person does who wants it undone; there may be nothing yet, or it may be over."""
    if not engine.journal.records:
        return "nothing"
    return engine.undo()


def explore_kills(
    kill_world: KillWorld,
    processes: Sequence[RunProcess],
    is_kill_point: IsKillPoint,
    *,
    repeat_known: bool = False,
) -> list[KillCase]:
    """The run killed wherever `choose(depth, state)` says so: itself, then each killed one.

    `ways` is what is done first, after the first kill, after the second; their number less one is
    how many kills there are. `again` carries out what is known as well. Facts move the clock, so
    whatever is run here is run in a child.
    """
    kill_world.known_states = frozenset()
    if len(set(processes[1:])) == 1 and not repeat_known:
        kill_world.known_states = run_in_fork(
            lambda: _list_undisturbed_states(kill_world, processes[0])
        )
    return run_in_fork(lambda: _explore_at_depth(kill_world, processes, is_kill_point, 0))


def _list_undisturbed_states(kill_world: KillWorld, run_process: RunProcess) -> frozenset[str]:
    """What a kill of the undisturbed run may leave."""
    state_keys = set()
    kill_world.run_to_end(run_process, lambda: state_keys.add(kill_world.compute_state_key()))
    return frozenset(state_keys)


def is_any_point(_depth: int, _number: int, _poll: int) -> bool:
    """Kills at every point."""
    return True


def build_kill_points(procedure: Procedure) -> IsKillPoint:
    """Kills at every point, the second time at each so many-th, from one by the procedure's seed.

    Of the polls of one wait it is killed at the first two and at the fourth, the eighth and so on:
    they differ in nothing but the time that has passed. What is left out is not counted.
    """

    def is_chosen_point(depth: int, number: int, poll: int) -> bool:
        is_early_poll = poll <= 2 or poll & (poll - 1) == 0
        is_turn = depth == 0 or (number + procedure.seed) % procedure.pair_interval == 0
        return is_early_poll and is_turn

    return is_chosen_point


def build_sparse_kill_points(procedure: Procedure, intervals: tuple[int, ...]) -> IsKillPoint:
    """Kills at each so many-th point, from one that depends on the procedure.

    Of the polls of one wait hardly any: a restore has hundreds, which differ in the time alone.
    """
    seed = procedure.seed

    def is_chosen_point(depth: int, number: int, poll: int) -> bool:
        return (poll <= 2 or poll % 50 == 0) and (number + seed) % intervals[depth] == 0

    return is_chosen_point


def _explore_at_depth(
    kill_world: KillWorld, processes: Sequence[RunProcess], is_kill_point: IsKillPoint, depth: int
) -> list[KillCase]:
    kills = _KillForks(kill_world, processes, is_kill_point, depth)
    outcome = kill_world.run_to_end(processes[0], kills.touch if len(processes) > 1 else do_nothing)
    return [KillCase((), 1, outcome), *kills.list_cases()]


class _KillForks:
    """Forks at each state of a run."""

    def __init__(
        self,
        kill_world: KillWorld,
        processes: Sequence[RunProcess],
        is_kill_point: IsKillPoint,
        depth: int,
    ) -> None:
        self.kill_world, self.processes, self.is_kill_point, self.depth = (
            kill_world,
            processes,
            is_kill_point,
            depth,
        )
        self.number, self.polls, self.last_state = 0, 0, (-1, -1, -1.0)
        self.killed_runs: list[_KilledRun] = []

    def touch(self) -> None:
        state = self.kill_world.get_state()
        if state == self.last_state:
            if self.killed_runs and self.killed_runs[-1].number == self.number:
                self.killed_runs[-1].kill_count += 1
            return
        self.polls = self.polls + 1 if state[:2] == self.last_state[:2] else 0
        self.last_state, self.number = state, self.number + 1
        if self.is_kill_point(self.depth, self.number, self.polls):
            if self.depth and self.kill_world.compute_state_key() in self.kill_world.known_states:
                self.killed_runs.append(_KilledRun(self.number, None))
                return
            # The first kill's forks run side by side, each of them with one of its own at a time.
            fork_limit = PARALLEL_FORKS if self.depth == 0 else 1
            for killed_run in self.killed_runs[: len(self.killed_runs) + 1 - fork_limit]:
                if killed_run.fork:
                    killed_run.fork.wait()
            next_arguments = (
                self.kill_world,
                self.processes[1:],
                self.is_kill_point,
                self.depth + 1,
            )
            fork = Fork(lambda: _explore_at_depth(*next_arguments))
            self.killed_runs.append(_KilledRun(self.number, fork))

    def list_cases(self) -> Iterator[KillCase]:
        for killed_run in self.killed_runs:
            for case in killed_run.fork.result() if killed_run.fork else [KillCase((), 1, None)]:
                kills = (killed_run.number, *case.kills)
                yield KillCase(kills, killed_run.kill_count * case.kill_count, case.outcome)


@dataclass
class _KilledRun:
    number: int
    fork: Fork[list[KillCase]] | None
    kill_count: int = 1


def do_nothing() -> None:
    """Nobody kills here."""
