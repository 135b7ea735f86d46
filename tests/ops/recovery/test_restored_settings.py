"""A restored instance has the settings of its source, which RDS would set to its own defaults."""

from collections.abc import Callable

import pytest

from ops.core.plan import Call, Plan
from tests.ops.db_stage import describe_database
from tests.ops.procedures.db_replica import plan_replica_add
from tests.ops.procedures.recover import (
    COPIED_SETTINGS,
    PRIMARY_IDENTIFIER,
    RESTORED_IDENTIFIER,
    plan_drill,
    plan_snapshot_restore,
    plan_time_restore,
    put_fence,
    put_saved_snapshot,
)
from tests.ops.stage import KillFuse, Stage, open_stage


@pytest.mark.parametrize(
    "build_plan", [plan_time_restore, plan_snapshot_restore], ids=lambda f: f.__name__
)
def test_no_setting_is_left_at_a_default(build_plan: Callable[[Stage], Plan]) -> None:
    with open_stage() as stage:
        put_saved_snapshot(stage)
        assert stage.build_engine(KillFuse()).start(build_plan(stage)) == "done"
        source, restored = describe_database(stage), describe_database(stage, RESTORED_IDENTIFIER)
        for setting in COPIED_SETTINGS:
            assert restored.get(setting) == source.get(setting), setting
        assert restored["EngineLifecycleSupport"] == "open-source-rds-extended-support-disabled"


def fence_database(stage: Stage, *other_group_ids: str) -> None:
    """The primary in the fence's group, and in others that somebody gave it."""
    put_fence(stage)
    stage.client("rds").modify_db_instance(
        DBInstanceIdentifier=PRIMARY_IDENTIFIER,
        VpcSecurityGroupIds=[str(stage.outputs.database.fence_security_group_id), *other_group_ids],
    )
    stage.clock.sleep(600)


@pytest.mark.parametrize(
    "build_plan", [plan_time_restore, plan_snapshot_restore, plan_drill], ids=lambda f: f.__name__
)
def test_the_copy_of_a_fenced_instance_is_not_fenced(build_plan: Callable[[Stage], Plan]) -> None:
    with open_stage() as stage:
        put_saved_snapshot(stage)
        fence_database(stage)
        actions = build_plan(stage).actions()
        calls = [action.params for action in actions if isinstance(action, Call)]
        groups = [call["VpcSecurityGroupIds"] for call in calls if "VpcSecurityGroupIds" in call]
        assert groups == [[stage.outputs.database.security_group_id]]


def test_the_replica_of_a_fenced_instance_is_not_fenced() -> None:
    with open_stage() as stage:
        put_saved_snapshot(stage)
        fence_database(stage, "sg-0123456789abcdef0")
        add_call = plan_replica_add(stage).steps[0].action
        assert isinstance(add_call, Call)
        assert add_call.params["VpcSecurityGroupIds"] == ["sg-0123456789abcdef0"]
