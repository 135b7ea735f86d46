"""What each AWS resource type of the components costs, holds and interrupts: plain data.

`ops cost`, `ops preview-report`, the policy pack and the deploy role read these facts. The facts
of a component are in the module of its name. Nothing here imports Pulumi, so that `ops` can read
it.
"""

from collections.abc import Mapping
from typing import Final

from components.facts import (
    alarms,
    backups,
    buckets,
    cache,
    certificate,
    dashboards,
    database,
    fleet,
    foreign,
    iam,
    keys,
    load_balancer,
    logs,
    nat,
    network,
    operations,
    registry,
    rotation,
    secret,
    services,
    topics,
    waf,
)
from components.facts.model import ResourceFact

COMPONENT_FACTS: Final[tuple[ResourceFact, ...]] = tuple(
    fact
    for module in (
        alarms,
        backups,
        buckets,
        cache,
        certificate,
        dashboards,
        database,
        fleet,
        iam,
        keys,
        load_balancer,
        logs,
        nat,
        network,
        operations,
        registry,
        rotation,
        secret,
        services,
        topics,
        waf,
    )
    for fact in module.FACTS
)
ALL_FACTS: Final[tuple[ResourceFact, ...]] = (*COMPONENT_FACTS, *foreign.FACTS)
FACTS_BY_TYPE: Final[Mapping[str, ResourceFact]] = {fact.type: fact for fact in ALL_FACTS}


def find_fact(type_: str) -> ResourceFact | None:
    """The fact of a resource type like `aws:rds/instance:Instance`, or None."""
    return FACTS_BY_TYPE.get(type_)


def is_free_type(type_: str) -> bool:
    """True if a resource of this type is known to cost nothing itself."""
    if not type_.startswith("aws:"):
        return True
    fact = find_fact(type_)
    if fact is not None:
        return fact.is_free
    return type_.split(":")[1].split("/")[0] in foreign.FREE_MODULES


def list_iam_services() -> tuple[str, ...]:
    """IAM's prefixes of the services that the components' resources belong to, sorted."""
    return tuple(sorted({fact.iam_service for fact in COMPONENT_FACTS}))
