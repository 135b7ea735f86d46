"""Every changing procedure while AWS throttles, fails, denies, or loses an answer.

The faults are below the clients (sandbox/faults.py), so that botocore's retries are real; their
pauses pass on the stage's clock. With all tests the procedures take turns; all of them are
the exhaustive tests'. Each case is carried out as a command does it: with the account
looked at, the lock taken, the journal in the bucket.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from unittest.mock import patch

import botocore.endpoint
import pytest
from botocore.retries.quota import RetryQuota

from ops.core.actions import Actions
from ops.core.aws import is_read_call
from ops.core.engine import SilentListener
from ops.core.errors import DeniedError, LockHeldError, OpsError, RolledBackError, ThrottledError
from ops.core.plan import Call, Plan, step_and_undos
from ops.core.run import Runner, StackContext, list_steps_in_flight
from sandbox import faults
from sandbox.faults import DeniedFault, Fault, LostAnswerFault, ThrottlingFault, UnavailableFault
from tests.ops.call_recorder import Recorded, recorded
from tests.ops.forks import apart
from tests.ops.procedures import Procedure, by_turns, procedures
from tests.ops.stage import REGION, Stage, stage

every = pytest.mark.parametrize("procedure", procedures(), ids=lambda p: p.id)


class Scene:
    """A procedure on a stage, with all that a command has."""

    def __init__(self, procedure: Procedure, on: Stage) -> None:
        self.procedure, self.on = procedure, on
        procedure.build(on)
        bucket = on.outputs.backups.operations_bucket
        s3 = on.client("s3")
        if bucket not in {b["Name"] for b in s3.list_buckets()["Buckets"]}:
            where = {"LocationConstraint": REGION}
            s3.create_bucket(Bucket=bucket, CreateBucketConfiguration=where)
        self.plan: Plan = procedure.plan(on)
        sql = procedure.sql(on) if procedure.sql else None
        shell = procedure.shell(on) if procedure.shell else None
        self.target = StackContext(on.outputs, on.aws)
        self.runner = Runner(self.target, on.clock, SilentListener(), Actions(on.aws, sql, shell))

    def start(self) -> str:
        return self.ended(lambda: self.runner.start(self.plan))

    def resume(self) -> str:
        """What the advice says; where nothing was written down yet, the command again."""
        if self.plan.run not in self.target.list_runs():
            return self.start()
        return self.ended(lambda: self.runner.resume(self.plan.run))

    def ended(self, go: Callable[[], str]) -> str:
        try:
            return go()
        except RolledBackError:
            return "undone"

    def facts(self) -> str:
        return repr(self.procedure.facts(self.on))

    def calls(self) -> tuple[str, ...]:
        """The operations of the plan, each once, those that change first."""
        actions = (
            a for s in self.plan.steps for p in step_and_undos(s) for a in (p.action, p.goal.read)
        )
        found = dict.fromkeys(meant(a) for a in actions if isinstance(a, Call))
        return tuple(sorted(found, key=is_read_call))

    def changing(self) -> tuple[str, ...]:
        """The operations of the steps that change anything on the way forward."""
        found = (meant(s.action) for s in self.plan.steps if isinstance(s.action, Call))
        return tuple(dict.fromkeys(api for api in found if not is_read_call(api)))


def meant(call: Call | Recorded) -> str:
    """An operation as faults have it: of its own object where journal and lock are objects too."""
    return f"{call.api} */{call.params['Key']}" if "Key" in call.params else call.api


@contextmanager
def scene(procedure: Procedure) -> Iterator[Scene]:
    with stage() as on:
        waiting = SimpleNamespace(time=on.clock.now, sleep=on.clock.sleep)
        # A process of its own has botocore's whole quota of retries; these share their clients.
        with (
            patch.object(botocore.endpoint, "time", waiting),
            patch.object(RetryQuota, "acquire", lambda _self, _amount: True),
        ):
            yield Scene(procedure, on)


def undisturbed(of: Scene) -> tuple[str, str, list[str]]:
    """How it ends and what is left, and which changes were sent."""

    def run() -> tuple[str, str, list[str]]:
        with recorded() as calls:
            ended = of.start()
        return ended, of.facts(), sent(of, calls)

    return apart(run)


def sent(of: Scene, calls: list[Recorded]) -> list[str]:
    changes = [c for c in calls if not is_read_call(c.api)]
    return sorted(c.api for c in changes if meant(c) in of.calls())


@pytest.mark.parametrize("procedure", by_turns(1, 10))
def test_a_fifth_throttled_and_a_fifth_failing_it_comes_to_its_end(procedure: Procedure) -> None:
    with scene(procedure) as of:
        ended, facts, _ = undisturbed(of)
        with faults.inject_faults(ThrottlingFault(0.2, seed=1), UnavailableFault(0.2, seed=2)):
            assert of.start() == ended
        assert of.facts() == facts


@pytest.mark.exhaustive
@every
def test_throttled_without_end_it_stops_and_can_be_resumed(procedure: Procedure) -> None:
    """Of each of its operations: never taken for "absent", and what was begun is finished later."""
    with scene(procedure) as of:
        ended, facts, _ = undisturbed(of)
        for api in of.calls():
            apart(lambda api=api: stopped(of, ThrottlingFault(apis=(api,)), api, ended, facts))  # type: ignore[misc]


@pytest.mark.parametrize("procedure", by_turns(0, 10))
def test_denied_it_says_what_and_gives_the_lock_back(procedure: Procedure) -> None:
    """Its last change denied, what came before has happened. All others, of all: below."""
    with scene(procedure) as of:
        ended, facts, _ = undisturbed(of)
        for api in of.changing()[-1:]:  # a plan of statements has none: test_sql.py
            stopped(of, DeniedFault((api,)), api, ended, facts)


@pytest.mark.exhaustive
@every
def test_each_operation_denied_it_says_which(procedure: Procedure) -> None:
    with scene(procedure) as of:
        ended, facts, _ = undisturbed(of)
        for api in of.calls():
            apart(lambda api=api: stopped(of, DeniedFault((api,)), api, ended, facts))  # type: ignore[misc]


@pytest.mark.exhaustive
@every
def test_denied_from_any_call_on_nothing_is_half_done_unnamed(procedure: Procedure) -> None:
    with scene(procedure) as of:
        ended, facts, _ = undisturbed(of)
        for skip in range(200):
            denied = DeniedFault(of.calls(), skip=skip)
            if apart(lambda denied=denied: stopped(of, denied, "", ended, facts)):  # type: ignore[misc]
                break
        else:
            raise AssertionError("it calls on and on")


def stopped(of: Scene, fault: Fault, api: str, ended: str, facts: str) -> bool:
    """Carries it out with a fault that stops it, judges what is said, and finishes it without.

    True where it was not stopped: that call is not made on this way, or has been answered.
    """
    kind = ThrottledError if isinstance(fault, ThrottlingFault) else DeniedError
    try:
        with faults.inject_faults(fault):
            assert of.start() == ended
    except kind as error:
        said(of, error, api)
    else:
        assert of.facts() == facts
        return True
    assert of.resume() == ended
    assert of.facts() == facts
    assert of.target.lock().find_record() is None
    return False


def said(of: Scene, error: OpsError, api: str) -> None:
    """The operation, how to go on and back, what is done; the lock is free if nothing goes on."""
    text = str(error)
    assert error.code == 1
    assert api.partition(" ")[0] in text
    run = of.plan.run
    assert error.advice[-2:] == (f"ops runs resume {run}", f"ops runs undo {run}")
    engine = of.runner.get_engine(run)
    done = [r.step for r in engine.journal.records if r.event == "done"]
    assert ("nothing is done so far" in text) != bool(done)
    assert all(step in text.partition("done so far: ")[2] for step in done)
    held = of.target.lock().find_record()
    assert (held is not None) == bool(list_steps_in_flight(engine))
    assert ("in AWS may go on" in text) == bool(held)


@pytest.mark.parametrize("procedure", by_turns(3, 10))
def test_an_answer_that_is_lost_is_looked_for_and_the_change_is_made_once(
    procedure: Procedure,
) -> None:
    with scene(procedure) as of:
        ended, facts, wanted = undisturbed(of)
        for api in of.changing():
            apart(lambda api=api: lost(of, LostAnswerFault((api,)), ended, facts, wanted))  # type: ignore[misc]


@pytest.mark.exhaustive
@every
def test_an_answer_of_the_journal_or_the_lock_that_is_lost_changes_nothing(
    procedure: Procedure,
) -> None:
    with scene(procedure) as of:
        ended, facts, wanted = undisturbed(of)
        for api in ("s3.put_object", "s3.delete_object"):
            for skip in range(12):
                fault = LostAnswerFault((api,), skip=skip)
                apart(lambda fault=fault: lost(of, fault, ended, facts, wanted))  # type: ignore[misc]


def lost(of: Scene, fault: LostAnswerFault, ended: str, facts: str, wanted: list[str]) -> None:
    with faults.inject_faults(fault), recorded() as calls:
        assert of.start() == ended
    assert sent(of, calls) == wanted
    assert of.facts() == facts
    assert of.target.lock().find_record() is None


def test_a_second_operator_is_refused_and_told_who_why_and_until_when() -> None:
    with scene(procedures()[0]) as of:
        of.runner._acquire_lock(
            of.plan.model_copy(update={"run": "first-run", "reason": "the release"})
        )
        with pytest.raises(LockHeldError) as refused:
            of.start()
        words = (
            r"\S+@\S+ holds the lock: the release \(run first-run\), until 20\d\d-\d\d-\d\d .* UTC"
        )
        assert re.fullmatch(words, str(refused.value))
        assert (refused.value.code, refused.value.advice) == (
            6,
            ("ops lock show", "ops lock break"),
        )
        assert of.plan.run not in of.target.list_runs()
