"""The checks of `ops health` that a diagnosis runs. Pure data."""

from typing import Final

from ops.core.check_record import Check
from ops.health.registry import select_checks

# Scaling has a look of its own. Checks of backups, keys, logs and maintenance say what could go
# wrong, and not what does.
DIAGNOSED_CHECKS: Final = (
    "load-balancer-state",
    "load-balancer-targets",
    "load-balancer-answers",
    "load-balancer-certificate",
    "service-tasks",
    "fleet-instances",
    "database-status",
    "database-instance-in-use",
    "database-storage",
    "cache-replication-group",
    "network-vpc",
    "network-nat-gateways",
    "network-nat-instances",
)


def is_diagnosed(check: Check) -> bool:
    """True if a diagnosis runs a check; that of the account always runs."""
    return check.key in DIAGNOSED_CHECKS or check.area == "account"


def list_health_areas() -> tuple[str, ...]:
    """The areas of the checks."""
    return tuple(dict.fromkeys(c.area for c in select_checks("health") if is_diagnosed(c)))


def list_health_calls() -> tuple[str, ...]:
    """The calls to AWS of the checks."""
    checks = filter(is_diagnosed, select_checks("health"))
    return tuple(sorted({call for check in checks for call in check.calls}))
