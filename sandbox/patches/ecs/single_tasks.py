"""ECS: tasks that RunTask starts by themselves, and what their container does.

The lines that a container prints are written to its log group at the times at which AWS would have
them; what runs in it, see container_process.py.
"""

import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final

from moto.core.responses import ActionResult
from moto.ecs.models import EC2ContainerServiceBackend
from moto.ecs.responses import EC2ContainerServiceResponse
from moto.logs.models import logs_backends
from moto.logs.responses import LogsResponse

from sandbox.clock import get_sandbox_clock, is_in_future
from sandbox.patches.ecs.container_process import run_container
from sandbox.patches.patching import (
    AwsError,
    ServicePatch,
    backend_state,
    parse_request_parameters,
)

patch = ServicePatch()
ApiRecord = dict[str, Any]
# Simulated seconds from RunTask until its container runs, and until it has ended: assumptions.
SINGLE_TASK_START_SECONDS: Final = 40
SINGLE_TASK_STOP_SECONDS: Final = 55
STOPPED_SECONDS: Final = 3600  # that a stopped task is shown (API reference, DescribeTasks)
SIGTERM_EXIT_CODE: Final = 143
TOKEN_SECONDS: Final = 24 * 3600  # that a client token holds (ECS_Idempotency)


def get_single_tasks(backend: EC2ContainerServiceBackend) -> list[ApiRecord]:
    """The tasks that RunTask started, in order."""
    return backend_state(backend, "single tasks", list)


@patch.replace_operation(EC2ContainerServiceResponse, "RunTask")
def run_task(response: EC2ContainerServiceResponse, params: ApiRecord) -> ApiRecord:
    backend = response.ecs_backend
    cluster = backend._get_cluster(params.get("cluster", "default"))
    token = params.get("clientToken")
    for record in get_single_tasks(backend):
        if token and record["token"] == token and not _is_token_over(record):
            if record["params"] != params:
                raise AwsError(
                    "ConflictException",
                    "The clientToken is already in use with a different RunTask request.",
                )
            return {"tasks": [build_task(record)], "failures": []}
    definition = backend.describe_task_definition(params["taskDefinition"])
    if definition.status != "ACTIVE":
        raise AwsError("ClientException", "TaskDefinition is inactive")
    network = (params.get("networkConfiguration") or {}).get("awsvpcConfiguration") or {}
    if definition.network_mode == "awsvpc" and not network.get("subnets"):
        raise AwsError(
            "InvalidParameterException",
            "Network Configuration must be provided when networkMode 'awsvpc' is specified.",
        )
    overrides = (params.get("overrides") or {}).get("containerOverrides") or []
    container = _find_container(definition.container_definitions, overrides)
    result = run_container(backend, container, network)
    started_at = get_sandbox_clock().get_completion_time(SINGLE_TASK_START_SECONDS)
    lasts = SINGLE_TASK_STOP_SECONDS - SINGLE_TASK_START_SECONDS + result.seconds
    record = {
        "token": token,
        "params": params,
        "id": uuid.uuid4().hex,
        "cluster": cluster.name,
        "account": backend.account_id,
        "region": backend.region_name,
        "definition": definition.arn,
        "family": definition.family,
        "container": container,
        "created": get_sandbox_clock().now(),
        "starts": started_at,
        "stops": get_sandbox_clock().get_completion_time(SINGLE_TASK_START_SECONDS + lasts),
        "exit": result.exit_code,
        "fault": result.fault,
        "lines": result.lines,
        "stopped_by": None,
        "has_lines_to_write": True,
    }
    get_single_tasks(backend).append(record)
    return {"tasks": [build_task(record)], "failures": []}


def build_task(record: ApiRecord) -> ApiRecord:
    """A task as DescribeTasks has it now."""
    prefix = f"arn:aws:ecs:{record['region']}:{record['account']}"
    status = "PROVISIONING" if is_in_future(record["starts"]) else "RUNNING"
    is_over = not is_in_future(record["stops"])
    could_start = record["exit"] is not None or record["stopped_by"] is not None
    container = {"name": record["container"]["name"], "image": record["container"]["image"]}
    task = {
        "taskArn": f"{prefix}:task/{record['cluster']}/{record['id']}",
        "clusterArn": f"{prefix}:cluster/{record['cluster']}",
        "taskDefinitionArn": record["definition"],
        "group": f"family:{record['family']}",
        "startedBy": record["params"].get("startedBy", ""),
        "launchType": record["params"].get("launchType"),
        "createdAt": record["created"],
        "lastStatus": "STOPPED" if is_over else status,
        "desiredStatus": "STOPPED" if is_over else "RUNNING",
        "containers": [container],
        "overrides": record["params"].get("overrides") or {},
        "tags": record["params"].get("tags") or [],
    }
    if status == "RUNNING" or (is_over and could_start):
        task["startedAt"] = record["starts"]
    if not is_over:
        return task
    if record["exit"] is not None:
        container["exitCode"] = record["exit"]
    words = ("EssentialContainerExited", "Essential container in task exited")
    if record["stopped_by"] is not None:
        words = ("UserInitiated", record["stopped_by"])
    elif not could_start:
        words = ("TaskFailedToStart", record["fault"])
    return task | {
        "stoppedAt": record["stops"],
        "stopCode": words[0],
        "stoppedReason": words[1],
    }


