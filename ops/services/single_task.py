"""A task of its own, once, in the network of a service: registered, started, read, unregistered.

It runs Python and a script, with the network, the execution role and the log group of a service.
ECS puts secrets into the container's environment, so they are in no plan, journal or command line.
The script prints JSON lines: its `state` is `started` first, and `done` or `error` last.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from ops.core.aws import Aws
from ops.core.errors import OpsError, UsageError
from ops.core.log_apis import LOG_EVENTS_API
from ops.core.plan import RUN_TAG, Call, JsonObject, Step, Wait
from ops.outputs import Outputs
from ops.services.images import parse_image_reference
from ops.services.model import ServiceState, call_ecs, get_stop_reason, get_task_definition

# Of the official image of Python, as Amazon ECR Public has it for every processor.
DEFAULT_TASK_IMAGE: Final = "public.ecr.aws/docker/library/python:3.13-slim"
TASK_CPU: Final = "256"
TASK_MEMORY: Final = "512"
CONFIRM_SECONDS: Final = 300
TASK_TIMEOUT_SECONDS: Final = 3600
TASK_START_TIMEOUT_SECONDS: Final = 10 * 60
TYPICAL_TASK_START_SECONDS: Final = 60
TASK_TIME_SOURCE: Final = "an assumption: the image is pulled and the container started"
MAX_STARTED_BY: Final = 128  # characters (API reference, RunTask)
NO_FAMILY_CODE: Final = "ClientException"  # of DescribeTaskDefinition, for what is not there
_NOT_ACTIVE_PATH: Final = (
    f"{{inactive: taskDefinition.status == 'INACTIVE' || answer == '{NO_FAMILY_CODE}'}}.inactive"
)


@dataclass(frozen=True)
class TaskHost:
    """A service whose tasks the task is like: its task definition, and where it writes its log."""

    service: ServiceState
    definition: Mapping[str, Any]
    log_group: str


@dataclass(frozen=True)
class TaskPlace:
    """Where a task runs: its subnet and security groups. `key` is the variable with its name."""

    key: str
    subnet: str
    groups: tuple[str, ...]


@dataclass(frozen=True)
class SingleTask:
    """What runs, and like which service.

    `name`, like `cache-clear`, is in its family's name and begins that of its log streams.
    `secrets` are references (ARN:KEY::) by variable.
    """

    name: str
    run: str
    host: TaskHost
    container: str
    image: str
    script: str
    environment: Mapping[str, str]
    secrets: Mapping[str, str] = field(default_factory=dict)

    @property
    def stream_prefix(self) -> str:
        """How the name of its log stream begins."""
        return format_stream_prefix(self.name, self.run)


def read_task_host(aws: Aws, service: ServiceState) -> TaskHost:
    """The service as a host: what its own container has."""
    definition, _ = get_task_definition(aws, service.revision)
    containers = definition["containerDefinitions"]
    container = next(
        (item for item in containers if item["name"] == service.part.container), containers[0]
    )
    return TaskHost(service, definition, get_log_group(service, container))


def get_log_group(service: ServiceState, container: Mapping[str, Any]) -> str:
    """The group that the role of the service may write to."""
    options = (container.get("logConfiguration") or {}).get("options") or {}
    return str(options.get("awslogs-group") or service.part.log_group)


def require_task_image(image: str) -> None:
    """Raises UsageError, naming --image, unless it is an image with a tag or digest."""
    try:
        parse_image_reference(image)
    except UsageError as error:
        raise UsageError(str(error).replace("IMAGE", "--image", 1)) from None


def format_stream_prefix(name: str, run: str) -> str:
    """How the name of the log stream of a run's task begins."""
    return f"{name}/{run}/"


def format_task_family(outputs: Outputs, name: str, run: str) -> str:
    """The family of the task definition that is registered for a run, and unregistered again.

    Each run has its own, so that its revision is known before ECS has answered.
    """
    return f"{outputs.stack.project}-{outputs.stack.stack}-{name}-{run}"


