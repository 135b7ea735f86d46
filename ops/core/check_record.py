"""A check as data: its key, what it looks at, the AWS calls it makes, and the views that hold it.

Pure data: the permissions of commands are computed from it, so neither boto3 nor a routine is
imported. The routine is named, and imported when the check runs.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

if TYPE_CHECKING:
    from ops.core.checks import CheckFacts, CheckRoutine
    from ops.outputs import Outputs

Checklist = Literal["daily", "weekly", "monthly", "pre-deploy", "post-deploy"]
# Looks at upkeep, whose findings can be waived: each is a command.
UpkeepView = Literal[
    "audit", "certificates", "images", "patches", "quotas", "rightsizing", "rotations", "unused"
]
UPKEEP_VIEWS: Final[tuple[UpkeepView, ...]] = get_args(UpkeepView)
Report = Literal["health", "baseline", "recover-ready"] | UpkeepView
View = Report | Checklist
VIEWS: Final[tuple[View, ...]] = (
    "health",
    "daily",
    "weekly",
    "monthly",
    "pre-deploy",
    "post-deploy",
    "recover-ready",
    "baseline",
    *UPKEEP_VIEWS,
)
# A list that is longer in time holds the shorter ones.
DAILY: Final[tuple[Checklist, ...]] = ("daily", "weekly", "monthly")
WEEKLY: Final[tuple[Checklist, ...]] = ("weekly", "monthly")
MONTHLY: Final[tuple[Checklist, ...]] = ("monthly",)
PRE_DEPLOY: Final[tuple[Checklist, ...]] = ("pre-deploy",)
POST_DEPLOY: Final[tuple[Checklist, ...]] = ("post-deploy",)
# What `ops health` looks at is part of a baseline.
HEALTH_REPORTS: Final[tuple[Report, ...]] = ("health", "baseline")
CERTIFICATE_REPORTS: Final[tuple[Report, ...]] = ("certificates",)
READINESS_REPORTS: Final[tuple[Report, ...]] = ("recover-ready",)
AUDIT_REPORTS: Final[tuple[Report, ...]] = ("audit",)
IMAGE_REPORTS: Final[tuple[Report, ...]] = ("images",)
ROTATION_REPORTS: Final[tuple[Report, ...]] = ("rotations",)
QUOTA_REPORTS: Final[tuple[Report, ...]] = ("quotas",)
# What ends or is due is part of a baseline, and of the look at patches.
UPKEEP_HEALTH_REPORTS: Final[tuple[Report, ...]] = (*HEALTH_REPORTS, "patches")


@dataclass(frozen=True)
class ChecklistLine:
    """One line of the checklists: what it means, and the lists that hold it."""

    meaning: str
    checklists: tuple[Checklist, ...]


# By name, in the order of the lists. The checks of a line name it.
CHECKLIST_LINES: Final[Mapping[str, ChecklistLine]] = {
    "account": ChecklistLine(
        "The credentials are of the stack's account.", (*DAILY, *PRE_DEPLOY, *POST_DEPLOY)
    ),
    "alarms": ChecklistLine("No alarm is raised, and all are there.", DAILY),
    "unfinished runs": ChecklistLine(
        "No run of `ops` has stopped on its way.", (*DAILY, *PRE_DEPLOY)
    ),
    "incidents": ChecklistLine("None is open.", DAILY),
    "load balancer": ChecklistLine("It serves, and behind it all targets are healthy.", DAILY),
    "services": ChecklistLine("Each runs what it should; no task stopped by a fault.", DAILY),
    "fleet": ChecklistLine("Its instances serve; scaling and refreshes do not fail.", DAILY),
    "database": ChecklistLine(
        "It serves, with its standby, its parameters and room for its data.", DAILY
    ),
    "cache": ChecklistLine("It serves, and would fail over.", DAILY),
    "network": ChecklistLine("The way out of the private subnets is open.", DAILY),
    "backups": ChecklistLine(
        "The last day was saved, and the database can be restored to now.", DAILY
    ),
    "error logs": ChecklistLine("Few lines of the last hour are errors.", DAILY),
    "storage trend": ChecklistLine("It will not be full within 30 days.", WEEKLY),
    "connections": ChecklistLine("Their peak is well below the limit.", WEEKLY),
    "maintenance": ChecklistLine("None comes by itself within a week.", WEEKLY),
    "certificates": ChecklistLine(
        "None ends soon, ACM can renew them, and clients are shown them by safe TLS.", WEEKLY
    ),
    "rightsizing": ChecklistLine("Nothing is larger than its load of two weeks.", MONTHLY),
    "unused": ChecklistLine("Nothing costs and serves nothing.", WEEKLY),
    "spending": ChecklistLine(
        "The month stays within its budget, and nothing costs far more than before.", MONTHLY
    ),
    "patches": ChecklistLine(
        "Nothing lacks patches for long, or runs on what AWS no longer supports.", WEEKLY
    ),
    "backups elsewhere": ChecklistLine(
        "Backups are replicated and copied to the recovery region.", WEEKLY
    ),
    "images": ChecklistLine("None that runs has a grave vulnerability that has a fix.", WEEKLY),
    "quotas": ChecklistLine(
        "No quota is nearly used up, and the stack fits in each at its own most.", WEEKLY
    ),
    "checklists": ChecklistLine("The longer ones were run and recorded in time.", DAILY),
    "drill": ChecklistLine(
        "A restore was tried in the last month, and met its objectives.", MONTHLY
    ),
    "password": ChecklistLine(
        "The database's password is not Pulumi's first one, nor older than it should be.", MONTHLY
    ),
    "cache token": ChecklistLine(
        "The cache's AUTH token is the secret's, not Pulumi's first one, nor too old.", MONTHLY
    ),
    "old snapshots": ChecklistLine("None that somebody made is older than 90 days.", MONTHLY),
    "open ports": ChecklistLine(
        "Nothing but the load balancer can be reached from the internet.", WEEKLY
    ),
    "open data": ChecklistLine(
        "No data can be read from outside, and the database cannot be lost by one call.", WEEKLY
    ),
    "protection": ChecklistLine(
        "What is there is encrypted, kept, and refuses what is not.", MONTHLY
    ),
    "access keys": ChecklistLine("None is old, unused or root's.", WEEKLY),
    "identity": ChecklistLine(
        "Who can sign in has MFA; nobody may do everything, nor become a role unasked.", MONTHLY
    ),
    "trail": ChecklistLine(
        "CloudTrail records the whole account, and nobody can change its record.", WEEKLY
    ),
    "account events": ChecklistLine(
        "Whatever was deleted or opened in 30 days is known to somebody.", WEEKLY
    ),
    "rotation": ChecklistLine(
        "Passwords, tokens and keys are rotated in time, and no rotation failed.", MONTHLY
    ),
    "detectors": ChecklistLine("AWS's detectors are on, and have nothing open.", WEEKLY),
    "roles": ChecklistLine("The roles that operate the stack are there.", MONTHLY),
    "lock": ChecklistLine("Nobody else changes the stack.", PRE_DEPLOY),
    "no deployment": ChecklistLine("None is under way.", PRE_DEPLOY),
    "grave alarms": ChecklistLine("None of P0 or P1 is raised.", PRE_DEPLOY),
    "restorable": ChecklistLine("The database can be restored to ten minutes ago.", PRE_DEPLOY),
    "capacity": ChecklistLine(
        "No service and no fleet is at the limit of its scaling.", PRE_DEPLOY
    ),
    "deployment quotas": ChecklistLine(
        "The quotas of vCPUs, interfaces and targets have room for a deployment.", PRE_DEPLOY
    ),
    "services steady": ChecklistLine(
        "Each runs what it should, and no deployment goes on.", POST_DEPLOY
    ),
    "targets": ChecklistLine("All are healthy.", POST_DEPLOY),
    "new alarms": ChecklistLine("None was raised since.", POST_DEPLOY),
    "new errors": ChecklistLine("No line of the logs is an error since.", POST_DEPLOY),
}


@dataclass(frozen=True)
class Check:
    """One check. `key` is stable, unique and in kebab case: the views are joined by it.

    `title` names what is checked, as a finding does if nothing is known; `failure` is what it means
    if it fails. `calls` are all AWS calls that it may make, in boto3's spelling. `routine` is its
    generator as `module:function`. `reports` and `lines` say which views hold it.
    """

    key: str
    area: str
    title: str
    failure: str
    calls: tuple[str, ...]
    routine: str
    reports: tuple[Report, ...] = ()
    lines: tuple[str, ...] = ()
    is_applicable: "Callable[[Outputs], bool]" = lambda _: True

    @property
    def views(self) -> tuple[View, ...]:
        """The views that hold it, in the order of VIEWS. Raises KeyError for an unknown line."""
        checklists = {name for line in self.lines for name in CHECKLIST_LINES[line].checklists}
        return tuple(view for view in VIEWS if view in checklists or view in self.reports)

    def load_routine(self) -> "Callable[[CheckFacts], CheckRoutine]":
        """The routine, imported now."""
        module_name, _, function_name = self.routine.partition(":")
        routine: Any = getattr(import_module(module_name), function_name)
        return routine  # type: ignore[no-any-return]
