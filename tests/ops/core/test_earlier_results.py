"""Goals that are, or are not, what an earlier step saw."""

import pytest
from pydantic import ValidationError

from ops.core.engine import StillRunningError
from ops.core.plan import Call, Plan, Wait
from tests.ops.core.test_engine import (
    CLASS_PATH,
    STATUS_PATH,
    FakeRds,
    FusedLines,
    build_fake_resize_plan,
    build_fused_engine,
)


def build_compare_plan(
    same_as: dict[str, str] | None = None, differs_from: dict[str, str] | None = None
) -> Plan:
    """The resize, and a step that is done when it sees what the first one saw, or anything else."""
    save, resize_step = build_fake_resize_plan().steps
    goal = Wait(
        read=Call(api="rds.describe_db_instances"),
        met={STATUS_PATH: "available"},
        same_as=same_as or {},
        differs_from=differs_from or {},
    )
    compare_step = resize_step.model_copy(update={"goal": goal, "name": "compare", "undo": ()})
    fields = {
        name: getattr(build_fake_resize_plan(), name)
        for name in ("run", "kind", "stack", "account", "region")
    }
    return Plan(**fields, steps=(save, resize_step, compare_step))


def test_a_goal_can_equal_the_result_of_an_earlier_step() -> None:
    world = FakeRds()
    assert (
        build_fused_engine(world, FusedLines()).start(
            build_compare_plan({CLASS_PATH: f"resize.{CLASS_PATH}"})
        )
        == "done"
    )


def test_a_goal_can_differ_from_the_result_of_an_earlier_step() -> None:
    plan = build_compare_plan(differs_from={CLASS_PATH: "resize.None"})
    assert build_fused_engine(FakeRds(), FusedLines()).start(plan) == "done"
    for excluded in (
        {CLASS_PATH: f"resize.{CLASS_PATH}"},
        {"DBInstances[0].None": f"resize.{CLASS_PATH}"},
    ):
        with pytest.raises(StillRunningError, match="must be another than 'large'"):
            build_fused_engine(FakeRds(), FusedLines()).start(
                build_compare_plan(differs_from=excluded)
            )
    with pytest.raises(ValueError, match="no earlier step"):
        build_compare_plan(differs_from={CLASS_PATH: "later.x"})


def test_a_goal_without_the_earlier_result_is_never_met() -> None:
    world = FakeRds()
    with pytest.raises(StillRunningError, match=r"must be 'what resize\.None was'"):
        build_fused_engine(world, FusedLines()).start(
            build_compare_plan({"DBInstances[0].None": "resize.None"})
        )


def test_a_comparison_with_no_earlier_step_is_refused() -> None:
    with pytest.raises(ValidationError, match=r"compares .* with later\.Size, no earlier"):
        build_compare_plan({CLASS_PATH: "later.Size"})
