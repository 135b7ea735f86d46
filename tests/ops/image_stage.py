"""A stage with a service that runs an image of ECR."""

from typing import Final

from tests.ops.quota_stage import put_waiver
from tests.ops.service_stage import (
    BACKEND_IMAGE,
    BACKEND_REPOSITORY,
    get_backend_digest_reference,
    put_services,
)
from tests.ops.stage import REGION, Stage

RUNNING_IMAGE: Final = f"{BACKEND_IMAGE}:v2"
NEWER_IMAGE: Final = f"{BACKEND_IMAGE}:v3"


def put_unscanned_service(stage: Stage) -> None:
    """The backend runs an image of a repository that does not scan on push."""
    put_services(stage)
    deploy_image(stage, "v2")


def put_waived_image(stage: Stage) -> None:
    """Somebody lives with the repository that does not scan on push."""
    put_unscanned_service(stage)
    stage.client("s3").create_bucket(
        Bucket=stage.outputs.backups.operations_bucket,
        CreateBucketConfiguration={"LocationConstraint": REGION},
    )
    put_waiver(stage, f"image-scanning/{BACKEND_REPOSITORY}")


def deploy_image(stage: Stage, tag: str) -> None:
    """The backend runs an image of its repository, alone in its task."""
    ecs = stage.client("ecs")
    cluster = stage.outputs.services.cluster  # type: ignore[union-attr]
    image = get_backend_digest_reference(stage, tag)
    task_definition = ecs.register_task_definition(
        family="bulwark-test-backend",
        cpu="256",
        memory="512",
        runtimePlatform={"cpuArchitecture": "ARM64"},
        containerDefinitions=[{"name": "backend", "image": image, "memory": 256}],
    )["taskDefinition"]["taskDefinitionArn"]
    service = stage.outputs.services.services["backend"].name  # type: ignore[union-attr]
    ecs.update_service(cluster=cluster, service=service, taskDefinition=task_definition)
    stage.clock.sleep(600)
