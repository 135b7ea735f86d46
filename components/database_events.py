"""RDS's own events, to the topics that people listen to."""

from collections.abc import Mapping, Sequence
from typing import Final

import pulumi_aws as aws
from pulumi import Input

from components.component import Component
from components.topics import Topics

# Subscriptions: source type, topic and categories. `changes`, `parameters` and `security` are those
# that Security Hub asks for (RDS.20, .21, .22), with just its categories; `trouble` cannot wait.
EVENT_SUBSCRIPTIONS: Final[Mapping[str, tuple[str, str, tuple[str, ...]]]] = {
    "changes": ("db-instance", "warn", ("configuration change", "failure", "maintenance")),
    "parameters": ("db-parameter-group", "warn", ("configuration change",)),
    "security": ("db-security-group", "warn", ("configuration change", "failure")),
    "trouble": (
        "db-instance",
        "page",
        ("deletion", "failover", "failure", "low storage", "read replica", "recovery"),
    ),
    "notices": ("db-instance", "warn", ("availability", "notification", "restoration")),
}


def create_event_subscriptions(
    component: Component,
    topics: Topics,
    *,
    instances: Sequence[Input[str]],
    parameter_group: Input[str],
) -> None:
    """Subscribes the topics to events of this stack's instances and parameter group.

    RDS has no source to name for a security group: those of the account are meant.
    """
    topics_by_level = {"page": topics.page, "warn": topics.warn}
    sources_by_type = {"db-instance": list(instances), "db-parameter-group": [parameter_group]}
    for key, (source_type, level, categories) in EVENT_SUBSCRIPTIONS.items():
        aws.rds.EventSubscription(
            component.format_logical_name(key),
            name=component.format_physical_name(component.name, key),
            sns_topic=topics_by_level[level],
            source_type=source_type,
            source_ids=sources_by_type.get(source_type),
            event_categories=list(categories),
            opts=component.child_options,
        )
