"""A stage on which something is wrong, and an incident is open."""

from datetime import UTC, datetime

from ops.incident.model import IncidentOpening
from ops.incident.object_keys import get_opening_key
from tests.ops import change_stage, log_stage, service_stage
from tests.ops.stage import REGION, Stage


def put_failing_deployment(stage: Stage) -> None:
    """Things that change, with their logs, and an image of four minutes ago that exits."""
    change_stage.put_changed_stack(stage)
    log_stage.put_services_lines(stage)
    deploy_image(stage, "v4-crash")
    stage.clock.sleep(240)


def deploy_image(stage: Stage, tag: str) -> None:
    """A deployment of an image of the backend's repository, by hand."""
    ecs = stage.client("ecs")
    service = service_stage.describe_service(stage)
    task = ecs.describe_task_definition(taskDefinition=service["taskDefinition"])["taskDefinition"]
    containers = [dict(container) for container in task["containerDefinitions"]]
    containers[0]["image"] = service_stage.get_backend_digest_reference(stage, tag)
    registered = ecs.register_task_definition(
        family=task["family"], containerDefinitions=containers, cpu="256", memory="512"
    )
    ecs.update_service(
        cluster=service["clusterArn"],
        service="backend",
        taskDefinition=registered["taskDefinition"]["taskDefinitionArn"],
    )


def put_open_incident(stage: Stage) -> None:
    """A deployment that fails, and an incident that is open."""
    put_failing_deployment(stage)
    put_incident_opening(stage)


def put_incident_opening(stage: Stage) -> None:
    """An incident that was opened now, in an operations bucket that is not there yet."""
    bucket, s3 = stage.outputs.backups.operations_bucket, stage.client("s3")
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    now = datetime.fromtimestamp(stage.clock.now(), UTC)
    opening = IncidentOpening(time=now, by="a@b", severity="P1", title="slow", commander="a@b")
    s3.put_object(
        Bucket=bucket,
        Key=get_opening_key(f"incident-{now:%Y%m%d-%H%M%S}-1a2b"),
        Body=opening.model_dump_json().encode(),
    )
