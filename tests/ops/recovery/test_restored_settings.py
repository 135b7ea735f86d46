"""A restored instance has the settings of its source, which RDS would set to its own defaults."""

from collections.abc import Callable

import pytest

from ops.core.plan import Plan
from tests.ops.db_stage import describe_database
from tests.ops.procedures.recover import (
    COPIED_SETTINGS,
    RESTORED_IDENTIFIER,
    plan_snapshot_restore,
    plan_time_restore,
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
