"""A step that only looks holds nobody up: the lock is given back before it waits."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pydantic import JsonValue

from ops.core.errors import InterruptedRunError, LockHeldError, OpsError, UsageError
from ops.core.journal import FolderJournalStore, Journal
from ops.core.lock import FolderLockStore, Lock, LockRecord
from ops.core.plan import Call, Plan, Step, Wait
from ops.core.run import Runner
from tests.ops.core.test_engine import FakeRds, build_modify_step
from tests.ops.core.test_reads_without_answer import NoticeListener

FILLED_AT = 3000.0  # second of the world at which a look sees what it waits for


@dataclass
class FillingWorld(FakeRds):
    """A database, and a volume that fills while `on_look` is told of every look at it."""

    on_look: Callable[[], None] = lambda: None

    def describe_volumes(self) -> JsonValue:
        self.on_look()
        return {"State": "filled" if self.time >= FILLED_AT else "filling"}


@dataclass
class FolderContext:
    """A stack whose journals and lock are in a folder."""

    folder: Path

    @property
    def protect(self) -> bool:
        return False

    def get_journal_store(self, run: str) -> FolderJournalStore:
        return FolderJournalStore(self.folder / "runs" / run)

    def lock(self) -> Lock:
        return Lock(FolderLockStore(self.folder))

    def lock_advice(self, run: str) -> tuple[str, ...]:
        return (f"ops runs resume {run}", "ops lock show")

    def check_account(self) -> None:
        """The account is right."""


@dataclass
class LookScene:
    world: FillingWorld
    context: FolderContext
    runner: Runner
    listener: NoticeListener
    plan: Plan

    def get_holder(self) -> str | None:
        record = self.context.lock().find_record()
        return record.run if record else None

    def take_lock_as_other(self, until: float) -> None:
        self.context.lock().acquire(
            LockRecord(
                holder="bob@elsewhere", run="other", reason="a deployment", since=0, until=until
            )
        )


def build_look(name: str = "warm") -> Step:
    read = Call(api="ec2.describe_volumes")
    goal = Wait(read=read, met={"State": "filled"}, failed={"State": ["broken"]}, every=60)
    return Step(name=name, description="see the volume filled", action=read, goal=goal)


@pytest.fixture
def scene(tmp_path: Path) -> LookScene:
    world, context = FillingWorld(), FolderContext(tmp_path)
    actions: Any = lambda action, results: world.run_action(action, results)  # noqa: E731
    any_context: Any = context
    listener = NoticeListener()
    runner = Runner(any_context, world, listener, actions)
    steps = (
        build_modify_step("resize", "large", build_modify_step("back", "small")),
        build_look(),
        build_modify_step("after", "medium"),
    )
    plan = Plan(run="run-1", kind="db resize", stack="s", account="1", region="r", steps=steps)
    return LookScene(world, context, runner, listener, plan)


def test_the_lock_is_held_for_changes_and_released_for_a_read_only_step(scene: LookScene) -> None:
    held: list[str | None] = []
    scene.world.on_look = lambda: held.append(scene.get_holder())
    held_by_change: list[str | None] = []
    modify = scene.world.modify_db_instance

    def modify_seen(to: str) -> JsonValue:
        held_by_change.append(scene.get_holder())
        return modify(to)

    scene.world.modify_db_instance = modify_seen  # type: ignore[method-assign]
    assert scene.runner.start(scene.plan) == "done"
    # the first look, which may find all in order, is still under the lock
    assert held[0] == "run-1"
    assert len(held) > 10
    assert set(held[1:]) == {None}
    assert held_by_change == ["run-1", "run-1"]
    assert scene.get_holder() is None


def test_an_interrupt_in_a_read_only_step_leaves_no_lock_and_says_so(
    scene: LookScene,
) -> None:
    def interrupt() -> None:
        if scene.world.time > 2000:
            raise KeyboardInterrupt

    scene.world.on_look = interrupt
    with pytest.raises(
        InterruptedRunError, match=r"while it only looked \(see the volume filled"
    ) as e:
        scene.runner.start(scene.plan)
    assert e.value.advice == ("ops runs resume run-1", "ops runs undo run-1")
    assert scene.get_holder() is None
    scene.world.on_look = lambda: None
    assert scene.runner.resume("run-1") == "done"
    assert scene.world.modify_count == 2


def test_a_lock_that_another_run_took_meanwhile_is_waited_for(scene: LookScene) -> None:
    def other_comes_and_goes() -> None:
        if scene.world.time > 2900 and scene.get_holder() is None:
            scene.take_lock_as_other(until=FILLED_AT + 300)

    scene.world.on_look = other_comes_and_goes
    assert scene.runner.start(scene.plan) == "done"
    (notice,) = scene.listener.notices
    assert "waiting for the lock, which was given back for a look: bob@elsewhere" in notice
    assert scene.world.changes[-1][0] > FILLED_AT + 300


def test_a_lock_that_another_run_keeps_stops_the_run_which_can_be_resumed(
    scene: LookScene,
) -> None:
    def other_comes() -> None:
        if scene.world.time > 2900 and scene.get_holder() is None:
            scene.take_lock_as_other(until=1e9)

    scene.world.on_look = other_comes
    with pytest.raises(LockHeldError, match=r"gave the lock back .* bob@elsewhere .*deploy") as e:
        scene.runner.start(scene.plan)
    assert e.value.code == 6
    assert "ops runs resume run-1" in e.value.advice
    assert scene.get_holder() == "other"
    assert scene.world.modify_count == 1
    scene.context.lock().release("other")
    scene.world.on_look = lambda: None
    assert scene.runner.resume("run-1") == "done"


def test_a_failed_read_only_step_takes_the_lock_again_for_the_undo(scene: LookScene) -> None:
    describe = scene.world.describe_volumes
    holders: list[str | None] = []
    modify = scene.world.modify_db_instance
    scene.world.describe_volumes = lambda: (  # type: ignore[method-assign]
        {"State": "broken"} if scene.world.time > 2000 else describe()
    )

    def modify_seen(to: str) -> JsonValue:
        holders.append(scene.get_holder())
        return modify(to)

    scene.world.modify_db_instance = modify_seen  # type: ignore[method-assign]
    with pytest.raises(OpsError, match="was undone"):
        scene.runner.start(scene.plan)
    assert holders == ["run-1", "run-1"]
    assert scene.get_holder() is None


def test_a_process_that_lost_its_run_keeps_the_new_owners_lock(scene: LookScene) -> None:
    """Both have the run's name in the lock: the one that stops must not give it back."""

    def another_process_resumes() -> None:
        if scene.world.time > 2900 and scene.get_holder() is None:
            journal = Journal(scene.context.get_journal_store("run-1"))
            journal.write_record("note", "run-1", scene.world.time, "carried on elsewhere")
            scene.context.lock().acquire(
                LockRecord(holder="bob@b", run="run-1", reason="resumed", since=0, until=1e9)
            )

    scene.world.on_look = another_process_resumes
    with pytest.raises(LockHeldError, match="somebody else carries run-1 on"):
        scene.runner.start(scene.plan)
    assert scene.get_holder() == "run-1"


def test_a_run_id_that_repeats_starts_nothing_and_takes_no_lock(scene: LookScene) -> None:
    assert scene.runner.start(scene.plan) == "done"
    with pytest.raises(UsageError, match="there is a run run-1 already"):
        scene.runner.start(scene.plan)
    assert scene.world.modify_count == 2
    assert scene.get_holder() is None
