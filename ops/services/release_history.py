"""Which releases of a service are proven, and which one it can be rolled back to.

A release is proven if ECS calls its deployment SUCCESSFUL, if tasks of it ran, if no run of ops
undid it, and if the service has not been put back from it since.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ops.core.aws import Aws
from ops.core.engine import UNDO_REQUESTED
from ops.core.errors import RefusedError, UsageError
from ops.core.journal import Journal
from ops.core.plan import Call, lookup
from ops.core.plan_kind import PlanKind
from ops.core.run_context import StackContext
from ops.services.images import is_image_available
from ops.services.model import (
    ServiceState,
    call_ecs,
    get_arn_name,
    get_container_image,
    get_task_definition,
    list_deployment_history,
    list_task_definitions_by_revision,
)

DESCRIBE_DEPLOYMENTS_LIMIT: Final = 20  # per DescribeServiceDeployments. Source: API reference
RELEASE_KINDS: Final[tuple[PlanKind, ...]] = ("service deploy", "service rollback")
NO_REJECTIONS: Final[Mapping[str, str]] = {}
REGISTERED_ARN_PATH: Final = "register.taskDefinition.taskDefinitionArn"


@dataclass(frozen=True)
class Release:
    """A task definition that ECS has deployed successfully; `doubt` is why it is not proven."""

    revision: str
    doubt: str | None = None


def list_releases(
    aws: Aws, service: ServiceState, rejected_revisions: Mapping[str, str]
) -> list[Release]:
    """Lists the successfully deployed task definitions, the next rollback target first.

    Proven ones come in the order in which a rollback goes back through them, then the others,
    newest first. `rejected_revisions` are reasons by ARN, from `list_rejected_revisions`.
    """
    deployments = list(list_deployment_history(aws, service, "SUCCESSFUL"))[::-1]
    definitions = list_task_definitions_by_revision(
        aws, [str(item["targetServiceRevisionArn"]) for item in deployments]
    )
    task_counts = _read_task_counts(
        aws, [str(item["serviceDeploymentArn"]) for item in deployments]
    )
    doubts: dict[str, str] = {}
    proven: list[str] = []  # each was deployed on top of the one before
    for deployment in deployments:
        revision = definitions.get(str(deployment["targetServiceRevisionArn"]))
        if revision is None:
            continue
        if revision in proven:
            _put_back(proven, revision, doubts)
            continue
        doubt = rejected_revisions.get(revision) or _find_task_doubt(
            task_counts.get(str(deployment["serviceDeploymentArn"]))
        )
        doubts.pop(revision, None)
        if doubt is None:
            proven.append(revision)
        else:
            doubts[revision] = doubt
    if service.revision in proven:  # also while ECS is still going back to it
        _put_back(proven, service.revision, doubts)
    return [
        *(Release(revision) for revision in reversed(proven)),
        *(Release(revision, doubt) for revision, doubt in reversed(doubts.items())),
    ]


def get_rollback_revision(aws: Aws, service: ServiceState, releases: Sequence[Release]) -> str:
    """Returns the newest proven release that is not the current one and can still run.

    Raises UsageError, which says what is wrong with each, if there is none.
    """
    problems: list[str] = []
    for release in releases:
        if release.revision == service.revision:
            continue
        problem = release.doubt or find_revision_problem(aws, service, release.revision)
        if problem is None:
            return release.revision
        problems.append(f"{get_arn_name(release.revision)}: {problem}")
    raise UsageError(
        "; ".join(
            (
                f"there is no other proven release of {service.name} that can still run; name one "
                "with --to",
                *problems,
            )
        ),
        f"ops service revisions --service {service.name}",
    )


def get_undo_revision(
    aws: Aws, service: ServiceState, rejected_revisions: Mapping[str, str] = NO_REJECTIONS
) -> str:
    """Returns the revision for an undo: the current one, or the last proven one if the current
    rollout is not completed.
    """
    if service.is_rollout_completed:
        return service.revision
    releases = list_releases(aws, service, rejected_revisions)
    return next(
        (release.revision for release in releases if release.doubt is None), service.revision
    )


def find_revision_problem(aws: Aws, service: ServiceState, revision: str) -> str | None:
    """Returns why a revision can no longer be deployed, or None if it can."""
    try:
        definition, _ = get_task_definition(aws, revision)
    except RefusedError:
        return "which is not a revision"
    if definition["status"] != "ACTIVE":
        return f"which is {definition['status']}"
    image = get_container_image(definition, service.part.container)
    account = service.part.arn.split(":")[4]
    is_available = is_image_available(aws, image, account)
    return None if is_available else f"whose image {image} is no longer in ECR"


def _put_back(proven: list[str], revision: str, doubts: dict[str, str]) -> None:
    """Takes the releases above `revision` out: the service has left them for an older one."""
    position = proven.index(revision) + 1
    for left_revision in proven[position:]:
        doubts[left_revision] = f"the service was put back from it on {get_arn_name(revision)}"
    del proven[position:]


def _read_task_counts(aws: Aws, arns: Sequence[str]) -> dict[str, int | None]:
    """Reads how many tasks each deployment had at its end, by its ARN; None if ECS does not say.

    That the counts of a finished deployment stay is an assumption: the API reference's example
    shows them on a SUCCESSFUL one, and calls its traffic weights a snapshot.
    """
    counts: dict[str, int | None] = {}
    for start in range(0, len(arns), DESCRIBE_DEPLOYMENTS_LIMIT):
        page = list(arns[start : start + DESCRIBE_DEPLOYMENTS_LIMIT])
        answer = call_ecs(aws, "ecs.describe_service_deployments", {"serviceDeploymentArns": page})
        for item in answer["serviceDeployments"]:
            target: Mapping[str, Any] = item.get("targetServiceRevision") or {}
            counts[item["serviceDeploymentArn"]] = target.get("runningTaskCount")
    return counts


def _find_task_doubt(count: int | None) -> str | None:
    if count is None:
        return "ECS does not say whether tasks of it ran"
    return None if count > 0 else "no task of it ran: the service had 0 tasks"


def list_rejected_revisions(context: StackContext, service: ServiceState) -> dict[str, str]:
    """Lists why the newest run that deployed a revision does not prove it, by the revision's ARN.

    That is a run that was undone, or one that has not finished.
    """
    journals = [
        journal
        for _, journal in context.journals(*RELEASE_KINDS)
        if journal.plan is not None and _deploys_service(journal.plan.steps, service)
    ]
    journals.sort(key=_get_last_event_time)
    rejected: dict[str, str] = {}
    for journal in journals:
        if (revision := _find_deployed_revision(journal)) is None:
            continue
        rejected.pop(revision, None)
        if reason := _find_rejection(journal):
            rejected[revision] = reason
    return rejected


def _get_last_event_time(journal: Journal) -> float:
    record = journal.last_event_record
    return record.timestamp if record is not None else 0.0


def _deploys_service(steps: Iterable[Any], service: ServiceState) -> bool:
    return any(
        isinstance(step.action, Call)
        and step.action.api == "ecs.update_service"
        and step.action.params.get("service") == service.name
        for step in steps
    )


def _find_deployed_revision(journal: Journal) -> str | None:
    """The task definition that a run deployed; None if it never registered one."""
    assert journal.plan is not None
    for step in journal.plan.steps:
        if isinstance(step.action, Call) and step.action.api == "ecs.update_service":
            revision = step.action.params.get("taskDefinition") or lookup(
                REGISTERED_ARN_PATH, journal.get_step_results()
            )
            return None if revision is None else str(revision)
    return None


def _find_rejection(journal: Journal) -> str | None:
    """Why a run does not prove what it deployed; None if it is done."""
    assert journal.plan is not None
    run = journal.plan.run
    undo_record = next((record for record in journal.records if record.event == "undo"), None)
    if undo_record is not None:
        reason = "on request" if undo_record.data == UNDO_REQUESTED else str(undo_record.data)
        return f"run {run} was undone: {reason}"
    return None if journal.end_record is not None else f"run {run} has not finished"
