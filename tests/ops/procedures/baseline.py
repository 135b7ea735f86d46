"""`ops baseline capture`: what is now, as an object of the operations bucket."""

from typing import Final

from ops.baseline import store as keeping
from ops.baseline.capture import capture_baseline
from ops.core.plan import Plan
from tests.ops import fleet_stage, service_stage
from tests.ops.procedures import Procedure, alarms, db_parameters
from tests.ops.stage import REGION, Stage

BASELINE_NAME: Final = "before-the-release"


def put_stack_and_bucket(stage: Stage) -> None:
    """A whole stack, and the bucket."""
    put_whole_stack(stage)
    stage.client("s3").create_bucket(
        Bucket=stage.outputs.backups.operations_bucket,
        CreateBucketConfiguration={"LocationConstraint": REGION},
    )


def put_whole_stack(stage: Stage) -> None:
    """A database with parameters of its own, two services, a fleet, alarms."""
    db_parameters.put_database_with_group(stage)
    service_stage.put_services(stage, ("backend", "frontend"))
    service_stage.put_scalable_target(stage)
    fleet_stage.put_fleet(stage)
    alarms.put_alarms(stage)


def plan_capture(stage: Stage) -> Plan:
    captured = capture_baseline(stage.outputs, stage.aws, stage.clock.held_clock.now())
    return keeping.build_baseline_capture_plan(stage.outputs, captured, BASELINE_NAME, "baseline-1")


def collect_baseline_facts(stage: Stage) -> object:
    """The objects below the prefix, and what is in them but for the time and what differs by it."""
    s3, bucket = stage.client("s3"), stage.outputs.backups.operations_bucket
    objects = s3.list_objects_v2(Bucket=bucket, Prefix=keeping.BASELINES_PREFIX).get("Contents", ())
    bodies = {
        item["Key"]: keeping.load_baseline(stage.aws, stage.outputs, BASELINE_NAME)[1].model_dump()
        for item in objects
    }
    return [(name, body["database"], body["services"]) for name, body in bodies.items()]


PROCEDURES: Final = (
    Procedure(
        "baseline capture",
        f"--name {BASELINE_NAME}",
        put_stack_and_bucket,
        plan_capture,
        collect_baseline_facts,
    ),
)
