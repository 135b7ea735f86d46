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
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from pydantic import JsonValue

from ops.core.actions import Actions
from ops.core.engine import Engine, InDoubtError, evaluate
from ops.core.errors import RefusedError
from ops.core.journal import Journal
from ops.core.plan import Action, Plan, step_and_undos
from tests.ops.forks import Fork, apart
from tests.ops.procedures import Procedure
from tests.ops.stage import Stage, stage

WRITER: Final = re.compile('"writer":"[^"]*"')
LAG: Final = 50.0  # seconds; an engine's reads may be stale for 60 after a write
AT_ONCE: Final = os.cpu_count() or 1
Go: TypeAlias = Callable[[Engine], str]
# Whether to kill: after so many kills, at this state of the run, at this poll of one wait.
Choice: TypeAlias = Callable[[int, int, int], bool]


@dataclass(frozen=True)
class Ended:
    """What is left of a world: how the run ended, its facts, the changes that AWS accepted."""

    how: str
    facts: str
    changes: tuple[str, ...]


@dataclass(frozen=True)
class Case:
    """Kills at these states, which stand for so many kills, and what was left.

    None where fewer kills leave the same state, so that it is known what comes of it.
    """

    kills: tuple[int, ...]
    stands_for: int
    ended: Ended | None


@dataclass
class World:
    """A stage with one procedure on it: what outlives a kill.

    With `lag`, whatever the plan reads is answered for so many seconds after a change as it was
    right before it. The call of the step `refused` is refused by AWS. `facts` are compared
    instead of the procedure's own.
    """

    on: Stage
    procedure: Procedure
    plan: Plan
    lag: float = 0
    refused: str | None = None
    facts: Callable[[Stage], object] | None = None
    lines: list[str] = field(default_factory=list)
    changes: list[str] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    known: frozenset[str] = frozenset()
    stale: dict[str, tuple[float, JsonValue]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._know(self.plan.fill())
        own = self.procedure
        self.actions = Actions(
            self.on.aws, own.sql and own.sql(self.on), own.shell and own.shell(self.on)
        )

    def _know(self, plan: Plan) -> None:
        """The actions of a plan, as its times are filled when it starts."""
        steps = [part for step in plan.steps for part in step_and_undos(step)]
        waits = [wait for step in steps for wait in (step.goal, step.ready) if wait]
        self.reads = {wait.read.model_dump_json(): wait.read for wait in waits}
        self.names = {step.action.model_dump_json(): step.name for step in steps}

    def state(self) -> tuple[int, int, float]:
        """What a kill leaves: where it is equal, nothing is different."""
        return len(self.lines), len(self.changes), self.on.clock.now()

    def key(self) -> str:
        """The same of any run, however it came there."""
        lines = [WRITER.sub("", line) for line in self.lines]
        whole = repr((lines, self.changes, self.times, self.on.clock.now()))
        return hashlib.sha256(whole.encode()).hexdigest()

    def act(self, action: Action, seen: dict[str, JsonValue]) -> JsonValue:
        """One action, late where reads lag."""
        key = action.model_dump_json()
        if key not in self.reads and key not in self.names:
            started = Journal(_Lines(self.lines, nothing)).plan
            assert started is not None
            self._know(started)
        if key in self.reads:
            return self._read(key, seen)
        name = self.names[key]
        if name == self.refused:
            raise RefusedError(f"{name}: InvalidParameterValue: refused by the test")
        if self.lag:
            before = {}
            for read in self.reads:
                with suppress(RefusedError):  # refers to what is not there yet
                    before[read] = self._read(read, seen)
            until = self.on.clock.now() + self.lag
        answer = self.actions(action, seen)
        if not (isinstance(answer, dict) and "answer" in answer):
            self.changes.append(name)
            self.times.append(self.on.clock.now())
            if self.lag:
                self.stale |= {read: (until, shown) for read, shown in before.items()}
        return answer

    def _read(self, key: str, seen: dict[str, JsonValue]) -> JsonValue:
        until, shown = self.stale.get(key, (0.0, None))
        return shown if self.on.clock.now() < until else self.actions(self.reads[key], seen)

    def engine(self, touch: Callable[[], None]) -> Engine:
        """A new process: it knows the journal's lines and nothing else."""

        def act(action: Action, seen: dict[str, JsonValue]) -> JsonValue:
            touch()
            answer = self.act(action, seen)
            touch()
            return answer

        return Engine(act, Journal(_Lines(self.lines, touch)), self.on.clock)

    def ended(self, go: Go, touch: Callable[[], None]) -> Ended:
        """Carries the run on in a new process to its end; what is left then."""
        try:
            how = go(self.engine(touch))
        except InDoubtError as doubt:
            return Ended(f"in doubt: {doubt}", "", tuple(self.changes))
        changes = tuple(self.changes)
        facts = repr((self.facts or self.procedure.facts)(self.on))
        if how == "undone":
            self._returned()
        return Ended(how, facts, changes)

    def _returned(self) -> None:
        """Whatever was changed and can be undone is as it was."""
        seen = Journal(_Lines(self.lines, nothing)).get_step_results()
        for step in self.plan.steps:
            for back in step.undo if step.name in self.changes else ():
                found = self.actions(back.goal.read, seen)
                assert evaluate(back.goal, found, seen) == "met", f"{step.name}: {found}"


@dataclass
class _Lines:
    kept: list[str]
    touch: Callable[[], None]

    def append(self, index: int, line: str) -> None:
        self.touch()
        assert index == len(self.kept), "a line was skipped"
        self.kept.append(line)
        self.touch()

    def read(self) -> Sequence[str]:
        return self.kept


@contextmanager
def world(
    procedure: Procedure,
    lag: float = 0,
    refused: str | None = None,
    facts: Callable[[Stage], object] | None = None,
) -> Iterator[World]:
    """A stage with what a procedure needs, and the procedure planned."""
    with stage() as on:
        procedure.build(on)
        yield World(on, procedure, procedure.plan(on), lag, refused, facts)


def started(engine: Engine, plan: Plan) -> str:
    """What a person does first, and again where not even the plan was written down."""
    return engine.resume() if engine.journal.records else engine.start(plan)


def turned(engine: Engine) -> str:
    """What a person does who wants it undone; there may be nothing yet, or it may be over."""
    if not engine.journal.records:
        return "nothing"
    return engine.undo()


def explored(of: World, ways: Sequence[Go], choose: Choice, *, again: bool = False) -> list[Case]:
    """The run killed wherever `choose(depth, state)` says so: itself, then each killed one.

    `ways` is what is done first, after the first kill, after the second; their number less one is
    how many kills there are. `again` carries out what is known as well. Facts move the clock, so
    whatever is run here is run in a child.
    """
    of.known = frozenset()
    if len(set(ways[1:])) == 1 and not again:
        of.known = apart(lambda: _states(of, ways[0]))
    return apart(lambda: _explored(of, ways, choose, 0))


def _states(of: World, go: Go) -> frozenset[str]:
    """What a kill of the undisturbed run may leave."""
    found = set()
    of.ended(go, lambda: found.add(of.key()))
    return frozenset(found)


def everywhere(_depth: int, _number: int, _poll: int) -> bool:
    """Kills at every point."""
    return True


SPARSE: Final = 5


def at_points(procedure: Procedure) -> Choice:
    """Kills at every point, of a long procedure for the second time at each fifth.

    Of the polls of a long one's waits it is killed at the first two, the fourth, the eighth and so
    on: they differ in nothing but the time that has passed. What is left out is not counted.
    """
    if not procedure.long:
        return everywhere
    seed = zlib.crc32(procedure.id.encode())

    def chosen(depth: int, number: int, poll: int) -> bool:
        few = poll <= 2 or poll & (poll - 1) == 0
        return few and (depth == 0 or (number + seed) % SPARSE == 0)

    return chosen


def but_late_polls(_depth: int, _number: int, poll: int) -> bool:
    """Kills at every point, but of the polls of one wait only at the first two and each fifth.

    They differ in nothing but the time that has passed: by what a state is, no line was written
    and nothing was changed between them. What is left out is not counted.
    """
    return poll <= 2 or poll % 5 == 0


def some(procedure: Procedure, every: tuple[int, ...]) -> Choice:
    """Kills at each so many-th point, from one that depends on the procedure.

    Of the polls of one wait hardly any: a restore has hundreds, which differ in the time alone.
    """
    seed = zlib.crc32(f"{procedure.command} {procedure.rest}".encode())

    def chosen(depth: int, number: int, poll: int) -> bool:
        return (poll <= 2 or poll % 50 == 0) and (number + seed) % every[depth] == 0

    return chosen


def _explored(of: World, ways: Sequence[Go], choose: Choice, depth: int) -> list[Case]:
    kills = _Kills(of, ways, choose, depth)
    ended = of.ended(ways[0], kills.touch if len(ways) > 1 else nothing)
    return [Case((), 1, ended), *kills.cases()]


class _Kills:
    """Forks at each state of a run."""

    def __init__(self, of: World, ways: Sequence[Go], choose: Choice, depth: int) -> None:
        self.of, self.ways, self.choose, self.depth = of, ways, choose, depth
        self.number, self.polls, self.last = 0, 0, (-1, -1, -1.0)
        self.killed: list[_Killed] = []

    def touch(self) -> None:
        state = self.of.state()
        if state == self.last:
            if self.killed and self.killed[-1].number == self.number:
                self.killed[-1].stands_for += 1
            return
        self.polls = self.polls + 1 if state[:2] == self.last[:2] else 0
        self.last, self.number = state, self.number + 1
        if self.choose(self.depth, self.number, self.polls):
            if self.depth and self.of.key() in self.of.known:
                self.killed.append(_Killed(self.number, None))
                return
            # The first kill's forks run side by side, each of them with one of its own at a time.
            at_once = AT_ONCE if self.depth == 0 else 1
            for killed in self.killed[: len(self.killed) + 1 - at_once]:
                if killed.fork:
                    killed.fork.wait()
            after = (self.of, self.ways[1:], self.choose, self.depth + 1)
            fork = Fork(lambda: _explored(*after))
            self.killed.append(_Killed(self.number, fork))

    def cases(self) -> Iterator[Case]:
        for killed in self.killed:
            for case in killed.fork.result() if killed.fork else [Case((), 1, None)]:
                kills = (killed.number, *case.kills)
                yield Case(kills, killed.stands_for * case.stands_for, case.ended)


@dataclass
class _Killed:
    number: int
    fork: Fork[list[Case]] | None
    stands_for: int = 1


def nothing() -> None:
    """Nobody kills here."""
