"""Every changing procedure once, as the tests that hold for all of them carry it out.

A module of this package is a noun; its `PROCEDURES` are that noun's. What is asked of each of
them (kills, throttles, denials, permissions, goals that do not hold beforehand) stands in
test_every_procedure.py and the like; what one of them does stands in the noun's own tests.
"""

import pkgutil
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Final

import pytest
from _pytest.mark import ParameterSet

from ops.core.actions import ShellRunner, SqlRunner
from ops.core.local_commands import Workstation
from ops.core.plan import Plan
from tests.ops.stage import Stage

ROOT: Final = Path(__file__).parents[3]


@dataclass(frozen=True)
class Procedure:
    """One way that a changing command goes: its world, its plan, and what must come of it.

    `command` is the command, like `db resize`, and `rest` what is typed behind it. `build` puts
    on a stage what is there beforehand, `plan` looks at it and plans (the same plan each time),
    `facts` are what must not differ between an undisturbed run and a killed one: no names with
    times, no generated ids. `outcome` is how it ends. `doubts` are the steps whose call cannot be
    repeated: killed right around such a call, the run may end in doubt, and has then called it at
    most once. `sql` gives what carries statements out, where the plan has any, `shell` what types.
    `repeated_steps` are sent again rather than not at all, as what is announced.
    `already` are steps that AWS may have brought about by itself by the time that they are due.
    `undone` are the facts of a run that was turned back, where some of `facts` depend on how far it
    had come by then. `is_long` is one of many polls or steps. The second kill of
    a pair is at each `pair_interval`-th point: the pairs grow with the square of the steps.
    """

    command: str
    arguments: str
    set_up: Callable[[Stage], None]
    build_plan: Callable[[Stage], Plan]
    collect_facts: Callable[[Stage], object]
    outcome: str = "done"
    doubtful_steps: frozenset[str] = field(default_factory=frozenset)
    repeated_steps: frozenset[str] = field(default_factory=frozenset)
    build_sql_runner: Callable[[Stage], SqlRunner] | None = None
    build_shell_runner: Callable[[Stage], ShellRunner] | None = None
    build_workstation: Callable[[Stage], Workstation] | None = None
    steps_maybe_done: frozenset[str] = field(default_factory=frozenset)
    collect_undone_facts: Callable[[Stage], object] | None = None
    is_long: bool = False
    pair_interval: int = 5

    def open_workstation(self, stage: Stage) -> Workstation:
        """What its local commands need of this machine."""
        return self.build_workstation(stage) if self.build_workstation else Workstation()

    @property
    def seed(self) -> int:
        """A number of its own, the same in every checkout and whatever procedures there are."""
        return zlib.crc32(self.id.replace(str(ROOT), "").encode())

    @property
    def id(self) -> str:
        """What a test of it is called."""
        return f"{self.command} {self.arguments}".strip()


def list_procedures() -> tuple[Procedure, ...]:
    """All of them, in the order of their nouns."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    modules = (import_module(f"{__name__}.{name}") for name in names)
    return tuple(
        procedure for module in modules for procedure in vars(module).get("PROCEDURES", ())
    )


def list_procedure_parameters_by_turn(turn: int, turn_count: int) -> list[ParameterSet]:
    """All of them as parameters; by their seeds one in `turn_count`, the others as exhaustive.

    Tests that take long share them: kills, throttles and lost answers, so that most procedures have
    their turn in one of them. Those that are long are the exhaustive tests' alone.
    """
    return _mark_by_turn(turn, turn_count, pytest.mark.exhaustive)


def list_matrix_parameters_by_turn(turn: int, turn_count: int) -> list[ParameterSet]:
    """All of them as parameters of a whole matrix: one in `turn_count` is exhaustive, others soak.

    Those that are long are the soak tests' alone.
    """
    return _mark_by_turn(turn, turn_count, pytest.mark.soak, pytest.mark.exhaustive)


def _mark_by_turn(
    turn: int, turn_count: int, mark_of_others: pytest.MarkDecorator, *marks: pytest.MarkDecorator
) -> list[ParameterSet]:
    return [
        pytest.param(
            procedure,
            marks=(mark_of_others,)
            if procedure.is_long or procedure.seed % turn_count != turn
            else marks,
            id=procedure.id,
        )
        for procedure in list_procedures()
    ]


def list_procedure_parameters() -> list[ParameterSet]:
    """All of them as parameters; the long ones as exhaustive."""
    marks = ((), (pytest.mark.exhaustive,))
    return [
        pytest.param(procedure, marks=marks[procedure.is_long], id=procedure.id)
        for procedure in list_procedures()
    ]
