"""The plan of `ops cache clear`: a task of its own in the stack's network deletes or counts keys.

The cache is private, so no machine outside reaches it. The task runs Python and the script beside
this file, with the network, the execution role and the log group of a service that uses the cache:
that role may read the token, and that network reaches the cache. ECS puts the token from the secret
into the container's environment, so it is in no plan, journal or command line.
"""

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from ops.core.aws import Aws
from ops.core.errors import UsageError
from ops.core.plan import RUN_TAG, Call, JsonObject, Plan, PlanData, Step, Wait
from ops.core.stack_plan import NO_COST, build_stack_plan
from ops.health.logs import LOG_EVENTS_API
from ops.outputs import CachePart, Outputs
from ops.services.model import ServiceState, get_task_definition, list_service_states

ClearMode = Literal["count", "clear"]
SCRIPT_FILE: Final = Path(__file__).with_name("clear_script.py")
TASK_CONTAINER: Final = "clear"
STREAM_PREFIX: Final = "cache-clear"
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
MAX_GLOB_CHARACTERS: Final = 500
_EVERY_KEY: Final = "*"
NO_FAMILY_CODE: Final = "ClientException"  # of DescribeTaskDefinition, for what is not there


class ClearData(PlanData):
    """What a clear is of: read by whoever shows its result. `pattern` is None for every key."""

    mode: ClearMode
    pattern: str | None
    log_group: str


@dataclass(frozen=True)
class TaskHost:
    """A service that uses the cache: its task definition and what a task of it needs."""

    service: ServiceState
    definition: Mapping[str, Any]
    log_group: str


def require_key_pattern(pattern: str) -> None:
    """Raises UsageError unless it is a pattern that names some keys, like `session:*`."""
    if not pattern or not pattern.isprintable() or len(pattern) > MAX_GLOB_CHARACTERS:
        raise UsageError(
            f"--keys must be a pattern of at most {MAX_GLOB_CHARACTERS} printable characters, "
            f"like 'session:*', not {pattern!r}"
        )
    if not pattern.strip(_EVERY_KEY):
        raise UsageError(f"--keys must name some keys, not {pattern!r}, which is every key: --all")


def find_task_host(
    aws: Aws, outputs: Outputs, cache: CachePart, name: str | None = None
) -> TaskHost:
    """The service that the task is like: the named one, or the first that uses the cache.

    Raises UsageError if it does not use the cache, or none does. The name must be one of a service.
    """
    parts = outputs.services.services if outputs.services is not None else {}
    names = [name] if name is not None else sorted(parts)
    states = list_service_states(aws, outputs, [parts[name] for name in names]) if names else []
    for state in states:
        definition, _ = get_task_definition(aws, state.revision)
        for container in definition["containerDefinitions"]:
            if any(
                str(secret.get("valueFrom")).startswith(cache.secret_arn)
                for secret in container.get("secrets") or ()
            ):
                return TaskHost(state, definition, _get_log_group(state, container))
    if name is not None:
        raise UsageError(
            f"--service must use the cache, which {name} does not: services.{name}.cache"
        )
    raise UsageError(
        f"no service of the stack {outputs.stack.stack} uses the cache (services.NAME.cache), so "
        "no task can be started that reaches it: connect to it instead",
        "ops cache connect",
    )


def build_cache_clear_plan(
    outputs: Outputs,
    cache: CachePart,
    host: TaskHost,
    run: str,
    *,
    mode: ClearMode,
    pattern: str | None,
    image: str = DEFAULT_TASK_IMAGE,
    known_keys: str = "unknown",
) -> Plan:
    """Builds the plan. `known_keys` says how many there are, for whoever agrees to it."""
    keys = "every key" if pattern is None else f"the keys {pattern}"
    is_clear = mode == "clear"
    task_image = f"{image} runs as a task like those of {host.service.name}, once"
    notes = [
        "the cache holds ${KEYS}",
        task_image,
        *(["who reads them meets the database until they are there again"] if is_clear else ()),
        *(["keys that are written meanwhile may stay"] if is_clear and pattern is not None else ()),
    ]
    changes = [f"{cache.identifier}: {keys} -> none"] if is_clear else [f"{keys} counted"]
    option = "--all" if pattern is None else f"--keys {shlex.quote(pattern)}"
    plan = build_stack_plan(
        outputs,
        run,
        "cache clear",
        _build_register_step(outputs, cache, host, run, mode, pattern, image),
        _build_run_step(host, run),
        _build_finish_step(host, run, f"{'delete' if is_clear else 'count'} {keys}"),
        _build_deregister_step("unregister"),
        changes=changes,
        losses=[f"{keys} of {cache.identifier}, for good"] if is_clear else (),
        cost=NO_COST,
        notes=notes,
        arguments=option if is_clear else f"{option} --count",
        data=ClearData(mode=mode, pattern=pattern, log_group=host.log_group),
    )
    return plan.model_copy(update={"captured": {"KEYS": known_keys}})


def read_clear_result(aws: Aws, log_group: str, run: str) -> dict[str, Any]:
    """What the task of a run said last; empty if nothing of it is in the log."""
    answer: Any = aws.call(
        LOG_EVENTS_API,
        {"logGroupName": log_group, "logStreamNamePrefix": format_stream_prefix(run)},
    )
    results = [json.loads(event["message"]) for event in answer["events"]]
    return next((item for item in reversed(results) if item["state"] in ("done", "error")), {})


def format_stream_prefix(run: str) -> str:
    """How the name of the log stream of a run's task begins."""
    return f"{STREAM_PREFIX}/{run}/"


