"""Plans that deploy, roll back and restart an ECS service.

A deployment has succeeded when ECS reports that deployment as SUCCESSFUL and its revision is the
primary one, COMPLETED. Running counts prove nothing: they are also right after a rollback.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

from ops.core.aws import Aws
from ops.core.errors import UsageError
from ops.core.plan import Call, Http, JsonObject, Plan, Step, Wait
from ops.core.stack_plan import build_stack_plan
from ops.outputs import Outputs
from ops.services.images import ContainerImage
from ops.services.model import (
    ServiceState,
    get_arn_name,
    get_container_image,
    get_task_definition,
    list_deployment_history,
)
from ops.services.release_history import (
    NO_REJECTIONS,
    Release,
    find_revision_problem,
    get_rollback_revision,
    get_undo_revision,
    list_releases,
)

REVISION_RUN_TAG: Final = "bulwark:run"
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


def build_service_deploy_plan(
    aws: Aws,
    outputs: Outputs,
    service: ServiceState,
    image: ContainerImage,
    run: str,
    *,
    wait: bool = True,
    url: str | None = None,
    rejected_revisions: Mapping[str, str] = NO_REJECTIONS,
) -> Plan:
    """Builds the plan that deploys `image`, in a copy of the revision that Pulumi registered last.

    The undo puts the service back on its current revision; the new one stays registered. Raises
    UsageError if the service runs the image already, or if `url` is to answer without a task.
    `rejected_revisions` are of `list_rejected_revisions`.
    """
    _require_tasks_for_url(service, url)
    latest_definition, tags = get_task_definition(aws, service.part.task_definition_arn)
    current_definition, _ = get_task_definition(aws, service.revision)
    current_image = get_container_image(current_definition, service.part.container)
    if current_image == image.reference and service.is_rollout_completed:
        raise UsageError(
            f"IMAGE is {image.requested_reference!r}, but {service.name} already runs it",
            f"ops service restart --service {service.name}",
        )
    new_definition = build_registration(latest_definition, tags, service.part.container, image, run)
    undo_revision = get_undo_revision(aws, service, rejected_revisions)
    references = {"taskDefinition": "register.taskDefinition.taskDefinitionArn"}
    update_step = _build_update_step(
        aws,
        service,
        f"deploy the new revision of {service.name}",
        refs=references,
        wait=wait,
        undo=(_build_restore_revision_step(service, undo_revision),),
    )
    confirm_step = _build_confirm_step(service, same_as=references["taskDefinition"])
    notes = (
        f"image: {current_image} -> {image.reference}",
        *_list_differences(current_definition, new_definition, service.part.container),
        *([] if image.is_in_registry else [f"{image.unchecked_reason}, so it was not checked"]),
        *_list_breaker_warnings(service),
        *_list_zero_task_warnings(service),
        "the new revision stays registered even after an undo; it costs nothing",
    )
    steps = (
        _build_register_step(service, new_definition, run),
        update_step,
        *([confirm_step] if wait else []),
    )
    if url is not None:
        steps = (*steps, build_url_answers_step(url))
    return build_stack_plan(
        outputs, run, "service deploy", *steps, notes=notes, arguments=f"--service {service.name}"
    )


def build_service_rollback_plan(
    aws: Aws,
    outputs: Outputs,
    service: ServiceState,
    run: str,
    *,
    requested_revision: str | None = None,
    wait: bool = True,
    url: str | None = None,
    rejected_revisions: Mapping[str, str] = NO_REJECTIONS,
) -> Plan:
    """Builds the plan that rolls back to `requested_revision`, or to the last proven release.

    The undo puts the service back on its current revision. Raises UsageError if there is no
    release to roll back to. `rejected_revisions` are of `list_rejected_revisions`.
    """
    _require_tasks_for_url(service, url)
    releases = list_releases(aws, service, rejected_revisions)
    target_revision = (
        _parse_revision(aws, service, requested_revision)
        if requested_revision is not None
        else get_rollback_revision(aws, service, releases)
    )
    target_definition, _ = get_task_definition(aws, target_revision)
    image = get_container_image(target_definition, service.part.container)
    current_definition, _ = get_task_definition(aws, service.revision)
    update_step = _build_update_step(
        aws,
        service,
        f"put {service.name} back on {get_arn_name(target_revision)}",
        wait=wait,
        params={"taskDefinition": target_revision},
        undo=(_build_restore_revision_step(service, service.revision),),
    )
    notes = (
        f"image: {get_container_image(current_definition, service.part.container)} -> {image}",
        *_list_differences(current_definition, target_definition, service.part.container),
        *_list_doubts(releases, target_revision),
        *_list_breaker_warnings(service),
        *_list_zero_task_warnings(service),
    )
    steps = (
        update_step,
        *([_build_confirm_step(service, revision=target_revision)] if wait else []),
    )
    if url is not None:
        steps = (*steps, build_url_answers_step(url))
    return build_stack_plan(
        outputs, run, "service rollback", *steps, notes=notes, arguments=f"--service {service.name}"
    )


def build_service_restart_plan(
    aws: Aws, outputs: Outputs, service: ServiceState, run: str, *, wait: bool = True
) -> Plan:
    """Builds the plan that replaces every task of the service by a new one of the same revision."""
    update_step = _build_update_step(
        aws,
        service,
        f"restart the tasks of {service.name}",
        wait=wait,
        params={"forceNewDeployment": True},
    )
    steps = (
        update_step,
        *([_build_confirm_step(service, revision=service.revision)] if wait else []),
    )
    notes = ("old tasks stop only after the new ones are healthy", *_list_breaker_warnings(service))
    return build_stack_plan(
        outputs, run, "service restart", *steps, notes=notes, arguments=f"--service {service.name}"
    )


def build_force_deployment_step(aws: Aws, service: ServiceState, name: str) -> Step:
    """Builds the step that restarts a service's tasks, unless a deployment is in progress."""
    description = f"restart the tasks of {service.name} unless a deployment is in progress"
    step = _build_update_step(
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
    run_tags = {REVISION_RUN_TAG: run, REVISION_IMAGE_TAG: image.requested_reference}
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


def _build_register_step(service: ServiceState, new_definition: JsonObject, run: str) -> Step:
    """Builds the step that registers the revision and finds it again by the tag with the run's id.

    RegisterTaskDefinition takes no idempotency token. A second registration leaves a revision that
    nothing uses.
    """
    read = Call(
        api="ecs.describe_task_definition",
        params={"taskDefinition": service.part.family, "include": ["TAGS"]},
    )
    run_tag_path = f"tags[?key=='{REVISION_RUN_TAG}'].value | [0]"
    return Step(
        name="register",
        description=f"register a revision of {service.part.family}",
        action=Call(api="ecs.register_task_definition", params=new_definition),
        goal=Wait(read=read, met={run_tag_path: run}, every=5, within=DEPLOYMENT_CONFIRM_SECONDS),
    )


def _build_update_step(
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
    )
    call = Call(
        api="ecs.update_service", params={**service_params, **(params or {})}, refs=refs or {}
    )
    return Step(name="update", description=description, action=call, goal=goal, undo=undo)


def _build_confirm_step(
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
        ),
    )


