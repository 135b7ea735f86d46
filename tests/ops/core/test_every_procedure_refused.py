"""Every changing procedure while AWS throttles, fails, denies, or loses an answer.

The faults are below the clients (sandbox/faults.py), so that botocore's retries are real; their
pauses pass on the stage's clock. With all tests the procedures take turns; all of them are the
exhaustive tests' or, if a test has a case for each call, the soak tests'. Each case is carried out
as a command does it: with the account looked at, the lock taken, the journal in the bucket.
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
from ops.core.engine import InDoubtError, SilentListener
from ops.core.errors import DeniedError, LockHeldError, OpsError, RolledBackError, ThrottledError
from ops.core.plan import Call, Plan, step_and_undos
from ops.core.run import Runner, list_steps_in_flight
from ops.core.run_context import StackContext
from sandbox import faults
from sandbox.faults import DeniedFault, ThrottlingFault, UnavailableFault
from tests.ops.call_recorder import RecordedCall, record_calls
from tests.ops.forked_faults import (
    BeginningFault,
    FaultFromEachCall,
    FaultOfEachOperation,
    ForkedFault,
    ListFaults,
    LostAnswers,
)
from tests.ops.forks import run_in_fork, run_with_copies
from tests.ops.procedures import (
    Procedure,
    list_matrix_parameters_by_turn,
    list_procedure_parameters_by_turn,
    list_procedures,
)
from tests.ops.stage import REGION, Stage, open_stage


class ProcedureScene:
    """A procedure on a stage, with all that a command has."""

    def __init__(self, procedure: Procedure, stage: Stage) -> None:
        self.procedure, self.stage = procedure, stage
        procedure.set_up(stage)
        bucket = stage.outputs.backups.operations_bucket
        s3 = stage.client("s3")
        if bucket not in {b["Name"] for b in s3.list_buckets()["Buckets"]}:
            location = {"LocationConstraint": REGION}
            s3.create_bucket(Bucket=bucket, CreateBucketConfiguration=location)
        self.plan: Plan = procedure.build_plan(stage)
        sql = procedure.build_sql_runner(stage) if procedure.build_sql_runner else None
        shell = procedure.build_shell_runner(stage) if procedure.build_shell_runner else None
        self.context = StackContext(stage.outputs, stage.aws)
        self.runner = Runner(
            self.context,
            stage.clock,
            SilentListener(),
            Actions(stage.aws, sql, shell, procedure.open_workstation(stage), stage.clock.now),
        )

    def start(self) -> str:
        return self.get_outcome(lambda: self.runner.start(self.plan))

    def resume(self) -> str:
        """What the advice says; where nothing was written down yet, the command again."""
        if self.plan.run not in self.context.list_runs():
            return self.start()
        return self.get_outcome(lambda: self.runner.resume(self.plan.run))

    def get_outcome(self, run_procedure: Callable[[], str]) -> str:
        try:
            return run_procedure()
        except RolledBackError:
            return "undone"

    def collect_facts(self) -> str:
        return repr(self.procedure.collect_facts(self.stage))

    def list_operations(self) -> tuple[str, ...]:
        """The operations of the plan, each once, those that change first."""
        actions = (
            action
            for step in self.plan.steps
            for part in step_and_undos(step)
            for action in (part.action, part.goal.read)
        )
        operations = dict.fromkeys(
            format_operation(action) for action in actions if isinstance(action, Call)
        )
        return tuple(sorted(operations, key=is_read_call))

    def list_repeated_operations(self) -> tuple[str, ...]:
        """The operations of the steps that are sent again rather than not at all."""
        return tuple(
            format_operation(step.action)
            for step in self.plan.steps
            if step.name in self.procedure.repeated_steps and isinstance(step.action, Call)
        )

    def list_changing_operations(self) -> tuple[str, ...]:
        """The operations of the steps that change anything on the way forward."""
        operations = (
            format_operation(step.action)
            for step in self.plan.steps
            if isinstance(step.action, Call)
        )
        return tuple(dict.fromkeys(api for api in operations if not is_read_call(api)))


def format_operation(call: Call | RecordedCall) -> str:
    """An operation as faults have it: of its own object where journal and lock are objects too."""
    return f"{call.api} */{call.params['Key']}" if "Key" in call.params else call.api


@contextmanager
def open_scene(procedure: Procedure) -> Iterator[ProcedureScene]:
    with open_stage() as stage:
        stage_time = SimpleNamespace(time=stage.clock.now, sleep=stage.clock.sleep)
        # A process of its own has botocore's whole quota of retries; these share their clients.
        with (
            patch.object(botocore.endpoint, "time", stage_time),
            patch.object(RetryQuota, "acquire", lambda _self, _amount: True),
        ):
            yield ProcedureScene(procedure, stage)


def run_scene_undisturbed(procedure_scene: ProcedureScene) -> tuple[str, str, list[str]]:
    """How it ends and what is left, and which changes were sent."""

    def run_recorded() -> tuple[str, str, list[str]]:
        with record_calls() as calls:
            outcome = procedure_scene.start()
        return outcome, procedure_scene.collect_facts(), list_sent_changes(procedure_scene, calls)

    return run_in_fork(run_recorded)


def list_sent_changes(procedure_scene: ProcedureScene, calls: list[RecordedCall]) -> list[str]:
    changes = [change for change in calls if not is_read_call(change.api)]
    return sorted(
        change.api
        for change in changes
        if format_operation(change) in procedure_scene.list_operations()
    )


@pytest.mark.parametrize("procedure", list_procedure_parameters_by_turn(1, 10))
def test_a_procedure_survives_a_fifth_throttled_and_a_fifth_failing_calls(
    procedure: Procedure,
) -> None:
    with open_scene(procedure) as of:
        ended, facts, _ = run_scene_undisturbed(of)
        with faults.inject_faults(ThrottlingFault(0.2, seed=1), UnavailableFault(0.2, seed=2)):
            try:
                assert of.start() == ended
            except OpsError as error:
                require_doubtful_step(procedure, error)
                return
        assert of.collect_facts() == facts


def require_doubtful_step(procedure: Procedure, error: OpsError) -> None:
    """A call that must not be repeated may have taken effect though it failed; it says so."""
    doubt = error.__cause__
    assert isinstance(doubt, InDoubtError), error
    assert str(doubt) in procedure.doubtful_steps
    assert f"step {doubt} may have been sent" in str(error)


@pytest.mark.parametrize("procedure", list_matrix_parameters_by_turn(0, 8))
def test_a_procedure_throttled_without_end_stops_and_can_be_resumed(procedure: Procedure) -> None:
    """Of each of its operations: never taken for "absent", and what was begun is finished later."""
    with open_scene(procedure) as of:
        require_each_fault_harmless(
            of, FaultOfEachOperation(of.list_operations(), lambda api: ThrottlingFault(apis=(api,)))
        )


@pytest.mark.parametrize("procedure", list_procedure_parameters_by_turn(0, 10))
def test_a_procedure_with_a_denied_change_names_it_and_releases_the_lock(
    procedure: Procedure,
) -> None:
    """Its last change denied, what came before has happened. All others, of all: below."""
    with open_scene(procedure) as of:
        ended, facts, _ = run_scene_undisturbed(of)
        for api in of.list_changing_operations()[-1:]:  # a plan of statements has none: test_sql.py
            is_unaffected_by_fault(of, DeniedFault((api,)), ended, facts)


@pytest.mark.parametrize("procedure", list_matrix_parameters_by_turn(1, 8))
def test_each_denied_operation_of_a_procedure_is_named(procedure: Procedure) -> None:
    with open_scene(procedure) as of:
        require_each_fault_harmless(
            of, FaultOfEachOperation(of.list_operations(), lambda api: DeniedFault((api,)))
        )


@pytest.mark.parametrize("procedure", list_matrix_parameters_by_turn(2, 8))
def test_a_procedure_denied_from_any_call_on_names_all_it_has_half_done(
    procedure: Procedure,
) -> None:
    with open_scene(procedure) as of:
        require_each_fault_harmless(of, FaultFromEachCall(of.list_operations(), DeniedFault))


def require_each_fault_harmless(procedure_scene: ProcedureScene, list_faults: ListFaults) -> None:
    """Carries it out once, with each of these faults in a copy of the process."""
    outcome, facts, _ = run_scene_undisturbed(procedure_scene)
    *are_unaffected, _ = run_with_copies(
        lambda copy_process: is_unaffected_by_fault(
            procedure_scene, ForkedFault(copy_process, list_faults), outcome, facts
        )
    )
    assert are_unaffected or not procedure_scene.list_operations()


def is_unaffected_by_fault(
    procedure_scene: ProcedureScene, fault: DeniedFault | ForkedFault, outcome: str, facts: str
) -> bool:
    """Carries it out with a fault that stops it, judges what is said, and finishes it without.

    True where it was not stopped: that call is not made on this way, or has been answered.
    """
    try:
        with faults.inject_faults(fault):
            assert procedure_scene.start() == outcome
    except (ThrottledError, DeniedError) as error:
        active_fault = fault.active_fault if isinstance(fault, ForkedFault) else fault
        assert active_fault is not None
        require_useful_error(procedure_scene, error, active_fault)
    else:
        assert procedure_scene.collect_facts() == facts
        return True
    assert procedure_scene.resume() == outcome
    assert procedure_scene.collect_facts() == facts
    assert procedure_scene.context.lock().find_record() is None
    return False


def require_useful_error(
    procedure_scene: ProcedureScene, error: OpsError, fault: BeginningFault
) -> None:
    """The operation, how to go on and back, what is done; the lock is free if nothing goes on."""
    is_throttled = isinstance(fault, ThrottlingFault)
    assert isinstance(error, ThrottledError if is_throttled else DeniedError)
    text = str(error)
    assert error.code == 1
    assert any(api.partition(" ")[0] in text for api in fault.apis)
    run = procedure_scene.plan.run
    assert error.advice[-2:] == (f"ops runs resume {run}", f"ops runs undo {run}")
    engine = procedure_scene.runner.get_engine(run)
    done_steps = [record.step for record in engine.journal.records if record.event == "done"]
    assert ("nothing is done so far" in text) != bool(done_steps)
    assert all(step in text.partition("done so far: ")[2] for step in done_steps)
    lock_record = procedure_scene.context.lock().find_record()
    in_flight = bool(list_steps_in_flight(engine))
    # One that only writes records never has the lock.
    assert (lock_record is not None) == (in_flight and not procedure_scene.plan.only_records)
    assert ("in AWS may go on" in text) == in_flight


@pytest.mark.parametrize("procedure", list_procedure_parameters_by_turn(3, 10))
def test_a_change_whose_answer_is_lost_is_verified_and_made_once(
    procedure: Procedure,
) -> None:
    with open_scene(procedure) as of:
        require_lost_answers_harmless(of, LostAnswers(of.list_changing_operations(), calls=1))


@pytest.mark.parametrize("procedure", list_matrix_parameters_by_turn(3, 8))
def test_a_lost_answer_of_journal_or_lock_changes_no_outcome(
    procedure: Procedure,
) -> None:
    with open_scene(procedure) as of:
        assert require_lost_answers_harmless(
            of, LostAnswers(("s3.put_object", "s3.delete_object"), calls=12)
        )


def require_lost_answers_harmless(
    procedure_scene: ProcedureScene, lost_answers: LostAnswers
) -> int:
    """Carries it out once, with each lost answer in a copy of the process; how many there were."""
    outcome, facts, expected_changes = run_scene_undisturbed(procedure_scene)

    def require_harmless(copy_process: Callable[[], bool]) -> None:
        fault = ForkedFault(copy_process, lost_answers)
        with faults.inject_faults(fault), record_calls() as calls:
            assert procedure_scene.start() == outcome
        changes = list_sent_changes(procedure_scene, calls)
        for api in procedure_scene.list_repeated_operations():
            changes = [
                change
                for number, change in enumerate(changes)
                if change != api or change not in changes[:number]
            ]
        assert changes == expected_changes
        assert procedure_scene.collect_facts() == facts
        assert procedure_scene.context.lock().find_record() is None

    return len(run_with_copies(require_harmless)) - 1


def test_a_second_operator_is_refused_and_told_who_why_and_until_when() -> None:
    with open_scene(list_procedures()[0]) as of:
        of.runner._acquire_lock(
            of.plan.model_copy(update={"run": "first-run", "reason": "the release"})
        )
        with pytest.raises(LockHeldError) as refused:
            of.start()
        words = (
            r"\S+@\S+ holds the lock: the release \(run first-run\), until 20\d\d-\d\d-\d\d .* UTC"
            "; its process is at work"
        )
        assert re.fullmatch(words, str(refused.value))
        assert (refused.value.code, refused.value.advice) == (
            6,
            ("ops lock show", "ops lock break --reason REASON"),
        )
        assert of.plan.run not in of.context.list_runs()
