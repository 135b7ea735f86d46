"""The two profiles, side by side. A section's own defaults are prod's; dev loosens them.

A stack file names its profile and can override any single value.
"""

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

from pydantic import JsonValue

Profile = Literal["dev", "prod"]
ConfigValues: TypeAlias = Mapping[str, JsonValue]

# What dev changes, in the keys of Pulumi's config. It trades availability for cost: one small NAT
# instance, no standby, AWS's own keys, P0 alarms only.
DEV_PROFILE: Final[ConfigValues] = {
    "protect": False,
    # A deleted database leaves a snapshot here too, and its backups stay.
    "deletion": {"discard": ["cache", "buckets", "images", "logs", "secrets", "records"]},
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
    "alarms": {"severities": ["P0"], "slo": False, "checklists": []},
    "cost": {"monthlyBudget": None, "anomalyDetection": False},
    "logs": {"retentionDays": 14},
    "backups": {"enabled": False, "copyToRecovery": False, "restoreTesting": False},
}
PROFILES: Final[Mapping[str, ConfigValues]] = {"dev": DEV_PROFILE, "prod": {}}


def merge_values(base: ConfigValues, override: ConfigValues) -> dict[str, JsonValue]:
    """Merges `override` over `base`: objects key by key; a list replaces a list."""
    result = dict(base)
    for key, value in override.items():
        base_value = result.get(key)
        are_objects = isinstance(base_value, dict) and isinstance(value, dict)
        result[key] = merge_values(base_value, value) if are_objects else value  # type: ignore[arg-type]
    return result
