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

from ops.core.engine import MAX_ATTEMPTS, Engine, InDoubtError, StepFailedError, StillRunningError
from ops.core.errors import DeniedError, OutcomeUnknownError
from ops.core.journal import Journal
from ops.core.plan import Action, Call, Plan, Step, Wait

SIZE, STATUS = "DBInstances[0].DBInstanceClass", "DBInstances[0].DBInstanceStatus"


class KilledError(BaseException):
    """The process is gone."""


@dataclass
class World:
    """One database with its snapshots. Changes show `lag` seconds late and take `takes`."""

    lag: float = 0
    takes: float = 40
    breaks: bool = False
    time: float = 1000
    size: str = "small"
    modified: int = 0
    snapshots: dict[str, float] = field(default_factory=dict)
    changes: list[tuple[float, str]] = field(default_factory=list)

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds

    def act(self, action: Action, seen: dict[str, JsonValue]) -> JsonValue:
        assert isinstance(action, Call)
        return getattr(self, action.operation)(**action.params)  # type: ignore[no-any-return]

    def describe_db_instances(self) -> JsonValue:
        size, status = "small", "available"
        for at, to in self.changes:
            if self.time >= at + self.lag:
                status = "modifying" if self.time < at + self.takes else "available"
                if self.breaks and to == "large" and status == "available":
                    status = "failed"
                size = to if status == "available" else size
        return {"DBInstances": [{"DBInstanceClass": size, "DBInstanceStatus": status}]}

    def modify_db_instance(self, to: str) -> JsonValue:
        self.modified += 1
        self.changes.append((self.time, to))
        return {}

    def create_db_snapshot(self, name: str) -> JsonValue:
        if name in self.snapshots:
            return {}  # the call lists "already exists" as an answer
        self.snapshots[name] = self.time
        return {}

    def describe_db_snapshots(self, name: str) -> JsonValue:
        at = self.snapshots.get(name)
        if at is None or self.time < at + self.lag:
            return {}
        return {"Status": "available" if self.time > at + self.takes else "creating"}

    def facts(self) -> tuple[str, list[str], int]:
        self.time += 10_000
        seen = json.dumps(self.describe_db_instances())
        return ("large" if "large" in seen else "small", list(self.snapshots), self.modified)


@dataclass
class Lines:
    """A journal's lines, and a fuse that kills at the n-th touch of the journal or of AWS."""

    left: int = 10**9
    kept: list[str] = field(default_factory=list)

    def touch(self) -> None:
        self.left -= 1
        if self.left == 0:
            raise KilledError

    def append(self, index: int, line: str) -> None:
        self.touch()
        assert index == len(self.kept)
        self.kept.append(line)
        self.touch()

    def read(self) -> Sequence[str]:
        return self.kept


def modify(name: str, to: str, *undo: Step) -> Step:
    goal = Wait(
        read=Call(api="rds.describe_db_instances"),
        met={STATUS: "available", SIZE: to},
        failed={STATUS: ["failed"]} if name == "resize" else {},
        begun={STATUS: "modifying"},
        every=15,
    )
    do = Call(api="rds.modify_db_instance", params={"to": to})
    return Step(name=name, description=f"make it {to}", action=do, goal=goal, undo=undo)


def resize() -> Plan:
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
    steps = (save, modify("resize", "large", modify("back", "small")))
    return Plan(run="run-1", kind="db resize", stack="s", account="1", region="r", steps=steps)


def engine(world: World, lines: Lines) -> Engine:
    def act(action: Action, seen: dict[str, JsonValue]) -> JsonValue:
        lines.touch()
        answer = world.act(action, seen)
        lines.touch()
        return answer

    return Engine(act, Journal(lines), world, settle_seconds=60)


def carry_on(world: World, lines: Lines) -> str:
    """What a person does after a kill: resume what was written down, or start anew."""
    lines.left = 10**9
    fresh = engine(world, lines)
    return fresh.resume() if lines.kept else fresh.start(resize())


def kill_points(world: World) -> int:
    lines = Lines()
    engine(world, lines).start(resize())
    return 10**9 - lines.left


@pytest.mark.parametrize("lag", [0, pytest.param(50, marks=pytest.mark.exhaustive)])
def test_killed_at_any_two_points_it_is_done_once(lag: float) -> None:
    last = kill_points(World(lag=lag))
    assert last > 20
    cases = 0
    for first in range(1, last + 1):
        for second in range(last + 1):
            world, lines = World(lag=lag), Lines(first)
            with suppress(KilledError):
                engine(world, lines).start(resize())
            if second and lines.kept:
                lines.left = second
                with suppress(KilledError):
                    engine(world, lines).resume()
            assert carry_on(world, lines) == "done"
            assert world.facts() == ("large", ["before-r1"], 1), (first, second)
            cases += 1
    assert cases == last * (last + 1)


