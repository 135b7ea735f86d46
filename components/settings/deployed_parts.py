"""The deployed stack as data: what a deployment left, and what operations have changed since.

components/deployed_stack.py reads it from AWS; components/settings/deployed_stack.py judges by it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from components.routing import DeployedPriorities


@dataclass(frozen=True, kw_only=True)
class DeployedDatabase:
    """The primary DB instance as RDS describes it now. Storage in GiB."""

    port: int
    engine_version: str
    storage_gb: int
    max_storage_gb: int  # 0: storage autoscaling is off
    name: str | None
    admin_name: str
    insights: str = "standard"  # mode of Database Insights
    insights_days: int | None = None  # as last declared; None: off, or not known
    zone: str | None = None  # letter of the primary's zone
    has_standby: bool = False
    extended_support: bool | None = None  # as last declared; Pulumi cannot read it from RDS
    backup_region: str | None = None  # where its automated backups are replicated to


@dataclass(frozen=True, kw_only=True)
class DeployedCache:
    """The replication group: as the last deployment declared it, failover as it is now."""

    engine: str
    port: int
    has_failover: bool
    engine_version: str | None = None


@dataclass(frozen=True, kw_only=True)
class DeployedStack:
    """The stack as the last deployment left it. A part that is absent or unknown is None."""

    has_own_keys: bool | None = None
    cidr: str | None = None
    zones: tuple[str, ...] = ()
    database: DeployedDatabase | None = None
    service_kinds: Mapping[str, str] = field(default_factory=dict)
    service_ports: Mapping[str, int] = field(default_factory=dict)
    fleet_port: int | None = None
    fleet_architecture: str | None = None
    fleet_template_version: str | None = None  # the launch template's, that the group uses
    cache: DeployedCache | None = None
    has_internal_balancer: bool | None = None
    route_priorities: DeployedPriorities = field(default_factory=dict)  # by target
    # Of the zones that the settings no longer have: those where RDS or ElastiCache has a host.
    database_zones: tuple[str, ...] = ()
    cache_zones: tuple[str, ...] = ()
