"""A stage with the stack's services on it, and the command line in front of it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from ops.cli.selection import Selection
from ops.core.run import WallClock
from ops.outputs import Outputs
from tests.ops.command_line import OpsConsole
from tests.ops.stage import ACCOUNT, REGION, Stage, build_stack_outputs, open_stage

CIRCUIT_BREAKER = {"deploymentCircuitBreaker": {"enable": True, "rollback": True}}
BACKEND_REPOSITORY = "bulwark/test/backend"
ECR_REGISTRY = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com"
BACKEND_IMAGE = f"{ECR_REGISTRY}/{BACKEND_REPOSITORY}"
FIRST_IMAGE = "public.ecr.aws/nginx/nginx-unprivileged:stable"
BACKEND_IMAGE_TAGS = ("v2", "v3", "v4-crash", "v5-unhealthy", "v6-errors", "v7-slow")
SCALABLE_TARGET = {
    "ServiceNamespace": "ecs",
    "ScalableDimension": "ecs:service:DesiredCount",
    "ResourceId": "service/bulwark-test/backend",
}


def put_services(stage: Stage, names: tuple[str, ...] = ("backend",), **overrides: Any) -> None:
    """The services, and time until their tasks run; their repository with a few images."""
    ecs, ecr = stage.client("ecs"), stage.client("ecr")
    cluster = stage.outputs.services.cluster  # type: ignore[union-attr]
    ecs.create_cluster(clusterName=cluster)
    ecr.create_repository(repositoryName=BACKEND_REPOSITORY)
    for number, tag in enumerate(BACKEND_IMAGE_TAGS):
        put_backend_image(stage, tag, number)
    for name in names:
        task_definition = ecs.register_task_definition(
            family=f"bulwark-test-{name}",
            cpu="256",
            memory="512",
            runtimePlatform={"cpuArchitecture": "ARM64"},
            containerDefinitions=[
                {
                    "name": name,
                    "image": FIRST_IMAGE,
                    "memory": 256,
                    "environment": [{"name": "MODE", "value": "web"}],
                    "healthCheck": {"command": ["CMD-SHELL", "test -f /run/ready"]},
                },
                {"name": "sidecar", "image": "public.ecr.aws/sidecar:1", "memory": 64},
            ],
            tags=[{"key": "owner", "value": "platform"}],
        )
        ecs.create_service(
            cluster=cluster,
            serviceName=name,
            desiredCount=2,
            taskDefinition=task_definition["taskDefinition"]["taskDefinitionArn"],
            **{"deploymentConfiguration": CIRCUIT_BREAKER, **overrides},
        )
    stage.clock.sleep(3600)


def put_exec_service(stage: Stage) -> None:
    """The backend, with ECS Exec in its tasks."""
    put_services(stage, enableExecuteCommand=True)


def put_only_exec_service(stage: Stage) -> None:
    """The backend, with ECS Exec in its tasks, as the only service."""
    put_exec_service(stage)
    services = stage.outputs.services
    assert services is not None
    backend_only = services.model_copy(
        update={"services": {"backend": services.services["backend"]}}
    )
    stage.outputs = stage.outputs.model_copy(update={"services": backend_only})


def put_backend_image(stage: Stage, tag: str, number: int) -> None:
    layer = {"digest": f"sha256:{number:064x}", "size": 1, "mediaType": "layer"}
    media = "application/vnd.docker.distribution.manifest.v2+json"
    manifest = {"schemaVersion": 2, "mediaType": media, "layers": [layer], "config": {"size": 1}}
    stage.client("ecr").put_image(
        repositoryName=BACKEND_REPOSITORY, imageManifest=json.dumps(manifest), imageTag=tag
    )


def get_backend_digest_reference(stage: Stage, tag: str) -> str:
    """The reference by digest of an image of the repository."""
    response = stage.client("ecr").describe_images(
        repositoryName=BACKEND_REPOSITORY, imageIds=[{"imageTag": tag}]
    )
    return f"{BACKEND_IMAGE}@{response['imageDetails'][0]['imageDigest']}"


def put_scalable_target(stage: Stage, minimum: int = 1, maximum: int = 6) -> None:
    stage.client("application-autoscaling").register_scalable_target(
        **SCALABLE_TARGET, MinCapacity=minimum, MaxCapacity=maximum
    )


def put_scaled_service(stage: Stage) -> None:
    """The backend with a policy that keeps its CPU at 60 percent, and a schedule."""
    put_services(stage)
    put_scalable_target(stage)
    autoscaling = stage.client("application-autoscaling")
    autoscaling.put_scaling_policy(
        **SCALABLE_TARGET,
        PolicyName="cpu",
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration={
            "TargetValue": 60.0,
            "PredefinedMetricSpecification": {
                "PredefinedMetricType": "ECSServiceAverageCPUUtilization"
            },
            "ScaleInCooldown": 300,
            "ScaleOutCooldown": 60,
        },
    )
    autoscaling.put_scheduled_action(
        **SCALABLE_TARGET,
        ScheduledActionName="evening",
        Schedule="cron(0 20 * * ? *)",
        Timezone="Europe/Berlin",
        ScalableTargetAction={"MinCapacity": 4, "MaxCapacity": 8},
    )


def get_scaling_limits(stage: Stage) -> tuple[int, int]:
    """The limits of the backend's automatic scaling."""
    scalable_target = stage.client("application-autoscaling").describe_scalable_targets(
        ServiceNamespace="ecs", ResourceIds=[SCALABLE_TARGET["ResourceId"]]
    )["ScalableTargets"][0]
    return scalable_target["MinCapacity"], scalable_target["MaxCapacity"]


