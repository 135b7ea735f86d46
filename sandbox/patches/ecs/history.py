"""ECS: the history of a service's deployments, and their revisions."""

from collections.abc import Iterable
from typing import Any, Final

from moto.ecs.models import EC2ContainerServiceBackend, Service
from moto.ecs.responses import EC2ContainerServiceResponse

from sandbox.patches.ecs.deployments import DeploymentAttempt
from sandbox.patches.ecs.tasks import (
    build_ecs_arn,
    get_attempt_time,
    get_image_digest,
    list_services_with_history,
)
from sandbox.patches.patching import AwsError, ServicePatch

patch = ServicePatch()
ApiRecord = dict[str, Any]
MAX_REVISIONS: Final = 20  # a call. Source: API reference, DescribeServiceRevisions


def build_deployment_arn(service: Service, attempt: DeploymentAttempt) -> str:
    return build_ecs_arn(service, "service-deployment", f"{service.name}/{attempt.number}")


def build_revision_arn(service: Service, attempt: DeploymentAttempt) -> str:
    return build_ecs_arn(service, "service-revision", f"{service.name}/{attempt.number}")


def _describe_deployment(service: Service, attempt: DeploymentAttempt) -> ApiRecord:
    """As ListServiceDeployments has it."""
    is_done = attempt.status in ("SUCCESSFUL", "ROLLBACK_SUCCESSFUL", "STOPPED")
    finished_at = attempt.superseded_at or get_attempt_time(attempt, attempt.drained_at)
    reason = {"statusReason": "The circuit breaker threshold was exceeded."}
    return {
        "serviceDeploymentArn": build_deployment_arn(service, attempt),
        "serviceArn": service.arn,
        "clusterArn": service.cluster_arn,
        "createdAt": attempt.created_at,
        "startedAt": attempt.created_at,
        "targetServiceRevisionArn": build_revision_arn(service, attempt),
        "status": attempt.status,
        **({"finishedAt": finished_at} if is_done else {}),
        **(reason if attempt.status.startswith("ROLLBACK") else {}),
    }


def _list_attempts(
    backend: EC2ContainerServiceBackend,
) -> Iterable[tuple[Service, DeploymentAttempt]]:
    return [
        (s, attempt)
        for s, history in list_services_with_history(backend)
        for attempt in history.attempts
    ]


@patch.add_operation(EC2ContainerServiceResponse, "ListServiceDeployments")
def list_service_deployments(response: EC2ContainerServiceResponse, params: ApiRecord) -> ApiRecord:
    """Newest first."""
    backend = response.ecs_backend
    service = backend._get_service(params.get("cluster", "default"), params["service"])
    created = params.get("createdAt") or {}
    after, before = created.get("after"), created.get("before")
    deployments = [
        _describe_deployment(service, attempt)
        for attempt_service, attempt in _list_attempts(backend)
        if attempt_service is service
        and attempt.status in (params.get("status") or [attempt.status])
        and (after is None or after <= attempt.created_at.replace(tzinfo=after.tzinfo))
        and (before is None or attempt.created_at.replace(tzinfo=before.tzinfo) <= before)
    ]
    first = int(params.get("nextToken") or 0)
    page = deployments[::-1][first : first + int(params.get("maxResults") or 100)]
    next_token = (
        {"nextToken": str(first + len(page))} if first + len(page) < len(deployments) else {}
    )
    return {"serviceDeployments": page, **next_token}


@patch.add_operation(EC2ContainerServiceResponse, "DescribeServiceDeployments")
def describe_service_deployments(
    response: EC2ContainerServiceResponse, params: ApiRecord
) -> ApiRecord:
    attempts_by_arn = {
        build_deployment_arn(s, a): (s, a) for s, a in _list_attempts(response.ecs_backend)
    }
    arns = params["serviceDeploymentArns"]
    deployments = []
    for service, attempt in (attempts_by_arn[arn] for arn in arns if arn in attempts_by_arn):
        deployment = _describe_deployment(service, attempt)
        target = {
            "arn": deployment.pop("targetServiceRevisionArn"),
            "requestedTaskCount": attempt.deployed_count,
            "runningTaskCount": attempt.deployed_running_count,
            "pendingTaskCount": attempt.deployed_count - attempt.deployed_running_count,
        }
        breaker = {"threshold": attempt.threshold, "failureCount": attempt.failed_task_count}
        state = "MONITORING" if attempt.status == "IN_PROGRESS" else "MONITORING_COMPLETE"
        if attempt.failed_task_count >= attempt.threshold:
            state = "TRIGGERED"
        breaker_state = {**breaker, "status": state if attempt.breaker else "DISABLED"}
        rollback = (
            {"rollback": {"serviceRevisionArn": build_revision_arn(service, attempt.previous)}}
            if attempt.previous and attempt.status.startswith("ROLLBACK")
            else {}
        )
        deployments.append(
            {
                **deployment,
                "targetServiceRevision": target,
                "deploymentCircuitBreaker": breaker_state,
            }
            | rollback
        )
    return {"serviceDeployments": deployments, "failures": _list_missing(arns, attempts_by_arn)}


@patch.add_operation(EC2ContainerServiceResponse, "DescribeServiceRevisions")
def describe_service_revisions(
    response: EC2ContainerServiceResponse, params: ApiRecord
) -> ApiRecord:
    attempts_by_arn = {
        build_revision_arn(s, a): (s, a) for s, a in _list_attempts(response.ecs_backend)
    }
    arns = params["serviceRevisionArns"]
    if len(arns) > MAX_REVISIONS:
        raise AwsError("InvalidParameterException", f"At most {MAX_REVISIONS} serviceRevisionArns.")
    revisions = [
        {
            "serviceRevisionArn": arn,
            "serviceArn": attempts_by_arn[arn][0].arn,
            "clusterArn": attempts_by_arn[arn][0].cluster_arn,
            "taskDefinition": attempts_by_arn[arn][1].task_definition,
            "containerImages": [
                {
                    "containerName": attempts_by_arn[arn][0].name,
                    "image": attempts_by_arn[arn][1].image,
                    "imageDigest": get_image_digest(
                        attempts_by_arn[arn][0], attempts_by_arn[arn][1].image
                    ),
                }
            ],
            "createdAt": attempts_by_arn[arn][1].created_at,
        }
        for arn in arns
        if arn in attempts_by_arn
    ]
    return {"serviceRevisions": revisions, "failures": _list_missing(arns, attempts_by_arn)}


def _list_missing(arns: Iterable[str], attempts_by_arn: ApiRecord) -> list[ApiRecord]:
    return [{"arn": arn, "reason": "MISSING"} for arn in arns if arn not in attempts_by_arn]
