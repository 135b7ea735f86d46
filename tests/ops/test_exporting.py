"""Exports: a snapshot's data in the bucket, by the stack's role and key, or a refusal."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ops import exporting, snapshots
from ops.errors import OpsError
from tests.ops.db_stage import console
from tests.ops.procedures.db_export import SNAPSHOT, facts, put_role, put_snapshot
from tests.ops.stage import REGION
from tests.ops.typed import Console


@pytest.fixture
def ops(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Iterator[Console]:
    with console(capsys, tmp_path) as made:
        put_role(made.stage)
        put_snapshot(made.stage)
        made.file.write_text(made.stage.outputs.model_dump_json(by_alias=True))
        yield made


def test_a_snapshot_is_exported_to_the_operations_bucket(ops: Console) -> None:
    plan, _ = ops(f"db snapshot export {SNAPSHOT} --tables orders,shop.parts --dry-run")
    assert "app.public.orders, app.shop.parts" in plan
    done = ops.json(f"db snapshot export {SNAPSHOT} --tables orders --yes")
    assert done["to"].startswith("s3://bulwark-test-operations/exports/export-")
    tasks, files = facts(ops.stage)
    assert tasks == [(done["run"], "COMPLETE", ["app.public.orders"])]
    assert files == [f"exports/{done['run']}/export_info_{done['run']}.json"]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("none-such", "SNAPSHOT is 'none-such', may be the name of one"),
        (f"{SNAPSHOT} --tables a.b.c", "--tables is 'a.b.c', may be tables"),
        (f"{SNAPSHOT} --tables ;", "--tables is ';'"),
        (f"{SNAPSHOT} --timeout 0", "--timeout"),
    ],
)
def test_what_cannot_be_is_one_line(ops: Console, line: str, says: str) -> None:
    assert says in ops(f"db snapshot export {line} --yes", code=2)[1].splitlines()[0]


def test_a_stack_without_own_keys_has_no_exports(ops: Console) -> None:
    listed = snapshots.found(ops.stage.aws, ops.stage.outputs, REGION)
    one = snapshots.source(listed, SNAPSHOT)
    part = ops.stage.outputs.stack.model_copy(update={"data_key_arn": None})
    outputs = ops.stage.outputs.model_copy(update={"stack": part})
    with pytest.raises(OpsError, match="no role and key for exports"):
        exporting.export(outputs, one, (), "export-1")
