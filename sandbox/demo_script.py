"""The demo's script: the commands to run on a stack, by what the stack has."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from ops.core.aws import Aws
from ops.core.run_context import StackContext
from ops.outputs import Outputs, parse_outputs
from sandbox.aws import get_client
from sandbox.clients.http_client import HttpClient
from sandbox.clients.writer import DatabaseWriter
from sandbox.demo_steps import ClientKind, DemoRunner, DemoStep, ObservingClient
from sandbox.image_push import push_image
from sandbox.running_stack import RunningStack

LARGER_INSTANCE_CLASS = "db.m7g.large"
HEALTH_FAILING_CODE: Final = 3
DRILL_PAGE_NAME: Final = "drills.html"
BAD_IMAGE_TAG, GOOD_IMAGE_TAG = "v2-never-healthy", "v3"


def build_demo_runner(running_stack: RunningStack) -> DemoRunner:
    """Prepares what the acts need: images in the stack's registry, clients."""
    outputs = parse_outputs(running_stack.deployment.exports)
    for url in (outputs.registry.repositories if outputs.registry else {}).values():
        ecr = get_client("ecr", outputs.stack.region)
        for tag in (BAD_IMAGE_TAG, GOOD_IMAGE_TAG):
            push_image(ecr, url.partition("/")[2], tag)

    def fetch_writer_credentials() -> Mapping[str, Any]:
        secrets = get_client("secretsmanager", outputs.stack.region)
        response = secrets.get_secret_value(SecretId=outputs.database.secret_arn)
        secret: Mapping[str, Any] = json.loads(response["SecretString"])
        return secret

    @contextmanager
    def open_client(kind: ClientKind) -> Iterator[ObservingClient]:
        with (
            DatabaseWriter(fetch_writer_credentials)
            if kind == "writer"
            else HttpClient(f"{running_stack.site_url}/api/orders") as demo_client
        ):
            yield demo_client

    return DemoRunner(running_stack, StackContext(outputs, Aws(outputs.stack.region)), open_client)


def list_demo_steps(running_stack: RunningStack, folder: Path) -> list[DemoStep]:
    """The commands in order. Pages that they write go to the folder."""
    outputs = parse_outputs(running_stack.deployment.exports)
    service_steps = list(_list_service_steps(outputs, running_stack.site_url))
    return [
        DemoStep("How is it?", "health"),
        DemoStep(
            "A snapshot, while a client writes",
            "db snapshot create --yes --reason 'before the release'",
            client="writer",
        ),
        *service_steps,
        *_list_resize_steps(outputs),
        # Tasks that failed in the last hour are a finding, and those of the bad image did.
        DemoStep("And now? It remembers the bad image", "health", code=HEALTH_FAILING_CODE)
        if service_steps
        else DemoStep("And now?", "health"),
        DemoStep(
            "The monthly drill: restored beside itself, asked, measured, deleted",
            f"recover drill --yes --rto 90 --rpo 30 --to {folder / DRILL_PAGE_NAME}",
        ),
    ]


def _get_max_tasks(outputs: Outputs, resource_id: str | None) -> int:
    """The most tasks that automatic scaling leaves a service; 4 if nothing scales it."""
    if resource_id is None:
        return 4
    autoscaling = get_client("application-autoscaling", outputs.stack.region)
    (target,) = autoscaling.describe_scalable_targets(
        ServiceNamespace="ecs", ResourceIds=[resource_id]
    )["ScalableTargets"]
    return int(target["MaxCapacity"])


def _list_service_steps(outputs: Outputs, site_url: str | None) -> Iterator[DemoStep]:
    services: Mapping[str, Any] = outputs.services.services if outputs.services else {}
    repositories = outputs.registry.repositories if outputs.registry else {}
    name = next((service_name for service_name in services if service_name in repositories), None)
    if name is None:
        return
    client_kind: ClientKind | None = "asker" if site_url else None
    image = repositories[name]
    count = min(4, _get_max_tasks(outputs, services[name].scaling_resource_id))
    yield DemoStep(
        "More tasks", f"service scale {count} --service {name} --yes", client=client_kind
    )
    yield DemoStep(
        "A bad image: users notice nothing, and it is rolled back",
        f"service deploy {image}:{BAD_IMAGE_TAG} --service {name} --yes",
        code=5,
        client=client_kind,
    )
    yield DemoStep(
        "A good one",
        f"service deploy {image}:{GOOD_IMAGE_TAG} --service {name} --yes",
        client=client_kind,
    )


def _list_resize_steps(outputs: Outputs) -> Iterator[DemoStep]:
    yield DemoStep(
        "A larger database; the process is killed in the middle of it",
        f"db resize {LARGER_INSTANCE_CLASS} --yes --reason 'a laptop that is closed'",
        killed_at=f"change {outputs.database.identifier} to {LARGER_INSTANCE_CLASS}",
    )
    yield DemoStep("What was it?", "runs list --limit 1")
    yield DemoStep("Carried on, while a client writes", "runs resume RUN --yes", client="writer")
    yield DemoStep("What happened, and when", "runs report RUN")
