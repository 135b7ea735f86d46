"""Facts of the notification of RDS events."""

from typing import Final

from components.facts.model import Guard, ProtectionRule, ResourceFact

FACTS: Final = (
    ResourceFact(
        type="aws:rds/eventSubscription:EventSubscription",
        replacing=("sourceType",),
        protections=(
            ProtectionRule(
                "eventCategories",
                "changed",
                "nobody is told of other events",
                "RDS User Guide, Event notification",
            ),
            ProtectionRule(
                "sourceIds",
                "changed",
                "other instances are watched",
                "RDS User Guide, Event notification",
            ),
            ProtectionRule(
                "snsTopic", "changed", "another topic is told", "RDS User Guide, Event notification"
            ),
            ProtectionRule(
                "enabled", "off", "nobody is told", "RDS User Guide, Event notification"
            ),
        ),
        guard=Guard(
            "nobody is told of events of the database", "RDS User Guide, Event notification"
        ),
        is_taggable=True,
    ),
)
