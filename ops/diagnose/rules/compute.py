"""Rules for compute: memory, limits, capacity, quotas, addresses, roles, instances.

Sources: ECS Developer Guide, "Amazon ECS stopped tasks error messages" and "Service event
messages"; EC2 Auto Scaling User Guide, "Troubleshoot issues in Amazon EC2 Auto Scaling".
"""

from typing import Final

from ops.diagnose.rule import DIRECT, LIKELY, STRONG, WEAK, CauseRule, Evidence
from ops.diagnose.rules.release import RELEASE_CHANGES, SERVICE_SYMPTOMS

FLEET_SYMPTOMS: Final = ("alarm.raised.fleet-*", "metric.fleet.*", "health.failing.fleet")
_STOPPED: Final = "ECS Developer Guide, Amazon ECS stopped tasks error messages"
_LAUNCHES: Final = "EC2 Auto Scaling User Guide, Troubleshoot issues: instance launch failures"


def _build_start_rule(
    cause: str, *reasons: str, refutation: str, triggers: tuple[str, ...] = ()
) -> CauseRule:
    """A cause that AWS names itself when a task or an instance does not start."""
    patterns = [
        f"{look}.{reason}"
        for look in ("ecs.stopped", "ecs.event", "fleet.launch")
        for reason in reasons
    ]
    return CauseRule(
        cause=cause,
        needs=tuple(patterns),
        evidence=(
            *(Evidence(pattern, DIRECT) for pattern in patterns),
            Evidence("ecs.tasks.*", WEAK),
            Evidence("fleet.instances.*", WEAK),
        ),
        triggers=triggers,
        trigger_scope="stack",
        explains=(
            "deployment-rolled-back",
            "service-at-maximum",
            "fleet-at-maximum",
            "more-traffic",
            "target-group-empty",
            "image-slow",
            "image-errors",
        ),
        symptoms=(*SERVICE_SYMPTOMS, *FLEET_SYMPTOMS),
        refutation=refutation,
        command="ops health",
        source=f"{_STOPPED}; {_LAUNCHES}",
    )


COMPUTE_RULES: Final = (
    CauseRule(
        cause="task-out-of-memory",
        needs=("ecs.stopped.out-of-memory", "ecs.event.out-of-memory", "ecs.stopped.killed"),
        evidence=(
            Evidence("ecs.stopped.killed", LIKELY),
            Evidence("ecs.stopped.out-of-memory", DIRECT),
            Evidence("ecs.event.out-of-memory", DIRECT),
            Evidence("metric.service.memory.high", LIKELY),
            Evidence("alarm.raised.service-memory-high", LIKELY),
            Evidence("release.changed.memory", LIKELY),
            Evidence("log.shape.out-of-memory", WEAK),
            Evidence("ecs.tasks.*", WEAK),
        ),
        triggers=RELEASE_CHANGES,
        explains=(
            "image-crashes",
            "deployment-rolled-back",
            "image-never-healthy",
            "image-errors",
            "image-slow",
            "target-group-empty",
        ),
        symptoms=SERVICE_SYMPTOMS,
        refutation="the memory of the service stayed far below its limit until the tasks stopped",
        command="ops service tasks --service {service} --stopped",
        source="ECS Developer Guide, OutOfMemoryError",
    ),
    CauseRule(
        cause="service-at-maximum",
        needs=("ecs.at-maximum",),
        needs_also=(
            (
                "metric.service.cpu.high",
                "metric.service.memory.high",
                "alarm.raised.service-cpu-high",
                "alarm.raised.service-memory-high",
            ),
        ),
        evidence=(
            Evidence("ecs.at-maximum", STRONG),
            Evidence("metric.service.cpu.high", LIKELY),
            Evidence("metric.service.memory.high", LIKELY),
            Evidence("alarm.raised.service-*-high", LIKELY),
            Evidence("metric.target.latency.high", WEAK),
            Evidence("metric.target.requests.high", WEAK),
        ),
        against=(
            Evidence("ecs.tasks.*", 0.3),
            Evidence("release.changed.image", 0.3),
        ),
        explains=("image-slow",),
        symptoms=SERVICE_SYMPTOMS,
        refutation="the CPU and memory of its tasks are far below their targets",
        command="ops service autoscaling --service {service} --max COUNT",
        source="Application Auto Scaling User Guide, target tracking",
    ),
    CauseRule(
        cause="fleet-at-maximum",
        needs=("fleet.at-maximum",),
        needs_also=(
            (
                "metric.fleet.cpu.high",
                "metric.fleet.memory.high",
                "alarm.raised.fleet-cpu-high",
                "alarm.raised.fleet-memory-high",
            ),
        ),
        evidence=(
            Evidence("fleet.at-maximum", STRONG),
            Evidence("metric.fleet.cpu.high", LIKELY),
            Evidence("metric.fleet.memory.high", LIKELY),
            Evidence("alarm.raised.fleet-*-high", LIKELY),
            Evidence("metric.target.latency.high", WEAK),
        ),
        against=(Evidence("fleet.instances.*", 0.3), Evidence("fleet.launch.*", 0.3)),
        explains=("image-slow",),
        symptoms=(*SERVICE_SYMPTOMS, *FLEET_SYMPTOMS),
        refutation="the CPU and memory of its instances are far below their targets",
        command="ops fleet limits",
        source="EC2 Auto Scaling User Guide, target tracking",
    ),
    _build_start_rule(
        "capacity-missing",
        "capacity",
        refutation="a task or an instance of the same kind starts in the same zones",
    ),
    _build_start_rule(
        "quota-reached",
        "quota",
        refutation="Service Quotas shows that less than the quota is used",
    ),
    _build_start_rule(
        "subnet-full",
        "subnet-full",
        refutation="every private subnet has free addresses",
        triggers=("change.run", "change.pulumi", "change.deployment"),
    ),
    _build_start_rule(
        "launch-refused",
        "role",
        "template",
        "image-refused",
        refutation="a launch by the same role and template works",
        triggers=(
            "change.write.iam.*",
            "change.write.ec2.*",
            "change.pulumi",
            "change.write.ecr.*",
        ),
    ),
    CauseRule(
        cause="instance-unhealthy",
        needs=(
            "fleet.instance.unhealthy",
            "metric.fleet.status-checks.high",
            "alarm.raised.fleet-status-check",
        ),
        evidence=(
            Evidence("fleet.instance.unhealthy", STRONG),
            Evidence("metric.fleet.status-checks.high", STRONG),
            Evidence("alarm.raised.fleet-status-check", LIKELY),
            Evidence("alarm.raised.fleet-short", WEAK),
        ),
        against=(Evidence("fleet.refresh.*", 0.3),),
        explains=("image-errors",),
        symptoms=(*SERVICE_SYMPTOMS, *FLEET_SYMPTOMS),
        refutation="EC2 says that all instances pass both status checks",
        command="ops fleet instances",
        source="EC2 User Guide, Status checks for your instances",
    ),
)
