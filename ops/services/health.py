"""The ECS services: tasks, deployments, why tasks stopped, scaling."""

from collections import Counter
from typing import Final

from ops.cli.render import format_duration
from ops.core.checks import (
    HOUR,
    Answer,
    Check,
    Facts,
    Finding,
    Item,
    Looking,
    Read,
    UnknownError,
    age,
    chunks,
    known,
    read,
)
from ops.outputs import ServicesPart

SERVICES = "ecs.describe_services"
TASKS = "ecs.list_tasks"
TASK = "ecs.describe_tasks"
TARGETS = "application-autoscaling.describe_scalable_targets"
ACTIVITIES = "application-autoscaling.describe_scaling_activities"
AREA = "services"
# A deployment that takes longer hangs: AWS's own waiter for one gives up after ten minutes.
HANGS: Final = 30 * 60
# What ECS stops a task for where nothing is wrong with it (ECS Developer Guide, stopped tasks).
USUAL: Final = ("UserInitiated", "SpotInterruption", "TerminationNotice")
ILL: Final = ("health check", "unhealthy", "failed")


def part(facts: Facts) -> ServicesPart:
    """The services' part of the contract; the table asks only where there is one."""
    assert facts.outputs.services is not None
    return facts.outputs.services


def described(services: ServicesPart) -> list[tuple[list[str], Read]]:
    """The services, as many as one call takes: their names, and the read."""
    return [
        (
            names,
            read(
                SERVICES,
                "services",
                cluster=services.cluster,
                services=names,
                absent=("ClusterNotFoundException",),
            ),
        )
        for names in chunks(sorted(services.services), 10)
    ]


def targets(services: ServicesPart) -> list[tuple[list[str], Read]]:
    """The limits of those that are scaled, 50 to a call: their names, and the read."""
    ours = {s.scaling_resource_id: n for n, s in services.services.items() if s.scaling_resource_id}
    return [
        (
            [ours[i] for i in ids],
            read(TARGETS, "ScalableTargets", ServiceNamespace="ecs", ResourceIds=ids),
        )
        for ids in chunks(sorted(ours), 50)
    ]


def _unknown(error: UnknownError, subject: str) -> Finding:
    return Finding("unknown", AREA, subject, str(error), error.advice)


def running(facts: Facts) -> Looking:
    """Each service runs as many tasks as it should, and no deployment failed or hangs."""
    services = part(facts)
    groups = described(services)
    answers = yield [wanted for _, wanted in groups]
    findings: list[Finding] = []
    for (names, _), answer in zip(groups, answers, strict=True):
        if isinstance(answer, UnknownError):
            findings += [_unknown(answer, name) for name in names]
            continue
        found = {item["serviceName"]: item for item in answer}
        findings += [_service(facts, name, found.get(name)) for name in names]
    return findings


def _service(facts: Facts, name: str, item: Item | None) -> Finding:
    if item is None or item["status"] != "ACTIVE":
        state = item["status"] if item else "gone"
        return Finding("failing", AREA, name, f"is {state}", "pulumi up --refresh")
    wanted, runs = item["desiredCount"], item["runningCount"]
    evidence = [f"{runs} of {wanted} tasks run"]
    command = ""
    if wanted == 0:
        command = f"ops service scale COUNT --service {name}"
    elif runs < wanted:
        command = f"ops service tasks --service {name}"
    for deployment in item.get("deployments", ()):
        state = deployment.get("rolloutState", "COMPLETED")
        takes = age(facts, deployment["createdAt"]) if "createdAt" in deployment else 0
        if state == "FAILED":
            why = deployment.get("rolloutStateReason", "")
            evidence.append(f"a deployment failed: {why}")
            command = f"ops service events --service {name}"
        elif state == "IN_PROGRESS":
            evidence.append(f"a deployment goes on since {format_duration(max(takes, 0))}")
            if takes > HANGS:
                command = f"ops service events --service {name}"
    return Finding("failing" if command else "ok", AREA, name, "; ".join(evidence), command)


