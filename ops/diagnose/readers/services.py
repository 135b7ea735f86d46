"""What ECS says of the services: why tasks stopped, what cannot be placed, deployments, limits."""

import re
from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from ops.core.checks import split_into_chunks
from ops.core.parts import get_service_part
from ops.core.scaling_apis import SCALABLE_TARGETS_API
from ops.core.times import parse_aws_time
from ops.diagnose.facts import Facts
from ops.diagnose.reader import DiagnosisRequest, FactCollector
from ops.diagnose.start_failures import classify_start_failure
from ops.fleet.model import list_read_items
from ops.services.health import find_fault
from ops.services.model import (
    DESCRIBE_TASKS_LIMIT,
    ServiceState,
    call_ecs,
    get_arn_name,
    get_stop_reason,
    list_service_states,
)

# Parts of service events that say that something did not work (ECS Developer Guide, "Service event
# messages").
_EVENT_FAULT_PATTERN: Final = re.compile(
    r"unable to|failed|is unhealthy|unhealthy in|error|stopped tasks|deployment failed", re.I
)
_ROLLBACK_PATTERN: Final = re.compile(r"roll(?:ing|ed)? ?back|ROLLBACK", re.I)


def read_services(request: DiagnosisRequest) -> Facts:
    """The faults of the services' tasks and deployments at the time."""
    collector = FactCollector("services")
    assert request.outputs.services is not None
    states = list_service_states(
        request.aws, request.outputs, request.outputs.services.services.values()
    )
    parts = {state.name: get_service_part(request.outputs, state.name) for state in states}
    for state in states:
        _add_events(collector, request, state, parts[state.name])
        with collector.note_gap("deployments", parts[state.name]):
            _add_deployments(collector, request, state, parts[state.name])
    if request.is_past:
        collector.note_reason(
            "ECS knows tasks that stopped in the last hour only: they are left out with --at",
            is_failure=False,
        )
        return collector.build_facts()
    for state in states:
        _add_counts(collector, request, state, parts[state.name])
    with collector.note_gap("stopped tasks", *parts.values()):
        _add_stopped_tasks(collector, request, parts)
    with collector.note_gap("scaling limits", *parts.values()):
        _add_maximums(collector, request, states, parts)
    return collector.build_facts()


def _add_counts(
    collector: FactCollector, request: DiagnosisRequest, state: ServiceState, part: str
) -> None:
    command = f"ops service tasks --service {state.name}"
    text = f"{state.running_count} of {state.desired_count} tasks run"
    if state.desired_count == 0:
        collector.add("ecs.no-tasks-wanted", part, "no task is wanted", command=command)
    elif state.running_count == 0:
        collector.add("ecs.tasks.none", part, text, command=command)
    elif state.running_count < state.desired_count:
        collector.add("ecs.tasks.missing", part, text, command=command)


def _add_events(
    collector: FactCollector, request: DiagnosisRequest, state: ServiceState, part: str
) -> None:
    """What the service's events of the span say did not work, each kind once, at its first time."""
    firsts: dict[str, tuple[datetime, str]] = {}
    for event in state.events:
        time, message = parse_aws_time(event["createdAt"]), str(event["message"])
        if not request.span.since <= time <= request.span.until:
            continue
        if _EVENT_FAULT_PATTERN.search(message):
            key = f"ecs.event.{classify_start_failure(message)}"
            if key not in firsts or time < firsts[key][0]:
                firsts[key] = (time, message)
    for key, (time, message) in firsts.items():
        text = message.removeprefix(f"(service {state.name}) ")
        command = f"ops service events --service {state.name}"
        collector.add(key, part, f"ECS: {text}", since=time, command=command)


def _add_deployments(
    collector: FactCollector, request: DiagnosisRequest, state: ServiceState, part: str
) -> None:
    answer = call_ecs(
        request.aws,
        "ecs.list_service_deployments",
        {"cluster": state.cluster, "service": state.name},
    )
    command = f"ops service revisions --service {state.name}"
    for item in answer["serviceDeployments"]:
        created, ended = (
            parse_aws_time(item[key]) if item.get(key) else None
            for key in ("createdAt", "finishedAt")
        )
        if created is None or created > request.at:
            continue
        if (ended or request.at) < request.span.since:
            continue
        status, reason = str(item.get("status")), str(item.get("statusReason") or "")
        revision = get_arn_name(str(item.get("targetServiceRevisionArn")))
        text = f"deployment of revision {revision}: {status}{f', {reason}' if reason else ''}"
        key = _find_deployment_key(status, f"{status} {reason}", is_ended=ended is not None)
        if key is not None:
            time = created if key == "ecs.deployment.running" else ended or created
            collector.add(key, part, text, since=time, subject=revision, command=command)


def _find_deployment_key(status: str, text: str, *, is_ended: bool) -> str | None:
    """Source: API reference, ServiceDeployment, `status`."""
    if _ROLLBACK_PATTERN.search(text):
        return "ecs.deployment.rolled-back"
    if status.startswith("STOP") or status == "FAILED":
        return "ecs.deployment.failed"
    return "ecs.deployment.running" if status in ("PENDING", "IN_PROGRESS") else None


def _add_stopped_tasks(
    collector: FactCollector, request: DiagnosisRequest, parts: Mapping[str, str]
) -> None:
    """Tasks that a fault stopped, by the reason, at the first time of each."""
    assert request.outputs.services is not None
    cluster = request.outputs.services.cluster
    params: dict[str, Any] = {"cluster": cluster, "desiredStatus": "STOPPED"}
    arns = [str(arn) for arn in list_read_items(request.aws, "ecs.list_tasks", "taskArns", params)]
    by_key: dict[tuple[str, str], list[Mapping[str, Any]]] = defaultdict(list)
    for names in split_into_chunks(arns, DESCRIBE_TASKS_LIMIT):
        answer = call_ecs(request.aws, "ecs.describe_tasks", {"cluster": cluster, "tasks": names})
        for task in answer["tasks"]:
            name = str(task.get("group", "")).removeprefix("service:")
            if name in parts and find_fault(task) is not None:
                by_key[name, classify_start_failure(get_stop_reason(task))].append(task)
    for (name, failure), tasks in by_key.items():
        times = [parse_aws_time(task["stoppedAt"]) for task in tasks if task.get("stoppedAt")]
        text = f"{len(tasks)} task{'s' if len(tasks) > 1 else ''} stopped: "
        collector.add(
            f"ecs.stopped.{failure}",
            parts[name],
            text + get_stop_reason(tasks[-1]),
            since=min(times, default=None),
            value=float(len(tasks)),
            subject=get_arn_name(str(tasks[-1]["taskArn"])),
            command=f"ops service tasks --service {name} --stopped",
        )


def _add_maximums(
    collector: FactCollector,
    request: DiagnosisRequest,
    states: list[ServiceState],
    parts: Mapping[str, str],
) -> None:
    resources = {s.part.scaling_resource_id: s for s in states if s.part.scaling_resource_id}
    if not resources:
        return
    api = SCALABLE_TARGETS_API
    params = {"ServiceNamespace": "ecs", "ResourceIds": list(resources)}
    for target in list_read_items(request.aws, api, "ScalableTargets", params):
        state = resources.get(str(target["ResourceId"]))
        if state is not None and state.desired_count >= int(target["MaxCapacity"]):
            collector.add(
                "ecs.at-maximum",
                parts[state.name],
                f"{state.desired_count} tasks are wanted, which is the maximum",
                value=float(target["MaxCapacity"]),
                command=f"ops service show {state.name}",
            )
