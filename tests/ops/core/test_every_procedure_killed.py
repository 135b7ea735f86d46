"""All kills of every changing procedure: at each point, and at each two points, one after another.

With reads that show at once and with reads that lag; forward, on the way back that somebody asked
for, and on the way back after a step that AWS refuses.
"""

import pytest

from ops.core.plan import step_and_undos
from tests.ops.matrices import (
    READ_LAG_SECONDS,
    build_kill_points,
    is_not_late_poll,
    open_kill_world,
)
from tests.ops.outcome_checks import (
    RecordProperty,
    check_killed_and_resumed,
    check_killed_and_undone,
    check_refused_and_undone,
)
from tests.ops.procedures import Procedure, list_procedures

pytestmark = [
    pytest.mark.exhaustive,
    pytest.mark.matrix,
    pytest.mark.parametrize("procedure", list_procedures(), ids=lambda p: p.id),
    pytest.mark.parametrize("lag", [0, READ_LAG_SECONDS], ids=["at once", "late"]),
]


def test_killed_at_any_two_points_it_is_done_once(
    procedure: Procedure, lag: float, record_property: RecordProperty
) -> None:
    check_killed_and_resumed(procedure, lag, build_kill_points(procedure), record_property)


def test_killed_anywhere_and_on_the_way_back_it_is_undone_whole(
    procedure: Procedure, lag: float, record_property: RecordProperty
) -> None:
    choose = build_kill_points(procedure) if procedure.is_long else is_not_late_poll
    check_killed_and_undone(procedure, lag, choose, record_property)


def test_a_step_that_is_refused_is_undone_whole_however_often_killed(
    procedure: Procedure, lag: float, record_property: RecordProperty
) -> None:
    with open_kill_world(procedure) as of:
        # One that is also what takes another back would be refused on the way back as well.
        back = [
            part.action
            for step in of.plan.steps
            for part in step_and_undos(step)
            if part is not step
        ]
        steps = {
            step.name
            for step in of.plan.steps
            if step.action != step.goal.read and step.action not in back
        }
    for step in sorted(steps - procedure.steps_maybe_done):
        check_refused_and_undone(
            procedure, step, lag, build_kill_points(procedure), record_property
        )
