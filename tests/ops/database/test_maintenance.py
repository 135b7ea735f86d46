"""`ops db maintenance`: what AWS has pending, applied now, in the next window, or not."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ops.core.errors import UsageError
from ops.database.pending_maintenance import IMMEDIATE, UNDO_OPT_IN, describe_outage
from sandbox.patches.rds.given_up import give_up_next
from sandbox.patches.rds.maintenance import announce_maintenance
from tests.ops.command_line import OpsConsole
from tests.ops.db_stage import describe_database, fail_operations, open_database_console
from tests.ops.procedures.db_maintenance import (
    ENGINE_UPGRADE,
    SYSTEM_UPDATE,
    collect_maintenance_facts,
    list_pending,
    plan_maintenance,
    put_chosen_database,
    put_pending_database,
)
from tests.ops.stage import ACCOUNT, REGION, KillFuse, Stage, open_stage

PRIMARY = "bulwark-test-database"


@pytest.fixture
def ops(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Iterator[OpsConsole]:
    with open_database_console(
        capsys, tmp_path, EngineVersion="16.9", PreferredMaintenanceWindow="sun:03:00-sun:04:00"
    ) as console:
        yield console


def announce(stage: Stage, *actions: dict[str, str], identifier: str | None = None) -> None:
    arn = describe_database(stage, identifier)["DBInstanceArn"]
    for action in actions:
        announce_maintenance(ACCOUNT, REGION, arn, dict(action))


def test_nothing_pending_is_said_and_nothing_is_applied(ops: OpsConsole) -> None:
    assert ops("db maintenance list")[0] == "no maintenance is pending at AWS\n"
    _, err = ops("db maintenance apply --yes", expected_code=1)
    assert "AWS has no maintenance pending for the database" in err
    _, err = ops("db maintenance apply os-upgrade --yes", expected_code=2)
    assert "ACTION is 'os-upgrade', but AWS has nothing pending" in err


def test_what_is_pending_is_listed_with_its_outage(ops: OpsConsole) -> None:
    due = {"AutoAppliedAfterDate": datetime(2027, 1, 1, tzinfo=UTC)}
    announce(ops.stage, ENGINE_UPGRADE, {**SYSTEM_UPDATE, **due})  # type: ignore[dict-item]
    announce_maintenance(ACCOUNT, REGION, "arn:aws:rds:eu-north-1:1:db:other", dict(SYSTEM_UPDATE))
    engine, system = ops.run_for_json("db maintenance list")["items"]
    assert (engine["instance"], engine["action"], engine["due"]) == (PRIMARY, "db-upgrade", None)
    assert "both are upgraded at once" in engine["outage"]
    assert system["due"] == "2027-01-01T00:00:00Z"
    assert system["outage"] == "a failover of one to two minutes"
    with fail_operations("AccessDenied", "describe_pending_maintenance_actions"):
        _, err = ops("db maintenance list", expected_code=1)
    assert "rds.describe_pending_maintenance_actions was denied" in err


def test_an_engine_upgrade_is_applied_after_a_snapshot(ops: OpsConsole) -> None:
    announce(ops.stage, SYSTEM_UPDATE, ENGINE_UPGRADE)
    zone = describe_database(ops.stage)["AvailabilityZone"]
    plan = ops.run_for_json("db maintenance apply db-upgrade --dry-run")["plan"]
    names = [step["name"] for step in plan["steps"]]
    assert names == ["save", "apply_1", "available_1"]
    assert plan["steps"][1]["downtime"] is None, "AWS gives no figure"
    assert any("change engineVersion in the stack's settings too" in n for n in plan["notes"])
    found = ops.run_for_json("db maintenance apply db-upgrade --yes")
    assert found["pending"] == [f"system-update of {PRIMARY}"]
    pending, version, status, zone_after, snapshots = collect_maintenance_facts(ops.stage)
    assert (version, status, zone_after) == ("16.11", "available", zone)
    assert f"{PRIMARY}-maintenance-" in str(snapshots)
    assert pending == [("system-update", None)]
    assert [
        step["name"] for step in ops.run_for_json("db maintenance apply --dry-run")["plan"]["steps"]
    ] == ["apply_1", "available_1"], "a system update needs no snapshot"
    ops("db maintenance apply --yes")
    assert list_pending(ops.stage) == []
    assert describe_database(ops.stage)["AvailabilityZone"] != zone, "it failed over"
    messages = [e["event"] for e in ops.run_for_json("db events --since 3h")["items"]]
    assert any("off-line patches" in message for message in messages)


def test_replicas_come_first_and_one_instance_can_be_chosen(ops: OpsConsole) -> None:
    name = f"{PRIMARY}-reader"
    ops.stage.client("rds").create_db_instance_read_replica(
        DBInstanceIdentifier=name, SourceDBInstanceIdentifier=PRIMARY
    )
    ops.stage.clock.sleep(3600)
    announce(ops.stage, ENGINE_UPGRADE)
    announce(ops.stage, ENGINE_UPGRADE, identifier=name)
    plan = ops.run_for_json("db maintenance apply --dry-run")["plan"]
    assert [step["description"] for step in plan["steps"]][1::2] == [
        f"apply db-upgrade to {name}",
        f"apply db-upgrade to {PRIMARY}",
    ]
    plan = ops.run_for_json(f"db maintenance apply --instance {name} --dry-run")["plan"]
    assert [step["name"] for step in plan["steps"]] == ["apply_1", "available_1"]
    _, err = ops("db maintenance apply --instance other --dry-run", expected_code=2)
    assert f"--instance must be '{PRIMARY}' or '{name}', not 'other'" in err


def test_the_next_window_is_chosen_and_taken_back(ops: OpsConsole) -> None:
    announce(ops.stage, SYSTEM_UPDATE)
    _, err = ops("db maintenance apply --undo --yes", expected_code=2)
    assert "was not chosen for the next window, so --undo has nothing to take back" in err
    ops("db maintenance apply --next-window --yes")
    assert list_pending(ops.stage) == [("system-update", "next-maintenance")]
    (row,) = ops.run_for_json("db maintenance list")["items"]
    assert row["due"] is not None
    _, err = ops("db maintenance apply --next-window --yes", expected_code=2)
    assert "is chosen for the next window already" in err
    _, err = ops("db maintenance apply --next-window --undo --yes", expected_code=2)
    assert "--next-window and --undo must not be given together" in err
    ops("db maintenance apply --undo --yes")
    assert list_pending(ops.stage) == [("system-update", None)]


def test_what_was_chosen_begins_with_the_window_and_cannot_be_taken_back() -> None:
    with open_stage() as stage:
        put_chosen_database(stage)
        chosen = plan_maintenance(stage, UNDO_OPT_IN, "system-update")
        assert stage.build_engine(KillFuse()).start(chosen) == "done"
        assert list_pending(stage)[1] == ("system-update", None)
    with open_stage() as stage:
        put_chosen_database(stage)
        for _ in range(7 * 24 * 60 // 5):  # it shows while it is applied
            if (pending := list_pending(stage))[-1][1] == "immediate":
                break
            stage.clock.sleep(5 * 60)
        assert pending[-1] == ("system-update", "immediate")
        assert describe_database(stage)["DBInstanceStatus"] == "maintenance"
        with pytest.raises(UsageError, match="AWS takes back only what waits for the next window"):
            plan_maintenance(stage, UNDO_OPT_IN, "system-update")
        stage.clock.sleep(3600)
        assert list_pending(stage) == [("db-upgrade", None)]


def test_an_upgrade_that_rds_gives_up_fails_with_its_words() -> None:
    with open_stage() as stage:
        put_pending_database(stage)
        give_up_next(ACCOUNT, REGION, PRIMARY, "upgrade")
        engine = stage.build_engine(KillFuse())
        assert engine.start(plan_maintenance(stage, IMMEDIATE, "db-upgrade")) == "undone"
        assert "PreUpgrade checks failed" in engine.reason
        assert describe_database(stage)["EngineVersion"] == "16.9"


def test_health_names_the_command_that_applies_it(ops: OpsConsole) -> None:
    due = {"ForcedApplyDate": datetime(2020, 1, 1, tzinfo=UTC)}
    announce(ops.stage, {**SYSTEM_UPDATE, **due})  # type: ignore[dict-item]
    out, _ = ops("health --only database-maintenance", expected_code=3)
    assert "ops db maintenance apply" in out
    lines = ops.run_for_json("maintenance status")["items"]
    assert {line["command"] for line in lines if line["about"] == "pending at AWS"} == {
        "ops db maintenance apply"
    }


@pytest.mark.parametrize(
    ("action", "multi_az", "seconds", "text"),
    [
        ("os-upgrade", True, 120, "a failover of one to two minutes"),
        ("os-upgrade", False, None, "there is no standby"),
        ("hardware-maintenance", True, 120, "none if only the standby's"),
        ("hardware-maintenance", False, None, "there is no standby"),
        ("db-upgrade", True, None, "a standby does not help"),
        ("db-upgrade", False, None, "until the upgrade is complete"),
        ("ca-certificate-rotation", True, 60, "unless this version takes a certificate without"),
        ("new-kind", True, None, "unknown"),
    ],
)
def test_the_outage_of_each_action_is_said(
    action: str, multi_az: bool, seconds: float | None, text: str
) -> None:
    outage = describe_outage(action, multi_az=multi_az)
    assert outage.seconds == seconds
    assert text in outage.text
