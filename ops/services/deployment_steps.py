"""Steps of ECS deployments: register, deploy, confirm and restore a revision; a URL answers."""

import json
from collections.abc import Mapping
from typing import Any, Final

from ops.core.aws import Aws
from ops.core.plan import RUN_TAG, Call, Http, JsonObject, Step, Wait
from ops.core.service_reports import build_service_reports
from ops.services.images import ContainerImage
from ops.services.model import (
    ServiceState,
    get_arn_name,
    get_container_image,
    list_deployment_history,
)

REVISION_IMAGE_TAG: Final = "bulwark:image"
PRIMARY_DEPLOYMENT_PATH: Final = "services[0].deployments[?status=='PRIMARY'] | [0]"
# Fields that DescribeTaskDefinition returns and RegisterTaskDefinition does not accept.
DESCRIPTION_ONLY_FIELDS: Final = frozenset(
    {
        "taskDefinitionArn",
        "revision",
        "status",
        "requiresAttributes",
        "compatibilities",
        "registeredAt",
        "registeredBy",
        "deregisteredAt",
        "deleteRequestedAt",
    }
)
ACTIVE_DEPLOYMENT_STATUSES_JSON: Final = json.dumps(
    ["PENDING", "IN_PROGRESS", "ROLLBACK_REQUESTED", "ROLLBACK_IN_PROGRESS", "STOP_REQUESTED"]
)
FAILED_DEPLOYMENT_STATUSES: Final = ("ROLLBACK_SUCCESSFUL", "ROLLBACK_FAILED", "STOPPED")
TYPICAL_DEPLOYMENT_SECONDS: Final = 3 * 60
DEPLOYMENT_TIME_SOURCE: Final = (
    "an assumption, AWS states no time: image pull, health checks and draining"
)
DEPLOYMENT_TIMEOUT_SECONDS: Final = 30 * 60
DEPLOYMENT_CONFIRM_SECONDS: Final = 5 * 60
# Seconds until the URL must answer with 200 after a deployment: an assumption, a few health checks.
URL_ANSWER_TIMEOUT_SECONDS: Final = 60


def build_force_deployment_step(aws: Aws, service: ServiceState, name: str) -> Step:
    """Builds the step that restarts a service's tasks, unless a deployment is in progress."""
    description = f"restart the tasks of {service.name} unless a deployment is in progress"
    step = build_update_step(
        aws, service, description, wait=True, params={"forceNewDeployment": True}
    )
    return step.model_copy(update={"name": name})


def build_registration(
    latest_definition: Mapping[str, Any],
    tags: list[dict[str, str]],
    container: str,
    image: ContainerImage,
    run: str,
) -> JsonObject:
    """Builds the task definition to register: the latest one with `image`, tagged with the run."""
    get_container_image(latest_definition, container)
    fields = {
        k: v
        for k, v in latest_definition.items()
        if k not in DESCRIPTION_ONLY_FIELDS and v is not None
    }
    fields["containerDefinitions"] = [
        {**item, "image": image.reference} if item["name"] == container else item
        for item in latest_definition["containerDefinitions"]
    ]
    run_tags = {RUN_TAG: run, REVISION_IMAGE_TAG: image.requested_reference}
    other_tags = [
        tag for tag in tags if tag["key"] not in run_tags and not tag["key"].startswith("aws:")
    ]
    new_tags = [{"key": key, "value": value} for key, value in run_tags.items()]
    return {**fields, "tags": [*other_tags, *new_tags]}


def build_url_answers_step(url: str) -> Step:
    """Builds the step that waits until `url` answers with 200.

    The step fails if the last answer is an error. No answer at all leaves the outcome unknown: the
    network between here and the service may be at fault.
    """
    read = Http(url=url)
    return Step(
        name="answers",
        description=f"check that {url} answers with 200",
        action=read,
        goal=Wait(
            read=read,
            met={"status": 200},
            failed_on_timeout={"status >= `400`": [True]},
            every=5,
            within=URL_ANSWER_TIMEOUT_SECONDS,
        ),
    )


