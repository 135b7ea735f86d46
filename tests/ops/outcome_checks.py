"""What must come of a procedure that is killed, resumed, undone or refused: see matrices.py."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final, TypeAlias

from ops.core.engine import Engine
from ops.core.plan import Plan, step_and_undos
from tests.ops.matrices import (
    IsKillPoint,
    KillCase,
    RunOutcome,
    explore_kills,
    open_kill_world,
    start_or_resume,
    undo_started_run,
)
from tests.ops.procedures import Procedure

IN_DOUBT_PREFIX: Final = "in doubt: "
# Name and value of what a test did, for the summary at the end of all tests.
RecordProperty: TypeAlias = Callable[[str, object], None]


def check_killed_and_resumed(
    procedure: Procedure, lag: float, is_kill_point: IsKillPoint, record_property: RecordProperty
) -> None:
    """Killed, resumed, killed, resumed: it ends as undisturbed, and nothing is done twice."""
    with open_kill_world(procedure, lag) as kill_world:

        def start_or_resume_run(engine: Engine) -> str:
            return start_or_resume(engine, kill_world.plan)

        undisturbed, *killed_cases = explore_kills(
            kill_world,
            (start_or_resume_run, start_or_resume_run, start_or_resume_run),
            is_kill_point,
        )
    expected = undisturbed.outcome
    assert expected is not None
    assert expected.result == procedure.outcome
    for case in killed_cases:
        require_same_outcome(procedure, case, expected)
    record_matrix_counts(record_property, procedure, killed_cases)


def check_killed_and_undone(
    procedure: Procedure, lag: float, is_kill_point: IsKillPoint, record_property: RecordProperty
) -> None:
    """Killed anywhere, turned back, and killed again on the way: as if killed once."""
    with open_kill_world(procedure, lag, facts=procedure.collect_undone_facts) as kill_world:

        def start_or_resume_run(engine: Engine) -> str:
            return start_or_resume(engine, kill_world.plan)

        _, *killed_cases = explore_kills(
            kill_world, (start_or_resume_run, undo_started_run, undo_started_run), is_kill_point
        )
    outcomes_by_first_kill = {
        case.kills[0]: case.outcome for case in killed_cases if len(case.kills) == 1
    }
    for case in killed_cases:
        outcome = outcomes_by_first_kill[case.kills[0]]
        assert outcome is not None
        if case.outcome is None:
            continue
        assert outcome.result in ("undone", "nothing") or outcome.result.startswith(
            IN_DOUBT_PREFIX
        ), case.kills
        # What is on its way may come to its end, or be taken back by AWS itself, before the undo.
        assert len(set(case.outcome.changes)) == len(case.outcome.changes), case
        require_same_outcome(procedure, case, replace(outcome, changes=case.outcome.changes))
    record_matrix_counts(record_property, procedure, killed_cases)


def check_refused_and_undone(
    procedure: Procedure,
    step: str,
    lag: float,
    is_kill_point: IsKillPoint,
    record_property: RecordProperty,
) -> None:
    """A step that AWS refuses: what came before is undone, however often that is killed."""
    with open_kill_world(procedure, lag, refused_step=step) as kill_world:

        def start_or_resume_run(engine: Engine) -> str:
            return start_or_resume(engine, kill_world.plan)

        undisturbed, *killed_cases = explore_kills(
            kill_world,
            (start_or_resume_run, start_or_resume_run, start_or_resume_run),
            is_kill_point,
        )
    expected = undisturbed.outcome
    assert expected is not None
    assert expected.result == "undone"
    for case in killed_cases:
        require_same_outcome(procedure, case, expected)
    record_matrix_counts(record_property, procedure, killed_cases)


def list_refusable_steps(plan: Plan, procedure: Procedure) -> list[str]:
    """The steps whose call AWS may refuse on the way forward alone, by name.

    A call that is also what takes another back would be refused on the way back as well.
    """
    undo_actions = [
        part.action for step in plan.steps for part in step_and_undos(step) if part is not step
    ]
    steps = {
        step.name
        for step in plan.steps
        if step.action != step.goal.read and step.action not in undo_actions
    }
    return sorted(steps - procedure.steps_maybe_done)


def require_same_outcome(procedure: Procedure, case: KillCase, expected: RunOutcome) -> None:
    """It ended as wanted; or in doubt of a step that cannot be repeated, called once at most."""
    if case.outcome is None:
        return
    changes = tuple(
        change
        for number, change in enumerate(case.outcome.changes)
        if change not in procedure.repeated_steps or change not in case.outcome.changes[:number]
    )
    if replace(case.outcome, changes=changes) == expected:
        return
    if not case.outcome.result.startswith(IN_DOUBT_PREFIX):
        raise AssertionError(f"killed at {case.kills}: {case.outcome}, wanted {expected}")
    step = case.outcome.result.removeprefix(IN_DOUBT_PREFIX)
    assert step in procedure.doubtful_steps, f"killed at {case.kills}: {case.outcome.result}"
    assert case.outcome.changes.count(step) <= 1, f"killed at {case.kills}: {case.outcome}"


def record_matrix_counts(
    record_property: RecordProperty, procedure: Procedure, killed_cases: list[KillCase]
) -> None:
    """Says what was tried, for the summary."""
    kills = sum(case.kill_count for case in killed_cases)
    states = sum(case.outcome is not None for case in killed_cases)
    record_property("matrix", (procedure.id, kills, states))
