"""Backups: kept long enough, and in a second region if the stack has one."""

from collections.abc import Iterator

from policy.rules.model import (
    PROD_ONLY,
    UNKNOWN,
    PolicyResource,
    ResourceRule,
    any_value,
    as_list,
    at_least,
    build_property_check,
    check_value,
    find_property,
)

MIN_RETENTION = at_least(7, "days")


def _check_plan_retention(resource: PolicyResource) -> Iterator[str]:
    rules = find_property(resource.inputs, "rules")
    yield from check_value("rules", rules, any_value("a list of rules"))
    for index, rule in enumerate(as_list(rules)):
        path = f"rules.{index}.lifecycle.deleteAfter"
        yield from check_value(path, find_property(rule, "lifecycle.deleteAfter"), MIN_RETENTION)


def _check_plan_copies(resource: PolicyResource) -> Iterator[str]:
    """One rule with a copy is enough: not every backup needs to be kept twice."""
    rules = find_property(resource.inputs, "rules")
    if rules is not UNKNOWN and not any(
        find_property(rule, "copyActions") for rule in as_list(rules)
    ):
        yield (
            "rules.copyActions is not set, must be a vault in another region, in one rule at least"
        )


def _check_database_retention(resource: PolicyResource) -> Iterator[str]:
    """A replica has no backups of its own unless they are configured."""
    if find_property(resource.inputs, "replicateSourceDb") is None:
        retention_days = find_property(resource.inputs, "backupRetentionPeriod")
        yield from check_value("backupRetentionPeriod", retention_days, MIN_RETENTION)


BACKUP_RULES = (
    ResourceRule(
        "database-backups",
        ("RDS.11",),
        ("aws:rds/instance:Instance",),
        "A database keeps its backups a week or longer.",
        _check_database_retention,
    ),
    ResourceRule(
        "cache-snapshots",
        ("ElastiCache.1",),
        ("aws:elasticache/replicationGroup:ReplicationGroup",),
        "A cache keeps snapshots.",
        build_property_check(snapshotRetentionLimit=at_least(1, "days")),
    ),
    ResourceRule(
        "plan-keeps",
        ("house",),
        ("aws:backup/plan:Plan",),
        "A backup plan keeps recovery points for a week or longer.",
        _check_plan_retention,
    ),
    ResourceRule(
        "plan-copies",
        ("house",),
        ("aws:backup/plan:Plan",),
        "A backup plan copies to another region.",
        _check_plan_copies,
        PROD_ONLY,
    ),
)
