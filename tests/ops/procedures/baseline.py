"""`ops baseline capture`: what is now, as an object of the operations bucket."""

from typing import Final

from ops.baseline import store as keeping
from ops.baseline.capture import taken
from ops.core.plan import Plan
from tests.ops import fleet_stage, service_stage
from tests.ops.procedures import Procedure, alarms, db_parameters
from tests.ops.stage import REGION, Stage

NAME: Final = "before-the-release"


def put(on: Stage) -> None:
    """A whole stack, and the bucket."""
    put_stack(on)
    on.client("s3").create_bucket(
        Bucket=on.outputs.backups.operations_bucket,
        CreateBucketConfiguration={"LocationConstraint": REGION},
    )


def put_stack(on: Stage) -> None:
    """A database with parameters of its own, two services, a fleet, alarms."""
    db_parameters.put(on)
    service_stage.put(on, ("backend", "frontend"))
    service_stage.put_scaling(on)
    fleet_stage.put(on)
    alarms.put(on)


def planned(on: Stage) -> Plan:
    made = taken(on.outputs, on.aws, on.clock.held.now())
    return keeping.capture(on.outputs, made, NAME, "baseline-1")


def facts(on: Stage) -> object:
    """The objects below the prefix, and what is in them but for the time and what differs by it."""
    s3, bucket = on.client("s3"), on.outputs.backups.operations_bucket
    listed = s3.list_objects_v2(Bucket=bucket, Prefix=keeping.PREFIX).get("Contents", ())
    kept = {
        item["Key"]: keeping.loaded(on.aws, on.outputs, NAME)[1].model_dump() for item in listed
    }
    return [(name, body["database"], body["services"]) for name, body in kept.items()]


PROCEDURES: Final = (Procedure("baseline capture", f"--name {NAME}", put, planned, facts),)