def format_task_family(outputs: Outputs) -> str:
    """The family of the task definitions that are registered for a run, and unregistered again."""
    return f"{outputs.stack.project}-{outputs.stack.stack}-cache-clear"


def _get_log_group(state: ServiceState, container: Mapping[str, Any]) -> str:
    """The group that the role of the service may write to."""
    options = (container.get("logConfiguration") or {}).get("options") or {}
    return str(options.get("awslogs-group") or state.part.log_group)


def _build_register_step(
    outputs: Outputs,
    cache: CachePart,
    host: TaskHost,
    run: str,
    mode: ClearMode,
    pattern: str | None,
    image: str,
) -> Step:
    family = format_task_family(outputs)
    environment = {
        "CACHE_HOST": cache.primary_endpoint,
        "CACHE_MODE": mode,
        "CACHE_PATTERN": pattern or "",
        "CACHE_PORT": str(cache.port),
        "CACHE_RUN": run,
    }
    container: JsonObject = {
        "name": TASK_CONTAINER,
        "image": image,
        "essential": True,
        "entryPoint": ["python3", "-c"],
        "command": [SCRIPT_FILE.read_text(encoding="utf-8")],
        "environment": [{"name": key, "value": value} for key, value in environment.items()],
        "secrets": [{"name": "CACHE_TOKEN", "valueFrom": f"{cache.secret_arn}:token::"}],
        "user": "65534",  # nobody
        "readonlyRootFilesystem": True,
        "logConfiguration": {
            "logDriver": "awslogs",
            "options": {
                "awslogs-group": host.log_group,
                "awslogs-region": outputs.stack.region,
                "awslogs-stream-prefix": f"{STREAM_PREFIX}/{run}",
            },
        },
    }
    platform = host.definition.get("runtimePlatform")
    params: JsonObject = {
        "family": family,
        "networkMode": "awsvpc",
        "requiresCompatibilities": ["FARGATE"],
        "cpu": TASK_CPU,
        "memory": TASK_MEMORY,
        "executionRoleArn": str(host.definition.get("executionRoleArn") or ""),
        **({"runtimePlatform": platform} if platform else {}),
        "containerDefinitions": [container],
        "tags": [{"key": RUN_TAG, "value": run}],
    }
    read = Call(
        api="ecs.describe_task_definition",
        params={"taskDefinition": family, "include": ["TAGS"]},
        expected_errors=(NO_FAMILY_CODE,),
    )
    return Step(
        name="register",
        description=f"register the task definition {family}",
        action=Call(api="ecs.register_task_definition", params=params),
        goal=Wait(
            read=read,
            met={f"tags[?key=='{RUN_TAG}'].value | [0]": run},
            every=5,
            within=CONFIRM_SECONDS,
        ),
        undo=(_build_deregister_step("unregister_again"),),
    )


def _build_run_step(host: TaskHost, run: str) -> Step:
    """The step that starts the task, and sees in its log that the script has begun.

    The log stays: a run that is resumed when ECS has forgotten the task sees that it ran. The
    client token keeps ECS from starting a second task meanwhile (ECS API reference, "Ensuring
    idempotency": 24 hours, or an hour after the task has stopped).
    """
    network: Mapping[str, Any] = host.service.description["networkConfiguration"]
    params: JsonObject = {
        "cluster": host.service.cluster,
        "launchType": "FARGATE",
        "count": 1,
        "clientToken": run,
        "startedBy": run[:MAX_STARTED_BY],
        "networkConfiguration": {"awsvpcConfiguration": dict(network["awsvpcConfiguration"])},
    }
    return Step(
        name="run",
        description="start the task",
        action=Call(
            api="ecs.run_task",
            params=params,
            refs={"taskDefinition": "register.taskDefinition.taskDefinitionArn"},
        ),
        goal=Wait(
            read=_describe_log_call(host, run),
            met={_format_state_path("started"): True},
            failed={_format_state_path("error"): [True]},
            failed_on_timeout={"length(events)": [0]},
            every=5,
            within=TASK_START_TIMEOUT_SECONDS,
            typical=TYPICAL_TASK_START_SECONDS,
            source=TASK_TIME_SOURCE,
        ),
    )


def _build_finish_step(host: TaskHost, run: str, description: str) -> Step:
    """The step that waits for what the script says last."""
    read = _describe_log_call(host, run)
    return Step(
        name="finish",
        description=description,
        action=read,
        goal=Wait(
            read=read,
            met={_format_state_path("done"): True},
            failed={_format_state_path("error"): [True]},
            every=5,
            within=TASK_TIMEOUT_SECONDS,
        ),
    )


def _describe_log_call(host: TaskHost, run: str) -> Call:
    return Call(
        api=LOG_EVENTS_API,
        params={"logGroupName": host.log_group, "logStreamNamePrefix": format_stream_prefix(run)},
    )


def _format_state_path(state: str) -> str:
    return f"""length(events[?contains(message, '"state": "{state}"')]) > `0`"""


def _build_deregister_step(name: str) -> Step:
    refs = {"taskDefinition": "register.taskDefinition.taskDefinitionArn"}
    return Step(
        name=name,
        description="unregister the task definition",
        action=Call(api="ecs.deregister_task_definition", refs=refs),
        goal=Wait(
            read=Call(api="ecs.describe_task_definition", refs=refs),
            met={"taskDefinition.status": "INACTIVE"},
            every=5,
            within=CONFIRM_SECONDS,
        ),
    )
