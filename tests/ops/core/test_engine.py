"""The engine, killed everywhere: done once, undone whole, never in between without saying so.

The world is a database that takes its time and whose reads lag behind its writes, the journal a
list that dies with each touch in turn. What is not covered here: the real AWS calls of a procedure
(each procedure's own tests) and the places where a journal is kept (test_journal.py).
"""

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import pytest
from pydantic import JsonValue, ValidationError

from ops.core.engine import MAX_ATTEMPTS, Engine, InDoubtError, StillRunningError
from ops.core.errors import DeniedError, OutcomeUnknownError
from ops.core.goal_evaluation import StepFailedError
from ops.core.journal import Journal
from ops.core.plan import Action, Call, Plan, SentRecord, Step, Wait

CLASS_PATH, STATUS_PATH = "DBInstances[0].DBInstanceClass", "DBInstances[0].DBInstanceStatus"


class SimulatedKillError(BaseException):
    """The process is gone."""


@dataclass
class FakeRds:
    """One database with its snapshots. Changes show `lag` seconds late and take `takes`."""

    lag: float = 0
    change_seconds: float = 40
    is_failing: bool = False
    time: float = 1000
    size: str = "small"
    modify_count: int = 0
    snapshots: dict[str, float] = field(default_factory=dict)
    changes: list[tuple[float, str]] = field(default_factory=list)

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds

    def run_action(self, action: Action, step_results: dict[str, JsonValue]) -> JsonValue:
        assert isinstance(action, Call)
        return getattr(self, action.operation)(**action.params)  # type: ignore[no-any-return]

    def describe_db_instances(self) -> JsonValue:
        size, status = "small", "available"
        for started, new_size in self.changes:
            if self.time >= started + self.lag:
                status = "modifying" if self.time < started + self.change_seconds else "available"
                if self.is_failing and new_size == "large" and status == "available":
                    status = "failed"
                size = new_size if status == "available" else size
        return {"DBInstances": [{"DBInstanceClass": size, "DBInstanceStatus": status}]}

    def modify_db_instance(self, to: str) -> JsonValue:
        self.modify_count += 1
        self.changes.append((self.time, to))
        return {}

    def create_db_snapshot(self, name: str) -> JsonValue:
        if name in self.snapshots:
            return {}  # the call lists "already exists" as an answer
        self.snapshots[name] = self.time
        return {}

    def describe_db_snapshots(self, name: str) -> JsonValue:
        started = self.snapshots.get(name)
        if started is None or self.time < started + self.lag:
            return {}
        return {"Status": "available" if self.time > started + self.change_seconds else "creating"}

    def collect_facts(self) -> tuple[str, list[str], int]:
        self.time += 10_000
        description = json.dumps(self.describe_db_instances())
        return (
            "large" if "large" in description else "small",
            list(self.snapshots),
            self.modify_count,
        )


@dataclass
class FusedLines:
    """A journal's lines, and a fuse that kills at the n-th touch of the journal or of AWS."""

    touches_left: int = 10**9
    lines: list[str] = field(default_factory=list)

    def touch(self) -> None:
        self.touches_left -= 1
        if self.touches_left == 0:
            raise SimulatedKillError

    def append(self, index: int, line: str) -> None:
        self.touch()
        assert index == len(self.lines)
        self.lines.append(line)
        self.touch()

    def read(self) -> Sequence[str]:
        return self.lines


def build_modify_step(name: str, new_size: str, *undo_steps: Step) -> Step:
    goal = Wait(
        read=Call(api="rds.describe_db_instances"),
        met={STATUS_PATH: "available", CLASS_PATH: new_size},
        failed={STATUS_PATH: ["failed"]} if name == "resize" else {},
        begun={STATUS_PATH: "modifying"},
        every=15,
    )
    action = Call(api="rds.modify_db_instance", params={"to": new_size})
    return Step(
        name=name, description=f"make it {new_size}", action=action, goal=goal, undo=undo_steps
    )


