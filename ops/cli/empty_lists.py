"""What a list says when it is empty, by its kind: the name that its JSON has."""

from collections.abc import Mapping
from typing import Final

EMPTY_LIST_TEXTS: Final[Mapping[str, str]] = {
    "alarms": "no alarms",
    "baseline-differences": "no differences from the baseline",
    "baselines": "no baselines",
    "bootstrap": "no parts of a foundation",
    "check": "no items on this list",
    "cost-estimate": "no costs",
    "cost-usage": "no costs that depend on usage",
    "db-activity": "no sessions",
    "db-bloat": "no tables with dead rows",
    "db-connections": "no connections",
    "db-indexes": "no problems with indexes",
    "db-locks": "no session waits for a lock",
    "db-parameters": "no parameters",
    "db-size": "no tables",
    "db-size-whole": "no database",
    "db-slow": "no statements",
    "db-snapshots": "no snapshots",
    "db-status": "no database instances",
    "db-versions": "no versions to upgrade to",
    "deploy-changes": "no changes",
    "deploy-dangers": "no dangers",
    "fleet-activities": "no activities of the fleet",
    "fleet-instances": "no instances in the fleet",
    "fleet-limits": "no limits of the fleet",
    "fleet-refreshes": "no instance refreshes",
    "health": "no checks",
    "health-checks": "no checks",
    "lock": "no lock is held",
    "maintenance-status": "no maintenance is pending",
    "permissions": "no calls",
    "permissions-commands": "no commands",
    "recover-compare": "no differences",
    "recover-drills": "no drills",
    "recover-list": "no restored instances",
    "recover-preview": "no losses",
    "recover-ready": "no ways to recover",
    "recover-reconcile": "no steps",
    "recover-sources": "no backups",
    "run": "no events",
    "run-report": "no steps",
    "runs": "no runs",
    "service-events": "no events",
    "service-limits": "no limits",
    "service-revisions": "no revisions",
    "service-tasks": "no tasks",
    "services": "no services",
    "state-differences": "no differences between the states",
    "state-drift": "no drift",
    "states": "no saved states",
    "usage": "no figures",
}


def get_empty_text(kind: str) -> str:
    """What to print if a list of this kind is empty."""
    return EMPTY_LIST_TEXTS.get(kind) or f"no {kind.replace('-', ' ')}"
