"""The two profiles, side by side. A section's own defaults are prod's; dev loosens them.

A stack file says which profile it starts from; any single value in it wins over the profile.
"""

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

from pydantic import JsonValue

Profile = Literal["dev", "prod"]
Values: TypeAlias = Mapping[str, JsonValue]

# What dev changes, in the keys of Pulumi's config. It buys cost (one small NAT instance, no
# standby, AWS's own keys, pages only) with availability.
DEV: Final[Values] = {
    "protect": False,
    "encryption": "aws",
    "network": {"zones": ["a", "b"], "nat": "one", "natDevice": "instance", "flowLogs": []},
    "loadBalancer": {"accessLogs": False, "waf": {"enabled": False}},
    "database": {
        "instanceClass": "db.t4g.micro",
        "multiAz": False,
        "backupDays": 7,
        "maxStorageGb": 50,
        "crossRegionBackups": False,
        "monitoringSeconds": 0,
        "applyImmediately": True,
    },
    "cluster": {"containerInsights": "disabled", "spotShare": 100},
    "serviceDefaults": {"min": 1, "max": 2},
    "fleet": {"instanceTypes": ["t4g.micro", "t4g.small"], "min": 1, "max": 2},
    "cache": {"replicas": 0, "snapshotDays": 1, "applyImmediately": True},
    "alarms": {"severities": ["P0"], "slo": False},
    "logs": {"retentionDays": 14},
    "backups": {"enabled": False, "copyToRecovery": False, "restoreTesting": False},
}
PROFILES: Final[Mapping[str, Values]] = {"dev": DEV, "prod": {}}


def merged(under: Values, over: Values) -> dict[str, JsonValue]:
    """`over` on top of `under`, objects merged key by key; a list replaces a list."""
    result = dict(under)
    for key, value in over.items():
        below = result.get(key)
        both = isinstance(below, dict) and isinstance(value, dict)
        result[key] = merged(below, value) if both else value  # type: ignore[arg-type]
    return result