def build_fake_resize_plan() -> Plan:
    copy: dict[str, JsonValue] = {"name": "before-r1"}
    save = Step(
        name="save",
        description="take a snapshot",
        action=Call(
            api="rds.create_db_snapshot", params=copy, expected_errors=("DBSnapshotAlreadyExists",)
        ),
        goal=Wait(
            read=Call(api="rds.describe_db_snapshots", params=copy), met={"Status": "available"}
        ),
    )
    steps = (save, build_modify_step("resize", "large", build_modify_step("back", "small")))
    return Plan(run="run-1", kind="db resize", stack="s", account="1", region="r", steps=steps)


def build_fused_engine(world: FakeRds, lines: FusedLines) -> Engine:
    def run_touched_action(action: Action, step_results: dict[str, JsonValue]) -> JsonValue:
        lines.touch()
        answer = world.run_action(action, step_results)
        lines.touch()
        return answer

    return Engine(run_touched_action, Journal(lines), world, settle_seconds=60)


def resume_or_start(world: FakeRds, lines: FusedLines) -> str:
    """What a person does after a kill: resume what was written down, or start anew."""
    lines.touches_left = 10**9
    new_engine = build_fused_engine(world, lines)
    return new_engine.resume() if lines.lines else new_engine.start(build_fake_resize_plan())


def count_kill_points(world: FakeRds) -> int:
    lines = FusedLines()
    build_fused_engine(world, lines).start(build_fake_resize_plan())
    return 10**9 - lines.touches_left


@pytest.mark.parametrize("lag", [0, pytest.param(50, marks=pytest.mark.exhaustive)])
def test_a_run_killed_at_any_two_points_is_carried_out_once(lag: float) -> None:
    last = count_kill_points(FakeRds(lag=lag))
    assert last > 20
    cases = 0
    for first in range(1, last + 1):
        for second in range(last + 1):
            world, lines = FakeRds(lag=lag), FusedLines(first)
            with suppress(SimulatedKillError):
                build_fused_engine(world, lines).start(build_fake_resize_plan())
            if second and lines.lines:
                lines.touches_left = second
                with suppress(SimulatedKillError):
                    build_fused_engine(world, lines).resume()
            assert resume_or_start(world, lines) == "done"
            assert world.collect_facts() == ("large", ["before-r1"], 1), (first, second)
            cases += 1
    assert cases == last * (last + 1)


@pytest.mark.parametrize("lag", [0, 50])
def test_a_known_failure_is_undone_even_when_the_undo_is_killed(lag: float) -> None:
    last = count_kill_points(FakeRds(lag=lag, is_failing=True))
    for first in range(1, last + 1):
        world, lines = FakeRds(lag=lag, is_failing=True), FusedLines(first)
        with suppress(SimulatedKillError):
            build_fused_engine(world, lines).start(build_fake_resize_plan())
        assert resume_or_start(world, lines) == "undone"
        size, snapshots, modified = world.collect_facts()
        assert (size, snapshots) == ("small", ["before-r1"]), first
        assert modified == 2, first


def test_a_run_that_is_being_undone_is_never_resumed_forward() -> None:
    world, lines = FakeRds(), FusedLines(12)
    with suppress(SimulatedKillError):
        build_fused_engine(world, lines).start(build_fake_resize_plan())
    lines.touches_left = 10**9
    assert build_fused_engine(world, lines).undo() == "undone"
    assert build_fused_engine(world, lines).resume() == "undone"
    assert world.collect_facts()[0] == "small"