@patch.wrap(EC2ContainerServiceResponse, "stop_task")
def stop_started_task(original: Any, response: EC2ContainerServiceResponse) -> ActionResult:
    """A container that is stopped gets SIGTERM (API reference, StopTask): exit code 143."""
    params = parse_request_parameters(response)
    name = response.ecs_backend._get_cluster(params.get("cluster", "default")).name
    for record in get_single_tasks(response.ecs_backend):
        if record["cluster"] != name or record["id"] != params["task"].split("/")[-1]:
            continue
        if is_in_future(record["stops"]):
            was_running = not is_in_future(record["starts"])
            record["stops"] = get_sandbox_clock().now()
            record["stopped_by"] = params.get("reason") or "Task stopped by user"
            record["exit"] = SIGTERM_EXIT_CODE if was_running else None
            record["lines"] = record["lines"] if was_running else []
        return ActionResult({"task": build_task(record)})
    answer: ActionResult = original(response)
    return answer


def list_single_tasks(backend: EC2ContainerServiceBackend, cluster: str) -> Iterator[ApiRecord]:
    """The tasks of a cluster that ECS still shows."""
    name = backend._get_cluster(cluster).name
    for record in get_single_tasks(backend):
        age = (get_sandbox_clock().now() - record["stops"]).total_seconds()
        if record["cluster"] == name and age <= STOPPED_SECONDS:
            yield build_task(record)


@patch.wrap(EC2ContainerServiceResponse, "list_tasks")
def list_started_tasks(original: Any, response: EC2ContainerServiceResponse) -> ActionResult:
    answer, params = original(response), parse_request_parameters(response)
    family = params.get("family")
    arns = [
        task["taskArn"]
        for task in list_single_tasks(response.ecs_backend, params.get("cluster", "default"))
        if task["desiredStatus"] == params.get("desiredStatus", "RUNNING")
        and "serviceName" not in params
        and params.get("startedBy", task["startedBy"]) == task["startedBy"]
        and family in (None, task["group"].removeprefix("family:"))
    ]
    return ActionResult({"taskArns": [*answer.result["taskArns"], *arns]})


@patch.wrap(EC2ContainerServiceResponse, "describe_tasks")
def describe_started_tasks(original: Any, response: EC2ContainerServiceResponse) -> ActionResult:
    answer, params = original(response), parse_request_parameters(response)
    ids = {name.split("/")[-1] for name in params["tasks"]}
    tasks = [
        task
        for task in list_single_tasks(response.ecs_backend, params.get("cluster", "default"))
        if task["taskArn"].split("/")[-1] in ids
    ]
    return ActionResult({**answer.result, "tasks": [*answer.result["tasks"], *tasks]})


@patch.wrap(LogsResponse, "filter_log_events")
def write_lines_before(original: Any, response: LogsResponse) -> Any:
    """Writes what containers have printed by now."""
    from moto.ecs.models import ecs_backends

    backend = response.logs_backend
    for record in get_single_tasks(ecs_backends[backend.account_id][backend.region_name]):
        if record["has_lines_to_write"] and not is_in_future(record["stops"]):
            record["has_lines_to_write"] = False
            _write_lines(record)
    return original(response)


def _is_token_over(record: ApiRecord) -> bool:
    """True a day after the task was started, or an hour after it has stopped (ECS_Idempotency)."""
    ends: tuple[datetime, datetime] = (
        record["created"] + timedelta(seconds=TOKEN_SECONDS),
        record["stops"] + timedelta(seconds=STOPPED_SECONDS),
    )
    return get_sandbox_clock().now() > min(ends)


def _write_lines(record: ApiRecord) -> None:
    options = (record["container"].get("logConfiguration") or {}).get("options") or {}
    backend = logs_backends[record["account"]][record["region"]]
    group = options.get("awslogs-group")
    if not record["lines"] or group not in backend.groups:
        return
    name = record["container"]["name"]
    stream = f"{options.get('awslogs-stream-prefix')}/{name}/{record['id']}"
    backend.create_log_stream(group, stream)
    time = int(record["stops"].timestamp() * 1000)
    events = [{"timestamp": time, "message": line} for line in record["lines"]]
    backend.put_log_events(group, stream, events)


def _find_container(containers: list[ApiRecord], overrides: list[ApiRecord]) -> ApiRecord:
    """The container that runs the task's command, as it is overridden; else the first."""
    by_name = {override["name"]: override for override in overrides}
    container = next((item for item in containers if item["name"] in by_name), containers[0])
    override = by_name.get(container["name"], {})
    variables = [*(container.get("environment") or ()), *(override.get("environment") or ())]
    command = override.get("command") or container.get("command") or ()
    return {**container, "command": [*command], "environment": variables}