def build_register_step(service: ServiceState, new_definition: JsonObject, run: str) -> Step:
    """Builds the step that registers the revision and finds it again by the tag with the run's id.

    RegisterTaskDefinition takes no idempotency token. A second registration leaves a revision that
    nothing uses.
    """
    read = Call(
        api="ecs.describe_task_definition",
        params={"taskDefinition": service.part.family, "include": ["TAGS"]},
    )
    run_tag_path = f"tags[?key=='{RUN_TAG}'].value | [0]"
    return Step(
        name="register",
        description=f"register a revision of {service.part.family}",
        action=Call(api="ecs.register_task_definition", params=new_definition),
        goal=Wait(read=read, met={run_tag_path: run}, every=5, within=DEPLOYMENT_CONFIRM_SECONDS),
    )


def build_update_step(
    aws: Aws,
    service: ServiceState,
    description: str,
    *,
    wait: bool,
    params: JsonObject | None = None,
    refs: dict[str, str] | None = None,
    undo: tuple[Step, ...] = (),
) -> Step:
    """Builds the step that starts a deployment and waits for the one that is newer than all now."""
    last_deployment = next(list_deployment_history(aws, service), None)
    service_params: JsonObject = {"cluster": service.cluster, "service": service.name}
    created_filter: JsonObject = (
        {"createdAt": {"after": last_deployment["createdAt"]}} if last_deployment else {}
    )
    last_arn = last_deployment["serviceDeploymentArn"] if last_deployment else ""
    newest_status = (
        f"max_by(serviceDeployments[?serviceDeploymentArn!='{last_arn}'], &createdAt).status"
    )
    is_active = f"contains(`{ACTIVE_DEPLOYMENT_STATUSES_JSON}`, {newest_status})"
    has_started = f"{newest_status} != `null`"
    goal = Wait(
        read=Call(api="ecs.list_service_deployments", params={**service_params, **created_filter}),
        met={newest_status: "SUCCESSFUL"} if wait else {has_started: True},
        begun={is_active: True} if wait else {},
        failed={newest_status: list(FAILED_DEPLOYMENT_STATUSES)},
        within=DEPLOYMENT_TIMEOUT_SECONDS,
        typical=TYPICAL_DEPLOYMENT_SECONDS if wait else None,
        source=DEPLOYMENT_TIME_SOURCE if wait else None,
        reports=build_service_reports(_describe_service_call(service)),
    )
    call = Call(
        api="ecs.update_service", params={**service_params, **(params or {})}, refs=refs or {}
    )
    return Step(name="update", description=description, action=call, goal=goal, undo=undo)


def build_confirm_step(
    service: ServiceState, *, revision: str | None = None, same_as: str | None = None
) -> Step:
    """Builds the step that checks that the revision runs: another deployment may replace it."""
    read = _describe_service_call(service)
    met: JsonObject = {f"{PRIMARY_DEPLOYMENT_PATH}.rolloutState": "COMPLETED"}
    path = f"{PRIMARY_DEPLOYMENT_PATH}.taskDefinition"
    if revision is not None:
        met[path] = revision
    return Step(
        name="confirm",
        description=f"check that {service.name} runs it",
        action=read,
        goal=Wait(
            read=read,
            met=met,
            same_as={path: same_as} if same_as else {},
            every=10,
            within=DEPLOYMENT_CONFIRM_SECONDS,
            reports=build_service_reports(read),
        ),
    )


def build_restore_revision_step(service: ServiceState, revision: str) -> Step:
    """Builds the undo: deploys a revision, unless the circuit breaker has rolled back to it."""
    met: JsonObject = {
        f"{PRIMARY_DEPLOYMENT_PATH}.taskDefinition": revision,
        f"{PRIMARY_DEPLOYMENT_PATH}.rolloutState": "COMPLETED",
    }
    service_params: JsonObject = {"cluster": service.cluster, "service": service.name}
    return Step(
        name="back",
        description=f"put {service.name} back on {get_arn_name(revision)}",
        action=Call(
            api="ecs.update_service", params={**service_params, "taskDefinition": revision}
        ),
        goal=Wait(
            read=_describe_service_call(service),
            met=met,
            begun={f"{PRIMARY_DEPLOYMENT_PATH}.taskDefinition": revision},
            within=DEPLOYMENT_TIMEOUT_SECONDS,
            typical=TYPICAL_DEPLOYMENT_SECONDS,
            source=DEPLOYMENT_TIME_SOURCE,
            reports=build_service_reports(_describe_service_call(service)),
        ),
    )


def _describe_service_call(service: ServiceState) -> Call:
    return Call(
        api="ecs.describe_services",
        params={"cluster": service.cluster, "services": [service.name]},
    )