def stopped(facts: Facts) -> Looking:
    """No task of the last hour (ECS keeps them no longer) stopped because something is wrong."""
    services = part(facts)
    (listed,) = yield [
        read(
            TASKS,
            "taskArns",
            cluster=services.cluster,
            desiredStatus="STOPPED",
            absent=("ClusterNotFoundException",),
        )
    ]
    answers: list[Answer] = []
    if arns := [str(arn) for arn in known(listed)]:
        answers = yield [
            read(TASK, "tasks", cluster=services.cluster, tasks=names)
            for names in chunks(arns, 100)
        ]
    why: dict[str, Counter[str]] = {}
    for task in (task for answer in answers for task in known(answer)):
        group = str(task.get("group", ""))
        name = group.removeprefix("service:")
        if name in services.services and (reason := ill(task)):
            why.setdefault(name, Counter())[reason] += 1
    if not why:
        return [Finding("ok", AREA, "stopped tasks", "none stopped in the last hour by a fault")]
    return [
        Finding(
            "failing",
            AREA,
            f"stopped tasks of {name}",
            "; ".join(f"{count}x {reason}" for reason, count in reasons.most_common(3)),
            f"ops service tasks --service {name}",
        )
        for name, reasons in sorted(why.items())
    ]


def ill(task: Item) -> str | None:
    """Why a task stopped, if that is a fault: with the exit codes of its containers."""
    code, reason = task.get("stopCode"), str(task.get("stoppedReason") or "")
    if code in USUAL:
        return None
    if code == "ServiceSchedulerInitiated" and not any(word in reason for word in ILL):
        return None  # scaled in, or replaced by a deployment
    exits = [
        f"{c['name']} exited {c['exitCode']}" + (f" ({c['reason']})" if c.get("reason") else "")
        for c in task.get("containers", ())
        if c.get("exitCode")
    ]
    if code is None and not exits:
        return None
    return ", ".join(filter(None, [reason, *exits])) or str(code)


def scaling(facts: Facts) -> Looking:
    """No scaling of the last hour failed, and no service is at the limit of its scaling."""
    services = part(facts)
    ours = {s.scaling_resource_id: n for n, s in services.services.items() if s.scaling_resource_id}
    limits = [wanted for _, wanted in targets(services)]
    answers = yield [
        # In one region's list and not one by one: a call for each service would be too many.
        read(
            ACTIVITIES,
            "ScalingActivities",
            ServiceNamespace="ecs",
            newest=("StartTime", facts.ago(HOUR)),
        ),
        *limits,
        *(wanted for _, wanted in described(services)),
    ]
    activities, rest = known(answers[0]), answers[1:]
    scaled = [t for answer in rest[: len(limits)] for t in known(answer)]
    desired = {
        s["serviceName"]: s["desiredCount"] for answer in rest[len(limits) :] for s in known(answer)
    }
    findings = [
        Finding(
            "failing",
            AREA,
            f"scaling of {ours[a['ResourceId']]}",
            f"{a['StatusCode']}: {a.get('StatusMessage') or a.get('Description', '')}",
            "ops service limits",
        )
        for a in activities
        if a["ResourceId"] in ours and a["StatusCode"] in ("Failed", "Unfulfilled")
    ]
    for target in scaled:
        name, most = ours[target["ResourceId"]], target["MaxCapacity"]
        if target["MinCapacity"] < most <= desired.get(name, 0):
            evidence = f"at its limit of {most} tasks"
            command = f"ops service autoscaling --service {name} --max COUNT"
            findings.append(Finding("failing", AREA, f"scaling of {name}", evidence, command))
    gone = sorted(set(ours) - {t["ResourceId"] for t in scaled})
    findings += [
        Finding("failing", AREA, f"scaling of {ours[i]}", "has no scaling", "pulumi up --refresh")
        for i in gone
    ]
    if findings:
        return findings
    return [Finding("ok", AREA, "scaling", "none failed in the last hour, none at its limit")]


def _scaled(services: ServicesPart | None) -> bool:
    return services is not None and any(s.scaling_resource_id for s in services.services.values())


CHECKS = (
    Check(AREA, "tasks", running, (SERVICES,), lambda o: o.services is not None),
    Check(AREA, "stopped tasks", stopped, (TASKS, TASK), lambda o: o.services is not None),
    Check(AREA, "scaling", scaling, (ACTIVITIES, TARGETS, SERVICES), lambda o: _scaled(o.services)),
)