def test_a_step_that_fails_on_timeout_is_undone() -> None:
    world, lines = FakeRds(change_seconds=10_000), FusedLines()
    plan = build_fake_resize_plan()
    save = plan.steps[0]
    late = save.goal.model_copy(update={"failed_on_timeout": {"Status": ["creating"]}})
    steps = (save.model_copy(update={"goal": late}), *plan.steps[1:])
    stage = build_fused_engine(world, lines)
    assert stage.start(plan.model_copy(update={"steps": steps})) == "undone"
    assert "'creating', must be 'available'" in stage.reason
    late = save.goal.model_copy(update={"failed_on_timeout": {"Status": ["broken"]}})
    steps = (save.model_copy(update={"goal": late}), *plan.steps[1:])
    with pytest.raises(StillRunningError):
        build_fused_engine(FakeRds(change_seconds=10_000), FusedLines()).start(
            plan.model_copy(update={"steps": steps})
        )


def test_a_timeout_is_not_a_failure_and_a_resume_checks_again() -> None:
    world, lines = FakeRds(change_seconds=10_000), FusedLines()
    with pytest.raises(StillRunningError, match="save: Status is 'creating', must be 'available'"):
        build_fused_engine(world, lines).start(build_fake_resize_plan())
    assert not Journal(lines).is_undoing
    world.change_seconds = 40
    assert resume_or_start(world, lines) == "done"


def test_an_unrepeatable_call_with_unknown_outcome_is_left_to_the_operator() -> None:
    step = build_modify_step("resize", "large")
    once = step.model_copy(update={"action": step.action.model_copy(update={"repeatable": False})})
    plan = build_fake_resize_plan().model_copy(update={"steps": (once,)})
    world, lines = FakeRds(), FusedLines(6)  # dies between the intent and the call
    with suppress(SimulatedKillError):
        build_fused_engine(world, lines).start(plan)
    assert Journal(lines).records[-1].event == "intent"
    lines.touches_left = 10**9
    with pytest.raises(InDoubtError, match="resize"):
        build_fused_engine(world, lines).resume()


def test_a_throttled_read_stops_and_is_never_taken_for_absence() -> None:
    world, lines = FakeRds(), FusedLines()

    def throttled(action: Action, step_results: dict[str, JsonValue]) -> JsonValue:
        raise TimeoutError("Throttling")

    with pytest.raises(TimeoutError):
        Engine(throttled, Journal(lines), world).start(build_fake_resize_plan())
    assert (world.snapshots, world.modify_count) == ({}, 0)


def test_a_step_whose_goal_is_already_met_calls_nothing_and_is_not_undone() -> None:
    world, lines = FakeRds(), FusedLines()
    world.changes.append((0, "large"))
    assert build_fused_engine(world, lines).start(build_fake_resize_plan()) == "done"
    assert world.modify_count == 1 - 1
    assert all(r.event != "intent" for r in Journal(lines).records if r.step == "resize")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"name": "save"}, "two steps are called save"),
        ({"action": Call(api="a.b", refs={"X": "later.Y"})}, "refers to later.Y, no earlier step"),
        ({"action": Call(api="a.b", refs={"X": "save.[?a]"})}, "must be names and indices"),
        (
            {"goal": Wait(read=Call(api="secretsmanager.get_secret_value"), met={"a": 1})},
            "would journal what secretsmanager.get_secret_value answers",
        ),
        ({"goal": Wait(read=Call(api="a.b"), met={})}, "waits for nothing"),
    ],
)
def test_an_unsound_plan_is_refused_when_it_is_made(change: dict[str, object], says: str) -> None:
    save, other = build_fake_resize_plan().steps
    fields = {
        name: getattr(build_fake_resize_plan(), name)
        for name in ("run", "kind", "stack", "account", "region")
    }
    with pytest.raises(ValidationError, match=says.replace("[", r"\[")):
        Plan(**fields, steps=(save, other.model_copy(update=change)))


def test_the_hash_covers_the_steps_and_not_the_run_id() -> None:
    plan = build_fake_resize_plan()
    again = Plan.model_validate_json(plan.model_dump_json().replace("run-1", "run-2"))
    assert again.digest == plan.digest
    assert plan.model_copy(update={"steps": plan.steps[:1]}).digest != plan.digest


