"""Numbers of tasks, their limits and the maintenance page: planned, killed, and typed."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from components.load_balancer import NEVER_MATCHING_HOST
from ops.core.errors import DeniedError, ThrottledError
from ops.core.plan import Plan
from ops.services import maintenance_page as maintenance
from ops.services import model as services
from ops.services import scale as scaling
from tests.ops.command_line import Console
from tests.ops.db_stage import failing
from tests.ops.procedures.service_page import EVERYBODY, NOBODY, condition, put_rule
from tests.ops.procedures.service_scale import limited, limits, put_both, scaled, tasks_and_limits
from tests.ops.service_stage import (
    console,
    lonely,
    put_scaling,
    seen,
)
from tests.ops.stage import Fuse, KilledError, Stage, stage


@pytest.fixture
def ops(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Iterator[Console]:
    with console(capsys, tmp_path) as made:
        yield made


def test_a_service_has_the_tasks_only_once_they_run() -> None:
    with stage() as on:
        put_both(on)
        began = on.clock.now()
        assert on.engine(Fuse()).start(scaled(on)) == "done"
        assert on.clock.now() - began >= 90
        assert (seen(on)["desiredCount"], seen(on)["runningCount"]) == (5, 5)


@pytest.mark.parametrize("planned", [scaled, limited])
def test_what_was_changed_is_undone(planned: Callable[[Stage], Plan]) -> None:
    with stage() as on:
        put_both(on)
        before, plan, fuse = tasks_and_limits(on), planned(on), Fuse()
        with suppress(KilledError):
            fuse.left = 8
            on.engine(fuse).start(plan)
        assert tasks_and_limits(on) != before
        fuse.left = 10**9
        assert on.engine(fuse).undo() == "undone"
        assert tasks_and_limits(on) == before


@pytest.mark.parametrize(
    ("code", "kind"), [("ThrottlingException", ThrottledError), ("AccessDenied", DeniedError)]
)
def test_limits_that_cannot_be_read_are_not_taken_for_none(
    code: str, kind: type[Exception]
) -> None:
    with stage() as on:
        put_both(on)
        service = services.one(on.aws, on.outputs, "backend")
        with failing(code, "describe_scalable_targets", "get_paginator"), pytest.raises(kind):
            scaling.limits(on.aws, service)


def test_scale_as_a_user_types_it(ops: Console) -> None:
    put_scaling(ops.stage)
    out, _ = ops("service scale 4 --service backend --yes")
    assert "tasks: 2 -> 4" in out
    assert "automatic scaling goes on from there" in out
    assert seen(ops.stage)["runningCount"] == 4
    (run,) = (r["run"] for r in ops.json("runs list")["items"])
    _, err = ops(f"runs undo {run}", 2)
    assert "give backend 2 tasks" in err
    assert "--yes is not set" in err
    assert seen(ops.stage)["runningCount"] == 4
    assert "give backend 2 tasks" in ops(f"runs undo {run} --dry-run")[0]
    assert ops.json(f"runs undo {run} --yes")["state"] == "undone"
    assert seen(ops.stage)["runningCount"] == 2
    assert ops.json(f"runs undo {run} --yes")["state"] == "undone"  # once is enough
    (state,) = (r["state"] for r in ops.json("runs list")["items"])
    assert state == "undone"
    result = ops.json("service scale 3 --service frontend --yes")
    assert (result["kind"], result["tasks"]) == ("service-scale", 3)


def test_what_was_changed_since_is_not_taken_back_with_an_older_run(ops: Console) -> None:
    first = ops.json("service scale 4 --service backend --yes")["run"]
    second = ops.json("service scale 5 --service backend --yes")["run"]
    _, err = ops(f"runs undo {first} --yes", 2)
    assert "has been changed since" in err
    assert "desiredCount is 5, wanted 4" in err
    assert ops("lock show")[0] == "nothing\n"
    ops(f"runs undo {second} --yes")
    ops(f"runs undo {first} --yes")
    assert seen(ops.stage)["runningCount"] == 2


def test_beyond_the_limits_it_says_so_and_offers_the_change(ops: Console) -> None:
    put_scaling(ops.stage)
    _, err = ops("service scale 12 --service backend --yes", 2)
    assert "COUNT is 12, may be 1 to 6" in err
    advice = "ops service autoscaling --service backend --max 12"
    assert advice in err
    out, _ = ops(f"{advice.removeprefix('ops ')} --yes")
    assert "the next `pulumi up` sets them again" in out
    assert limits(ops.stage)["limits"] == (1, 12)
    ops("service scale 12 --service backend --yes")
    assert seen(ops.stage)["runningCount"] == 12
    rows = ops.json("service limits")["items"]
    assert rows == [{"service": "backend", "min": 1, "max": 12, "suspended": "no"}]


def test_suspended_scaling_holds_no_limits_and_goes_on_again(ops: Console) -> None:
    put_scaling(ops.stage)
    ops("service autoscaling --service backend --suspend --yes")
    assert limits(ops.stage) == {"limits": (1, 6), "suspended": True}
    ops("service scale 8 --service backend --yes")
    ops("service autoscaling --service backend --resume --yes")
    assert limits(ops.stage)["suspended"] is False


def test_down_to_none_says_what_it_means(ops: Console) -> None:
    out, _ = ops("service scale 0 --service backend --dry-run")
    assert "without tasks the service answers nobody" in out
    _, err = ops("service scale 0 --service backend --yes", 2)
    assert "--expect is not set, and there is no terminal to type the stack's name on" in err
    ops(ops.seen("service scale 0 --service backend"))
    assert seen(ops.stage)["runningCount"] == 0


def test_the_page_is_the_stacks_own_rule() -> None:
    assert maintenance.NEVER == NEVER_MATCHING_HOST


def test_the_page_is_undone_and_was_not_met_before() -> None:
    with stage() as on:
        put_rule(on)
        fuse = Fuse()
        assert condition(on) == NOBODY
        on.engine(fuse).start(maintenance.turn(on.outputs, "run-1", on=True))
        assert condition(on) == EVERYBODY
        off = Fuse()
        on.engine(off).start(maintenance.turn(on.outputs, "run-2", on=False))
        assert condition(on) == NOBODY


def test_the_page_as_a_user_turns_it(ops: Console) -> None:
    put_rule(ops.stage)
    ops.file.write_text(ops.stage.outputs.model_dump_json(by_alias=True))
    out, _ = ops(ops.seen("service maintenance on --reason upgrade"))
    assert "every request of every service gets the page" in out
    assert "page: on" in out
    assert condition(ops.stage) == EVERYBODY
    _, err = ops(ops.seen("service maintenance on"))
    assert "was so already" in err
    result = ops.json("service maintenance off --yes")
    assert (result["kind"], result["page"]) == ("service-maintenance", "off")
    assert condition(ops.stage) == NOBODY


def test_without_a_load_balancer_there_is_no_page(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with console(capsys, tmp_path, lonely(), ("backend",)) as ops:
        _, err = ops("service maintenance on --yes", 2)
        assert "has no load balancer" in err