def _build_restore_revision_step(service: ServiceState, revision: str) -> Step:
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
        ),
    )


def _describe_service_call(service: ServiceState) -> Call:
    return Call(
        api="ecs.describe_services",
        params={"cluster": service.cluster, "services": [service.name]},
    )


def _parse_revision(aws: Aws, service: ServiceState, requested_revision: str) -> str:
    """Returns the ARN for --to (NUMBER or FAMILY:NUMBER). Raises UsageError if it cannot run."""
    arn_prefix, _, _ = service.part.task_definition_arn.rpartition("/")
    family, _, number = get_arn_name(requested_revision).rpartition(":")
    revisions_command = f"ops service revisions --service {service.name}"
    if not number.isdigit() or (family or service.part.family) != service.part.family:
        raise UsageError(
            f"--to must be the number of a revision of {service.part.family}, not "
            f"{requested_revision!r}",
            revisions_command,
        )
    arn = f"{arn_prefix}/{service.part.family}:{int(number)}"
    if arn == service.revision and service.is_rollout_completed:
        raise UsageError(
            f"--to is {requested_revision!r}, but {service.name} already runs it", revisions_command
        )
    if problem := find_revision_problem(aws, service, arn):
        raise UsageError(f"--to is {requested_revision!r}, {problem}", revisions_command)
    return arn


def _list_differences(old: Mapping[str, Any], new: Mapping[str, Any], container: str) -> list[str]:
    """Lists what else differs: changes that Pulumi registered and nothing has deployed yet."""

    def flatten_definition(revision: Mapping[str, Any]) -> dict[str, Any]:
        body = {k: v for k, v in revision.items() if k not in {*DESCRIPTION_ONLY_FIELDS, "tags"}}
        for item in body.pop("containerDefinitions"):
            for key, value in item.items():
                if (item["name"], key) != (container, "image"):
                    body[f"{item['name']}.{key}"] = value
        return {k: v for k, v in body.items() if v not in (None, [], {})}

    old_fields, new_fields = flatten_definition(old), flatten_definition(new)
    differing_keys = sorted(
        k for k in {*old_fields, *new_fields} if old_fields.get(k) != new_fields.get(k)
    )
    return (
        [f"also different from the running revision: {', '.join(differing_keys)}"]
        if differing_keys
        else []
    )


def _list_breaker_warnings(service: ServiceState) -> list[str]:
    if service.has_rollback_breaker:
        return []
    return ["no circuit breaker with rollback: a failing deployment does not stop by itself"]


def _list_zero_task_warnings(service: ServiceState) -> list[str]:
    if service.desired_count:
        return []
    return [
        f"{service.name} has 0 tasks: ECS calls the deployment successful without a task of it, "
        "so it proves nothing"
    ]


def _require_tasks_for_url(service: ServiceState, url: str | None) -> None:
    if url is not None and not service.desired_count:
        raise UsageError(
            f"--url is {url!r}, but {service.name} has 0 tasks, so nothing can answer; --url must "
            "be left out, or the service scaled first",
            f"ops service scale COUNT --service {service.name}",
        )


def _list_doubts(releases: list[Release], revision: str) -> list[str]:
    """Lists why the revision that a person named is not proven."""
    doubts = {release.revision: release.doubt for release in releases}
    doubt = doubts.get(revision, "ECS has no successful deployment of it")
    return [f"{get_arn_name(revision)} is not proven: {doubt}"] if doubt else []
