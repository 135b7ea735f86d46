"""The typed settings of a stack, read from Pulumi config and checked before anything is made.

`Settings` is the whole; each section stands in a file of its own. A section's defaults are the
prod profile's; profiles.py says what dev changes. Every key is camelCase in Pulumi's config.
"""

from components.settings.access import AccessSettings
from components.settings.backups import BackupSettings
from components.settings.cache import CacheSettings
from components.settings.database import DatabaseSettings, RestoreFrom
from components.settings.fleet import FleetSettings
from components.settings.load_balancer import LoadBalancerSettings, WafSettings
from components.settings.loader import SettingsError, load_settings, parse_settings
from components.settings.monitoring import (
    AlarmOverride,
    AlarmSettings,
    DashboardSettings,
    LogSettings,
    Severity,
    Subscription,
)
from components.settings.network import NetworkSettings
from components.settings.policy import PolicyException
from components.settings.services import ClusterSettings, ScheduledCapacity, ServiceSettings
from components.settings.stack import Settings

__all__ = [
    "AccessSettings",
    "AlarmOverride",
    "AlarmSettings",
    "BackupSettings",
    "CacheSettings",
    "ClusterSettings",
    "DashboardSettings",
    "DatabaseSettings",
    "FleetSettings",
    "LoadBalancerSettings",
    "LogSettings",
    "NetworkSettings",
    "PolicyException",
    "RestoreFrom",
    "ScheduledCapacity",
    "ServiceSettings",
    "Settings",
    "SettingsError",
    "Severity",
    "Subscription",
    "WafSettings",
    "load_settings",
    "parse_settings",
]
