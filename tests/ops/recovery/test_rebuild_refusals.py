"""What `ops recover rebuild` and `region` refuse before anything is done."""

from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

import pytest
from moto.kms.models import kms_backends

from sandbox.patches.rds.restores import set_instance_quota
from tests.ops import fake_pulumi as pretended_pulumi
from tests.ops.every_command import open_command_line
from tests.ops.procedures.recover import PRIMARY_IDENTIFIER, put_recoverable_database
from tests.ops.procedures.recover_rebuild import (
    PROGRAM_OPTION,
    STATE_FILE,
    collect_rebuild_facts,
    put_lost_database,
    put_lost_stack,
    put_program_folder,
    put_replicated_backups,
)
from tests.ops.stage import (
    ACCOUNT,
    RECOVERY_REGION,
    REGION,
    Stage,
)


def put_without_recovery_region(stage: Stage) -> None:
    put_replicated_backups(stage)
    part = stage.outputs.stack.model_copy(update={"recovery_region": None})
    stage.outputs = stage.outputs.model_copy(update={"stack": part})


def put_unprepared_region(stage: Stage) -> None:
    """A recovery region to which nothing was replicated."""
    put_program_folder()
    put_recoverable_database(stage)


def put_with_zone(stage: Stage) -> None:
    put_replicated_backups(stage)
    balancer = stage.outputs.load_balancer
    assert balancer is not None
    part = balancer.model_copy(update={"zone_id": "Z1"})
    stage.outputs = stage.outputs.model_copy(update={"load_balancer": part})


def put_full_region(stage: Stage) -> None:
    put_replicated_backups(stage)
    set_instance_quota(ACCOUNT, RECOVERY_REGION, 0)


def put_without_backups(stage: Stage) -> None:
    put_lost_database(stage)
    rds = stage.client("rds")
    for snapshot in rds.describe_db_snapshots()["DBSnapshots"]:
        rds.delete_db_snapshot(DBSnapshotIdentifier=snapshot["DBSnapshotIdentifier"])
    from moto.rds.models import rds_backends

    from sandbox.patches.patching import backend_state

    backend_state(rds_backends[ACCOUNT][REGION], "retained", dict).clear()


def put_without_snapshot_key(stage: Stage) -> None:
    """The key of the newest snapshot goes away."""
    put_lost_database(stage)
    (final,) = stage.client("rds").describe_db_snapshots(
        DBSnapshotIdentifier=f"{PRIMARY_IDENTIFIER}-final"
    )["DBSnapshots"]
    kms_backends[ACCOUNT][REGION].schedule_key_deletion(final["KmsKeyId"].split("/")[-1], 7)


def put_with_disabled_key(stage: Stage) -> None:
    put_replicated_backups(stage)
    (key,) = stage.client("kms", RECOVERY_REGION).list_keys()["Keys"]
    stage.client("kms", RECOVERY_REGION).disable_key(KeyId=key["KeyId"])


def put_unknown_to_pulumi(stage: Stage) -> None:
    put_replicated_backups(stage)
    pretended_pulumi.get_fake_pulumi(stage).stacks.clear()


def collect_world_facts(stage: Stage) -> object:
    return collect_rebuild_facts(stage), sorted(pretended_pulumi.get_fake_pulumi(stage).stacks)


@pytest.mark.parametrize(
    ("build", "line", "code", "says"),
    [
        (put_without_snapshot_key, "rebuild", 1, "aws kms cancel-key-deletion --region eu-north-1"),
        (put_with_disabled_key, "region", 1, "aws kms enable-key --region eu-west-1"),
        (put_unknown_to_pulumi, "region", 2, "pulumi stack init test"),
        (put_without_recovery_region, "region", 2, "has no recovery region"),
        (
            put_unprepared_region,
            "region",
            1,
            "there is no complete backup of the database in eu-west-1",
        ),
        (put_with_zone, "region", 2, "--domain must be set"),
        (put_full_region, "region", 1, "its full quota: delete one"),
        (put_lost_database, "rebuild --from gone", 2, "--from must be"),
        (put_without_backups, "rebuild", 1, "there is no complete backup"),
    ],
)
def test_an_impossible_rebuild_is_refused_before_any_change(
    capsys: pytest.CaptureFixture[str],
    build: Callable[[Stage], None],
    line: str,
    code: int,
    says: str,
) -> None:
    with open_command_line(build) as (stage, typed):
        before = collect_world_facts(stage)
        capsys.readouterr()
        assert typed(f"recover {line} {PROGRAM_OPTION} --yes") == code
        assert says in capsys.readouterr().err
        assert collect_world_facts(stage) == before
        assert pretended_pulumi.get_fake_pulumi(stage).up_count == 0


def test_without_pulumi_or_with_anothers_state_it_is_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with open_command_line(put_lost_stack) as (_, typed):
        other = tmp_path / "other.json"
        text = STATE_FILE.read_text(encoding="utf-8").replace("pulumi:test::", "pulumi:prod::")
        other.write_text(text, encoding="utf-8")
        assert typed(f"recover rebuild --state {other} {PROGRAM_OPTION} --yes") == 2
        assert "--state must be a state of 'test', but" in capsys.readouterr().err
        with patch("shutil.which", lambda _: None):
            assert typed(f"recover rebuild {PROGRAM_OPTION} --yes") == 2
        assert "`pulumi` is not on the PATH" in capsys.readouterr().err
