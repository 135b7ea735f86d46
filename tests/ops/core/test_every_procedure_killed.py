"""Kills of every changing procedure: at each point, and at two points, one after another.

Forward, on the way back that somebody asked for, and on the way back after a step that AWS refuses.
Of these three each procedure has one or two with reads that show at once, the others with reads
that lag: which, follows from its seed. The second kill is at each fifth point, of plans of
very many steps at fewer (`Procedure.pair_interval`).
"""

from typing import Final

import pytest

from tests.ops.matrices import (
    READ_LAG_SECONDS,
    build_kill_points,
    open_kill_world,
)
from tests.ops.outcome_checks import (
    RecordProperty,
    check_killed_and_resumed,
    check_killed_and_undone,
    check_refused_and_undone,
    list_refusable_steps,
)
from tests.ops.procedures import Procedure, list_procedures

pytestmark = [pytest.mark.soak, pytest.mark.matrix]
LAGS: Final = (0, READ_LAG_SECONDS)


def parametrize_with_lag(turn: int) -> pytest.MarkDecorator:
    """Every procedure, with reads that lag or not."""
    parameters = [
        (procedure, LAGS[(procedure.seed + turn) % len(LAGS)]) for procedure in list_procedures()
    ]
    names = [f"{procedure.id}-{'late' if lag else 'at once'}" for procedure, lag in parameters]
    return pytest.mark.parametrize(("procedure", "lag"), parameters, ids=names)


@parametrize_with_lag(0)
def test_a_procedure_killed_at_any_two_points_is_carried_out_once(
    procedure: Procedure, lag: float, record_property: RecordProperty
) -> None:
    check_killed_and_resumed(procedure, lag, build_kill_points(procedure), record_property)


@parametrize_with_lag(1)
def test_a_procedure_killed_forward_and_in_its_undo_is_undone_completely(
    procedure: Procedure, lag: float, record_property: RecordProperty
) -> None:
    check_killed_and_undone(procedure, lag, build_kill_points(procedure), record_property)


@parametrize_with_lag(2)
def test_a_procedure_refused_at_a_step_is_undone_despite_kills(
    procedure: Procedure, lag: float, record_property: RecordProperty
) -> None:
    with open_kill_world(procedure) as of:
        steps = list_refusable_steps(of.plan, procedure)
    for step in steps:
        check_refused_and_undone(
            procedure, step, lag, build_kill_points(procedure), record_property
        )
