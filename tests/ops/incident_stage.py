"""A stage on which something is wrong, and an incident is open."""

from datetime import UTC, datetime

from ops.incident.model import IncidentOpening
from ops.incident.store import get_opening_key
from tests.ops import change_stage
from tests.ops.stage import REGION, Stage


def put_open_incident(stage: Stage) -> None:
    """Things that change, an alarm, and an incident that is open."""
    change_stage.put_changed_stack(stage)
    bucket, s3 = stage.outputs.backups.operations_bucket, stage.client("s3")
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    now = datetime.fromtimestamp(stage.clock.now(), UTC)
    opening = IncidentOpening(time=now, by="a@b", severity="P1", title="slow", commander="a@b")
    s3.put_object(
        Bucket=bucket,
        Key=get_opening_key(f"incident-{now:%Y%m%d-%H%M%S}-1a2b"),
        Body=opening.model_dump_json().encode(),
    )
