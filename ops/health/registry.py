"""The table of checks: everything that `ops health` looks at, in the order that it is told."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from ops.alarms import health as alarms
from ops.core.aws import Aws
from ops.core.check_runner import elsewhere, run, send
from ops.core.checks import Check, Facts, Finding
from ops.core.errors import UsageError
from ops.database import health as database
from ops.fleet import health as fleet
from ops.health import account, backups, cache, logs, network
from ops.health import load_balancer as balancer
from ops.outputs import Outputs
from ops.services import health as services

CHECKS: Final[tuple[Check, ...]] = (
    *account.CHECKS,
    *alarms.CHECKS,
    *balancer.CHECKS,
    *services.CHECKS,
    *fleet.CHECKS,
    *database.CHECKS,
    *cache.CHECKS,
    *network.CHECKS,
    *backups.CHECKS,
    *logs.CHECKS,
)
# All that looking calls: health, usage, alarms.
APIS: Final = tuple(sorted({api for check in CHECKS for api in check.apis}))
AREAS: Final = tuple(dict.fromkeys(check.area for check in CHECKS))


def areas(text: str | None) -> tuple[str, ...]:
    """The areas that --only names, all where it names none. Raises UsageError."""
    if text is None:
        return AREAS
    named = [word.strip() for word in text.split(",")]
    for word in named:
        if word not in AREAS:
            raise UsageError(f"--only is {text!r}, may be some of {', '.join(AREAS)}")
    return tuple(named)


def health(outputs: Outputs, aws: Aws, now: datetime, only: Sequence[str] = AREAS) -> list[Finding]:
    """What is found of a stack. The account is looked at with whatever else is."""
    checks = [c for c in CHECKS if c.area in (*only, "account") and c.applies(outputs)]
    region, asked = outputs.stack.region, () if only == AREAS else tuple(only)
    return elsewhere(run(checks, Facts(outputs, now, asked), lambda read: send(aws, read, region)))
