"""The alarm registry: every alarm of the stack as data, one entry each.

From it come the metric and composite alarms, their lines on the dashboards, docs/alarms.md, the
keys that settings may name and the commands that `ops` advises. To add an alarm, add an entry to
the table of its service, then run `python -m components.alarm_registry`.
Nothing here imports Pulumi.
"""

from typing import Final

from components.alarm_registry.account import ACCOUNT_ALARMS
from components.alarm_registry.burn_rate import BURN_RATE_ALARMS, BURN_RATE_COMPOSITES
from components.alarm_registry.cache import CACHE_ALARMS
from components.alarm_registry.database import DATABASE_ALARMS
from components.alarm_registry.load_balancer import LOAD_BALANCER_ALARMS
from components.alarm_registry.model import AlarmEntry, CompositeEntry, RegistryFacts
from components.alarm_registry.network import NETWORK_ALARMS
from components.alarm_registry.services import FLEET_ALARMS, SERVICE_ALARMS

ALARM_TABLES: Final[dict[str, tuple[AlarmEntry, ...]]] = {
    "Load balancer": LOAD_BALANCER_ALARMS,
    "Services": SERVICE_ALARMS,
    "Fleet": FLEET_ALARMS,
    "Database": DATABASE_ALARMS,
    "Cache": CACHE_ALARMS,
    "Network": NETWORK_ALARMS,
    "Account": ACCOUNT_ALARMS,
    "Service level objectives": BURN_RATE_ALARMS,
}
REGISTRY_ALARMS: Final[tuple[AlarmEntry, ...]] = tuple(
    alarm for table in ALARM_TABLES.values() for alarm in table
)
REGISTRY_COMPOSITES: Final[tuple[CompositeEntry, ...]] = (
    *BURN_RATE_COMPOSITES,
    CompositeEntry(
        key="database-unhealthy",
        severity="P0",
        alarm_groups=(
            (
                "database-cpu-high",
                "database-connections-high",
                "database-load-high",
                "database-read-slow",
                "database-write-slow",
            ),
            ("target-latency-high", "target-5xx-count", "balancer-5xx"),
        ),
        description="The database is overloaded and users notice it.",
        command="ops db activity",
        dashboard="database",
    ),
)
__all__ = [
    "ALARM_TABLES",
    "REGISTRY_ALARMS",
    "REGISTRY_COMPOSITES",
    "AlarmEntry",
    "CompositeEntry",
    "RegistryFacts",
]
