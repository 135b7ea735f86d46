"""Exports: a snapshot's data in the bucket, by the stack's role and key, or a refusal."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from moto.rds.models import rds_backends
from pydantic import JsonValue

from ops.core.engine import SilentListener
from ops.core.errors import OpsError
from ops.core.plan import Step, Wait, lookup
from ops.database import snapshots
from ops.database.snapshot_export import (
    EXPORT_PROGRESS_EXPRESSION,
    build_database_snapshot_export_plan,
)
from tests.ops.command_line import OpsConsole
from tests.ops.db_stage import open_database_console
from tests.ops.procedures.db_export import (
    EXPORTED_SNAPSHOT,
    collect_export_facts,
    plan_export,
    put_export_role,
    put_export_snapshot,
    put_export_world,
)
from tests.ops.stage import ACCOUNT, REGION, KillFuse, open_stage


@pytest.fixture
def ops(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Iterator[OpsConsole]:
    with open_database_console(capsys, tmp_path) as console:
        put_export_role(console.stage)
        put_export_snapshot(console.stage)
        console.file.write_text(console.stage.outputs.model_dump_json(by_alias=True))
        yield console


def test_a_snapshot_is_exported_to_the_operations_bucket(ops: OpsConsole) -> None:
    plan, _ = ops(f"db snapshot export {EXPORTED_SNAPSHOT} --tables orders,shop.parts --dry-run")
    assert "app.public.orders, app.shop.parts" in plan
    done = ops.run_for_json(f"db snapshot export {EXPORTED_SNAPSHOT} --tables orders --yes")
    assert done["to"].startswith("s3://bulwark-test-operations/exports/export-")
    tasks, files = collect_export_facts(ops.stage)
    assert tasks == [(done["run"], "COMPLETE", ["app.public.orders"])]
    assert files == [f"exports/{done['run']}/export_info_{done['run']}.json"]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("none-such", "SNAPSHOT must be a name from `ops db snapshot list`, not 'none-such'"),
        (
            f"{EXPORTED_SNAPSHOT} --tables a.b.c",
            "--tables must be table names, like orders,public.parts, not 'a.b.c'",
        ),
        (
            f"{EXPORTED_SNAPSHOT} --tables ;",
            "--tables must be table names, like orders,public.parts, not ';'",
        ),
        (f"{EXPORTED_SNAPSHOT} --timeout 0", "--timeout"),
    ],
)
def test_impossible_exports_are_one_line(ops: OpsConsole, line: str, says: str) -> None:
    assert says in ops(f"db snapshot export {line} --yes", expected_code=2)[1].splitlines()[0]


def test_an_export_shows_its_progress_and_why_it_failed() -> None:
    with open_stage() as stage:
        put_export_world(stage)
        engine, told = stage.build_engine(KillFuse()), RecordingListener()
        engine.listener = told
        assert engine.start(plan_export(stage)) == "done"
        shares = [int(s.split()[1]) for s in told.progress_lines if s.startswith("IN_PROGRESS ")]
        assert shares == sorted(shares)
        assert 0 < shares[-1] < 100

        one = snapshots.select_snapshot(
            snapshots.list_snapshots(stage.aws, stage.outputs, REGION), EXPORTED_SNAPSHOT
        )
        again = build_database_snapshot_export_plan(stage.outputs, one, (), "export-2")
        engine = stage.build_engine(KillFuse())
        engine.listener = FailingExportListener()
        assert engine.start(again) == "undone"
        assert "the bucket is gone" in engine.reason


class RecordingListener(SilentListener):
    """What a person is shown meanwhile."""

    def __init__(self) -> None:
        self.progress_lines: list[str] = []

    def on_wait(self, step: Step, wait: Wait, result: JsonValue, elapsed: float) -> None:
        self.progress_lines.append(str(lookup(EXPORT_PROGRESS_EXPRESSION, result)))


class FailingExportListener(SilentListener):
    """The export fails, with a reason, while it is waited for."""

    def on_wait(self, step: Step, wait: Wait, result: JsonValue, elapsed: float) -> None:
        task = rds_backends[ACCOUNT][REGION].export_tasks["export-2"]
        vars(task).update(sandbox_phases=(), FailureCause="the bucket is gone")
        task.status = "failed"


def test_without_waiting_a_started_export_is_success(ops: OpsConsole) -> None:
    done = ops.run_for_json(f"db snapshot export {EXPORTED_SNAPSHOT} --no-wait --yes")
    assert done["whole"] is False
    plan = ops.run_for_json(f"db snapshot export {EXPORTED_SNAPSHOT} --no-wait --dry-run")["plan"]
    assert EXPORT_PROGRESS_EXPRESSION not in plan["steps"][0]["goal"]["met"]


def test_a_stack_without_own_keys_has_no_exports(ops: OpsConsole) -> None:
    listed = snapshots.list_snapshots(ops.stage.aws, ops.stage.outputs, REGION)
    one = snapshots.select_snapshot(listed, EXPORTED_SNAPSHOT)
    part = ops.stage.outputs.stack.model_copy(update={"data_key_arn": None})
    outputs = ops.stage.outputs.model_copy(update={"stack": part})
    with pytest.raises(OpsError, match="no role and key for exports"):
        build_database_snapshot_export_plan(outputs, one, (), "export-1")
