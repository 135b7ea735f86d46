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
from tests.ops.command_line import Console
from tests.ops.stage import ACCOUNT, REGION, Stage, stack_outputs, stage

BREAKER = {"deploymentCircuitBreaker": {"enable": True, "rollback": True}}
REPOSITORY = "bulwark/test/backend"
REGISTRY = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com"
IMAGE = f"{REGISTRY}/{REPOSITORY}"
FIRST = "public.ecr.aws/nginx/nginx-unprivileged:stable"
TAGS = ("v2", "v3", "v4-crash", "v5-unhealthy", "v6-errors", "v7-slow")
SCALING = {
    "ServiceNamespace": "ecs",
    "ScalableDimension": "ecs:service:DesiredCount",
    "ResourceId": "service/bulwark-test/backend",
}


def put(on: Stage, names: tuple[str, ...] = ("backend",), **given: Any) -> None:
    """The services, and time until their tasks run; their repository with a few images."""
    ecs, ecr = on.client("ecs"), on.client("ecr")
    cluster = on.outputs.services.cluster  # type: ignore[union-attr]
    ecs.create_cluster(clusterName=cluster)
    ecr.create_repository(repositoryName=REPOSITORY)
    for number, tag in enumerate(TAGS):
        push(on, tag, number)
    for name in names:
        made = ecs.register_task_definition(
            family=f"bulwark-test-{name}",
            containerDefinitions=[
                {
                    "name": name,
                    "image": FIRST,
                    "memory": 256,
                    "environment": [{"name": "MODE", "value": "web"}],
                },
                {"name": "sidecar", "image": "public.ecr.aws/sidecar:1", "memory": 64},
            ],
            tags=[{"key": "owner", "value": "platform"}],
        )
        ecs.create_service(
            cluster=cluster,
            serviceName=name,
            desiredCount=2,
            taskDefinition=made["taskDefinition"]["taskDefinitionArn"],
            **{"deploymentConfiguration": BREAKER, **given},
        )
    on.clock.sleep(3600)


def put_exec(on: Stage) -> None:
    """The backend, with ECS Exec in its tasks."""
    put(on, enableExecuteCommand=True)


def push(on: Stage, tag: str, number: int) -> None:
    layer = {"digest": f"sha256:{number:064x}", "size": 1, "mediaType": "layer"}
    media = "application/vnd.docker.distribution.manifest.v2+json"
    manifest = {"schemaVersion": 2, "mediaType": media, "layers": [layer], "config": {"size": 1}}
    on.client("ecr").put_image(
        repositoryName=REPOSITORY, imageManifest=json.dumps(manifest), imageTag=tag
    )


def digest(on: Stage, tag: str) -> str:
    """The reference by digest of an image of the repository."""
    found = on.client("ecr").describe_images(
        repositoryName=REPOSITORY, imageIds=[{"imageTag": tag}]
    )
    return f"{IMAGE}@{found['imageDetails'][0]['imageDigest']}"


def put_scaling(on: Stage, least: int = 1, most: int = 6) -> None:
    on.client("application-autoscaling").register_scalable_target(
        **SCALING, MinCapacity=least, MaxCapacity=most
    )


def limits(on: Stage) -> tuple[int, int]:
    """The limits of the backend's automatic scaling."""
    found = on.client("application-autoscaling").describe_scalable_targets(
        ServiceNamespace="ecs", ResourceIds=[SCALING["ResourceId"]]
    )["ScalableTargets"][0]
    return found["MinCapacity"], found["MaxCapacity"]


def seen(on: Stage, name: str = "backend") -> dict[str, Any]:
    """A service as AWS describes it."""
    found = on.client("ecs").describe_services(cluster="bulwark-test", services=[name])
    service: dict[str, Any] = found["services"][0]
    return service


def revisions(on: Stage) -> list[list[str]]:
    """The images of each registered revision, oldest first."""
    arns = on.client("ecs").list_task_definitions(familyPrefix="bulwark-test-backend")
    return [
        [
            c["image"]
            for c in on.client("ecs").describe_task_definition(taskDefinition=arn)[
                "taskDefinition"
            ]["containerDefinitions"]
        ]
        for arn in arns["taskDefinitionArns"]
    ]


def facts(on: Stage) -> tuple[Any, ...]:
    """What must not differ between a killed run and an undisturbed one."""
    on.clock.sleep(3600)
    found = seen(on)
    history = on.client("ecs").list_service_deployments(cluster="bulwark-test", service="backend")
    return (
        [(d["status"], d["rolloutState"], d["runningCount"]) for d in found["deployments"]],
        found["taskDefinition"],
        (found["desiredCount"], found["runningCount"]),
        [d["status"] for d in history["serviceDeployments"]],
        revisions(on),
    )


def lonely() -> Outputs:
    """The stage's outputs with one service only, and without a load balancer."""
    whole = stack_outputs()
    assert whole.services is not None
    services = whole.services.model_copy(
        update={"services": {"backend": whole.services.services["backend"]}}
    )
    return whole.model_copy(update={"services": services, "load_balancer": None})


@contextmanager
def console(
    capture: pytest.CaptureFixture[str] | None,
    folder: Path,
    outputs: Outputs | None = None,
    names: tuple[str, ...] = ("backend", "frontend"),
) -> Iterator[Console]:
    """A stage with services and the operations bucket, seen from the command line."""
    with stage(outputs) as on:
        put(on, names)
        with commanded(on, folder) as file:
            yield Console(on, file, capture)


@contextmanager
def commanded(on: Stage, folder: Path) -> Iterator[Path]:
    """The operations bucket, and the command line on this stage; gives the file of outputs."""
    on.client("s3").create_bucket(
        Bucket=on.outputs.backups.operations_bucket,
        CreateBucketConfiguration={"LocationConstraint": REGION},
    )
    file = folder / "outputs.json"
    file.write_text(on.outputs.model_dump_json(by_alias=True))
    with (
        patch.object(WallClock, "now", lambda _: on.clock.now()),
        patch.object(WallClock, "sleep", lambda _, seconds: on.clock.sleep(seconds)),
        patch.object(Selection, "aws", lambda *_: on.aws),
    ):
        yield file