@pytest.mark.parametrize("lag", [0, 50])
def test_a_known_failure_is_undone_even_when_the_undo_is_killed(lag: float) -> None:
    last = kill_points(World(lag=lag, breaks=True))
    for first in range(1, last + 1):
        world, lines = World(lag=lag, breaks=True), Lines(first)
        with suppress(KilledError):
            engine(world, lines).start(resize())
        assert carry_on(world, lines) == "undone"
        size, snapshots, modified = world.facts()
        assert (size, snapshots) == ("small", ["before-r1"]), first
        assert modified == 2, first


def test_a_person_can_turn_a_run_back_and_it_never_turns_forward_again() -> None:
    world, lines = World(), Lines(12)
    with suppress(KilledError):
        engine(world, lines).start(resize())
    lines.left = 10**9
    assert engine(world, lines).undo() == "undone"
    assert engine(world, lines).resume() == "undone"
    assert world.facts()[0] == "small"


def test_what_still_is_wrong_when_the_time_is_over_may_be_a_failure_and_is_undone() -> None:
    world, lines = World(takes=10_000), Lines()
    plan = resize()
    save = plan.steps[0]
    late = save.goal.model_copy(update={"late": {"Status": ["creating"]}})
    steps = (save.model_copy(update={"goal": late}), *plan.steps[1:])
    on = engine(world, lines)
    assert on.start(plan.model_copy(update={"steps": steps})) == "undone"
    assert "'creating', wanted 'available'" in on.reason
    late = save.goal.model_copy(update={"late": {"Status": ["broken"]}})
    steps = (save.model_copy(update={"goal": late}), *plan.steps[1:])
    with pytest.raises(StillRunningError):
        engine(World(takes=10_000), Lines()).start(plan.model_copy(update={"steps": steps}))


def test_a_time_out_is_not_a_failure_and_a_resume_looks_again() -> None:
    world, lines = World(takes=10_000), Lines()
    with pytest.raises(StillRunningError, match="save: Status is 'creating', wanted 'available'"):
        engine(world, lines).start(resize())
    assert not Journal(lines).is_undoing
    world.takes = 40
    assert carry_on(world, lines) == "done"


def test_what_may_have_happened_and_cannot_be_repeated_is_left_to_a_person() -> None:
    step = modify("resize", "large")
    once = step.model_copy(update={"do": step.action.model_copy(update={"repeatable": False})})
    plan = resize().model_copy(update={"steps": (once,)})
    world, lines = World(), Lines(6)  # dies between the intent and the call
    with suppress(KilledError):
        engine(world, lines).start(plan)
    assert Journal(lines).records[-1].event == "intent"
    lines.left = 10**9
    with pytest.raises(InDoubtError, match="resize"):
        engine(world, lines).resume()


def test_a_throttled_read_stops_and_is_never_taken_for_absence() -> None:
    world, lines = World(), Lines()

    def throttled(action: Action, seen: dict[str, JsonValue]) -> JsonValue:
        raise TimeoutError("Throttling")

    with pytest.raises(TimeoutError):
        Engine(throttled, Journal(lines), world).start(resize())
    assert (world.snapshots, world.modified) == ({}, 0)


def test_a_goal_met_beforehand_calls_nothing_and_is_not_undone() -> None:
    world, lines = World(), Lines()
    world.changes.append((0, "large"))
    assert engine(world, lines).start(resize()) == "done"
    assert world.modified == 1 - 1
    assert all(r.event != "intent" for r in Journal(lines).records if r.step == "resize")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"name": "save"}, "two steps are called save"),
        ({"do": Call(api="a.b", refs={"X": "later.Y"})}, "refers to later.Y, no earlier step"),
        ({"do": Call(api="a.b", refs={"X": "save.[?a]"})}, "may be names and indices"),
        (
            {"goal": Wait(read=Call(api="secretsmanager.get_secret_value"), met={"a": 1})},
            "would journal what secretsmanager.get_secret_value answers",
        ),
        ({"goal": Wait(read=Call(api="a.b"), met={})}, "waits for nothing"),
    ],
)
def test_an_unsound_plan_is_refused_when_it_is_made(change: dict[str, object], says: str) -> None:
    save, other = resize().steps
    fields = {
        name: getattr(resize(), name) for name in ("run", "kind", "stack", "account", "region")
    }
    with pytest.raises(ValidationError, match=says.replace("[", r"\[")):
        Plan(**fields, steps=(save, other.model_copy(update=change)))


