"""Snapshots: planned, and made from the command line."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ops.core.errors import DeniedError, OpsError, ThrottledError
from ops.core.plan import RUN_TAG
from ops.database import snapshots
from ops.database.instance import get_primary, parse_tags
from ops.database.snapshots import Snapshot
from tests.ops.command_line import OpsConsole
from tests.ops.db_stage import fail_operations, open_database_console, put_database
from tests.ops.procedures.db_snapshot import (
    list_manual_snapshots,
    plan_snapshot_create,
    plan_snapshot_prune,
    put_database_snapshots,
)
from tests.ops.stage import RECOVERY_REGION, REGION, KillFuse, Stage, open_stage

SNAPSHOT_TIME = datetime(2026, 11, 20, tzinfo=UTC)
PRIMARY_IDENTIFIER = "bulwark-test-database"


@pytest.fixture
def ops(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Iterator[OpsConsole]:
    with open_database_console(capsys, tmp_path) as console:
        yield console


def build_snapshot(days: float, **overrides: Any) -> Snapshot:
    run = f"snapshot-{days:g}"
    created = (SNAPSHOT_TIME - timedelta(days=days)).isoformat()
    return replace(
        Snapshot(
            name=f"{PRIMARY_IDENTIFIER}-{run}",
            arn="arn",
            instance_identifier=PRIMARY_IDENTIFIER,
            region=REGION,
            kind="manual",
            status="available",
            created_at=created,
            storage_gib=20,
            encrypted=True,
            run=run,
        ),
        **overrides,
    )


def test_a_snapshot_is_whole_only_when_aws_says_so() -> None:
    with open_stage() as stage:
        put_database(stage)
        began = stage.clock.now()
        assert stage.build_engine(KillFuse()).start(plan_snapshot_create(stage)) == "done"
        assert stage.clock.now() - began >= 120
        assert list_manual_snapshots(stage) == [(f"{PRIMARY_IDENTIFIER}-run-1", "available")]


def test_without_waiting_a_started_snapshot_is_success() -> None:
    with open_stage() as stage:
        put_database(stage)
        instance = get_primary(stage.aws, stage.outputs)
        plan = snapshots.build_database_snapshot_plan(stage.outputs, instance, "run-1", wait=False)
        assert stage.build_engine(KillFuse()).start(plan) == "done"
        assert list_manual_snapshots(stage) == [(f"{PRIMARY_IDENTIFIER}-run-1", "creating")]


def test_an_instance_that_is_busy_is_not_saved() -> None:
    with open_stage() as stage:
        put_database(stage)
        stage.client("rds").create_db_snapshot(
            DBInstanceIdentifier=PRIMARY_IDENTIFIER, DBSnapshotIdentifier="by-hand"
        )
        with pytest.raises(OpsError, match="is backing-up; it must be available"):
            plan_snapshot_create(stage)


def test_a_snapshot_carries_its_run_and_the_tags_of_the_instance() -> None:
    with open_stage() as stage:
        put_database(stage)
        stage.build_engine(KillFuse()).start(plan_snapshot_create(stage))
        (found,) = (
            s
            for s in snapshots.list_snapshots(stage.aws, stage.outputs, REGION)
            if s.kind == "manual"
        )
        assert found.is_from_operations
        tags = stage.client("rds").list_tags_for_resource(ResourceName=found.arn)["TagList"]
        assert {t["Key"]: t["Value"] for t in tags} == {"owner": "platform", "bulwark:run": "run-1"}


def test_an_encrypted_snapshot_is_copied_under_the_recovery_regions_key() -> None:
    with open_stage() as stage:
        plan = snapshots.build_database_snapshot_copy_plan(
            stage.outputs, build_snapshot(1), "copy-1"
        )
        stack = stage.outputs.stack.model_copy(update={"recovery_key_arn": "arn:the-key"})
        keyed = stage.outputs.model_copy(update={"stack": stack})
        own = snapshots.build_database_snapshot_copy_plan(keyed, build_snapshot(1), "copy-1")
        plain = snapshots.build_database_snapshot_copy_plan(
            keyed, build_snapshot(1, encrypted=False), "copy-1"
        )
    keys = [getattr(p.steps[0].action, "params").get("KmsKeyId") for p in (plan, own, plain)]  # noqa: B009
    assert keys == ["alias/aws/rds", "arn:the-key", None]


def test_a_stack_without_a_recovery_region_copies_nothing() -> None:
    with open_stage() as stage:
        stack = stage.outputs.stack.model_copy(update={"recovery_region": None})
        with pytest.raises(OpsError, match="no recovery region"):
            snapshots.build_database_snapshot_copy_plan(
                stage.outputs.model_copy(update={"stack": stack}), build_snapshot(1), "copy-1"
            )


def test_a_prune_leaves_the_newest() -> None:
    with open_stage() as stage:
        put_database_snapshots(stage, "run-1", "run-2", "run-3")
        stage.build_engine(KillFuse()).start(plan_snapshot_prune(stage))
        assert list_manual_snapshots(stage) == [(f"{PRIMARY_IDENTIFIER}-run-3", "available")]


@pytest.mark.parametrize(
    ("keep", "older", "gone"),
    [
        (1, 0, [5, 40, 90]),
        (2, 0, [40, 90]),
        (1, 30, [40, 90]),
        (3, 60, [90]),
        (9, 0, []),
        (0, 0, [5, 40, 90]),
    ],
)
def test_a_snapshot_is_kept_by_count_and_by_age(keep: int, older: float, gone: list[float]) -> None:
    listed = [build_snapshot(days) for days in (40, 2, 90, 5)]
    found = snapshots.list_prunable(listed, keep, older, SNAPSHOT_TIME)
    assert [s.run for s in found] == [f"snapshot-{days:g}" for days in gone]


@pytest.mark.parametrize(
    "overrides",
    [
        {"run": None},
        {"name": "by-hand"},
        {"kind": "automated"},
        {"kind": "awsbackup"},
        {"status": "creating"},
        {"instance_identifier": "another"},
    ],
)
def test_only_available_snapshots_made_by_ops_are_pruned(overrides: dict[str, Any]) -> None:
    other = build_snapshot(300, **overrides)
    assert snapshots.list_prunable(
        [build_snapshot(1), build_snapshot(2), other], 1, 0, SNAPSHOT_TIME
    ) == [build_snapshot(2)]


def test_an_unfinished_snapshot_does_not_count_as_the_newest() -> None:
    unfinished = build_snapshot(0, status="creating")
    assert snapshots.list_prunable([unfinished, build_snapshot(100)], 1, 0, SNAPSHOT_TIME) == []


def get_snapshot_tags(stage: Stage, region: str, name: str) -> dict[str, str]:
    described = stage.client("rds", region).describe_db_snapshots(DBSnapshotIdentifier=name)
    return parse_tags(described["DBSnapshots"][0]["TagList"])


def test_a_snapshot_is_taken_listed_copied_and_pruned_from_the_command_line(
    ops: OpsConsole,
) -> None:
    first = ops.run_for_json("db snapshot create --yes --reason before-the-release")
    assert first["kind"] == "db-snapshot"
    assert first["snapshot"].startswith(f"{PRIMARY_IDENTIFIER}-snapshot-")
    out, err = ops("db snapshot create --yes")
    assert "snapshot: bulwark-test-database-snapshot-" in out
    assert "take the snapshot" in err
    copied = ops.run_for_json("db snapshot copy --yes")
    assert copied["region"] == RECOVERY_REGION
    assert copied["source"] == out.split("snapshot: ")[1].splitlines()[0]
    here = get_snapshot_tags(ops.stage, REGION, copied["source"])
    there = get_snapshot_tags(ops.stage, RECOVERY_REGION, copied["snapshot"])
    assert here.keys() > {RUN_TAG}
    assert there.items() >= {k: v for k, v in here.items() if k != RUN_TAG}.items()
    listed = ops.run_for_json("db snapshot list")["items"]
    assert [s["region"] for s in listed] == [REGION, REGION, RECOVERY_REGION]
    assert all(s["status"] == "available" and s["run"] for s in listed)
    pruned = ops.run_for_json(ops.add_plan_hash("db snapshot prune --keep 1 --older-than 0"))
    assert pruned["deleted"] == [first["snapshot"]]
    out, _ = ops("db snapshot list")
    assert first["snapshot"] not in out
    assert copied["snapshot"] in out
    assert ops.run_for_json("db snapshot prune --keep 1 --older-than 0 --yes")["deleted"] == []
    assert [r["state"] for r in ops.run_for_json("runs list")["items"]] == ["done"] * 4


@pytest.mark.parametrize("form", ["table", "json"])
def test_a_dry_run_shows_calls_and_hash_and_changes_nothing(ops: OpsConsole, form: str) -> None:
    out, _ = ops(f"db snapshot create --dry-run --details --output {form}")
    assert "rds.create_db_snapshot" in out
    assert "hash" in out
    assert list_manual_snapshots(ops.stage) == []
    assert ops("runs list")[0] == "no runs\n"


def test_only_the_expected_plan_is_carried_out(ops: OpsConsole) -> None:
    wanted = ops.run_for_json("db snapshot create --dry-run")["hash"]
    _, err = ops("db snapshot create --yes --expect 0123456789abcdef", expected_code=2)
    assert err.startswith("ops: ")
    assert "--expect is 0123456789abcdef" in err
    assert list_manual_snapshots(ops.stage) == []
    ops(f"db snapshot create --yes --expect {wanted}")
    assert len(list_manual_snapshots(ops.stage)) == 1


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("create --timeout 0", "--timeout"),
        ("create --timeout soon", "--timeout"),
        ("list --kind other", "--kind"),
        ("prune --keep 0", "--keep"),
        ("prune --keep some", "--keep"),
        ("prune --older-than -1", "--older-than"),
        ("prune --where us-east-1", "--where must be 'eu-north-1' or 'eu-west-1', not 'us-east-1'"),
    ],
)
def test_a_wrong_value_is_named_before_any_call(ops: OpsConsole, line: str, says: str) -> None:
    with fail_operations("-") as called:
        _, err = ops(f"db snapshot {line}", expected_code=2)
    assert says in err.splitlines()[0]
    assert called == []


def test_a_snapshot_to_copy_must_be_one_of_the_databases(ops: OpsConsole) -> None:
    _, err = ops("db snapshot copy another --yes", expected_code=2)
    assert "SNAPSHOT must be a name from `ops db snapshot list`, not 'another'" in err
    assert "ops has created no snapshot" in ops("db snapshot copy --yes", expected_code=1)[1]


def test_without_a_terminal_yes_is_required(ops: OpsConsole) -> None:
    _, err = ops("db snapshot create", expected_code=2)
    assert "--yes is not set" in err
    assert list_manual_snapshots(ops.stage) == []


@pytest.mark.parametrize(
    ("code", "error"), [("Throttling", ThrottledError), ("AccessDenied", DeniedError)]
)
def test_snapshots_that_cannot_be_listed_are_an_error(
    ops: OpsConsole, code: str, error: type[OpsError]
) -> None:
    with fail_operations(code, "describe_db_snapshots"), pytest.raises(error):
        snapshots.list_snapshots(ops.stage.aws, ops.stage.outputs, REGION)
    with fail_operations(code, "describe_db_snapshots"):
        for line in ("list", "copy --yes", "prune --yes"):
            _, err = ops(f"db snapshot {line}", expected_code=1)
            assert "rds.describe_db_snapshots" in err


def test_a_denied_snapshot_is_said_and_frees_the_lock_when_nothing_goes_on(ops: OpsConsole) -> None:
    with fail_operations("AccessDenied", "create_db_snapshot"):
        _, err = ops("db snapshot create --yes", expected_code=1)
    assert "rds.create_db_snapshot was denied" in err
    assert "ops runs resume snapshot-" in err
    assert list_manual_snapshots(ops.stage) == []
