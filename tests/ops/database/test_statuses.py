"""What RDS takes in each status, and that procedures ask for no more than that."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jmespath
import pytest

from components.lambdas import rotate
from ops.core.errors import OpsError
from ops.core.plan import Plan
from ops.database import failover, snapshots, statuses
from ops.database import instance as database
from ops.database.statuses import (
    FAILED_STATUSES,
    SERVING_STATUSES,
    STATUSES,
    STEADY,
    STEADY_STATUSES,
    Change,
    Ending,
)
from sandbox.patches.rds.states import set_instance_state, spoil_parameter
from tests.ops.command_line import OpsConsole
from tests.ops.db_stage import describe_database, open_database_console, put_database
from tests.ops.procedures.db_size import collect_size_facts, plan_resize
from tests.ops.stage import ACCOUNT, REGION, KillFuse, Stage, open_stage

PRIMARY_IDENTIFIER = "bulwark-test-database"
# The table of the RDS User Guide, "Viewing Amazon RDS DB instance status".
GUIDE_STATUSES = """
available backing-up configuring-enhanced-monitoring configuring-iam-database-auth
configuring-log-exports converting-to-vpc creating delete-precheck deleting failed
inaccessible-encryption-credentials inaccessible-encryption-credentials-recoverable
incompatible-create incompatible-network incompatible-option-group incompatible-parameters
incompatible-restore insufficient-capacity maintenance modifying moving-to-vpc rebooting
resetting-master-credentials renaming restore-error starting stopped stopping storage-config-upgrade
storage-full storage-initialization storage-optimization upgrading
""".split()


@pytest.fixture
def ops(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Iterator[OpsConsole]:
    with open_database_console(capsys, tmp_path) as console:
        yield console


def set_state(stage: Stage, state: str, name: str = PRIMARY_IDENTIFIER) -> None:
    set_instance_state(ACCOUNT, REGION, name, state)


def grow_storage(stage: Stage) -> None:
    """The primary, whose storage is being optimized."""
    put_database(stage)
    stage.client("rds").modify_db_instance(
        DBInstanceIdentifier=PRIMARY_IDENTIFIER, AllocatedStorage=40, ApplyImmediately=True
    )
    stage.clock.sleep(1800)
    assert describe_database(stage)["DBInstanceStatus"] == "storage-optimization"


def plan_failover(stage: Stage) -> Plan:
    primary = database.get_primary(stage.aws, stage.outputs)
    return failover.build_database_failover_plan(stage.outputs, primary, "failover-1")


def plan_reboot(stage: Stage) -> Plan:
    primary = database.get_primary(stage.aws, stage.outputs)
    start = stage.clock.held_clock.now().isoformat(timespec="milliseconds")
    return failover.build_database_reboot_plan(stage.outputs, primary, start, "reboot-1")


def plan_snapshot(stage: Stage) -> Plan:
    primary = database.get_primary(stage.aws, stage.outputs)
    return snapshots.build_database_snapshot_plan(stage.outputs, primary, "snapshot-1")


def test_every_status_of_the_guide_has_a_meaning_and_a_source() -> None:
    assert set(GUIDE_STATUSES) <= STATUSES.keys()
    for name, meaning in STATUSES.items():
        assert meaning.source, name
        assert bool(meaning.advice) == (meaning.ending is Ending.NEVER), name
        assert not (meaning.serves and meaning.ending is Ending.NEVER), name
        assert not (meaning.takes and meaning.ending is Ending.PASSES), name


def test_statuses_are_sorted_into_serving_and_final_ones() -> None:
    assert set(STEADY_STATUSES) == {"available", "storage-optimization", "storage-initialization"}
    assert {"stopped", "failed", "storage-full", "incompatible-create"} <= set(FAILED_STATUSES)
    assert not SERVING_STATUSES & {"storage-full", "renaming", "rebooting", "stopped"}


@pytest.mark.parametrize("status", ["available", "modifying", "stopped", "of-next-year", None])
def test_a_wait_shows_the_status_until_the_instance_serves(status: str | None) -> None:
    ((expression, wanted),) = STEADY.items()
    seen = jmespath.search(expression, {"DBInstances": [{"DBInstanceStatus": status}]})
    assert seen == (wanted if status == "available" else status)


def test_an_unknown_status_takes_nothing_and_fails_nothing() -> None:
    with pytest.raises(OpsError, match="of-next-year; it must be available"):
        statuses.require_status_takes("x", "of-next-year", Change.REBOOT, "first")
    assert "of-next-year" not in FAILED_STATUSES


@pytest.mark.parametrize(
    "build_plan", [plan_failover, plan_reboot, plan_snapshot, plan_resize], ids=lambda f: f.__name__
)
def test_storage_optimization_blocks_no_resize(build_plan: Callable[[Stage], Plan]) -> None:
    with open_stage() as stage:
        grow_storage(stage)
        before = stage.clock.now()
        assert stage.build_engine(KillFuse()).start(build_plan(stage)) == "done"
        assert stage.clock.now() - before < 3600
        assert describe_database(stage)["DBInstanceStatus"] == "storage-optimization"


@pytest.mark.parametrize("hours", [1, 5])
def test_storage_is_not_changed_again_while_it_is_optimized_or_within_six_hours(
    hours: int,
) -> None:
    with open_stage() as stage:
        grow_storage(stage)
        stage.clock.sleep(hours * 3600)
        if hours == 1:
            with pytest.raises(OpsError, match="at least 6 hours after the last change"):
                plan_storage_to(stage, 60)
        else:  # only RDS knows when it was changed: it refuses, and nothing is left half done
            plan = plan_storage_to(stage, 60)
            assert stage.build_engine(KillFuse()).start(plan) == "undone"
            assert collect_size_facts(stage)[1] == 40


def plan_storage_to(stage: Stage, gib: int | None, limit_gib: int | None = None) -> Plan:
    from ops.database.storage import build_storage_plan

    primary = database.get_primary(stage.aws, stage.outputs)
    return build_storage_plan(stage.outputs, primary, gib, limit_gib, "storage-1")


def test_a_full_database_gets_storage_at_once_and_without_a_snapshot() -> None:
    with open_stage() as stage:
        put_database(stage)
        set_state(stage, "storage-full")
        plan = plan_storage_to(stage, 40)
        assert [step.name for step in plan.steps] == ["grow"]
        assert any("storage is full" in note for note in plan.notes)
        assert stage.build_engine(KillFuse()).start(plan) == "done"
        assert collect_size_facts(stage) == ("db.t4g.small", 40, "storage-optimization", [])


@pytest.mark.parametrize(
    "build_plan", [plan_failover, plan_reboot, plan_snapshot, plan_resize], ids=lambda f: f.__name__
)
def test_a_change_refused_by_a_full_database_names_the_remedy(
    build_plan: Callable[[Stage], Plan],
) -> None:
    with open_stage() as stage:
        put_database(stage)
        set_state(stage, "storage-full")
        with pytest.raises(OpsError, match=r"does not end this: ops db storage GIB"):
            build_plan(stage)


def test_growth_past_the_limit_raises_it_and_says_so() -> None:
    with open_stage() as stage:
        put_database(stage, AllocatedStorage=95, MaxAllocatedStorage=100)
        plan = plan_storage_to(stage, 105)
        assert "limit of storage autoscaling: 100 GiB -> 133 GiB" in plan.changes
        assert stage.build_engine(KillFuse()).start(plan) == "done"
        after = describe_database(stage)
        assert (after["AllocatedStorage"], after["MaxAllocatedStorage"]) == (105, 133)


@pytest.mark.parametrize("state", ["available", "storage-full"])
def test_the_limit_alone_is_moved_in_the_states_that_need_it(state: str) -> None:
    with open_stage() as stage:
        put_database(stage, MaxAllocatedStorage=30)
        set_state(stage, state)
        plan = plan_storage_to(stage, None, 200)
        assert [step.name for step in plan.steps] == ["limit"]
        assert stage.build_engine(KillFuse()).start(plan) == "done"
        assert describe_database(stage)["MaxAllocatedStorage"] == 200


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [(300, 500, (12000, 500)), (500, 600, (20000, 700)), (100, 200, (None, None))],
)
def test_growth_of_gp3_from_400_gib_names_its_performance(
    before: int, after: int, expected: tuple[int | None, int | None]
) -> None:
    provisioned = {"Iops": 20000, "StorageThroughput": 700} if before >= 400 else {}
    with open_stage() as stage:
        put_database(stage, AllocatedStorage=before, **provisioned)
        plan = plan_storage_to(stage, after)
        params: dict[str, Any] = getattr(plan.steps[-1].action, "params", {})
        assert (params.get("Iops"), params.get("StorageThroughput")) == expected
        assert stage.build_engine(KillFuse()).start(plan) == "done"
        assert describe_database(stage)["AllocatedStorage"] == after


def test_parameters_that_keep_it_from_starting_are_put_back(ops: OpsConsole) -> None:
    rds = ops.stage.client("rds")
    rds.create_db_parameter_group(
        DBParameterGroupName="own", DBParameterGroupFamily="postgres16", Description="own"
    )
    rds.modify_db_instance(
        DBInstanceIdentifier=PRIMARY_IDENTIFIER, DBParameterGroupName="own", ApplyImmediately=True
    )
    rds.modify_db_parameter_group(
        DBParameterGroupName="own",
        Parameters=[
            {
                "ParameterName": "shared_buffers",
                "ParameterValue": "900000000",
                "ApplyMethod": "pending-reboot",
            }
        ],
    )
    ops.stage.clock.sleep(3600)
    spoil_parameter(ACCOUNT, REGION, PRIMARY_IDENTIFIER, "shared_buffers", "900000000")
    out, _ = ops("db parameters --set shared_buffers=65536 --dry-run --details")
    assert "rds.reboot_db_instance" in out
    assert "there is no undo, since the previous values do not start it" in " ".join(out.split())
    ops("db parameters --set shared_buffers=65536 --yes")
    assert describe_database(ops.stage)["DBInstanceStatus"] == "available"


def test_the_rotation_function_waits_for_the_same_statuses() -> None:
    """It is uploaded alone, so that it cannot import the table."""
    assert set(STEADY_STATUSES) == rotate.PASSWORD_EFFECTIVE_STATUSES


def test_a_limit_that_rds_gives_up_ends_its_wait() -> None:
    with open_stage() as stage:
        put_database(stage, MaxAllocatedStorage=100)
        (step,) = plan_storage_to(stage, None, 200).steps
        reports = step.goal.reports
        assert reports is not None
        assert reports == step.undo[0].goal.reports
        assert "storage volume limitation was exceeded" in reports.messages
