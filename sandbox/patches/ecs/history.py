"""ECS: the history of a service's deployments, and the revisions that they were for."""

from collections.abc import Iterable
from typing import Any, Final

from moto.ecs.models import EC2ContainerServiceBackend, Service
from moto.ecs.responses import EC2ContainerServiceResponse

from sandbox.patches.ecs.deployments import Attempt
from sandbox.patches.ecs.tasks import arn_of, services, when
from sandbox.patches.patching import Mend, Refused

mend = Mend()
Record = dict[str, Any]
REVISIONS: Final = 20  # a call. Source: API reference, DescribeServiceRevisions


def deployment_arn(service: Service, attempt: Attempt) -> str:
    return arn_of(service, "service-deployment", f"{service.name}/{attempt.number}")


def revision_arn(service: Service, attempt: Attempt) -> str:
    return arn_of(service, "service-revision", f"{service.name}/{attempt.number}")


def _deployment(service: Service, attempt: Attempt) -> Record:
    """As ListServiceDeployments has it."""
    done = attempt.status in ("SUCCESSFUL", "ROLLBACK_SUCCESSFUL", "STOPPED")
    over = attempt.superseded or when(attempt, attempt.over)
    reason = {"statusReason": "The circuit breaker threshold was exceeded."}
    return {
        "serviceDeploymentArn": deployment_arn(service, attempt),
        "serviceArn": service.arn,
        "clusterArn": service.cluster_arn,
        "createdAt": attempt.created,
        "startedAt": attempt.created,
        "targetServiceRevisionArn": revision_arn(service, attempt),
        "status": attempt.status,
        **({"finishedAt": over} if done else {}),
        **(reason if attempt.status.startswith("ROLLBACK") else {}),
    }


def _all(backend: EC2ContainerServiceBackend) -> Iterable[tuple[Service, Attempt]]:
    return [(s, attempt) for s, history in services(backend) for attempt in history.attempts]


@mend.operation(EC2ContainerServiceResponse, "ListServiceDeployments")
def list_deployments(response: EC2ContainerServiceResponse, params: Record) -> Record:
    """Newest first."""
    backend = response.ecs_backend
    service = backend._get_service(params.get("cluster", "default"), params["service"])
    created = params.get("createdAt") or {}
    after, before = created.get("after"), created.get("before")
    found = [
        _deployment(service, attempt)
        for of, attempt in _all(backend)
        if of is service
        and attempt.status in (params.get("status") or [attempt.status])
        and (after is None or after <= attempt.created.replace(tzinfo=after.tzinfo))
        and (before is None or attempt.created.replace(tzinfo=before.tzinfo) <= before)
    ]
    first = int(params.get("nextToken") or 0)
    page = found[::-1][first : first + int(params.get("maxResults") or 100)]
    more = {"nextToken": str(first + len(page))} if first + len(page) < len(found) else {}
    return {"serviceDeployments": page, **more}


@mend.operation(EC2ContainerServiceResponse, "DescribeServiceDeployments")
def describe_deployments(response: EC2ContainerServiceResponse, params: Record) -> Record:
    known = {deployment_arn(s, a): (s, a) for s, a in _all(response.ecs_backend)}
    wanted = params["serviceDeploymentArns"]
    found = []
    for service, attempt in (known[arn] for arn in wanted if arn in known):
        one = _deployment(service, attempt)
        target = {"arn": one.pop("targetServiceRevisionArn"), "requestedTaskCount": attempt.wanted}
        breaker = {"threshold": attempt.threshold, "failureCount": attempt.failed_tasks}
        state = "MONITORING" if attempt.status == "IN_PROGRESS" else "MONITORING_COMPLETE"
        if attempt.failed_tasks >= attempt.threshold:
            state = "TRIGGERED"
        breaker_state = {**breaker, "status": state if attempt.breaker else "DISABLED"}
        rollback = (
            {"rollback": {"serviceRevisionArn": revision_arn(service, attempt.before)}}
            if attempt.before and attempt.status.startswith("ROLLBACK")
            else {}
        )
        found.append(
            {**one, "targetServiceRevision": target, "deploymentCircuitBreaker": breaker_state}
            | rollback
        )
    return {"serviceDeployments": found, "failures": _missing(wanted, known)}


@mend.operation(EC2ContainerServiceResponse, "DescribeServiceRevisions")
def describe_revisions(response: EC2ContainerServiceResponse, params: Record) -> Record:
    known = {revision_arn(s, a): (s, a) for s, a in _all(response.ecs_backend)}
    wanted = params["serviceRevisionArns"]
    if len(wanted) > REVISIONS:
        raise Refused("InvalidParameterException", f"At most {REVISIONS} serviceRevisionArns.")
    found = [
        {
            "serviceRevisionArn": arn,
            "serviceArn": known[arn][0].arn,
            "clusterArn": known[arn][0].cluster_arn,
            "taskDefinition": known[arn][1].task_definition,
            "containerImages": [
                {"containerName": known[arn][0].name, "image": known[arn][1].image}
            ],
            "createdAt": known[arn][1].created,
        }
        for arn in wanted
        if arn in known
    ]
    return {"serviceRevisions": found, "failures": _missing(wanted, known)}


def _missing(wanted: Iterable[str], known: Record) -> list[Record]:
    return [{"arn": arn, "reason": "MISSING"} for arn in wanted if arn not in known]
