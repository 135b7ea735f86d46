"""What must come of a procedure that is killed, resumed, undone or refused: see matrices.py."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final, TypeAlias

from ops.core.engine import Engine
from tests.ops.matrices import Case, Choice, Ended, explored, started, turned, world
from tests.ops.procedures import Procedure

DOUBT: Final = "in doubt: "
# Name and value of what a test did, for the summary at the end of all tests.
Tell: TypeAlias = Callable[[str, object], None]


def killed_and_resumed(procedure: Procedure, lag: float, choose: Choice, tell: Tell) -> None:
    """Killed, resumed, killed, resumed: it ends as undisturbed, and nothing is done twice."""
    with world(procedure, lag) as of:

        def go(engine: Engine) -> str:
            return started(engine, of.plan)

        undisturbed, *killed = explored(of, (go, go, go), choose)
    wanted = undisturbed.ended
    assert wanted is not None
    assert wanted.how == procedure.outcome
    for case in killed:
        same(procedure, case, wanted)
    told(tell, procedure, killed)


def killed_and_undone(procedure: Procedure, lag: float, choose: Choice, tell: Tell) -> None:
    """Killed anywhere, turned back, and killed again on the way: as if killed once."""
    with world(procedure, lag, facts=procedure.undone) as of:

        def go(engine: Engine) -> str:
            return started(engine, of.plan)

        _, *killed = explored(of, (go, turned, turned), choose)
    once = {case.kills[0]: case.ended for case in killed if len(case.kills) == 1}
    for case in killed:
        ended = once[case.kills[0]]
        assert ended is not None
        if case.ended is None:
            continue
        assert ended.how in ("undone", "nothing") or ended.how.startswith(DOUBT), case.kills
        # What is on its way may come to its end, or be taken back by AWS itself, before the undo.
        assert len(set(case.ended.changes)) == len(case.ended.changes), case
        same(procedure, case, replace(ended, changes=case.ended.changes))
    told(tell, procedure, killed)


def refused_and_undone(
    procedure: Procedure, step: str, lag: float, choose: Choice, tell: Tell
) -> None:
    """A step that AWS refuses: what came before is undone, however often that is killed."""
    with world(procedure, lag, refused=step) as of:

        def go(engine: Engine) -> str:
            return started(engine, of.plan)

        undisturbed, *killed = explored(of, (go, go, go), choose)
    wanted = undisturbed.ended
    assert wanted is not None
    assert wanted.how == "undone"
    for case in killed:
        same(procedure, case, wanted)
    told(tell, procedure, killed)


def same(procedure: Procedure, case: Case, wanted: Ended) -> None:
    """It ended as wanted; or in doubt of a step that cannot be repeated, called once at most."""
    if case.ended is None or case.ended == wanted:
        return
    if not case.ended.how.startswith(DOUBT):
        raise AssertionError(f"killed at {case.kills}: {case.ended}, wanted {wanted}")
    step = case.ended.how.removeprefix(DOUBT)
    assert step in procedure.doubts, f"killed at {case.kills}: {case.ended.how}"
    assert case.ended.changes.count(step) <= 1, f"killed at {case.kills}: {case.ended}"


def told(tell: Tell, procedure: Procedure, killed: list[Case]) -> None:
    """Says what was tried, for the summary."""
    kills = sum(case.stands_for for case in killed)
    states = sum(case.ended is not None for case in killed)
    tell("matrix", (procedure.id, kills, states))
