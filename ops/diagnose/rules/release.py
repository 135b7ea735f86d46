"""Rules for releases: images that fail, variables and secrets, health checks, rollbacks.

Sources: ECS Developer Guide, "Amazon ECS stopped tasks error messages", "How the Amazon ECS
deployment circuit breaker detects failures"; the weights are assumptions that the incidents of
sandbox/incidents measure.
"""

from typing import Final

from ops.diagnose.rule import DIRECT, LIKELY, STRONG, WEAK, CauseRule, Evidence

DEPLOYMENT_CHANGES: Final = (
    "change.deployment",
    "change.run",
    "change.pulumi",
    "change.refresh",
    "change.write.ecs.update-service",
    "change.write.ecs.register-task-definition",
)
_ROLLBACK_COMMAND: Final = "ops service rollback --service {service}"
_STOPPED_SOURCE: Final = "ECS Developer Guide, Amazon ECS stopped tasks error messages"

RELEASE_RULES: Final = (
    CauseRule(
        cause="image-crashes",
        needs=("ecs.stopped.exit", "ecs.stopped.start-failed", "ecs.event.exit"),
        evidence=(
            Evidence("ecs.stopped.exit", STRONG),
            Evidence("ecs.stopped.start-failed", STRONG),
            Evidence("ecs.event.exit", LIKELY),
            Evidence("ecs.deployment.running", WEAK),
            Evidence("ecs.deployment.failed", LIKELY),
            Evidence("ecs.tasks.*", WEAK),
        ),
        triggers=DEPLOYMENT_CHANGES,
        explains=("deployment-rolled-back", "target-group-empty", "image-never-healthy"),
        symptoms=("alarm.raised.service-*", "alarm.raised.target-*", "alarm.raised.slo-*"),
        refutation="tasks of the revision before stop in the same way",
        command=_ROLLBACK_COMMAND,
        source=_STOPPED_SOURCE,
    ),
    CauseRule(
        cause="image-missing",
        needs=("ecs.stopped.image-missing", "ecs.event.image-missing"),
        evidence=(
            Evidence("ecs.stopped.image-missing", DIRECT),
            Evidence("ecs.event.image-missing", DIRECT),
            Evidence("ecs.tasks.*", WEAK),
        ),
        triggers=(*DEPLOYMENT_CHANGES, "change.write.ecr.*"),
        explains=("deployment-rolled-back", "image-crashes", "target-group-empty"),
        symptoms=("alarm.raised.service-*", "alarm.raised.target-*", "alarm.raised.slo-*"),
        refutation="the registry has the image that the revision names",
        command=_ROLLBACK_COMMAND,
        source="ECS Developer Guide, CannotPullContainer task errors",
    ),
    CauseRule(
        cause="deployment-rolled-back",
        needs=("ecs.deployment.rolled-back", "ecs.deployment.failed"),
        evidence=(
            Evidence("ecs.deployment.rolled-back", DIRECT),
            Evidence("ecs.deployment.failed", STRONG),
        ),
        triggers=DEPLOYMENT_CHANGES,
        refutation="the deployment was stopped by a person",
        command="ops service events --service {service}",
        source="ECS Developer Guide, deployment circuit breaker",
    ),
)
