"""Backups: kept long enough, and in a second region where there is one."""

from collections.abc import Iterator

from policy.rules.model import (
    PROD,
    UNKNOWN,
    Resource,
    Rule,
    at,
    at_least,
    given,
    judge,
    listed,
    needs,
)

DAYS = at_least(7, "days")


def _plan(resource: Resource) -> Iterator[str]:
    rules = at(resource.props, "rules")
    yield from judge("rules", rules, given("a list of rules"))
    for index, rule in enumerate(listed(rules)):
        path = f"rules.{index}.lifecycle.deleteAfter"
        yield from judge(path, at(rule, "lifecycle.deleteAfter"), DAYS)


def _copies(resource: Resource) -> Iterator[str]:
    """One rule with a copy is enough: not every backup needs to be kept twice."""
    rules = at(resource.props, "rules")
    if rules is not UNKNOWN and not any(at(rule, "copyActions") for rule in listed(rules)):
        yield "rules.copyActions is not set, may be a vault in another region, in one rule at least"


def _instance(resource: Resource) -> Iterator[str]:
    """A replica has no backups of its own unless it is told to."""
    if at(resource.props, "replicateSourceDb") is None:
        kept = at(resource.props, "backupRetentionPeriod")
        yield from judge("backupRetentionPeriod", kept, DAYS)


RULES = (
    Rule(
        "database-backups",
        ("RDS.11",),
        ("aws:rds/instance:Instance",),
        "A database keeps its backups a week or longer.",
        _instance,
    ),
    Rule(
        "cache-snapshots",
        ("ElastiCache.1",),
        ("aws:elasticache/replicationGroup:ReplicationGroup",),
        "A cache keeps snapshots.",
        needs(snapshotRetentionLimit=at_least(1, "days")),
    ),
    Rule(
        "plan-keeps",
        ("house",),
        ("aws:backup/plan:Plan",),
        "A backup plan keeps what it makes a week or longer.",
        _plan,
    ),
    Rule(
        "plan-copies",
        ("house",),
        ("aws:backup/plan:Plan",),
        "A backup plan copies to another region.",
        _copies,
        PROD,
    ),
)