def format_task_revision(outputs: Outputs, name: str, run: str) -> str:
    """A family's only task definition: revisions count from 1 (API reference, TaskDefinition)."""
    return f"{format_task_family(outputs, name, run)}:1"


def build_register_step(outputs: Outputs, task: SingleTask) -> Step:
    """The step that registers the task definition; undone by unregistering it."""
    family = format_task_family(outputs, task.name, task.run)
    revision = format_task_revision(outputs, task.name, task.run)
    environment = sorted(task.environment.items())
    container: JsonObject = {
        "name": task.container,
        "image": task.image,
        "essential": True,
        "entryPoint": ["python3", "-c"],
        "command": [task.script],
        "environment": [{"name": key, "value": value} for key, value in environment],
        "secrets": [{"name": key, "valueFrom": value} for key, value in task.secrets.items()],
        "user": "65534",  # nobody
        "readonlyRootFilesystem": True,
        "logConfiguration": {
            "logDriver": "awslogs",
            "options": {
                "awslogs-group": task.host.log_group,
                "awslogs-region": outputs.stack.region,
                "awslogs-stream-prefix": task.stream_prefix.rstrip("/"),
            },
        },
    }
    platform = task.host.definition.get("runtimePlatform")
    params: JsonObject = {
        "family": family,
        "networkMode": "awsvpc",
        "requiresCompatibilities": ["FARGATE"],
        "cpu": TASK_CPU,
        "memory": TASK_MEMORY,
        "executionRoleArn": str(task.host.definition.get("executionRoleArn") or ""),
        **({"runtimePlatform": platform} if platform else {}),
        "containerDefinitions": [container],
        "tags": [{"key": RUN_TAG, "value": task.run}],
    }
    read = Call(
        api="ecs.describe_task_definition",
        params={"taskDefinition": revision, "include": ["TAGS"]},
        expected_errors=(NO_FAMILY_CODE,),
    )
    return Step(
        name="register",
        description=f"register the task definition {family}",
        action=Call(api="ecs.register_task_definition", params=params),
        goal=Wait(
            read=read,
            met={f"tags[?key=='{RUN_TAG}'].value | [0]": task.run},
            every=5,
            within=CONFIRM_SECONDS,
        ),
        undo=(build_deregister_step(outputs, task, "unregister_again"),),
    )


def build_run_step(
    outputs: Outputs, task: SingleTask, place: TaskPlace | None = None, number: int = 0
) -> Step:
    """The step that starts the task, and sees in its log that the script has begun.

    Without a place it is in the network of the service; with one it has a number of its own. The
    log stays: a run that is resumed when ECS has forgotten the task sees that it ran. The client
    token keeps ECS from starting a second task meanwhile (ECS API reference, "Ensuring
    idempotency": 24 hours, or an hour after the task has stopped).
    """
    settings: Mapping[str, Any] = task.host.service.description["networkConfiguration"]
    network: JsonObject = dict(settings["awsvpcConfiguration"])
    overrides: JsonObject = {}
    if place is not None:
        network |= {"subnets": [place.subnet], "securityGroups": list(place.groups)}
        variables: JsonObject = {"name": place.key, "value": place.subnet}
        container: JsonObject = {"name": task.container, "environment": [variables]}
        overrides = {"overrides": {"containerOverrides": [container]}}
    params: JsonObject = {
        "cluster": task.host.service.cluster,
        "launchType": "FARGATE",
        "count": 1,
        "clientToken": f"{task.run}-{number}" if number else task.run,
        "startedBy": task.run[:MAX_STARTED_BY],
        "networkConfiguration": {"awsvpcConfiguration": network},
        "taskDefinition": format_task_revision(outputs, task.name, task.run),
        **overrides,
    }
    return Step(
        name=f"run_{number}" if number else "run",
        description="start the task" if place is None else f"start the task in {place.subnet}",
        action=Call(api="ecs.run_task", params=params),
        goal=Wait(
            read=_describe_log_call(task),
            met={_format_state_path("started", place): True},
            failed={_format_state_path("error", place): [True]},
            failed_on_timeout={_format_count_path(place): [0]},
            every=5,
            within=TASK_START_TIMEOUT_SECONDS,
            typical=TYPICAL_TASK_START_SECONDS,
            source=TASK_TIME_SOURCE,
        ),
    )


