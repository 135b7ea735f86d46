"""The alarm registry: every alarm of the stack as data, one entry each.

From it come the metric and composite alarms, their lines on the dashboards and docs/alarms.md.
To add an alarm, add an entry to the table of its service. Nothing here imports Pulumi.
"""

from typing import Final

from components.alarm_registry.account import ACCOUNT
from components.alarm_registry.burn_rate import BURN_RATES, BURNS
from components.alarm_registry.cache import CACHE
from components.alarm_registry.database import DATABASE
from components.alarm_registry.load_balancer import LOAD_BALANCER
from components.alarm_registry.model import Alarm, Composite, Facts
from components.alarm_registry.network import NETWORK
from components.alarm_registry.services import FLEETS, SERVICES

TABLES: Final[dict[str, tuple[Alarm, ...]]] = {
    "Load balancer": LOAD_BALANCER,
    "Services": SERVICES,
    "Fleet": FLEETS,
    "Database": DATABASE,
    "Cache": CACHE,
    "Network": NETWORK,
    "Account": ACCOUNT,
    "Service level objectives": BURN_RATES,
}
ALARMS: Final[tuple[Alarm, ...]] = tuple(entry for table in TABLES.values() for entry in table)
COMPOSITES: Final[tuple[Composite, ...]] = (
    *BURNS,
    Composite(
        key="database-unhealthy",
        severity="P0",
        all_of=(
            (
                "database-cpu-high",
                "database-connections-high",
                "database-load-high",
                "database-read-slow",
                "database-write-slow",
            ),
            ("target-latency-high", "target-5xx-count", "balancer-5xx"),
        ),
        says="The database is overloaded and users notice it.",
        run="ops db activity",
        dashboard="database",
    ),
)
KEYS: Final[tuple[str, ...]] = tuple(
    sorted([*(one.key for one in ALARMS), *(one.key for one in COMPOSITES)])
)
WITHOUT_THRESHOLD: Final[frozenset[str]] = frozenset(one.key for one in COMPOSITES)

__all__ = [
    "ALARMS",
    "COMPOSITES",
    "KEYS",
    "TABLES",
    "WITHOUT_THRESHOLD",
    "Alarm",
    "Composite",
    "Facts",
]
