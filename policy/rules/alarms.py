"""Alarms: what pages somebody by the registry does so, and nothing goes unwatched."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from components.facts.alarm_numbers import ALARM_NUMBERS, PAGING_SEVERITIES
from policy.rules.model import (
    IS_FALSE,
    PROD_ONLY,
    UNKNOWN,
    PolicyResource,
    ResourceRule,
    StackRule,
    as_list,
    find_property,
    format_violation,
)

LOGICAL_NAME_PREFIX: Final = "alarms-"  # of the registry's alarms, by their component
PAGE_TOPIC_SUFFIX: Final = "-page"
METRIC_ALARM_TYPE: Final = "aws:cloudwatch/metricAlarm:MetricAlarm"
PAGING_ALARM_TYPES: Final = (METRIC_ALARM_TYPE, "aws:cloudwatch/compositeAlarm:CompositeAlarm")
# By what the keys of the alarms begin with, the type that they watch. Others (NAT, the objectives)
# depend on settings that this cannot see.
WATCHED_TYPES: Final[Mapping[str, str]] = {
    "backup-": "aws:backup/vault:Vault",
    "balancer-": "aws:lb/loadBalancer:LoadBalancer",
    "cache-": "aws:elasticache/replicationGroup:ReplicationGroup",
    "database-": "aws:rds/instance:Instance",
    "fleet-": "aws:autoscaling/group:Group",
    "service-": "aws:ecs/service:Service",
    "target-": "aws:lb/targetGroup:TargetGroup",
}


def _find_alarm_key(resource: PolicyResource) -> str | None:
    """The key of an alarm of the registry, by its logical name."""
    if not resource.name.startswith(LOGICAL_NAME_PREFIX):
        return None
    rest = resource.name.removeprefix(LOGICAL_NAME_PREFIX)
    return next((key for key in ALARM_NUMBERS if f"{rest}-".startswith(f"{key}-")), None)


def _check_paging(resource: PolicyResource) -> Iterator[str]:
    key = _find_alarm_key(resource)
    numbers = ALARM_NUMBERS[key] if key is not None else None
    if numbers is None or not numbers.notifies or numbers.severity not in PAGING_SEVERITIES:
        return
    actions_enabled = find_property(resource.inputs, "actionsEnabled")
    if actions_enabled is not UNKNOWN and IS_FALSE.is_met(actions_enabled):
        yield "actionsEnabled is false, must be true"
    actions = find_property(resource.inputs, "alarmActions")
    if actions is UNKNOWN:
        return
    targets = as_list(actions)
    if not any(target is UNKNOWN or str(target).endswith(PAGE_TOPIC_SUFFIX) for target in targets):
        yield format_violation(
            "alarmActions",
            targets or None,
            f"the topic that pages: the alarm is {numbers.severity} by docs/alarms.md",
        )


def _check_missing_alarms(
    resources: Sequence[PolicyResource],
) -> Iterator[tuple[PolicyResource, str]]:
    """Each kind of thing that is there has all alarms that page, whatever it is called."""
    keys = {
        _find_alarm_key(resource) for resource in resources if resource.type in PAGING_ALARM_TYPES
    }
    for prefix, type_ in WATCHED_TYPES.items():
        watched_resource = next((r for r in resources if r.type == type_), None)
        if watched_resource is None:
            continue
        for key, numbers in ALARM_NUMBERS.items():
            if (
                key.startswith(prefix)
                and key not in keys
                and numbers.metric is not None
                and numbers.severity in PAGING_SEVERITIES
            ):
                yield watched_resource, f"the alarm {key} is missing, must page somebody"


ALARM_RULES = (
    ResourceRule(
        "alarms-page",
        ("house",),
        PAGING_ALARM_TYPES,
        "An alarm that the registry has as P0 or P1 pages somebody.",
        _check_paging,
        PROD_ONLY,
    ),
)
ALARM_STACK_RULES = (
    StackRule(
        "alarms-complete",
        ("house",),
        tuple(WATCHED_TYPES.values()),
        "Each deployed part has its alarms of P0 and P1.",
        _check_missing_alarms,
        PROD_ONLY,
    ),
)
