"""Failover and reboot: proved by zone and by event, at most one outage however often killed."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.core.engine import StillRunningError
from ops.core.errors import OpsError
from ops.database.instance import get_primary
from tests.ops.command_line import OpsConsole
from tests.ops.db_stage import (
    describe_database,
    fail_operations,
    open_database_console,
    put_database,
)
from tests.ops.procedures.db_restart import (
    get_zones,
    list_restart_messages,
    plan_failover,
    plan_reboot,
)
from tests.ops.stage import KillFuse, open_stage

PRIMARY_IDENTIFIER = "bulwark-test-database"
FAILOVER_STARTED, FAILOVER_COMPLETED = (
    "Multi-AZ instance failover started.",
    "Multi-AZ instance failover completed",
)


@pytest.fixture
def ops(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Iterator[OpsConsole]:
    with open_database_console(capsys, tmp_path) as console:
        yield console


def test_a_failover_is_over_when_the_zone_has_moved_and_not_before() -> None:
    with open_stage() as stage:
        put_database(stage)
        before, began = get_zones(stage), stage.clock.now()
        assert stage.build_engine(KillFuse()).start(plan_failover(stage)) == "done"
        assert get_zones(stage) == before[::-1]
        assert stage.clock.now() - began >= 90
        assert list_restart_messages(stage) == [
            FAILOVER_STARTED,
            "DB instance restarted",
            FAILOVER_COMPLETED,
        ]


def test_an_instance_that_is_available_in_its_old_zone_has_not_failed_over() -> None:
    with open_stage() as stage:
        put_database(stage)
        plan = plan_failover(stage)
        patched = plan.steps[0].action.model_copy(
            update={"params": {"DBInstanceIdentifier": PRIMARY_IDENTIFIER, "ForceFailover": False}}
        )
        wrong = plan.model_copy(
            update={"steps": (plan.steps[0].model_copy(update={"action": patched}),)}
        )
        with pytest.raises(StillRunningError, match="AvailabilityZone is"):
            stage.build_engine(KillFuse()).start(wrong)
        assert describe_database(stage)["DBInstanceStatus"] == "available"


def test_an_earlier_restart_is_not_taken_for_this_one() -> None:
    with open_stage() as stage:
        put_database(stage)
        stage.client("rds").reboot_db_instance(DBInstanceIdentifier=PRIMARY_IDENTIFIER)
        stage.clock.sleep(300)
        began = stage.clock.now()
        assert stage.build_engine(KillFuse()).start(plan_reboot(stage)) == "done"
        assert stage.clock.now() - began >= 60
        assert list_restart_messages(stage).count("DB instance restarted") == 2


def test_a_reboot_makes_waiting_parameters_take_effect() -> None:
    with open_stage() as stage:
        rds = stage.client("rds")
        rds.create_db_parameter_group(
            DBParameterGroupName="group", DBParameterGroupFamily="postgres16", Description="d"
        )
        put_database(stage, DBParameterGroupName="group")
        change = {"ParameterName": "max_connections", "ParameterValue": "200"}
        rds.modify_db_parameter_group(
            DBParameterGroupName="group", Parameters=[{**change, "ApplyMethod": "pending-reboot"}]
        )
        before = get_primary(stage.aws, stage.outputs)
        assert before.row()["pending"] == ["group pending-reboot"]
        stage.build_engine(KillFuse()).start(plan_reboot(stage))
        assert get_primary(stage.aws, stage.outputs).row()["pending"] is None


@pytest.mark.parametrize("verb", ["failover", "reboot"])
def test_a_busy_instance_is_left_alone(verb: str) -> None:
    with open_stage() as stage:
        put_database(stage)
        stage.client("rds").create_db_snapshot(
            DBInstanceIdentifier=PRIMARY_IDENTIFIER, DBSnapshotIdentifier="s"
        )
        with pytest.raises(OpsError, match="is backing-up; it must be available"):
            plan_failover(stage) if verb == "failover" else plan_reboot(stage)


def test_a_failover_and_a_reboot_from_the_command_line(ops: OpsConsole) -> None:
    before = get_zones(ops.stage)
    failed = ops.run_for_json("db failover --yes --reason drill")
    assert (failed["from"], failed["to"]) == before
    assert get_zones(ops.stage) == before[::-1]
    out, _ = ops("db reboot --yes")
    assert f"instance: {PRIMARY_IDENTIFIER}" in out
    assert "parameters: in-sync" in out
    assert ops.run_for_json(f"db reboot --instance {PRIMARY_IDENTIFIER} --yes")["zone"] == before[1]


def test_the_state_is_shown_as_a_table_and_as_json(ops: OpsConsole) -> None:
    out, _ = ops("db status")
    assert PRIMARY_IDENTIFIER in out
    assert "available" in out
    (item,) = ops.run_for_json("db status")["items"]
    assert (item["role"], item["class"], item["storage"]) == (
        "primary",
        "db.t4g.small",
        "20 GiB gp3",
    )


@pytest.mark.parametrize("verb", ["failover", "reboot"])
def test_a_dry_run_names_downtime_and_source_and_changes_nothing(
    ops: OpsConsole, verb: str
) -> None:
    out, _ = ops(f"db {verb} --dry-run --details")
    assert "rds.reboot_db_instance" in out
    assert re.search(r"downtime  about \d+ (s|min); takes about \d+ (s|min)", out)
    assert ops.run_for_json(f"db {verb} --dry-run")["hash"] in out
    assert list_restart_messages(ops.stage) == []


def test_without_a_standby_the_reboot_is_named(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with open_database_console(capsys, tmp_path, MultiAZ=False) as ops:
        _, err = ops("db failover --yes", expected_code=1)
    assert "is not Multi-AZ" in err
    assert err.endswith("  ops db reboot\n")


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("failover --timeout 0", "--timeout"),
        ("reboot --timeout x", "--timeout"),
        ("reboot --instance other", f"--instance must be '{PRIMARY_IDENTIFIER}'"),
    ],
)
def test_a_wrong_value_is_named_before_any_call(ops: OpsConsole, line: str, says: str) -> None:
    with fail_operations("-") as called:
        _, err = ops(f"db {line} --yes", expected_code=2)
    assert says in err.splitlines()[0]
    assert called == []


@pytest.mark.parametrize("code", ["Throttling", "AccessDenied"])
@pytest.mark.parametrize("line", ["status", "failover --yes", "reboot --yes"])
def test_a_database_that_cannot_be_read_is_an_error(ops: OpsConsole, line: str, code: str) -> None:
    with fail_operations(code, "describe_db_instances"):
        out, err = ops(f"db {line}", expected_code=1)
    assert "rds.describe_db_instances" in err
    assert out == ""


def test_a_denied_failover_is_said_with_how_to_go_on(ops: OpsConsole) -> None:
    with fail_operations("AccessDenied", "reboot_db_instance"):
        _, err = ops("db failover --yes", expected_code=1)
    assert "rds.reboot_db_instance was denied" in err
    assert "ops runs resume failover-" in err
    assert list_restart_messages(ops.stage) == []


def test_an_absent_database_is_said(ops: OpsConsole) -> None:
    ops.stage.client("rds").delete_db_instance(
        DBInstanceIdentifier=PRIMARY_IDENTIFIER, SkipFinalSnapshot=True
    )
    assert ops.run_for_json("db status")["items"] == [
        {"instance": PRIMARY_IDENTIFIER, "status": "absent"}
    ]
    assert "https://" not in ops("db status")[0]  # a page of what is not there
    assert (
        f"there is no DB instance {PRIMARY_IDENTIFIER}"
        in ops("db failover --yes", expected_code=1)[1]
    )
