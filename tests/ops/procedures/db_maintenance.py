"""`ops db maintenance apply`."""

from typing import Any, Final

from ops.core.plan import Plan
from ops.database.instance import get_primary
from ops.database.pending_maintenance import (
    IMMEDIATE,
    NEXT_WINDOW,
    UNDO_OPT_IN,
    OptIn,
    build_maintenance_plan,
    list_pending_actions,
)
from sandbox.patches.rds.maintenance import announce_maintenance
from tests.ops.db_stage import describe_database, put_database
from tests.ops.procedures import Procedure
from tests.ops.stage import ACCOUNT, REGION, Stage

SYSTEM_UPDATE: Final = {"Action": "system-update", "Description": "New kernel"}
ENGINE_UPGRADE: Final = {"Action": "db-upgrade", "Description": "Automatic minor version upgrade"}


def put_pending_database(stage: Stage) -> None:
    """The primary, for which AWS has an update of the system and of the engine pending."""
    put_database(stage, EngineVersion="16.9", PreferredMaintenanceWindow="sun:03:00-sun:04:00")
    arn = describe_database(stage)["DBInstanceArn"]
    for action in (ENGINE_UPGRADE, SYSTEM_UPDATE):
        announce_maintenance(ACCOUNT, REGION, arn, dict(action))


def put_chosen_database(stage: Stage) -> None:
    """The same, with the update of the system chosen for the next window."""
    put_pending_database(stage)
    stage.client("rds").apply_pending_maintenance_action(
        ResourceIdentifier=describe_database(stage)["DBInstanceArn"],
        ApplyAction="system-update",
        OptInType="next-maintenance",
    )


def plan_maintenance(stage: Stage, opt_in: OptIn, *names: str) -> Plan:
    instance = get_primary(stage.aws, stage.outputs)
    arn = describe_database(stage)["DBInstanceArn"]
    actions = list_pending_actions(stage.aws, stage.outputs, {arn: instance})
    return build_maintenance_plan(
        stage.outputs,
        [action for action in actions if action.action in names],
        instance,
        opt_in,
        "maintenance-1",
        arguments=" ".join(names),
    )


def list_pending(stage: Stage) -> list[tuple[str, str | None]]:
    """What is pending, with what was chosen."""
    answer: Any = stage.client("rds").describe_pending_maintenance_actions()
    return [
        (action["Action"], action.get("OptInStatus"))
        for resource in answer["PendingMaintenanceActions"]
        for action in resource["PendingMaintenanceActionDetails"]
    ]


def collect_maintenance_facts(stage: Stage) -> tuple[object, ...]:
    stage.clock.sleep(3600)
    snapshots = stage.client("rds").describe_db_snapshots(SnapshotType="manual")["DBSnapshots"]
    instance = describe_database(stage)
    return (
        list_pending(stage),
        instance["EngineVersion"],
        instance["DBInstanceStatus"],
        instance["AvailabilityZone"],
        [(item["DBSnapshotIdentifier"], item["Status"]) for item in snapshots],
    )


PROCEDURES: Final = (
    Procedure(
        "db maintenance apply",
        "db-upgrade system-update",
        put_pending_database,
        lambda stage: plan_maintenance(stage, IMMEDIATE, "db-upgrade", "system-update"),
        collect_maintenance_facts,
        collect_undone_facts=lambda stage: describe_database(stage)["DBInstanceStatus"],
    ),
    Procedure(
        "db maintenance apply",
        "system-update --next-window",
        put_pending_database,
        lambda stage: plan_maintenance(stage, NEXT_WINDOW, "system-update"),
        collect_maintenance_facts,
    ),
    Procedure(
        "db maintenance apply",
        "system-update --undo",
        put_chosen_database,
        lambda stage: plan_maintenance(stage, UNDO_OPT_IN, "system-update"),
        collect_maintenance_facts,
    ),
)
