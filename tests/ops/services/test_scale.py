"""Numbers of tasks, their limits and the maintenance page: planned, killed, and typed."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from components.facts.load_balancer import UNMATCHED_HOST
from ops.core.aws import Aws
from ops.core.errors import DeniedError, ThrottledError
from ops.core.plan import Plan
from ops.services.maintenance_page import build_maintenance_page_plan
from ops.services.model import get_service
from ops.services.scale import find_scaling_limits
from tests.ops.command_line import OpsConsole
from tests.ops.db_stage import fail_operations
from tests.ops.procedures.service_page import (
    EVERY_PATH_CONDITION,
    NEVER_CONDITION,
    get_page_condition,
    put_maintenance_rule,
)
from tests.ops.procedures.service_scale import (
    collect_limits_facts,
    collect_tasks_and_limits,
    plan_limits,
    plan_scale,
    plan_scale_of_fixed_count,
    put_scaled_service,
)
from tests.ops.service_stage import (
    build_backend_only_outputs,
    describe_service,
    open_service_console,
    put_scalable_target,
)
from tests.ops.stage import KilledError, KillFuse, Stage, open_stage


@pytest.fixture
def ops(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Iterator[OpsConsole]:
    with open_service_console(capsys, tmp_path) as console:
        yield console


def test_a_service_has_the_tasks_only_once_they_run() -> None:
    with open_stage() as stage:
        put_scaled_service(stage)
        began = stage.clock.now()
        assert stage.build_engine(KillFuse()).start(plan_scale(stage)) == "done"
        assert stage.clock.now() - began >= 90
        assert (
            describe_service(stage)["desiredCount"],
            describe_service(stage)["runningCount"],
        ) == (
            5,
            5,
        )


@pytest.mark.parametrize("planned", [plan_scale_of_fixed_count, plan_limits])
def test_an_undo_restores_task_count_and_limits(planned: Callable[[Stage], Plan]) -> None:
    with open_stage() as stage:
        put_scaled_service(stage)
        before, plan, fuse = collect_tasks_and_limits(stage), planned(stage), KillFuse()
        with suppress(KilledError):
            fuse.touches_left = 12
            stage.build_engine(fuse).start(plan)
        assert collect_tasks_and_limits(stage) != before
        fuse.touches_left = 10**9
        assert stage.build_engine(fuse).undo() == "undone"
        assert collect_tasks_and_limits(stage) == before


@pytest.mark.parametrize(
    ("code", "kind"), [("ThrottlingException", ThrottledError), ("AccessDenied", DeniedError)]
)
def test_limits_that_cannot_be_read_are_not_taken_for_none(
    code: str, kind: type[Exception]
) -> None:
    with open_stage() as stage:
        put_scaled_service(stage)
        service = get_service(stage.aws, stage.outputs, "backend")
        with (
            fail_operations(code, "describe_scalable_targets", "get_paginator"),
            pytest.raises(kind),
        ):
            find_scaling_limits(stage.aws, service)


def test_scale_as_a_user_types_it(ops: OpsConsole) -> None:
    out, _ = ops("service scale 4 --service backend --yes")
    assert "tasks: 2 -> 4" in out
    assert "automatic scaling" not in out
    assert describe_service(ops.stage)["runningCount"] == 4
    (run,) = (r["run"] for r in ops.run_for_json("runs list")["items"])
    _, err = ops(f"runs undo {run}", 2)
    assert "--yes is not set" in err
    assert describe_service(ops.stage)["runningCount"] == 4
    assert "scale backend to 2 tasks" in ops(f"runs undo {run} --dry-run")[0]
    assert ops.run_for_json(f"runs undo {run} --yes")["state"] == "undone"
    assert describe_service(ops.stage)["runningCount"] == 2
    assert ops.run_for_json(f"runs undo {run} --yes")["state"] == "undone"  # once is enough
    (state,) = (r["state"] for r in ops.run_for_json("runs list")["items"])
    assert state == "undone"
    result = ops.run_for_json("service scale 3 --service frontend --yes")
    assert (result["kind"], result["tasks"]) == ("service-scale", 3)


class MovingScaling:
    """Automatic scaling that sets a count of its own right after ours is taken."""

    def __init__(self, stage: Stage, count: int) -> None:
        self.stage, self.count = stage, count

    @contextmanager
    def act(self) -> Iterator[None]:
        original = Aws.call

        def call(aws: Aws, api: str, *arguments: Any, **options: Any) -> Any:
            answer = original(aws, api, *arguments, **options)
            if api == "ecs.update_service":
                self.stage.client("ecs").update_service(
                    cluster=arguments[0]["cluster"],
                    service=arguments[0]["service"],
                    desiredCount=self.count,
                )
            return answer

        with patch.object(Aws, "call", call):
            yield


@pytest.mark.parametrize(
    ("count", "moved_count", "outcome"),
    [
        (4, 6, "done"),  # scaled out further: at least 4 was reached
        (4, 3, "undone"),  # scaled in at once: 4 was never seen
        (1, 1, "done"),
    ],
)
def test_a_count_moved_by_automatic_scaling_ends_the_wait(
    count: int, moved_count: int, outcome: str
) -> None:
    with open_stage() as stage:
        put_scaled_service(stage)
        plan, began = plan_scale(stage, count), stage.clock.now()
        engine = stage.build_engine(KillFuse())
        held_until: list[float] = []
        engine.give_lock_back = lambda: held_until.append(stage.clock.now())
        with MovingScaling(stage, moved_count).act():
            assert engine.start(plan) == outcome
        assert describe_service(stage)["desiredCount"] == moved_count, "nothing is scaled back"
        assert engine.list_undo_steps() == []
        assert (held_until or [stage.clock.now()])[0] - began <= 400, "the lock, at most"


def test_with_automatic_scaling_on_there_is_no_undo_that_scales_a_busy_service_down(
    ops: OpsConsole,
) -> None:
    put_scalable_target(ops.stage)
    out, _ = ops("service scale 4 --service backend --yes")
    assert "automatic scaling stays on" in out
    assert "no undo: automatic scaling decides the count from then on" in out
    assert "ops service autoscaling --service backend --min 4" in out
    (run,) = (r["run"] for r in ops.run_for_json("runs list")["items"])
    _, err = ops(f"runs undo {run} --yes", 2)
    assert "nothing of it can be undone" in err
    assert describe_service(ops.stage)["desiredCount"] == 4


def test_what_was_changed_since_is_not_taken_back_with_an_older_run(ops: OpsConsole) -> None:
    first = ops.run_for_json("service scale 4 --service backend --yes")["run"]
    second = ops.run_for_json("service scale 5 --service backend --yes")["run"]
    _, err = ops(f"runs undo {first} --yes", 2)
    assert "has been changed since" in err
    assert "desiredCount is 5, must be 4" in err
    assert ops("lock show")[0] == "no lock is held\n"
    ops(f"runs undo {second} --yes")
    ops(f"runs undo {first} --yes")
    assert describe_service(ops.stage)["runningCount"] == 2


def test_a_count_beyond_the_limits_is_refused_with_the_autoscaling_command(ops: OpsConsole) -> None:
    put_scalable_target(ops.stage)
    _, err = ops("service scale 12 --service backend --yes", 2)
    assert "COUNT must be 1 to 6, not 12" in err
    advice = "ops service autoscaling --service backend --max 12"
    assert advice in err
    out, _ = ops(f"{advice.removeprefix('ops ')} --yes")
    assert "the next `pulumi up` restores the limits" in out
    assert collect_limits_facts(ops.stage)["limits"] == (1, 12)
    ops("service scale 12 --service backend --yes")
    assert describe_service(ops.stage)["runningCount"] == 12
    rows = ops.run_for_json("service limits")["items"]
    assert rows == [{"service": "backend", "min": 1, "max": 12, "suspended": "no"}]


def test_suspended_scaling_holds_no_limits_and_goes_on_again(ops: OpsConsole) -> None:
    put_scalable_target(ops.stage)
    ops("service autoscaling --service backend --suspend --yes")
    assert collect_limits_facts(ops.stage) == {"limits": (1, 6), "suspended": True}
    ops("service scale 8 --service backend --yes")
    ops("service autoscaling --service backend --resume --yes")
    assert collect_limits_facts(ops.stage)["suspended"] is False


def test_scaling_to_zero_warns_of_the_outage(ops: OpsConsole) -> None:
    out, _ = ops("service scale 0 --service backend --dry-run")
    assert "with 0 tasks the service is down" in out
    _, err = ops("service scale 0 --service backend --yes", 2)
    assert "the hash above: there is no terminal to type the stack's name on" in err
    ops(ops.add_plan_hash("service scale 0 --service backend"))
    assert describe_service(ops.stage)["runningCount"] == 0


def test_the_page_is_the_stacks_own_rule() -> None:
    assert UNMATCHED_HOST == UNMATCHED_HOST


def test_undoing_the_maintenance_page_restores_its_rule() -> None:
    with open_stage() as stage:
        put_maintenance_rule(stage)
        fuse = KillFuse()
        assert get_page_condition(stage) == NEVER_CONDITION
        stage.build_engine(fuse).start(
            build_maintenance_page_plan(stage.outputs, "run-1", enabled=True)
        )
        assert get_page_condition(stage) == EVERY_PATH_CONDITION
        off = KillFuse()
        stage.build_engine(off).start(
            build_maintenance_page_plan(stage.outputs, "run-2", enabled=False)
        )
        assert get_page_condition(stage) == NEVER_CONDITION


def test_the_page_as_a_user_turns_it(ops: OpsConsole) -> None:
    put_maintenance_rule(ops.stage)
    ops.file.write_text(ops.stage.outputs.model_dump_json(by_alias=True))
    out, _ = ops(ops.add_plan_hash("service maintenance on --reason upgrade"))
    assert "every request gets the page" in out
    assert "page: on" in out
    assert get_page_condition(ops.stage) == EVERY_PATH_CONDITION
    _, err = ops(ops.add_plan_hash("service maintenance on"))
    assert "already done" in err
    result = ops.run_for_json("service maintenance off --yes")
    assert (result["kind"], result["page"]) == ("service-maintenance", "off")
    assert get_page_condition(ops.stage) == NEVER_CONDITION


def test_without_a_load_balancer_there_is_no_page(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with open_service_console(capsys, tmp_path, build_backend_only_outputs(), ("backend",)) as ops:
        _, err = ops("service maintenance on --yes", 2)
        assert "has no load balancer" in err