def test_the_hash_is_of_what_is_done_and_not_of_the_run() -> None:
    plan = resize()
    again = Plan.model_validate_json(plan.model_dump_json().replace("run-1", "run-2"))
    assert again.digest == plan.digest
    assert plan.model_copy(update={"steps": plan.steps[:1]}).digest != plan.digest


def test_a_failure_says_what_was_seen_and_what_was_wanted() -> None:
    world, lines = World(breaks=True), Lines()
    assert engine(world, lines).start(resize()) == "undone"
    assert "DBInstanceStatus is 'failed'" in engine(world, lines).reason
    assert isinstance(StepFailedError(), Exception)


def second(same: dict[str, str]) -> Plan:
    """The resize, and a step that is done when it sees what the first one saw."""
    save, resize_ = resize().steps
    wanted = Wait(
        read=Call(api="rds.describe_db_instances"), met={STATUS: "available"}, same_as=same
    )
    changed = resize_.model_copy(update={"goal": wanted, "name": "compare", "undo": ()})
    fields = {
        name: getattr(resize(), name) for name in ("run", "kind", "stack", "account", "region")
    }
    return Plan(**fields, steps=(save, resize_, changed))


def test_a_goal_can_be_what_an_earlier_step_saw() -> None:
    world = World()
    assert engine(world, Lines()).start(second({SIZE: f"resize.{SIZE}"})) == "done"


def test_what_an_earlier_step_did_not_see_is_never_met() -> None:
    world = World()
    with pytest.raises(StillRunningError, match=r"wanted 'what resize\.None was'"):
        engine(world, Lines()).start(second({"DBInstances[0].None": "resize.None"}))


def test_a_comparison_with_no_earlier_step_is_refused() -> None:
    with pytest.raises(ValidationError, match=r"compares .* with later\.Size, no earlier"):
        second({SIZE: "later.Size"})


def test_a_run_that_is_done_can_be_undone_and_is_not_over_meanwhile() -> None:
    world, lines = World(), Lines()
    engine(world, lines).start(resize())
    lines.left = 10
    with suppress(KilledError):
        engine(world, lines).undo()
    assert Journal(lines).end_record is None
    lines.left = 10**9
    assert engine(world, lines).resume() == "undone"
    assert world.facts()[0] == "small"
    assert engine(world, lines).undo() == "undone"


def test_a_change_whose_answer_is_lost_is_looked_for_and_not_sent_again() -> None:
    world, lines = World(), Lines()
    lost = iter([True])

    def act(action: Action, seen: dict[str, JsonValue]) -> JsonValue:
        answer = world.act(action, seen)
        if isinstance(action, Call) and action.operation.startswith("modify") and next(lost, False):
            raise OutcomeUnknownError("no answer")
        return answer

    assert Engine(act, Journal(lines), world).start(resize()) == "done"
    assert world.facts() == ("large", ["before-r1"], 1)


def test_a_change_that_is_lost_before_it_arrives_is_sent_again_so_many_times() -> None:
    world, lines, sent = World(), Lines(), 0

    def act(action: Action, seen: dict[str, JsonValue]) -> JsonValue:
        nonlocal sent
        if isinstance(action, Call) and action.operation.startswith("modify"):
            sent += 1
            raise OutcomeUnknownError("no answer")
        return world.act(action, seen)

    with pytest.raises(OutcomeUnknownError):
        Engine(act, Journal(lines), world).start(resize())
    assert (sent, world.modified) == (MAX_ATTEMPTS, 0)
    assert engine(world, lines).resume() == "done"


def test_a_call_that_is_known_to_have_no_effect_leaves_no_doubt() -> None:
    step = modify("resize", "large")
    once = step.model_copy(update={"do": step.action.model_copy(update={"repeatable": False})})
    plan = resize().model_copy(update={"steps": (once,)})
    world, lines = World(), Lines()

    def act(action: Action, seen: dict[str, JsonValue]) -> JsonValue:
        if isinstance(action, Call) and action.operation.startswith("modify"):
            raise DeniedError("rds.modify_db_instance was denied")
        return world.act(action, seen)

    with pytest.raises(DeniedError):
        Engine(act, Journal(lines), world).start(plan)
    assert Journal(lines).records[-1].event == "failed"
    assert engine(world, lines).resume() == "done"
    assert world.modified == 1
