"""The table of checks: everything that `ops health` looks at, in the order that it is told."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from ops.alarms import health as alarms
from ops.core.aws import Aws
from ops.core.check_runner import mark_unknown_in_wrong_account, run_checks, send_read
from ops.core.checks import CheckFacts, CheckFinding, HealthCheck
from ops.core.errors import UsageError
from ops.database import health as database
from ops.fleet import health as fleet
from ops.health import account, backups, cache, logs, network
from ops.health import load_balancer as balancer
from ops.outputs import Outputs
from ops.services import health as services

HEALTH_CHECKS: Final[tuple[HealthCheck, ...]] = (
    *account.ACCOUNT_CHECKS,
    *alarms.ALARM_CHECKS,
    *balancer.LOAD_BALANCER_CHECKS,
    *services.SERVICE_CHECKS,
    *fleet.FLEET_CHECKS,
    *database.DATABASE_CHECKS,
    *cache.CACHE_CHECKS,
    *network.NETWORK_CHECKS,
    *backups.BACKUP_CHECKS,
    *logs.LOG_CHECKS,
)
# All that looking calls: health, usage, alarms.
HEALTH_APIS: Final = tuple(sorted({api for check in HEALTH_CHECKS for api in check.apis}))
HEALTH_AREAS: Final = tuple(dict.fromkeys(check.area for check in HEALTH_CHECKS))


def parse_health_areas(text: str | None) -> tuple[str, ...]:
    """The areas that --only names, all where it names none. Raises UsageError."""
    if text is None:
        return HEALTH_AREAS
    area_names = [word.strip() for word in text.split(",")]
    for word in area_names:
        if word not in HEALTH_AREAS:
            raise UsageError(f"--only is {text!r}, must be some of {', '.join(HEALTH_AREAS)}")
    return tuple(area_names)


def check_health(
    outputs: Outputs, aws: Aws, now: datetime, selected_areas: Sequence[str] = HEALTH_AREAS
) -> list[CheckFinding]:
    """What is found of a stack. The account is looked at with whatever else is."""
    checks = [
        health_check
        for health_check in HEALTH_CHECKS
        if health_check.area in (*selected_areas, "account") and health_check.is_applicable(outputs)
    ]
    region, requested_areas = (
        outputs.stack.region,
        () if selected_areas == HEALTH_AREAS else tuple(selected_areas),
    )
    return mark_unknown_in_wrong_account(
        run_checks(
            checks,
            CheckFacts(outputs, now, requested_areas),
            lambda read: send_read(aws, read, region),
        )
    )
