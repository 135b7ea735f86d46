"""Deploys a stack into the in-memory AWS: the real program, each resource created in turn.

with use_in_memory_aws("eu-north-1"):
    deployment = deploy_in_memory("prod")
    boto3.client("rds").describe_db_instances()
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import pulumi
from botocore.exceptions import ClientError
from pydantic import JsonValue

from components.settings import parse_settings
from ops.core.aws import Aws
from ops.outputs import parse_outputs
from sandbox import aws
from sandbox import prerequisites as given
from sandbox.account_guards import guard_account
from sandbox.aws import use_in_memory_aws
from sandbox.billing import record_deployed_costs
from sandbox.program import (
    PROJECT_ROOT,
    ResourceGraph,
    load_stack_config,
    remove_secret_marks,
    run_stack_program,
)
from sandbox.resources import get_entry
from sandbox.resources.creation import AwsLocation, ProgramResource, create_resource
from sandbox.resources.invokes import answer_invoke

__all__ = [
    "CreatedResource",
    "InMemoryDeployment",
    "deploy_in_memory",
    "get_stack_region",
    "use_in_memory_aws",
]


@dataclass(frozen=True)
class CreatedResource:
    """A resource that was just created, for progress reports. `number` counts from one."""

    type: str
    name: str
    seconds: float
    number: int


_PROVIDER_TYPE_PREFIX: Final = "pulumi:providers:"
ProgressCallback = Callable[[CreatedResource], None]


@dataclass(frozen=True)
class InMemoryDeployment:
    """A deployed stack. `seconds` is the time of creation, by resource type."""

    stack: str
    region: str
    graph: ResourceGraph
    seconds: Mapping[str, float] = field(default_factory=dict)

    @property
    def exports(self) -> Mapping[str, Any]:
        """The stack's outputs: the contract of ops/outputs.py."""
        return self.graph.exports


def deploy_in_memory(
    stack: str,
    overrides: Mapping[str, JsonValue] | None = None,
    *,
    progress: ProgressCallback | None = None,
    root: Path = PROJECT_ROOT,
) -> InMemoryDeployment:
    """Runs the program for a stack; creates each resource in the current in-memory AWS.

    Raises what the program raises, CreationError for a resource that AWS refuses, and
    UnknownResourceTypeError for a type that the sandbox lacks.
    """
    project, config = load_stack_config(stack, overrides, root)
    region = config["aws:region"]
    settings = parse_settings(project, stack=stack, region=region, config=config)
    guard_account(region, settings.recovery_region)
    given.create_prerequisites(settings)
    mocks = InMemoryMocks(region, progress)
    try:
        graph = run_stack_program(stack, mocks, overrides, root)
    except Exception as error:
        # The engine passes one failure from task to task; the first one explains it.
        first_error = mocks.first_error or error
        raise first_error.with_traceback(None) from first_error.__cause__
    record_deployed_costs(graph, project=project, stack=stack)
    return InMemoryDeployment(stack, region, graph, dict(mocks.seconds))


def get_stack_region(stack: str, overrides: Mapping[str, JsonValue] | None = None) -> str:
    """The region of a stack."""
    return load_stack_config(stack, overrides)[1]["aws:region"]


class InMemoryMocks(pulumi.runtime.Mocks):
    """Pulumi's mocks that create each custom resource in the in-memory AWS of this process.

    The engine calls from several threads, but moto is not thread-safe: one resource at a time is
    created. After a failure nothing more is created.
    """

    def __init__(self, region: str, progress: ProgressCallback | None = None) -> None:
        self.location = AwsLocation(
            aws.ACCOUNT_ID, aws.AWS_PARTITION, region, aws.get_pulumi_client
        )
        self.seconds: Counter[str] = Counter()
        self.first_error: Exception | None = None
        self._progress = progress
        self._lock = threading.Lock()
        self._resource_count = 0
        self._regions: dict[str, str] = {}  # by id of the provider

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        inputs = remove_secret_marks(args.inputs)
        if not args.custom or args.typ.startswith("pulumi:providers:"):
            return f"{args.name}-id", inputs
        with self._lock:
            if self.first_error is not None:
                raise RuntimeError(f"{args.name} is not made: an earlier resource failed")
            try:
                if args.typ.startswith(_PROVIDER_TYPE_PREFIX):
                    return self._register_provider(args.name, inputs)
                region = self._regions.get((args.provider or "").rpartition("::")[2])
                return self._create_resource(
                    args.typ, args.name, inputs, region or self.location.region
                )
            except Exception as error:
                self.first_error = error
                raise

    def _register_provider(self, name: str, inputs: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        """A provider that the program creates: here it stands for a region."""
        provider_id = f"{name}-provider"
        self._regions[provider_id] = inputs.get("region") or self.location.region
        return provider_id, inputs

    def _create_resource(
        self, type_: str, name: str, inputs: dict[str, Any], region: str
    ) -> tuple[str, dict[str, Any]]:
        start_seconds = time.perf_counter()
        resource_entry = get_entry(type_, inputs)
        location = replace(self.location, region=region)
        id_and_outputs = create_resource(
            resource_entry, ProgramResource(type_, name, inputs), location
        )
        elapsed_seconds = time.perf_counter() - start_seconds
        self.seconds[type_] += elapsed_seconds  # type: ignore[assignment]
        self._resource_count += 1
        if self._progress is not None:
            self._progress(CreatedResource(type_, name, elapsed_seconds, self._resource_count))
        return id_and_outputs

    def call(
        self, args: pulumi.runtime.MockCallArgs
    ) -> tuple[dict[Any, Any], list[tuple[str, str]] | None]:
        """A refusal by AWS is a failure of the invoke, which the program may expect."""
        with self._lock:
            try:
                return answer_invoke(args.token, remove_secret_marks(args.args), self.location), []
            except ClientError as error:
                return {}, [("", str(error))]


def subscribe_somebody(exports: Mapping[str, Any]) -> None:
    """Subscribes a person to the topics of alarms, as a stack's owner does in its settings."""
    outputs = parse_outputs(exports)
    sns = Aws(outputs.stack.region).client("sns")
    for topic_arn in (outputs.alarms.page_topic_arn, outputs.alarms.warn_topic_arn):
        sns.subscribe(TopicArn=topic_arn, Protocol="email", Endpoint="on-call@example.com")
