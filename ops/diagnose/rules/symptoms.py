"""What other parts show of a cause: patterns of facts that rules share. Pure data."""

from typing import Final

# What users notice of any cause: it comes first in a part, and last in the chain.
USER_SYMPTOMS: Final = (
    "alarm.raised.service-*",
    "alarm.raised.fleet-*",
    "alarm.raised.target-*",
    "alarm.raised.slo-*",
    "alarm.raised.balancer-*",
    "elb.error.*",
    "elb.targets.*",
    "health.failing.*",
    "log.errors.*",
    "metric.fleet.*",
    "metric.load-balancer.*",
    "metric.service.*",
    "metric.target.*",
)
# What callers show whose calls get no answer.
CALL_SYMPTOMS: Final = (
    "ecs.event.*",
    "ecs.stopped.*",
    "ecs.tasks.*",
    "ecs.deployment.*",
    "fleet.*",
    "log.shape.*",
)
DATABASE_SYMPTOMS: Final = (
    *USER_SYMPTOMS,
    "alarm.raised.database-*",
    "log.shape.*",
    "metric.database.*",
)
# One of these must be there for something that is over to be more than an event.
NOTICED: Final = (
    "alarm.raised.balancer-*",
    "alarm.raised.cache-*",
    "alarm.raised.database-*",
    "alarm.raised.service-*",
    "alarm.raised.slo-*",
    "alarm.raised.target-*",
    "log.errors.more",
    "log.shape.cache-failover",
    "log.shape.connection-*",
    "log.shape.database-starting",
    "log.shape.read-only",
    "log.shape.timeout",
    "metric.database.connections.low",
    "metric.target.*",
    "metric.load-balancer.*",
)
# Causes of a release or of compute that follow from what a container cannot reach or read.
CONTAINER_CAUSES: Final = (
    "image-crashes",
    "image-never-healthy",
    "image-errors",
    "image-slow",
    "deployment-rolled-back",
    "target-group-empty",
)
# Changes by a person or a program that may have set off anything.
ANY_DEPLOYMENT: Final = ("change.deployment", "change.run", "change.pulumi")
