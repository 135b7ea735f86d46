"""Every changing procedure: killed anywhere it is done once, and undone whole.

Here is a spread sample of the kills, where each procedure has its turn (procedures/__init__.py);
test_every_procedure_killed.py has all of them, which take hours. What is asked of AWS's answers is
in test_every_procedure_refused.py.
"""

import sys
import tempfile
from pathlib import Path
from typing import Final

import pytest
from pydantic import JsonValue

from ops.core.engine import Engine
from ops.core.journal import Journal
from ops.core.plan import Action, Plan
from tests.ops.matrices import (
    READ_LAG_SECONDS,
    KillWorld,
    build_sparse_kill_points,
    do_nothing,
    explore_kills,
    open_kill_world,
    start_or_resume,
)
from tests.ops.outcome_checks import (
    RecordProperty,
    check_killed_and_resumed,
    check_killed_and_undone,
    check_refused_and_undone,
    list_refusable_steps,
    require_same_outcome,
)
from tests.ops.procedures import (
    Procedure,
    list_procedure_parameters,
    list_procedure_parameters_by_turn,
    list_procedures,
)

ROOT: Final = Path(__file__).parents[3]
every_procedure = pytest.mark.parametrize("procedure", list_procedures(), ids=lambda p: p.id)


def run_undisturbed(kill_world: KillWorld) -> Engine:
    """The procedure, undisturbed."""
    engine = kill_world.build_engine(do_nothing)
    assert start_or_resume(engine, kill_world.plan) == kill_world.procedure.outcome
    return engine


def require_no_local_path(plan: Plan) -> None:
    """A plan is the same on another machine: it names no folder and no interpreter of this one."""
    text = plan.model_dump_json()
    local_paths = {sys.executable, sys.prefix, str(ROOT), str(Path.home()), tempfile.gettempdir()}
    assert not [path for path in local_paths if len(path) > 1 and path in text]


@pytest.mark.parametrize("procedure", list_procedure_parameters())
def test_each_goal_is_not_met_before_its_call(procedure: Procedure) -> None:
    """A goal that holds beforehand proves nothing: a call whose goal it is was made for each."""
    with open_kill_world(procedure) as of:
        require_no_local_path(of.plan)
        engine = run_undisturbed(of)
        called = {r.step for r in engine.journal.records if r.event == "intent"}
        reached = {r.step for r in engine.journal.records}
        changing = {
            s.name for s in of.plan.steps if s.action != s.goal.read
        } - procedure.steps_maybe_done
        assert called >= changing & reached
        if procedure.outcome == "done":
            assert changing <= reached
            back = {step.name for step in engine.list_undo_steps()}
            engine.undo()
            undone = {r.step for r in Journal(engine.journal.store).records if r.event == "intent"}
            assert undone >= back - procedure.steps_maybe_done


@pytest.mark.exhaustive
@every_procedure
def test_reads_change_nothing(procedure: Procedure) -> None:
    """Why kills before and after a read are one: whatever is read twice, the end is the same."""

    def go(engine: Engine) -> str:
        return start_or_resume(engine, of.plan)

    with open_kill_world(procedure) as of:
        (once,) = explore_kills(of, (go,), lambda *_: False)
    with open_kill_world(procedure) as of:
        act = of.run_action

        def twice(action: Action, step_results: dict[str, JsonValue]) -> JsonValue:
            if action.model_dump_json() in of.reads_by_key:
                act(action, step_results)
            return act(action, step_results)

        of.run_action = twice  # type: ignore[method-assign]
        (doubled,) = explore_kills(of, (go,), lambda *_: False)
    assert once.outcome is not None
    require_same_outcome(procedure, doubled, once.outcome)


@pytest.mark.matrix
@pytest.mark.parametrize("procedure", list_procedure_parameters_by_turn(0, 10))
def test_a_procedure_killed_at_some_points_is_carried_out_once(
    procedure: Procedure, record_property: RecordProperty
) -> None:
    check_killed_and_resumed(
        procedure, READ_LAG_SECONDS, build_sparse_kill_points(procedure, (11, 13)), record_property
    )


@pytest.mark.matrix
@pytest.mark.parametrize("procedure", list_procedure_parameters_by_turn(2, 10))
def test_a_procedure_killed_at_some_points_is_undone_completely(
    procedure: Procedure, record_property: RecordProperty
) -> None:
    with open_kill_world(procedure) as of:
        undoable = any(step.undo for step in of.plan.steps)
    if undoable:  # of the others nothing is undone, which takes long to see
        check_killed_and_undone(
            procedure, 0, build_sparse_kill_points(procedure, (13, 11)), record_property
        )


@pytest.mark.exhaustive
@pytest.mark.matrix
@every_procedure
def test_a_procedure_refused_at_one_step_is_undone_despite_some_kills(
    procedure: Procedure, record_property: RecordProperty
) -> None:
    """The step is chosen by the procedure's seed: over all of them, early ones and late ones."""
    with open_kill_world(procedure) as of:
        steps = list_refusable_steps(of.plan, procedure)
    if steps:
        step = steps[procedure.seed % len(steps)]
        kill_points = build_sparse_kill_points(procedure, (13, 11))
        check_refused_and_undone(procedure, step, 0, kill_points, record_property)
