"""Rules for compute: memory, limits, capacity, quotas, addresses, roles, instances."""

from typing import Final

from ops.diagnose.rule import DIRECT, LIKELY, WEAK, CauseRule, Evidence

COMPUTE_RULES: Final = (
    CauseRule(
        cause="task-out-of-memory",
        needs=("ecs.stopped.out-of-memory", "ecs.event.out-of-memory"),
        evidence=(
            Evidence("ecs.stopped.out-of-memory", DIRECT),
            Evidence("ecs.event.out-of-memory", DIRECT),
            Evidence("alarm.raised.service-memory-high", LIKELY),
            Evidence("ecs.tasks.*", WEAK),
        ),
        triggers=("change.deployment", "change.write.ecs.*"),
        explains=("image-crashes", "deployment-rolled-back", "image-never-healthy"),
        symptoms=("alarm.raised.service-*", "alarm.raised.target-*", "alarm.raised.slo-*"),
        refutation="the memory of the service stayed far below its limit until the tasks stopped",
        command="ops service tasks --service {service} --stopped",
        source="ECS Developer Guide, OutOfMemoryError",
    ),
)
