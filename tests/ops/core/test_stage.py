"""The stage itself: a real procedure's shape, killed everywhere on moto as it is mended.

Each world here is built anew and its process really abandoned; that the forks of matrices.py, which
are much quicker, leave the same, is shown by comparing them.
"""

import pytest

from ops.core.engine import Engine
from ops.core.plan import Call, Plan, Step, Wait
from ops.outputs import Outputs
from tests.ops.matrices import everywhere, explored, started, world
from tests.ops.procedures import Procedure
from tests.ops.stage import Stage, matrix, stack_outputs


def put(stage: Stage) -> None:
    stage.client("rds").create_db_instance(
        DBInstanceIdentifier=stage.outputs.database.identifier,
        DBInstanceClass="db.t4g.small",
        Engine="postgres",
        AllocatedStorage=20,
        MasterUsername="bulwark_admin",
        MasterUserPassword="a-password-of-the-test",
    )
    stage.clock.sleep(3600)


def plan(stage: Stage) -> Plan:
    name = stage.outputs.database.identifier
    where, copy = {"DBInstanceIdentifier": name}, {"DBSnapshotIdentifier": f"{name}-run-1"}
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
                    params={**where, **copy},
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


def facts(stage: Stage) -> object:
    found = stage.client("rds").describe_db_snapshots(SnapshotType="manual")["DBSnapshots"]
    return [(s["DBSnapshotIdentifier"], s["Status"]) for s in found]


@pytest.mark.exhaustive
def test_a_snapshot_killed_at_every_touch_is_there_once() -> None:
    kills = matrix(put, plan, facts)
    procedure = Procedure("db snapshot create", "", put, plan, facts)
    with world(procedure) as of:

        def go(engine: Engine) -> str:
            return started(engine, of.plan)

        undisturbed, *killed = explored(of, (go, go), everywhere)
    assert kills == sum(case.stands_for for case in killed) > 8
    assert {case.ended for case in killed} == {undisturbed.ended}


def test_the_outputs_of_the_stage_keep_the_contract() -> None:
    assert Outputs.model_validate_json(stack_outputs().model_dump_json()) == stack_outputs()


@pytest.mark.exhaustive
def test_a_pair_of_kills_may_be_a_single_one() -> None:
    """What matrices.py judges by a single kill, carried out all the same, ends as that one."""
    procedure = Procedure("db snapshot create", "", put, plan, facts)
    with world(procedure) as of:

        def go(engine: Engine) -> str:
            return started(engine, of.plan)

        short = explored(of, (go, go, go), everywhere)
        whole = explored(of, (go, go, go), everywhere, again=True)
    assert [(c.kills, c.stands_for) for c in short] == [(c.kills, c.stands_for) for c in whole]
    assert any(case.ended is None for case in short)
    assert {case.ended for case in whole} == {short[0].ended}
