"""The registry of checks: every check of every view, by key. The commands are filters over it.

Pure data: importing it imports neither boto3 nor a routine, so that declarations can use it.
"""

from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING, Final

from ops.alarms import check_records as alarms
from ops.audit import check_records as audit
from ops.certificate import check_records as certificates
from ops.checks import check_records as checklists
from ops.core.check_record import UPKEEP_VIEWS, Check, View
from ops.core.checks import HealthCheck
from ops.core.errors import UsageError
from ops.cost import check_records as cost
from ops.database import check_records as database
from ops.fleet import check_records as fleet
from ops.health import check_records as health
from ops.image import check_records as image
from ops.incident import check_records as incident
from ops.patch import check_records as patch
from ops.permissions.call_sets import OUTPUTS_CALLS
from ops.quotas import check_records as quotas
from ops.recovery import check_records as recovery
from ops.rotation import check_records as rotation
from ops.runs import check_records as runs
from ops.services import check_records as services

if TYPE_CHECKING:
    from ops.core.checks import CheckFacts, CheckRoutine

# In the order of the reports.
CHECKS: Final[tuple[Check, ...]] = (
    *health.ACCOUNT_CHECKS,
    *alarms.CHECKS,
    *incident.CHECKS,
    *runs.CHECKS,
    *health.LOAD_BALANCER_CHECKS,
    *certificates.CHECKS,
    *services.CHECKS,
    *fleet.CHECKS,
    *database.CHECKS,
    *health.CACHE_CHECKS,
    *health.NETWORK_CHECKS,
    *health.BACKUP_CHECKS,
    *health.LOG_CHECKS,
    *checklists.CHECKS,
    *recovery.CHECKS,
    *patch.CHECKS,
    *audit.CHECKS,
    *cost.CHECKS,
    *rotation.CHECKS,
    *quotas.CHECKS,
    *image.CHECKS,
)


def _build_health_check(check: Check) -> HealthCheck:
    def run_routine(facts: "CheckFacts") -> "CheckRoutine":
        return check.load_routine()(facts)

    return HealthCheck(
        check.area,
        check.title,
        run_routine,
        check.calls,
        check.is_applicable,
        check.key,
        check.reports,
    )


HEALTH_CHECKS_BY_KEY: Final[Mapping[str, HealthCheck]] = {
    check.key: _build_health_check(check) for check in CHECKS
}


def select_checks(view: View) -> tuple[Check, ...]:
    """The checks of a view, in the order of the registry."""
    return tuple(check for check in CHECKS if view in check.views)


def select_health_checks(
    view: View, is_selected: Callable[[Check], bool] = lambda _: True
) -> tuple[HealthCheck, ...]:
    """The checks of a view, or some of them, ready to run."""
    return tuple(
        HEALTH_CHECKS_BY_KEY[check.key] for check in select_checks(view) if is_selected(check)
    )


def list_line_checks(line: str) -> tuple[HealthCheck, ...]:
    """The checks of a line of the checklists, ready to run."""
    return tuple(HEALTH_CHECKS_BY_KEY[check.key] for check in CHECKS if line in check.lines)


def list_view_calls(view: View) -> tuple[str, ...]:
    """The AWS calls that a view declares: all of its checks', without those that read outputs.

    A look at upkeep also checks whose account it is (ops/findings/view.py).
    """
    calls = {
        call
        for check in CHECKS
        if view in check.views or (view in UPKEEP_VIEWS and check in health.ACCOUNT_CHECKS)
        for call in check.calls
        if call not in OUTPUTS_CALLS
    }
    return tuple(sorted(calls))


HEALTH_CHECKS: Final[tuple[HealthCheck, ...]] = select_health_checks("health")
# All that looking calls: health, usage, alarms.
HEALTH_APIS: Final = tuple(sorted({api for check in HEALTH_CHECKS for api in check.apis}))
HEALTH_AREAS: Final = tuple(dict.fromkeys(check.area for check in HEALTH_CHECKS))
HEALTH_KEYS: Final = tuple(check.key for check in select_checks("health"))


def parse_health_selection(text: str | None) -> tuple[str, ...]:
    """The areas and keys of checks that --only names; all areas if it is not given.

    Raises UsageError, which names the nearest keys, for a word that is neither.
    """
    if text is None:
        return HEALTH_AREAS
    words = [word.strip() for word in text.split(",")]
    for word in words:
        if word not in HEALTH_AREAS and word not in HEALTH_KEYS:
            nearest = get_close_matches(word.lower(), (*HEALTH_AREAS, *HEALTH_KEYS), cutoff=0.5)
            hint = f"nearest: {', '.join(nearest)}" if nearest else "see `ops health --list`"
            raise UsageError(
                f"--only is {text!r}, must be some of {', '.join(HEALTH_AREAS)}, or keys of "
                f"checks ({hint})"
            )
    return tuple(words)


def is_health_check_selected(check: Check, selection: Sequence[str]) -> bool:
    """True if an area or a key of the selection means the check."""
    return check.area in selection or check.key in selection