def build_finish_step(
    task: SingleTask, description: str, place: TaskPlace | None = None, number: int = 0
) -> Step:
    """The step that waits for what the script says last."""
    read = _describe_log_call(task)
    return Step(
        name=f"finish_{number}" if number else "finish",
        description=description,
        action=read,
        goal=Wait(
            read=read,
            met={_format_state_path("done", place): True},
            failed={_format_state_path("error", place): [True]},
            every=5,
            within=TASK_TIMEOUT_SECONDS,
        ),
    )


def build_deregister_step(outputs: Outputs, task: SingleTask, name: str) -> Step:
    """The step that unregisters the task definition; done if it was never registered."""
    params: JsonObject = {"taskDefinition": format_task_revision(outputs, task.name, task.run)}
    return Step(
        name=name,
        description="unregister the task definition",
        action=Call(api="ecs.deregister_task_definition", params=params),
        goal=Wait(
            read=Call(
                api="ecs.describe_task_definition",
                params=params,
                expected_errors=(NO_FAMILY_CODE,),
            ),
            met={_NOT_ACTIVE_PATH: True},
            every=5,
            within=CONFIRM_SECONDS,
        ),
    )


def read_task_lines(aws: Aws, log_group: str, stream_prefix: str) -> list[dict[str, Any]]:
    """What the scripts of a run have said, in order; lines that are no JSON are left out."""
    answer: Any = aws.call(
        LOG_EVENTS_API, {"logGroupName": log_group, "logStreamNamePrefix": stream_prefix}
    )
    return parse_task_lines(event["message"] for event in answer["events"])


def parse_task_lines(lines: Iterator[str] | Sequence[str]) -> list[dict[str, Any]]:
    """The lines of a script that have a state; others are left out."""
    items = []
    for line in lines:
        try:
            item = json.loads(line)
        except ValueError:
            continue
        if isinstance(item, dict) and "state" in item:
            items.append(item)
    return items


def list_failure_reasons(
    aws: Aws, outputs: Outputs, host: TaskHost, name: str, run: str
) -> Iterator[str]:
    """What the script of a failed run said, or why its tasks stopped."""
    try:
        items = read_task_lines(aws, host.log_group, format_stream_prefix(name, run))
        errors = [str(item["reason"]) for item in items if item["state"] == "error"]
        if errors:
            yield f"the task said: {errors[-1]}"
            return
        params = {"cluster": host.service.cluster, "family": format_task_family(outputs, name, run)}
        stopped = {**params, "desiredStatus": "STOPPED"}
        arns = call_ecs(aws, "ecs.list_tasks", stopped)["taskArns"][-100:]
        if arns:
            tasks = {"cluster": host.service.cluster, "tasks": arns}
            for task in call_ecs(aws, "ecs.describe_tasks", tasks)["tasks"]:
                if task.get("startedBy") == run and (reason := get_stop_reason(task)):
                    yield f"its task stopped: {reason}"
    except OpsError as error:
        yield f"why is unknown: {error}"


def _describe_log_call(task: SingleTask) -> Call:
    return Call(
        api=LOG_EVENTS_API,
        params={
            "logGroupName": task.host.log_group,
            "logStreamNamePrefix": task.stream_prefix,
        },
    )


def _format_place_condition(place: TaskPlace | None) -> str:
    return "" if place is None else f""" && contains(message, '"place": "{place.subnet}"')"""


def _format_state_path(state: str, place: TaskPlace | None) -> str:
    condition = f"""contains(message, '"state": "{state}"'){_format_place_condition(place)}"""
    return f"length(events[?{condition}]) > `0`"


def _format_count_path(place: TaskPlace | None) -> str:
    if place is None:
        return "length(events)"
    return f"""length(events[?contains(message, '"place": "{place.subnet}"')])"""
