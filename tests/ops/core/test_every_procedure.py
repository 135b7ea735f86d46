"""Every changing procedure: killed anywhere it is done once, and undone whole.

Here is a spread sample of the kills, where each procedure has its turn (procedures/__init__.py);
test_every_procedure_killed.py has all of them. What is asked of AWS's answers is in
test_every_procedure_refused.py.
"""

import pytest
from pydantic import JsonValue

from ops.core.engine import Engine
from ops.core.journal import Journal
from ops.core.plan import Action
from tests.ops.matrices import (
    LAG,
    World,
    explored,
    nothing,
    some,
    started,
    world,
)
from tests.ops.outcome_checks import Tell, killed_and_resumed, killed_and_undone, same
from tests.ops.procedures import Procedure, at_once, by_turns, procedures

every = pytest.mark.parametrize("procedure", procedures(), ids=lambda p: p.id)


def carried_out(of: World) -> Engine:
    """The procedure, undisturbed."""
    engine = of.engine(nothing)
    assert started(engine, of.plan) == of.procedure.outcome
    return engine


@pytest.mark.parametrize("procedure", at_once())
def test_each_goal_is_not_met_before_its_call(procedure: Procedure) -> None:
    """A goal that holds beforehand proves nothing: a call whose goal it is was made for each."""
    with world(procedure) as of:
        engine = carried_out(of)
        called = {r.step for r in engine.journal.records if r.event == "intent"}
        reached = {r.step for r in engine.journal.records}
        changing = {s.name for s in of.plan.steps if s.action != s.goal.read} - procedure.already
        assert called >= changing & reached
        if procedure.outcome == "done":
            assert changing <= reached
            back = {step.name for step in engine.list_undo_steps()}
            engine.undo()
            undone = {r.step for r in Journal(engine.journal.store).records if r.event == "intent"}
            assert undone >= back - procedure.already


@pytest.mark.exhaustive
@every
def test_reads_change_nothing(procedure: Procedure) -> None:
    """Why kills before and after a read are one: whatever is read twice, the end is the same."""

    def go(engine: Engine) -> str:
        return started(engine, of.plan)

    with world(procedure) as of:
        (once,) = explored(of, (go,), lambda *_: False)
    with world(procedure) as of:
        act = of.act

        def twice(action: Action, seen: dict[str, JsonValue]) -> JsonValue:
            if action.model_dump_json() in of.reads:
                act(action, seen)
            return act(action, seen)

        of.act = twice  # type: ignore[method-assign]
        (doubled,) = explored(of, (go,), lambda *_: False)
    assert once.ended is not None
    same(procedure, doubled, once.ended)


@pytest.mark.matrix
@pytest.mark.parametrize("procedure", by_turns(0, 10))
def test_killed_somewhere_it_is_done_once(procedure: Procedure, record_property: Tell) -> None:
    killed_and_resumed(procedure, LAG, some(procedure, (11, 13)), record_property)


@pytest.mark.matrix
@pytest.mark.parametrize("procedure", by_turns(2, 10))
def test_killed_somewhere_it_is_undone_whole(procedure: Procedure, record_property: Tell) -> None:
    with world(procedure) as of:
        undoable = any(step.undo for step in of.plan.steps)
    if undoable:  # of the others nothing is undone, which takes long to see
        killed_and_undone(procedure, 0, some(procedure, (13, 11)), record_property)
