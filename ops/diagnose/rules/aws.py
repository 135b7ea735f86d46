"""Rules for AWS itself: a zone that does not work, an event of a service."""

from typing import Final

from ops.diagnose.rule import DIRECT, LIKELY, STRONG, WEAK, CauseRule, Evidence
from ops.diagnose.rules.compute import FLEET_SYMPTOMS
from ops.diagnose.rules.release import SERVICE_SYMPTOMS

AWS_RULES: Final = (
    CauseRule(
        cause="zone-lost",
        part="stack",
        needs=("zone.targets-unhealthy", "aws.event.zone"),
        evidence=(
            Evidence("aws.event.zone", DIRECT),
            Evidence("zone.targets-unhealthy", STRONG),
            Evidence("fleet.instance.unhealthy", WEAK, "stack"),
            Evidence("alarm.raised.fleet-status-check", WEAK, "stack"),
            Evidence("alarm.raised.nat-*", WEAK, "stack"),
        ),
        explains=(
            "aws-event",
            "instance-unhealthy",
            "capacity-missing",
            "image-never-healthy",
            "image-errors",
            "database-failover",
            "cache-failover",
            "nat-down",
            "target-group-empty",
        ),
        symptoms=(*SERVICE_SYMPTOMS, *FLEET_SYMPTOMS),
        refutation="targets, instances and NAT gateways of that zone answer",
        command="ops health",
        source="Advanced Multi-AZ Resilience Patterns, failure observability (AWS whitepaper)",
    ),
    CauseRule(
        cause="aws-event",
        part="stack",
        needs=("aws.event.issue",),
        needs_also=(("alarm.raised.*", "metric.*", "ecs.*", "fleet.*", "log.errors.*"),),
        explains=("image-slow", "image-errors", "capacity-missing"),
        evidence=(
            Evidence("aws.event.issue", STRONG),
            Evidence("alarm.raised.*", LIKELY, "stack"),
            Evidence("metric.*", WEAK, "stack"),
        ),
        symptoms=SERVICE_SYMPTOMS,
        refutation="AWS Health says that the event is over, or is of no service of this stack",
        command="ops health",
        source="AWS Health User Guide, Event type categories",
    ),
)
