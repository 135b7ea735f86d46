"""The table of checklists: each item, what it means, on which lists it stands, how it is known."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from ops.checks import deployment as deploying
from ops.checks import trends
from ops.checks import upkeep as keeping
from ops.checks.model import Asked, Item, Result, look, sender
from ops.core.aws import Aws
from ops.core.checks import Check
from ops.health.registry import CHECKS
from ops.outputs import Outputs

# What each list is for. A list that is longer in time holds the shorter ones as well.
LISTS: Final[Mapping[str, str]] = {
    "daily": "each morning: that all is well, and was saved in the night",
    "weekly": "each week: that, and what will not be well soon",
    "monthly": "each month: that, and what is only missed when it is needed",
    "pre-deploy": "before a deployment: that nothing is in its way",
    "post-deploy": "after a deployment: that it has done no harm",
}
DAILY: Final = ("daily", "weekly", "monthly")
WEEKLY: Final = ("weekly", "monthly")
MONTHLY: Final = ("monthly",)
PRE: Final = ("pre-deploy",)
POST: Final = ("post-deploy",)


def health(area: str, *subjects: str) -> tuple[Check, ...]:
    """The health checks of an area: all, or those of these subjects."""
    found = tuple(c for c in CHECKS if c.area == area and (not subjects or c.subject in subjects))
    assert found, (area, subjects)
    assert not subjects or {c.subject for c in found} == set(subjects), (area, subjects)
    return found


ITEMS: Final[tuple[Item, ...]] = (
    Item("account", "The credentials are of the stack's account.", tuple(LISTS), health("account")),
    Item("alarms", "No alarm is raised, and all are there.", DAILY, health("alarms")),
    Item(
        "load balancer",
        "It serves, and behind it all targets are healthy.",
        DAILY,
        health("balancer"),
    ),
    Item(
        "services",
        "Each runs what it should; no task stopped by a fault.",
        DAILY,
        health("services"),
    ),
    Item(
        "fleet", "Its instances serve; scaling and refreshes do not fail.", DAILY, health("fleet")
    ),
    Item(
        "database",
        "It serves, with its standby, its parameters and room for its data.",
        DAILY,
        health("database", "status", "standby", "parameters", "storage"),
    ),
    Item("cache", "It serves, and would fail over.", DAILY, health("cache")),
    Item("network", "The way out of the private subnets is open.", DAILY, health("network")),
    Item(
        "backups",
        "The last day was saved, and the database can be restored to now.",
        DAILY,
        (
            *health("database", "backup of the last day", "latest restorable time"),
            *health("backups", "vault"),
        ),
    ),
    Item("error logs", "Few lines of the last hour are errors.", DAILY, health("logs")),
    Item("storage trend", "It will not be full within 30 days.", WEEKLY, (trends.STORAGE,)),
    Item(
        "connections",
        "Their peak is far from how many there may be.",
        WEEKLY,
        (trends.CONNECTIONS,),
    ),
    Item(
        "maintenance",
        "None comes by itself within a week.",
        WEEKLY,
        health("database", "maintenance"),
    ),
    Item(
        "certificates",
        "None ends soon.",
        WEEKLY,
        (*health("certificate"), *health("database", "server certificate")),
    ),
    Item(
        "backups elsewhere",
        "Backups are replicated and copied to the recovery region.",
        WEEKLY,
        health("backups", "replication", "copies"),
    ),
    Item(
        "drill",
        "A restore was tried in the last month, and met its objectives.",
        MONTHLY,
        (keeping.DRILLS,),
    ),
    Item(
        "password",
        "The database's password is not older than it should be.",
        MONTHLY,
        (keeping.PASSWORD,),
    ),
    Item(
        "old snapshots",
        "None that somebody made is older than 90 days.",
        MONTHLY,
        (keeping.OLD_SNAPSHOTS,),
    ),
    Item("roles", "The roles that operate the stack are there.", MONTHLY, (keeping.ROLES,)),
    Item("lock", "Nobody else changes the stack.", PRE, (deploying.LOCK,)),
    Item("no deployment", "None is under way.", PRE, (deploying.DEPLOYED, deploying.REFRESHED)),
    Item("grave alarms", "None of P0 or P1 is raised.", PRE, (deploying.GRAVE_ALARMS,)),
    Item(
        "restorable",
        "The database can be restored to ten minutes ago.",
        PRE,
        (deploying.RESTORABLE,),
    ),
    Item(
        "capacity",
        "No service and no fleet is at the limit of its scaling.",
        PRE,
        (*health("services", "scaling"), *health("fleet", "instances")),
    ),
    Item(
        "services steady",
        "Each runs what it should, and no deployment goes on.",
        POST,
        (*health("services", "tasks", "stopped tasks"), deploying.DEPLOYED, deploying.REFRESHED),
    ),
    Item("targets", "All are healthy.", POST, health("balancer", "targets", "many targets")),
    Item("new alarms", "None was raised since.", POST, (deploying.NEW_ALARMS,)),
    Item("new errors", "No line of the logs is an error since.", POST, (deploying.ERRORS,)),
)


def items(name: str) -> tuple[Item, ...]:
    """The items of a list."""
    return tuple(item for item in ITEMS if name in item.lists)


def apis(name: str) -> tuple[str, ...]:
    """What looking at a list may call."""
    return tuple(sorted({api for i in items(name) for check in i.of for api in check.apis}))


def check(name: str, outputs: Outputs, aws: Aws, now: datetime, since: float) -> list[Result]:
    """What a list comes to on a stack, in the order of the table. `since` is in seconds."""
    facts = Asked(outputs, now, since=since)
    return look(items(name), facts, sender(aws, outputs.stack.region))
