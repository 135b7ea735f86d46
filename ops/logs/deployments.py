"""Deployments for looks at logs: when one began, and which tasks it started."""

from datetime import datetime
from typing import Any

from ops.core.aws import Aws
from ops.core.errors import UsageError
from ops.core.parts import SERVICE_PREFIX
from ops.core.scaling_apis import INSTANCE_REFRESHES_API
from ops.fleet.model import get_fleet_part, list_read_items
from ops.logs.parts import LogPart
from ops.outputs import Outputs
from ops.services.model import ServiceState, get_arn_name, get_service, list_service_tasks

CURRENT, PREVIOUS = "current", "previous"


def find_deployment_time(aws: Aws, outputs: Outputs, part: LogPart) -> datetime | None:
    """When the last deployment of a service or the fleet began, UTC; None if there is none."""
    if part.kind == "service":
        service = get_service(aws, outputs, get_service_name(part))
        return datetime.fromisoformat(str(service.primary_deployment["createdAt"]))
    if part.kind == "fleet":
        params: dict[str, Any] = {"AutoScalingGroupName": get_fleet_part(outputs).group}
        starts = [
            datetime.fromisoformat(str(refresh["StartTime"]))
            for refresh in list_read_items(aws, INSTANCE_REFRESHES_API, "InstanceRefreshes", params)
            if refresh.get("StartTime")
        ]
        return max(starts, default=None)
    return None


def list_deployment_tasks(
    aws: Aws, outputs: Outputs, part: LogPart, deployment: str
) -> frozenset[str]:
    """The ids of the tasks that a deployment of a service started.

    ECS knows tasks that stopped in the last hour. Raises UsageError unless it is `current`,
    `previous` or the id of a deployment that has tasks.
    """
    service = get_service(aws, outputs, get_service_name(part))
    tasks = [
        task
        for is_stopped in (False, True)
        for task in list_service_tasks(aws, service, stopped=is_stopped)
    ]
    deployment_id = _find_deployment_id(service, tasks, deployment)
    task_ids = frozenset(
        get_arn_name(task["taskArn"]) for task in tasks if task.get("startedBy") == deployment_id
    )
    if not task_ids:
        known_ids = sorted({str(task.get("startedBy")) for task in tasks})
        raise UsageError(
            f"--deployment must be {CURRENT}, {PREVIOUS} or one that has a task which runs, or "
            f"stopped in the last hour ({', '.join(known_ids) or 'there is none'}), not "
            f"{deployment!r}"
        )
    return task_ids


def require_service_part(part: LogPart) -> None:
    """Raises UsageError unless --deployment can be of the part."""
    if part.kind != "service":
        raise UsageError(f"--deployment must be used with a service, not {part.name}")


def _find_deployment_id(service: ServiceState, tasks: list[Any], deployment: str) -> str | None:
    current_id = str(service.primary_deployment["id"])
    if deployment == CURRENT:
        return current_id
    if deployment != PREVIOUS:
        return deployment
    others = [task for task in tasks if task.get("startedBy") not in (None, current_id)]
    others.sort(key=lambda task: str(task.get("createdAt", "")))
    return str(others[-1]["startedBy"]) if others else None


def get_service_name(part: LogPart) -> str:
    """The name of a part's service."""
    return part.name.removeprefix(SERVICE_PREFIX)
