"""Carries out what a plan does with a task of ECS."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import jmespath
from botocore.exceptions import ClientError
from pydantic import JsonValue

from ops.core.aws import Aws, get_error_code
from ops.core.container_task_action import (
    TASK_ABSENT,
    TASK_FAILED,
    TASK_NOT_STARTED,
    TASK_SUCCEEDED,
    ContainerTask,
)
from ops.core.errors import OpsError, RefusedError
from ops.core.sql_action import JsonObject

TASKS_PER_DESCRIPTION: Final = 100  # API reference, DescribeTasks
STOP_REASON: Final = "stopped by ops"


def run_container_task(
    aws: Aws, action: ContainerTask, step_results: Mapping[str, JsonValue]
) -> JsonValue:
    """Carries out the action. Raises RefusedError if AWS refuses it."""
    try:
        match action.operation:
            case "look":
                return look_at_task(aws, action, step_results)
            case "run":
                return _start_task(aws, action, step_results)
            case "stop":
                return _stop_task(aws, action)
    except ClientError as error:
        code, message = get_error_code(error), error.response["Error"].get("Message")
        raise RefusedError(f"{error.operation_name}: {code}: {message}") from error


def look_at_task(
    aws: Aws, action: ContainerTask, step_results: Mapping[str, JsonValue]
) -> dict[str, JsonValue]:
    """The task of the run: its ARN, state and, if it is over, its exit code and what is told.

    Raises OpsError if ECS has forgotten a task that it had shown.
    """
    known_task = jmespath.search(f"{action.seen_by}.task", step_results) if action.seen_by else None
    if known_task:
        tasks = _describe_tasks(aws, action, [known_task])
        if not tasks:
            raise OpsError(
                f"ECS has forgotten the task {_get_id(known_task)}: how it ended is unknown"
            )
    else:
        tasks = list(_list_run_tasks(aws, action))
    if not tasks:
        return {
            "count": 0,
            "task": None,
            "state": TASK_ABSENT,
            "is_over": True,
            "answer": "ECS shows no task of this run; one that stopped is shown for an hour",
        }
    task = tasks[0]
    is_over = all(item.get("lastStatus") == "STOPPED" for item in tasks)
    answer: dict[str, JsonValue] = {
        "count": len(tasks),
        "task": str(task["taskArn"]),
        "state": str(task.get("lastStatus")),
        "is_over": is_over,
    }
    return answer | _describe_end(action, task) if is_over else answer


def _describe_end(action: ContainerTask, task: Mapping[str, Any]) -> dict[str, JsonValue]:
    """How a stopped task ended; `answer` is that for a person, if it did not succeed."""
    containers = {str(item["name"]): item for item in task.get("containers") or ()}
    container = containers.get(action.container) or {}
    exit_code = container.get("exitCode")
    stop_code = str(task.get("stopCode") or "")
    reasons = [str(text) for text in (task.get("stoppedReason"), container.get("reason")) if text]
    reason = "; ".join(reasons) or "no reason given"
    task_id = _get_id(str(task["taskArn"]))
    if exit_code == 0 and stop_code in ("", "EssentialContainerExited"):
        return {"state": TASK_SUCCEEDED, "exit_code": 0}
    if exit_code is None or stop_code == "TaskFailedToStart":
        words = f"the task {task_id} could not run the command: {reason}"
        return {"state": TASK_NOT_STARTED, "exit_code": None, "answer": words}
    if stop_code == "EssentialContainerExited":
        words = f"the command ended with exit code {exit_code} (task {task_id})"
    else:  # it was stopped from outside, whatever its exit code
        words = f"the task {task_id} was stopped before its end ({stop_code}): {reason}"
    return {"state": TASK_FAILED, "exit_code": exit_code, "answer": words}


def _list_run_tasks(aws: Aws, action: ContainerTask) -> Iterator[Mapping[str, Any]]:
    """The tasks that the run started, those that run first.

    `startedBy` must be the only filter, and shows none that have stopped (API reference,
    ListTasks): those are found by their family.
    """
    running: JsonObject = {"cluster": action.cluster, "startedBy": action.run}
    stopped: JsonObject = {
        "cluster": action.cluster,
        "family": action.family,
        "desiredStatus": "STOPPED",
    }
    seen = set()
    for params in (running, stopped):
        answer: Any = aws.call("ecs.list_tasks", params)
        for task in _describe_tasks(aws, action, answer["taskArns"]):
            if task.get("startedBy") == action.run and task["taskArn"] not in seen:
                seen.add(task["taskArn"])
                yield task


def _describe_tasks(aws: Aws, action: ContainerTask, arns: list[str]) -> list[Mapping[str, Any]]:
    tasks: list[Mapping[str, Any]] = []
    for start in range(0, len(arns), TASKS_PER_DESCRIPTION):
        page: list[JsonValue] = [*arns[start : start + TASKS_PER_DESCRIPTION]]
        answer: Any = aws.call("ecs.describe_tasks", {"cluster": action.cluster, "tasks": page})
        tasks += answer["tasks"]
    return tasks


def _start_task(
    aws: Aws, action: ContainerTask, step_results: Mapping[str, JsonValue]
) -> JsonValue:
    """Starts the task; what ECS could not place is an answer with `failures`, not an error."""
    params = {"cluster": action.cluster, **action.params}
    if action.definition is not None:
        definition = jmespath.search(action.definition, step_results)
        if definition is None:
            raise RefusedError(f"ecs.run_task: nothing is at {action.definition}")
        params["taskDefinition"] = definition
    answer: Any = aws.call("ecs.run_task", params)
    if not answer.get("tasks"):
        failures = [
            " ".join(str(item[key]) for key in ("reason", "detail") if item.get(key))
            for item in answer.get("failures") or ()
        ]
        raise RefusedError(f"ecs.run_task: {'; '.join(failures) or 'no task and no reason'}")
    return {"task": str(answer["tasks"][0]["taskArn"])}


def _stop_task(aws: Aws, action: ContainerTask) -> JsonValue:
    """Stops what of the run has not stopped."""
    running: list[JsonValue] = [
        str(task["taskArn"])
        for task in _list_run_tasks(aws, action)
        if task.get("lastStatus") != "STOPPED"
    ]
    for arn in running:
        aws.call("ecs.stop_task", {"cluster": action.cluster, "task": arn, "reason": STOP_REASON})
    return {"stopped": running}


def _get_id(arn: str) -> str:
    return arn.rsplit("/", 1)[-1]