def describe_service(stage: Stage, name: str = "backend") -> dict[str, Any]:
    """A service as AWS describes it."""
    response = stage.client("ecs").describe_services(cluster="bulwark-test", services=[name])
    service: dict[str, Any] = response["services"][0]
    return service


def list_run_tasks(stage: Stage, run: str | None = None) -> list[dict[str, Any]]:
    """The tasks that a run started, or all runs, also those that ECS shows no more."""
    from moto.ecs.models import ecs_backends

    from sandbox.patches.ecs.single_tasks import build_task, get_single_tasks

    tasks = map(build_task, get_single_tasks(ecs_backends[ACCOUNT][REGION]))
    return [task for task in tasks if run in (None, task["startedBy"])]


def list_revision_images(stage: Stage) -> list[list[str]]:
    """The images of each registered revision, oldest first."""
    arns = stage.client("ecs").list_task_definitions(familyPrefix="bulwark-test-backend")
    return [
        [
            container["image"]
            for container in stage.client("ecs").describe_task_definition(taskDefinition=arn)[
                "taskDefinition"
            ]["containerDefinitions"]
        ]
        for arn in arns["taskDefinitionArns"]
    ]


def collect_service_facts(stage: Stage) -> tuple[Any, ...]:
    """What must not differ between a killed run and an undisturbed one."""
    stage.clock.sleep(3600)
    service = describe_service(stage)
    history = stage.client("ecs").list_service_deployments(
        cluster="bulwark-test", service="backend"
    )
    return (
        [
            (deployment["status"], deployment["rolloutState"], deployment["runningCount"])
            for deployment in service["deployments"]
        ],
        service["taskDefinition"],
        (service["desiredCount"], service["runningCount"]),
        [deployment["status"] for deployment in history["serviceDeployments"]],
        list_revision_images(stage),
    )


def build_backend_only_outputs() -> Outputs:
    """The stage's outputs with one service only, and without a load balancer."""
    outputs = build_stack_outputs()
    assert outputs.services is not None
    services = outputs.services.model_copy(
        update={"services": {"backend": outputs.services.services["backend"]}}
    )
    return outputs.model_copy(update={"services": services, "load_balancer": None})


@contextmanager
def open_service_console(
    capture: pytest.CaptureFixture[str] | None,
    folder: Path,
    outputs: Outputs | None = None,
    names: tuple[str, ...] = ("backend", "frontend"),
) -> Iterator[OpsConsole]:
    """A stage with services and the operations bucket, seen from the command line."""
    with open_stage(outputs) as stage:
        put_services(stage, names)
        with patch_command_line(stage, folder) as file:
            yield OpsConsole(stage, file, capture)


@contextmanager
def patch_command_line(stage: Stage, folder: Path) -> Iterator[Path]:
    """The operations bucket, and the command line on this stage; gives the file of outputs."""
    stage.client("s3").create_bucket(
        Bucket=stage.outputs.backups.operations_bucket,
        CreateBucketConfiguration={"LocationConstraint": REGION},
    )
    file = folder / "outputs.json"
    file.write_text(stage.outputs.model_dump_json(by_alias=True))
    with (
        patch.object(WallClock, "now", lambda _: stage.clock.now()),
        patch.object(WallClock, "sleep", lambda _, seconds: stage.clock.sleep(seconds)),
        patch.object(Selection, "build_aws", lambda *_: stage.aws),
    ):
        yield file
