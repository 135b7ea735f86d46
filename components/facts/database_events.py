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
                "events of removed categories are no longer reported",
                "RDS User Guide, Event notification",
            ),
            ProtectionRule(
                "sourceIds",
                "changed",
                "other instances are watched",
                "RDS User Guide, Event notification",
            ),
            ProtectionRule(
                "snsTopic",
                "changed",
                "another topic is notified",
                "RDS User Guide, Event notification",
            ),
            ProtectionRule(
                "enabled",
                "off",
                "events are no longer reported",
                "RDS User Guide, Event notification",
            ),
        ),
        guard=Guard(
            "events of the database are no longer reported", "RDS User Guide, Event notification"
        ),
        is_taggable=True,
    ),
)
