"""What ECS and Auto Scaling report: deployments, events of services, refreshes, scaling."""

from collections.abc import Iterator
from typing import Any, Final

from ops.changes.model import (
    ChangeEvent,
    SourceAnswer,
    SourceGap,
    SourceRequest,
    build_answer,
)
from ops.core.parts import get_service_part
from ops.core.scaling_apis import (
    GROUP_ACTIVITIES_API,
    INSTANCE_REFRESHES_API,
    SCALING_ACTIVITIES_API,
)
from ops.core.times import format_local_and_utc, parse_aws_time
from ops.fleet.model import get_fleet_part, list_read_items
from ops.services.model import ServiceState, call_ecs, get_arn_name, list_service_states

MAX_SERVICE_EVENTS: Final = 100  # that ECS keeps of a service (DescribeServices, API reference)
# Written again every six hours while nothing happens (ECS Developer Guide, service event messages).
QUIET_MESSAGE: Final = "has reached a steady state"


def read_deployments(request: SourceRequest) -> SourceAnswer:
    """The deployments of services that began in the span, or ended in it."""
    events: list[ChangeEvent] = []
    for service in _list_services(request):
        answer = call_ecs(
            request.context.aws,
            "ecs.list_service_deployments",
            {"cluster": service.cluster, "service": service.name},
        )
        for item in answer["serviceDeployments"]:
            events += _list_deployment_events(request, service, item)
    return build_answer(request, events)


def read_service_events(request: SourceRequest) -> SourceAnswer:
    """What ECS says of its services, without that they are steady."""
    events: list[ChangeEvent] = []
    gaps: list[SourceGap] = []
    for service in _list_services(request):
        times = [parse_aws_time(event["createdAt"]) for event in service.events]
        if len(times) >= MAX_SERVICE_EVENTS and min(times) > request.span.since:
            reason = f"ECS has the last {len(times)} events of {service.name} only: none before "
            gaps.append(
                SourceGap(
                    "service-events", reason + format_local_and_utc(min(times)), is_failure=False
                )
            )
        events += [
            ChangeEvent(
                time,
                "service-events",
                get_service_part(request.outputs, service.name),
                str(event["message"]).removeprefix(f"(service {service.name}) "),
                subject=service.name,
                command=f"ops service tasks --service {service.name} --stopped",
            )
            for time, event in zip(times, service.events, strict=True)
            if QUIET_MESSAGE not in str(event["message"])
        ]
    return build_answer(request, events, *gaps)


def read_refreshes(request: SourceRequest) -> SourceAnswer:
    """The instance refreshes of the fleet."""
    params = {"AutoScalingGroupName": get_fleet_part(request.outputs).group}
    api = INSTANCE_REFRESHES_API
    events: list[ChangeEvent] = []
    for item in list_read_items(request.context.aws, api, "InstanceRefreshes", params):
        identifier, status = str(item["InstanceRefreshId"]), str(item["Status"])
        reason = f": {item['StatusReason']}" if item.get("StatusReason") else ""
        for key, what in (("StartTime", "refresh began"), ("EndTime", f"refresh ended{reason}")):
            if item.get(key):
                outcome = status if key == "EndTime" or not item.get("EndTime") else None
                events.append(
                    ChangeEvent(
                        parse_aws_time(item[key]),
                        "refreshes",
                        "fleet",
                        what,
                        outcome=outcome,
                        subject=identifier,
                        command="ops fleet refresh status",
                    )
                )
    return build_answer(request, events)


def read_scaling(request: SourceRequest) -> SourceAnswer:
    """The scaling activities of the services and of the fleet."""
    events: list[ChangeEvent] = []
    if request.outputs.services is not None:
        events += _list_service_activities(request)
    if request.outputs.fleet is not None:
        events += _list_fleet_activities(request)
    return build_answer(request, events)


def _list_services(request: SourceRequest) -> list[ServiceState]:
    parts = request.outputs.services.services.values() if request.outputs.services else ()
    return list_service_states(request.context.aws, request.outputs, list(parts))


def _list_deployment_events(
    request: SourceRequest, service: ServiceState, item: Any
) -> Iterator[ChangeEvent]:
    revision = get_arn_name(str(item.get("targetServiceRevisionArn") or "unknown"))
    status = str(item.get("status"))
    reason = f": {item['statusReason']}" if item.get("statusReason") else ""
    part = get_service_part(request.outputs, service.name)
    texts = {
        "createdAt": f"deployment of service revision {revision} began",
        "finishedAt": f"deployment of service revision {revision} ended{reason}",
    }
    for key, what in texts.items():
        if item.get(key):
            is_last = key == "finishedAt" or not item.get("finishedAt")
            yield ChangeEvent(
                parse_aws_time(item[key]),
                "deployments",
                part,
                what,
                outcome=status if is_last else None,
                subject=get_arn_name(str(item.get("serviceDeploymentArn"))),
                command=f"ops service revisions --service {service.name}",
            )


def _list_service_activities(request: SourceRequest) -> Iterator[ChangeEvent]:
    services = request.outputs.services.services.values() if request.outputs.services else ()
    names = {part.scaling_resource_id: part.name for part in services if part.scaling_resource_id}
    api = SCALING_ACTIVITIES_API
    params = {"ServiceNamespace": "ecs"}
    for item in list_read_items(request.context.aws, api, "ScalingActivities", params):
        if (name := names.get(str(item["ResourceId"]))) is not None:
            yield _build_activity_event(
                item, get_service_part(request.outputs, name), "ops service limits"
            )


def _list_fleet_activities(request: SourceRequest) -> Iterator[ChangeEvent]:
    api = GROUP_ACTIVITIES_API
    params = {"AutoScalingGroupName": get_fleet_part(request.outputs).group}
    for item in list_read_items(request.context.aws, api, "Activities", params):
        yield _build_activity_event(item, "fleet", "ops fleet activities")


def _build_activity_event(item: Any, part: str, command: str) -> ChangeEvent:
    message, description = item.get("StatusMessage"), str(item["Description"])
    is_failed = str(item["StatusCode"]) in ("Failed", "Cancelled", "Unfulfilled", "Overridden")
    return ChangeEvent(
        parse_aws_time(item["StartTime"]),
        "scaling",
        part,
        f"{description}: {message}"
        if is_failed and message and str(message) not in description
        else description,
        outcome=str(item["StatusCode"]),
        subject=str(item["ActivityId"]),
        command=command,
    )
