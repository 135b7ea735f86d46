"""Tags and logs: each resource names its owner; logs are kept long enough, not for ever."""

from collections.abc import Iterator
from typing import Final

from components.facts.fleet import AUTO_SCALING_GROUP_TYPE
from components.facts.model import STACK_TAG_KEYS
from components.facts.resource_types import ALL_FACTS
from policy.rules.model import (
    PROD_ONLY,
    PolicyResource,
    ResourceRule,
    any_value,
    at_least,
    build_property_check,
    check_value,
    find_property,
)

# Types that can carry tags. Others are not checked: the inputs of a type without tags look like
# those of a resource whose tags were forgotten.
TAGGABLE_TYPES: Final = tuple(fact.type for fact in ALL_FACTS if fact.is_taggable)


def _check_tags(resource: PolicyResource) -> Iterator[str]:
    tags = find_property(resource.inputs, "tags")
    if resource.type == AUTO_SCALING_GROUP_TYPE and isinstance(tags, list | tuple):
        tags = {find_property(tag, "key"): find_property(tag, "value") for tag in tags}
    for key in STACK_TAG_KEYS:
        yield from check_value(f"tags.{key}", find_property(tags, key), any_value("text"))


HOUSEKEEPING_RULES = (
    ResourceRule(
        "tags",
        ("house",),
        TAGGABLE_TYPES,
        "Each resource is tagged with its owner and with what it belongs to.",
        _check_tags,
    ),
    ResourceRule(
        "log-retention",
        ("CloudWatch.16",),
        ("aws:cloudwatch/logGroup:LogGroup",),
        "Logs are kept for two weeks or longer, and not forever.",
        build_property_check(retentionInDays=at_least(14, "days")),
    ),
    ResourceRule(
        "log-retention-prod",
        ("house",),
        ("aws:cloudwatch/logGroup:LogGroup",),
        "Logs are kept for 90 days or longer.",
        build_property_check(retentionInDays=at_least(90, "days")),
        PROD_ONLY,
    ),
)