def test_a_failure_names_the_observed_and_the_expected_value() -> None:
    world, lines = FakeRds(is_failing=True), FusedLines()
    assert build_fused_engine(world, lines).start(build_fake_resize_plan()) == "undone"
    assert "DBInstanceStatus is 'failed'" in build_fused_engine(world, lines).reason
    assert isinstance(StepFailedError(), Exception)


def test_a_run_that_is_done_can_be_undone_and_is_not_over_meanwhile() -> None:
    world, lines = FakeRds(), FusedLines()
    build_fused_engine(world, lines).start(build_fake_resize_plan())
    lines.touches_left = 10
    with suppress(SimulatedKillError):
        build_fused_engine(world, lines).undo()
    assert Journal(lines).end_record is None
    lines.touches_left = 10**9
    assert build_fused_engine(world, lines).resume() == "undone"
    assert world.collect_facts()[0] == "small"
    assert build_fused_engine(world, lines).undo() == "undone"


def test_a_change_whose_answer_is_lost_is_verified_and_not_repeated() -> None:
    world, lines = FakeRds(), FusedLines()
    lost = iter([True])

    def act(action: Action, step_results: dict[str, JsonValue]) -> JsonValue:
        answer = world.run_action(action, step_results)
        if isinstance(action, Call) and action.operation.startswith("modify") and next(lost, False):
            raise OutcomeUnknownError("no answer")
        return answer

    assert Engine(act, Journal(lines), world).start(build_fake_resize_plan()) == "done"
    assert world.collect_facts() == ("large", ["before-r1"], 1)


def test_a_change_that_never_arrives_is_repeated_a_limited_number_of_times() -> None:
    world, lines, sent = FakeRds(), FusedLines(), 0

    def act(action: Action, step_results: dict[str, JsonValue]) -> JsonValue:
        nonlocal sent
        if isinstance(action, Call) and action.operation.startswith("modify"):
            sent += 1
            raise OutcomeUnknownError("no answer")
        return world.run_action(action, step_results)

    with pytest.raises(OutcomeUnknownError):
        Engine(act, Journal(lines), world).start(build_fake_resize_plan())
    assert (sent, world.modify_count) == (MAX_ATTEMPTS, 0)
    assert build_fused_engine(world, lines).resume() == "done"


def test_a_call_refused_without_effect_may_be_repeated() -> None:
    step = build_modify_step("resize", "large")
    once = step.model_copy(update={"action": step.action.model_copy(update={"repeatable": False})})
    plan = build_fake_resize_plan().model_copy(update={"steps": (once,)})
    world, lines = FakeRds(), FusedLines()

    def act(action: Action, step_results: dict[str, JsonValue]) -> JsonValue:
        if isinstance(action, Call) and action.operation.startswith("modify"):
            raise DeniedError("rds.modify_db_instance was denied")
        return world.run_action(action, step_results)

    with pytest.raises(DeniedError):
        Engine(act, Journal(lines), world).start(plan)
    assert Journal(lines).records[-1].event == "failed"
    assert build_fused_engine(world, lines).resume() == "done"
    assert world.modify_count == 1


def test_a_message_that_nothing_shows_is_sent_until_it_was_taken() -> None:
    """The goal of such a step is the journal's record: its answer, not that it was tried."""
    sent: list[str] = []

    def run_action(action: Action, _: object) -> JsonValue:
        assert isinstance(action, Call)
        sent.append(action.api)
        if len(sent) == 1:
            raise OutcomeUnknownError("the answer was lost")
        return {}

    step = Step(
        name="announce",
        description="announce it",
        action=Call(api="sns.publish"),
        goal=Wait(read=SentRecord(step="announce"), met={"sent": True}),
    )
    plan = Plan(
        run="incident-1",
        kind="incident open",
        stack="test",
        account="1",
        region="r",
        steps=(step,),
        only_records=True,
    )
    engine = Engine(run_action, Journal(FusedLines()), FakeRds())
    assert engine.start(plan) == "done"
    assert sent == ["sns.publish", "sns.publish"]
    assert engine.resume() == "done"
    assert len(sent) == 2
