"""Plans that deploy, roll back and restart an ECS service.

A deployment has succeeded when ECS reports that deployment as SUCCESSFUL and its revision is the
primary one, COMPLETED. Running counts prove nothing: they are also right after a rollback.
"""

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from ops.core.aws import Aws
from ops.core.counts import format_count
from ops.core.errors import UsageError
from ops.core.plan import Plan, Step
from ops.core.stack_plan import NO_COST, build_stack_plan
from ops.outputs import Outputs
from ops.services.command_task import build_command_steps, list_command_notes
from ops.services.deployment_steps import (
    DESCRIPTION_ONLY_FIELDS,
    build_confirm_step,
    build_register_step,
    build_registration,
    build_restore_revision_step,
    build_update_step,
    build_url_answers_step,
)
from ops.services.images import ContainerImage
from ops.services.model import (
    ServiceState,
    get_arn_name,
    get_container_image,
    get_task_definition,
)
from ops.services.release_history import (
    NO_REJECTIONS,
    Release,
    find_revision_problem,
    get_rollback_revision,
    get_undo_revision,
    list_releases,
)


def build_service_deploy_plan(
    aws: Aws,
    outputs: Outputs,
    service: ServiceState,
    image: ContainerImage,
    run: str,
    *,
    wait: bool = True,
    url: str | None = None,
    before: Sequence[str] | None = None,
    rejected_revisions: Mapping[str, str] = NO_REJECTIONS,
) -> Plan:
    """Builds the plan that deploys `image`, in a copy of the revision that Pulumi registered last.

    With `before` that command runs first, once, in a task with the new revision. The undo puts the
    service back on its current revision; the new one stays registered. Raises UsageError if the
    service runs the image already, or if `url` is to answer without a task.
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
    update_step = build_update_step(
        aws,
        service,
        f"deploy the new revision of {service.name}",
        refs=references,
        wait=wait,
        undo=(build_restore_revision_step(service, undo_revision),),
    )
    confirm_step = build_confirm_step(service, same_as=references["taskDefinition"])
    notes = (
        *_list_differences(current_definition, new_definition, service.part.container),
        *([] if image.is_in_registry else [f"{image.unchecked_reason}, so it was not checked"]),
        *_list_breaker_warnings(service),
        *_list_zero_task_warnings(service),
        "the new revision stays registered even after an undo; it costs nothing",
        *_list_before_notes(service, new_definition, before),
    )
    steps = (
        build_register_step(service, new_definition, run),
        *_build_before_steps(service, before, run, references["taskDefinition"]),
        update_step,
        *([confirm_step] if wait else []),
    )
    if url is not None:
        steps = (*steps, build_url_answers_step(url))
    return build_stack_plan(
        outputs,
        run,
        "service deploy",
        *steps,
        changes=[
            *([f"{shlex.join(before)}: runs once with the new image"] if before else []),
            f"image: {current_image} -> {image.reference}",
        ],
        losses=(),
        cost=NO_COST,
        notes=notes,
        arguments=f"{image.requested_reference} --service {service.name}"
        + (f" --before {shlex.quote(shlex.join(before))}" if before else ""),
    )


def _build_before_steps(
    service: ServiceState, command: Sequence[str] | None, run: str, definition_path: str
) -> tuple[Step, ...]:
    """The steps that run a command with a revision that was just registered; none without one."""
    if command is None:
        return ()
    return build_command_steps(
        service, command, run, definition_path=definition_path, name="before"
    )


def _list_before_notes(
    service: ServiceState, definition: Mapping[str, Any], command: Sequence[str] | None
) -> list[str]:
    if command is None:
        return []
    return [
        *list_command_notes(service, definition),
        "tasks of the old image run while the command does, so they must work with what it changes",
        "what the command changes stays, also if nothing is deployed or the service is put back",
    ]


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
    update_step = build_update_step(
        aws,
        service,
        f"put {service.name} back on {get_arn_name(target_revision)}",
        wait=wait,
        params={"taskDefinition": target_revision},
        undo=(build_restore_revision_step(service, service.revision),),
    )
    current_image = get_container_image(current_definition, service.part.container)
    notes = (
        *_list_differences(current_definition, target_definition, service.part.container),
        *_list_doubts(releases, target_revision),
        *_list_breaker_warnings(service),
        *_list_zero_task_warnings(service),
    )
    steps = (
        update_step,
        *([build_confirm_step(service, revision=target_revision)] if wait else []),
    )
    if url is not None:
        steps = (*steps, build_url_answers_step(url))
    return build_stack_plan(
        outputs,
        run,
        "service rollback",
        *steps,
        changes=[f"image: {current_image} -> {image}"],
        losses=(),
        cost=NO_COST,
        notes=notes,
        arguments=f"--service {service.name}",
    )


def build_service_restart_plan(
    aws: Aws, outputs: Outputs, service: ServiceState, run: str, *, wait: bool = True
) -> Plan:
    """Builds the plan that replaces every task of the service by a new one of the same revision."""
    update_step = build_update_step(
        aws,
        service,
        f"restart the tasks of {service.name}",
        wait=wait,
        params={"forceNewDeployment": True},
    )
    steps = (
        update_step,
        *([build_confirm_step(service, revision=service.revision)] if wait else []),
    )
    notes = ("old tasks stop only after the new ones are healthy", *_list_breaker_warnings(service))
    return build_stack_plan(
        outputs,
        run,
        "service restart",
        *steps,
        changes=[
            f"{format_count(service.running_count, 'task')}: replaced by new ones of the same "
            "revision"
        ],
        losses=(),
        cost=NO_COST,
        notes=notes,
        arguments=f"--service {service.name}",
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
