"""Promotions in the states that they exist for; a name is never left without a database."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from moto.rds.models import RDSBackend

from ops.core.errors import OpsError, UsageError
from ops.core.plan import Plan
from ops.database import replicas
from ops.recovery.promotion import build_discard_plan, require_promotable
from sandbox.patches.patching import AwsError
from sandbox.patches.rds.states import set_instance_state
from tests.ops.db_stage import open_database_console
from tests.ops.procedures.recover import (
    PRIMARY_IDENTIFIER,
    RESTORED_IDENTIFIER,
    plan_rename_promotion,
    plan_secret_promotion,
    put_restored_instance,
)
from tests.ops.stage import ACCOUNT, REGION, KillFuse, Stage, open_stage

REPLACED_IDENTIFIER = f"{PRIMARY_IDENTIFIER}-promote-1"
LOST_STATES = (
    "failed",
    "inaccessible-encryption-credentials",
    "inaccessible-encryption-credentials-recoverable",
    "stopped",
    "storage-full",
    "incompatible-parameters",
)


def set_state(stage: Stage, state: str, name: str = PRIMARY_IDENTIFIER) -> None:
    set_instance_state(ACCOUNT, REGION, name, state)


@pytest.fixture
def stage() -> Iterator[Stage]:
    with open_stage() as opened_stage:
        put_restored_instance(opened_stage)
        yield opened_stage


def read_states(stage: Stage) -> dict[str, str]:
    items = stage.client("rds").describe_db_instances()["DBInstances"]
    return {item["DBInstanceIdentifier"]: item["DBInstanceStatus"] for item in items}


def read_resource_id(stage: Stage, name: str) -> str:
    return str(replicas.get_instance_description(stage.aws, stage.outputs, name)["DbiResourceId"])


@pytest.mark.parametrize("state", ["failed", "inaccessible-encryption-credentials"])
def test_a_primary_that_is_lost_gives_its_name_away(stage: Stage, state: str) -> None:
    set_state(stage, state)
    plan, restored_id = plan_rename_promotion(stage), read_resource_id(stage, RESTORED_IDENTIFIER)
    assert any("RDS may refuse to rename it" in note for note in plan.notes)
    assert stage.build_engine(KillFuse()).start(plan) == "done"
    assert read_resource_id(stage, PRIMARY_IDENTIFIER) == restored_id
    assert read_states(stage)[REPLACED_IDENTIFIER] == state


def test_a_rename_that_rds_refuses_changes_nothing(stage: Stage) -> None:
    set_state(stage, "failed")
    plan, restored_id = plan_rename_promotion(stage), read_resource_id(stage, RESTORED_IDENTIFIER)
    original = RDSBackend.modify_db_instance

    def refuse_rename(backend: RDSBackend, name: str, params: Any) -> Any:
        if params.get("new_db_instance_identifier"):
            raise AwsError("InvalidDBInstanceState", "Instance is not in available state.")
        return original(backend, name, params)

    with patch.object(RDSBackend, "modify_db_instance", refuse_rename):
        engine = stage.build_engine(KillFuse())
        assert engine.start(plan) == "undone"
    assert "not in available state" in engine.reason
    assert read_resource_id(stage, RESTORED_IDENTIFIER) == restored_id
    assert read_states(stage)[PRIMARY_IDENTIFIER] == "failed"


@pytest.mark.parametrize("state", LOST_STATES)
def test_the_secret_leads_away_from_a_primary_in_any_state(stage: Stage, state: str) -> None:
    set_state(stage, state)
    assert stage.build_engine(KillFuse()).start(plan_secret_promotion(stage)) == "done"
    secret = stage.client("secretsmanager").get_secret_value(
        SecretId=stage.outputs.database.secret_arn
    )["SecretString"]
    assert RESTORED_IDENTIFIER in secret


@pytest.mark.parametrize(
    "state", ["stopped", "inaccessible-encryption-credentials-recoverable", "modifying"]
)
def test_a_primary_that_rds_does_not_rename_names_the_other_way(stage: Stage, state: str) -> None:
    set_state(stage, state)
    with pytest.raises(OpsError, match=f"is {state}; it must be") as caught:
        plan_rename_promotion(stage)
    assert f"ops recover promote {RESTORED_IDENTIFIER} --by secret" in caught.value.advice


def test_storage_that_is_optimized_or_loaded_is_not_waited_for(stage: Stage) -> None:
    stage.client("rds").modify_db_instance(
        DBInstanceIdentifier=PRIMARY_IDENTIFIER, AllocatedStorage=40, ApplyImmediately=True
    )
    stage.clock.sleep(1800)
    assert read_states(stage)[PRIMARY_IDENTIFIER] == "storage-optimization"
    plan, before = plan_rename_promotion(stage), stage.clock.now()
    assert stage.build_engine(KillFuse()).start(plan) == "done"
    assert stage.clock.now() - before < 3600
    assert read_states(stage)[REPLACED_IDENTIFIER] == "storage-optimization"


@pytest.mark.parametrize("state", ["failed", "storage-full"])
def test_the_first_rename_waits_until_the_second_would_be_taken(stage: Stage, state: str) -> None:
    plan, primary_id = plan_rename_promotion(stage), read_resource_id(stage, PRIMARY_IDENTIFIER)
    credentials = plan.steps[0]
    assert credentials.name == "credentials"
    only_renames: Plan = plan.model_copy(update={"steps": plan.steps[1:]})
    set_state(stage, state, RESTORED_IDENTIFIER)
    assert stage.build_engine(KillFuse()).start(only_renames) == "undone"
    assert read_resource_id(stage, PRIMARY_IDENTIFIER) == primary_id
    assert REPLACED_IDENTIFIER not in read_states(stage)


def test_a_restored_instance_that_is_not_ready_is_refused(stage: Stage) -> None:
    for state in ("failed", "backing-up", "stopped"):
        set_state(stage, state, RESTORED_IDENTIFIER)
        restored = replicas.get_instance_description(stage.aws, stage.outputs, RESTORED_IDENTIFIER)
        with pytest.raises(OpsError, match=f"is {state}; it must be available"):
            require_promotable(stage.outputs, restored)
    with pytest.raises(UsageError, match="is the primary already"):
        require_promotable(
            stage.outputs, replicas.get_instance_description(stage.aws, stage.outputs)
        )


def test_a_failed_instance_is_discarded_without_the_snapshot_that_rds_refuses(
    stage: Stage,
) -> None:
    set_state(stage, "failed", RESTORED_IDENTIFIER)
    restored = replicas.get_instance_description(stage.aws, stage.outputs, RESTORED_IDENTIFIER)
    with pytest.raises(OpsError, match="RDS takes no snapshot of it"):
        build_discard_plan(stage.outputs, restored, "discard-1", with_snapshot=True)
    plan = build_discard_plan(stage.outputs, restored, "discard-1", with_snapshot=False)
    assert stage.build_engine(KillFuse()).start(plan) == "done"
    assert RESTORED_IDENTIFIER not in read_states(stage)


def test_a_dry_run_is_shown_while_the_primary_is_stopped(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with open_database_console(capsys, tmp_path, BackupRetentionPeriod=7) as ops:
        ops.stage.client("rds").restore_db_instance_to_point_in_time(
            SourceDBInstanceIdentifier=PRIMARY_IDENTIFIER,
            TargetDBInstanceIdentifier=RESTORED_IDENTIFIER,
            UseLatestRestorableTime=True,
        )
        ops.stage.clock.sleep(7200)
        set_state(ops.stage, "stopped")
        line = f"recover promote {RESTORED_IDENTIFIER}"
        _, err = ops(f"{line} --by rename --no-sql --dry-run", expected_code=1)
        assert f"{PRIMARY_IDENTIFIER} is stopped" in err
        set_state(ops.stage, "failed")
        out, _ = ops(f"{line} --by rename --no-sql --dry-run")
        assert "RDS may refuse to rename it" in " ".join(out.split())
