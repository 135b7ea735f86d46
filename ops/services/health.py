"""The ECS services: tasks, deployments, why tasks stopped, scaling."""

from collections import Counter
from typing import Final

from components.facts.units import HOUR_SECONDS
from ops.cli.render import format_duration
from ops.core.checks import (
    CheckFacts,
    CheckFinding,
    CheckRoutine,
    ReadAnswer,
    ReadRequest,
    ResponseItem,
    UnknownAnswerError,
    build_read,
    compute_age_seconds,
    get_answer_items,
    split_into_chunks,
)
from ops.core.scaling_apis import SCALABLE_TARGETS_API, SCALING_ACTIVITIES_API
from ops.outputs import ServicesPart

SERVICES_API = "ecs.describe_services"
LIST_TASKS_API = "ecs.list_tasks"
DESCRIBE_TASKS_API = "ecs.describe_tasks"
SERVICES_AREA = "services"
# Seconds after which a deployment counts as stuck. AWS's own waiter gives up after ten minutes.
DEPLOYMENT_HANGS_SECONDS: Final = 30 * 60
# Why ECS stops a task that has no fault (ECS Developer Guide, stopped tasks).
HARMLESS_STOP_CODES: Final = ("UserInitiated", "SpotInterruption", "TerminationNotice")
FAULT_WORDS: Final = ("health check", "unhealthy", "failed")


def get_services_contract(facts: CheckFacts) -> ServicesPart:
    """Returns the services' part of the contract. The stack must have services."""
    assert facts.outputs.services is not None
    return facts.outputs.services


def build_service_reads(services: ServicesPart) -> list[tuple[list[str], ReadRequest]]:
    """Builds the reads of the services: for each call the names, and the read."""
    return [
        (
            names,
            build_read(
                SERVICES_API,
                "services",
                cluster=services.cluster,
                services=names,
                absent_codes=("ClusterNotFoundException",),
            ),
        )
        for names in split_into_chunks(sorted(services.services), 10)
    ]


def build_scaling_target_reads(services: ServicesPart) -> list[tuple[list[str], ReadRequest]]:
    """Builds the reads of the scaling limits, 50 to a call, each with the names it is about."""
    names_by_resource = {
        service.scaling_resource_id: name
        for name, service in services.services.items()
        if service.scaling_resource_id
    }
    return [
        (
            [names_by_resource[resource_id] for resource_id in resource_ids],
            build_read(
                SCALABLE_TARGETS_API,
                "ScalableTargets",
                ServiceNamespace="ecs",
                ResourceIds=resource_ids,
            ),
        )
        for resource_ids in split_into_chunks(sorted(names_by_resource), 50)
    ]


def _build_unknown_finding(error: UnknownAnswerError, subject: str) -> CheckFinding:
    return CheckFinding("unknown", SERVICES_AREA, subject, str(error), error.advice)


def check_running_tasks(facts: CheckFacts) -> CheckRoutine:
    """Checks that each service runs its desired count and no deployment failed or is stuck."""
    services = get_services_contract(facts)
    groups = build_service_reads(services)
    answers = yield [read_request for _, read_request in groups]
    findings: list[CheckFinding] = []
    for (names, _), answer in zip(groups, answers, strict=True):
        if isinstance(answer, UnknownAnswerError):
            findings += [_build_unknown_finding(answer, name) for name in names]
            continue
        items_by_name = {item["serviceName"]: item for item in answer}
        findings += [_build_service_finding(facts, name, items_by_name.get(name)) for name in names]
    return findings


def _build_service_finding(facts: CheckFacts, name: str, item: ResponseItem | None) -> CheckFinding:
    if item is None or item["status"] != "ACTIVE":
        state = item["status"] if item else "gone"
        return CheckFinding("failing", SERVICES_AREA, name, f"is {state}", "pulumi up --refresh")
    desired_count, running_count = item["desiredCount"], item["runningCount"]
    evidence = [f"{running_count} of {desired_count} tasks run"]
    command = ""
    if desired_count == 0:
        command = f"ops service scale COUNT --service {name}"
    elif running_count < desired_count:
        command = f"ops service tasks --service {name}"
    for deployment in item.get("deployments", ()):
        state = deployment.get("rolloutState", "COMPLETED")
        age_seconds = (
            compute_age_seconds(facts, deployment["createdAt"]) if "createdAt" in deployment else 0
        )
        if state == "FAILED":
            reason = deployment.get("rolloutStateReason", "")
            evidence.append(f"a deployment failed: {reason}")
            command = f"ops service events --service {name}"
        elif state == "IN_PROGRESS":
            evidence.append(
                f"a deployment has been in progress for {format_duration(max(age_seconds, 0))}"
            )
            if age_seconds > DEPLOYMENT_HANGS_SECONDS:
                command = f"ops service events --service {name}"
    return CheckFinding(
        "failing" if command else "ok", SERVICES_AREA, name, "; ".join(evidence), command
    )


