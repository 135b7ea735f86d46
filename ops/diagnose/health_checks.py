"""The checks of `ops health` that a diagnosis runs. Pure data."""

from typing import Final

from ops.health.registry import select_checks

# Checks of backups, keys, logs and maintenance say what could go wrong, and not what does.
DIAGNOSED_CHECKS: Final = (
    "load-balancer-state",
    "load-balancer-targets",
    "load-balancer-answers",
    "load-balancer-certificate",
    "service-tasks",
    "service-scaling",
    "fleet-instances",
    "fleet-scaling",
    "database-status",
    "database-instance-in-use",
    "database-storage",
    "cache-replication-group",
    "network-vpc",
    "network-nat-gateways",
    "network-nat-instances",
)


def list_health_areas() -> tuple[str, ...]:
    """The areas of the checks; that of the account is always checked."""
    checks = select_checks("health")
    areas = (c.area for c in checks if c.key in DIAGNOSED_CHECKS or c.area == "account")
    return tuple(dict.fromkeys(areas))


def list_health_calls() -> tuple[str, ...]:
    """The calls to AWS of the checks."""
    areas = ("account",)
    checks = select_checks("health")
    return tuple(
        sorted(
            {
                call
                for check in checks
                if check.key in DIAGNOSED_CHECKS or check.area in areas
                for call in check.calls
            }
        )
    )
