"""The stage itself: a real procedure's shape, killed everywhere on moto as it is mended.

Each world here is built anew and its process really abandoned; that the forks of matrices.py, which
are much quicker, leave the same, is shown by comparing them.
"""

import pytest

from ops.core.engine import Engine
from ops.core.plan import Call, Plan, Step, Wait
from ops.outputs import Outputs
from tests.ops.matrices import explore_kills, is_any_point, open_kill_world, start_or_resume
from tests.ops.procedures import Procedure
from tests.ops.stage import Stage, build_stack_outputs, run_kill_matrix


def put_plain_database(stage: Stage) -> None:
    stage.client("rds").create_db_instance(
        DBInstanceIdentifier=stage.outputs.database.identifier,
        DBInstanceClass="db.t4g.small",
        Engine="postgres",
        AllocatedStorage=20,
        MasterUsername="bulwark_admin",
        MasterUserPassword="a-password-of-the-test",
    )
    stage.clock.sleep(3600)


def build_snapshot_plan(stage: Stage) -> Plan:
    name = stage.outputs.database.identifier
    instance_parameter, copy = (
        {"DBInstanceIdentifier": name},
        {"DBSnapshotIdentifier": f"{name}-run-1"},
    )
    return Plan(
        run="run-1",
        kind="db snapshot create",
        stack="test",
        account=stage.outputs.stack.account,
        region=stage.outputs.stack.region,
        steps=(
            Step(
                name="save",
                description=f"snapshot {name}",
                action=Call(
                    api="rds.create_db_snapshot",
                    params={**instance_parameter, **copy},
                    expected_errors=("DBSnapshotAlreadyExists",),
                ),
                goal=Wait(
                    read=Call(
                        api="rds.describe_db_snapshots",
                        params={**copy},
                        expected_errors=("DBSnapshotNotFound",),
                    ),
                    met={"DBSnapshots[0].Status": "available"},
                ),
            ),
        ),
    )


def list_snapshot_states(stage: Stage) -> object:
    snapshots = stage.client("rds").describe_db_snapshots(SnapshotType="manual")["DBSnapshots"]
    return [(snapshot["DBSnapshotIdentifier"], snapshot["Status"]) for snapshot in snapshots]


@pytest.mark.exhaustive
def test_a_snapshot_run_killed_at_every_point_makes_one_snapshot() -> None:
    kills = run_kill_matrix(put_plain_database, build_snapshot_plan, list_snapshot_states)
    procedure = Procedure(
        "db snapshot create", "", put_plain_database, build_snapshot_plan, list_snapshot_states
    )
    with open_kill_world(procedure) as of:

        def go(engine: Engine) -> str:
            return start_or_resume(engine, of.plan)

        undisturbed, *killed = explore_kills(of, (go, go), is_any_point)
    assert kills == sum(case.kill_count for case in killed) > 8
    assert {case.outcome for case in killed} == {undisturbed.outcome}


def test_the_outputs_of_the_stage_keep_the_contract() -> None:
    assert (
        Outputs.model_validate_json(build_stack_outputs().model_dump_json())
        == build_stack_outputs()
    )


@pytest.mark.exhaustive
def test_a_pair_of_kills_may_be_a_single_one() -> None:
    """What matrices.py judges by a single kill, carried out all the same, ends as that one."""
    procedure = Procedure(
        "db snapshot create", "", put_plain_database, build_snapshot_plan, list_snapshot_states
    )
    with open_kill_world(procedure) as of:

        def go(engine: Engine) -> str:
            return start_or_resume(engine, of.plan)

        short = explore_kills(of, (go, go, go), is_any_point)
        whole = explore_kills(of, (go, go, go), is_any_point, repeat_known=True)
    assert [(c.kills, c.kill_count) for c in short] == [(c.kills, c.kill_count) for c in whole]
    assert any(case.outcome is None for case in short)
    assert {case.outcome for case in whole} == {short[0].outcome}