def check_stopped_tasks(facts: CheckFacts) -> CheckRoutine:
    """Checks that no task stopped by a fault in the last hour (ECS keeps them no longer)."""
    services = get_services_contract(facts)
    (list_answer,) = yield [
        build_read(
            LIST_TASKS_API,
            "taskArns",
            cluster=services.cluster,
            desiredStatus="STOPPED",
            absent_codes=("ClusterNotFoundException",),
        )
    ]
    answers: list[ReadAnswer] = []
    if arns := [str(arn) for arn in get_answer_items(list_answer)]:
        answers = yield [
            build_read(DESCRIBE_TASKS_API, "tasks", cluster=services.cluster, tasks=names)
            for names in split_into_chunks(arns, 100)
        ]
    reasons_by_service: dict[str, Counter[str]] = {}
    for task in (task for answer in answers for task in get_answer_items(answer)):
        group = str(task.get("group", ""))
        name = group.removeprefix("service:")
        if name in services.services and (reason := find_fault(task)):
            reasons_by_service.setdefault(name, Counter())[reason] += 1
    if not reasons_by_service:
        return [CheckFinding("ok", SERVICES_AREA, "stopped tasks", "no faults in the last hour")]
    return [
        CheckFinding(
            "failing",
            SERVICES_AREA,
            f"stopped tasks of {name}",
            "; ".join(f"{count}x {reason}" for reason, count in reasons.most_common(3)),
            f"ops service tasks --service {name}",
        )
        for name, reasons in sorted(reasons_by_service.items())
    ]


def find_fault(task: ResponseItem) -> str | None:
    """Returns the fault that stopped a task, with its containers' exit codes, or None."""
    code, reason = task.get("stopCode"), str(task.get("stoppedReason") or "")
    if code in HARMLESS_STOP_CODES:
        return None
    if code == "ServiceSchedulerInitiated" and not any(word in reason for word in FAULT_WORDS):
        return None  # scaled in, or replaced by a deployment
    exits = [
        f"{container['name']} exited {container['exitCode']}"
        + (f" ({container['reason']})" if container.get("reason") else "")
        for container in task.get("containers", ())
        if container.get("exitCode")
    ]
    if code is None and not exits:
        return None
    return ", ".join(filter(None, [reason, *exits])) or str(code)


def check_service_scaling(facts: CheckFacts) -> CheckRoutine:
    """Checks that no scaling failed in the last hour and no service is at its maximum."""
    services = get_services_contract(facts)
    names_by_resource = {
        service.scaling_resource_id: service_name
        for service_name, service in services.services.items()
        if service.scaling_resource_id
    }
    target_reads = [read_request for _, read_request in build_scaling_target_reads(services)]
    answers = yield [
        # One list for the region: a call for each service would be too many.
        build_read(
            SCALING_ACTIVITIES_API,
            "ScalingActivities",
            ServiceNamespace="ecs",
            newest_since=("StartTime", facts.format_time_ago(HOUR_SECONDS)),
        ),
        *target_reads,
        *(read_request for _, read_request in build_service_reads(services)),
    ]
    activities, other_answers = get_answer_items(answers[0]), answers[1:]
    scalable_targets = [
        scalable_target
        for answer in other_answers[: len(target_reads)]
        for scalable_target in get_answer_items(answer)
    ]
    desired_counts = {
        service["serviceName"]: service["desiredCount"]
        for answer in other_answers[len(target_reads) :]
        for service in get_answer_items(answer)
    }
    findings = [
        CheckFinding(
            "failing",
            SERVICES_AREA,
            f"scaling of {names_by_resource[activity['ResourceId']]}",
            f"{activity['StatusCode']}: "
            f"{activity.get('StatusMessage') or activity.get('Description', '')}",
            "ops service limits",
        )
        for activity in activities
        if activity["ResourceId"] in names_by_resource
        and activity["StatusCode"] in ("Failed", "Unfulfilled")
    ]
    for target in scalable_targets:
        name, max_tasks = names_by_resource[target["ResourceId"]], target["MaxCapacity"]
        if target["MinCapacity"] < max_tasks <= desired_counts.get(name, 0):
            evidence = f"at its maximum of {max_tasks} tasks"
            command = f"ops service autoscaling --service {name} --max COUNT"
            findings.append(
                CheckFinding("failing", SERVICES_AREA, f"scaling of {name}", evidence, command)
            )
    missing_resources = sorted(
        set(names_by_resource)
        - {scalable_target["ResourceId"] for scalable_target in scalable_targets}
    )
    findings += [
        CheckFinding(
            "failing",
            SERVICES_AREA,
            f"scaling of {names_by_resource[resource_id]}",
            "automatic scaling is missing",
            "pulumi up --refresh",
        )
        for resource_id in missing_resources
    ]
    if findings:
        return findings
    return [
        CheckFinding(
            "ok",
            SERVICES_AREA,
            "scaling",
            "no failures in the last hour, no service at its maximum",
        )
    ]
