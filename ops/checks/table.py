"""The table of checklists: each item, what it means, on which lists it stands, how it is known."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from ops.checks import deployment as deploying
from ops.checks import trends
from ops.checks import upkeep as keeping
from ops.checks.model import (
    ChecklistFacts,
    ChecklistItem,
    ChecklistResult,
    build_read_sender,
    run_checklist_items,
)
from ops.core.aws import Aws
from ops.core.checks import HealthCheck
from ops.health.registry import HEALTH_CHECKS
from ops.outputs import Outputs

# What each list is for. A list that is longer in time holds the shorter ones as well.
CHECKLISTS: Final[Mapping[str, str]] = {
    "daily": "each morning: that all is well, and was saved in the night",
    "weekly": "each week: that, and what will not be well soon",
    "monthly": "each month: that, and what is only missed when it is needed",
    "pre-deploy": "before a deployment: that nothing is in its way",
    "post-deploy": "after a deployment: that it has done no harm",
}
DAILY_CHECKLISTS: Final = ("daily", "weekly", "monthly")
WEEKLY_CHECKLISTS: Final = ("weekly", "monthly")
MONTHLY_CHECKLISTS: Final = ("monthly",)
PRE_DEPLOY_CHECKLISTS: Final = ("pre-deploy",)
POST_DEPLOY_CHECKLISTS: Final = ("post-deploy",)


def select_health_checks(area: str, *subjects: str) -> tuple[HealthCheck, ...]:
    """The health checks of an area: all, or those of these subjects."""
    checks = tuple(
        c for c in HEALTH_CHECKS if c.area == area and (not subjects or c.subject in subjects)
    )
    assert checks, (area, subjects)
    assert not subjects or {c.subject for c in checks} == set(subjects), (area, subjects)
    return checks


CHECKLIST_ITEMS: Final[tuple[ChecklistItem, ...]] = (
    ChecklistItem(
        "account",
        "The credentials are of the stack's account.",
        tuple(CHECKLISTS),
        select_health_checks("account"),
    ),
    ChecklistItem(
        "alarms",
        "No alarm is raised, and all are there.",
        DAILY_CHECKLISTS,
        select_health_checks("alarms"),
    ),
    ChecklistItem(
        "load balancer",
        "It serves, and behind it all targets are healthy.",
        DAILY_CHECKLISTS,
        select_health_checks("balancer"),
    ),
    ChecklistItem(
        "services",
        "Each runs what it should; no task stopped by a fault.",
        DAILY_CHECKLISTS,
        select_health_checks("services"),
    ),
    ChecklistItem(
        "fleet",
        "Its instances serve; scaling and refreshes do not fail.",
        DAILY_CHECKLISTS,
        select_health_checks("fleet"),
    ),
    ChecklistItem(
        "database",
        "It serves, with its standby, its parameters and room for its data.",
        DAILY_CHECKLISTS,
        select_health_checks("database", "status", "standby", "parameters", "storage"),
    ),
    ChecklistItem(
        "cache", "It serves, and would fail over.", DAILY_CHECKLISTS, select_health_checks("cache")
    ),
    ChecklistItem(
        "network",
        "The way out of the private subnets is open.",
        DAILY_CHECKLISTS,
        select_health_checks("network"),
    ),
    ChecklistItem(
        "backups",
        "The last day was saved, and the database can be restored to now.",
        DAILY_CHECKLISTS,
        (
            *select_health_checks("database", "backup of the last day", "latest restorable time"),
            *select_health_checks("backups", "vault"),
        ),
    ),
    ChecklistItem(
        "error logs",
        "Few lines of the last hour are errors.",
        DAILY_CHECKLISTS,
        select_health_checks("logs"),
    ),
    ChecklistItem(
        "storage trend",
        "It will not be full within 30 days.",
        WEEKLY_CHECKLISTS,
        (trends.STORAGE_TREND_CHECK,),
    ),
    ChecklistItem(
        "connections",
        "Their peak is far from how many there may be.",
        WEEKLY_CHECKLISTS,
        (trends.CONNECTIONS_TREND_CHECK,),
    ),
    ChecklistItem(
        "maintenance",
        "None comes by itself within a week.",
        WEEKLY_CHECKLISTS,
        select_health_checks("database", "maintenance"),
    ),
    ChecklistItem(
        "certificates",
        "None ends soon.",
        WEEKLY_CHECKLISTS,
        (
            *select_health_checks("certificate"),
            *select_health_checks("database", "server certificate"),
        ),
    ),
    ChecklistItem(
        "backups elsewhere",
        "Backups are replicated and copied to the recovery region.",
        WEEKLY_CHECKLISTS,
        select_health_checks("backups", "replication", "copies"),
    ),
    ChecklistItem(
        "drill",
        "A restore was tried in the last month, and met its objectives.",
        MONTHLY_CHECKLISTS,
        (keeping.DRILL_CHECK,),
    ),
    ChecklistItem(
        "password",
        "The database's password is not older than it should be.",
        MONTHLY_CHECKLISTS,
        (keeping.PASSWORD_CHECK,),
    ),
    ChecklistItem(
        "old snapshots",
        "None that somebody made is older than 90 days.",
        MONTHLY_CHECKLISTS,
        (keeping.OLD_SNAPSHOTS_CHECK,),
    ),
    ChecklistItem(
        "roles",
        "The roles that operate the stack are there.",
        MONTHLY_CHECKLISTS,
        (keeping.ROLES_CHECK,),
    ),
    ChecklistItem(
        "lock", "Nobody else changes the stack.", PRE_DEPLOY_CHECKLISTS, (deploying.LOCK_CHECK,)
    ),
    ChecklistItem(
        "no deployment",
        "None is under way.",
        PRE_DEPLOY_CHECKLISTS,
        (deploying.NO_DEPLOYMENT_CHECK, deploying.NO_REFRESH_CHECK),
    ),
    ChecklistItem(
        "grave alarms",
        "None of P0 or P1 is raised.",
        PRE_DEPLOY_CHECKLISTS,
        (deploying.GRAVE_ALARMS_CHECK,),
    ),
    ChecklistItem(
        "restorable",
        "The database can be restored to ten minutes ago.",
        PRE_DEPLOY_CHECKLISTS,
        (deploying.RESTORABLE_CHECK,),
    ),
    ChecklistItem(
        "capacity",
        "No service and no fleet is at the limit of its scaling.",
        PRE_DEPLOY_CHECKLISTS,
        (*select_health_checks("services", "scaling"), *select_health_checks("fleet", "instances")),
    ),
    ChecklistItem(
        "services steady",
        "Each runs what it should, and no deployment goes on.",
        POST_DEPLOY_CHECKLISTS,
        (
            *select_health_checks("services", "tasks", "stopped tasks"),
            deploying.NO_DEPLOYMENT_CHECK,
            deploying.NO_REFRESH_CHECK,
        ),
    ),
    ChecklistItem(
        "targets",
        "All are healthy.",
        POST_DEPLOY_CHECKLISTS,
        select_health_checks("balancer", "targets", "many targets"),
    ),
    ChecklistItem(
        "new alarms",
        "None was raised since.",
        POST_DEPLOY_CHECKLISTS,
        (deploying.NEW_ALARMS_CHECK,),
    ),
    ChecklistItem(
        "new errors",
        "No line of the logs is an error since.",
        POST_DEPLOY_CHECKLISTS,
        (deploying.NEW_ERRORS_CHECK,),
    ),
)


def list_checklist_items(name: str) -> tuple[ChecklistItem, ...]:
    """The items of a list."""
    return tuple(item for item in CHECKLIST_ITEMS if name in item.checklists)


def list_checklist_apis(name: str) -> tuple[str, ...]:
    """What looking at a list may call."""
    return tuple(
        sorted(
            {
                api
                for item in list_checklist_items(name)
                for check in item.checks
                for api in check.apis
            }
        )
    )


def evaluate_checklist(
    name: str, outputs: Outputs, aws: Aws, now: datetime, lookback_seconds: float
) -> list[ChecklistResult]:
    """What a list comes to on a stack, in the order of the table. `since` is in seconds."""
    facts = ChecklistFacts(outputs, now, lookback_seconds=lookback_seconds)
    return run_checklist_items(
        list_checklist_items(name), facts, build_read_sender(aws, outputs.stack.region)
    )
