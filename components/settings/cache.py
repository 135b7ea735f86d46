"""Settings of the cache."""

from collections.abc import Mapping
from typing import Final, Literal

from pydantic import Field, field_validator, model_validator

from components.facts.instance_classes import get_cache_node
from components.settings.section import Section
from components.settings.windows import DailyHourWindow, WeeklyHourWindow, has_overlap

CacheEngine = Literal["valkey", "redis"]
EvictionPolicy = Literal[
    "allkeys-lru",
    "allkeys-lfu",
    "allkeys-random",
    "volatile-lru",
    "volatile-lfu",
    "volatile-random",
    "volatile-ttl",
    "noeviction",
]
# Versions and their parameter families, newest last. Redis before 6.2 cannot take the AUTH token
# over to a new one, or send its engine log.
PARAMETER_GROUP_FAMILIES: Final[Mapping[CacheEngine, Mapping[str, str]]] = {
    "valkey": {"7.2": "valkey7", "8.0": "valkey8", "8.1": "valkey8", "8.2": "valkey8"},
    "redis": {"6.2": "redis6.x", "7.0": "redis7", "7.1": "redis7"},
}
DEFAULT_ENGINE_VERSIONS: Final[Mapping[CacheEngine, str]] = {"valkey": "8.0", "redis": "7.1"}


def list_parameter_group_families() -> tuple[str, ...]:
    """Every parameter group family that a cache may go to, each once."""
    families = (
        family for by_version in PARAMETER_GROUP_FAMILIES.values() for family in by_version.values()
    )
    return tuple(dict.fromkeys(families))


class CacheSettings(Section):
    """An ElastiCache replication group, optional. It always uses TLS and an AUTH token."""

    enabled: bool = Field(default=False, description="create a cache")
    engine: CacheEngine = Field(default="valkey", description="engine")
    engine_version: str | None = Field(
        default=None, description="engine version; not set: 8.0 for Valkey, 7.1 for Redis"
    )
    node_type: str = Field(default="cache.t4g.micro", description="node type")
    replicas: int = Field(
        default=1, ge=0, le=5, description="replicas of the only shard; failover needs one"
    )
    port: int = Field(default=6379, ge=1024, le=65535, description="port")
    eviction: EvictionPolicy = Field(
        default="allkeys-lru", description="which keys are evicted when the memory is full"
    )
    snapshot_days: int = Field(default=7, ge=0, le=35, description="days to keep snapshots")
    snapshot_window: DailyHourWindow = Field(
        default="04:30-05:30", description="daily, UTC, hh:mm-hh:mm"
    )
    maintenance_window: WeeklyHourWindow = Field(
        default="sun:05:30-sun:06:30", description="weekly, UTC, ddd:hh:mm-ddd:hh:mm"
    )
    auto_minor_upgrade: bool = Field(
        default=True, description="upgrade to new minor versions in the maintenance window"
    )
    apply_immediately: bool = Field(
        default=False, description="apply changes at once instead of in the maintenance window"
    )
    rotation_days: int = Field(
        default=30, ge=1, le=90, description="days between rotations of the AUTH token"
    )

    @field_validator("engine_version", mode="before")
    @classmethod
    def _normalize_engine_version(cls, version: object) -> object:
        return str(version) if isinstance(version, float) else version

    @field_validator("node_type")
    @classmethod
    def _validate_node_type(cls, name: str) -> str:
        return get_cache_node(name).name

    @model_validator(mode="after")
    def _validate_engine_version(self) -> "CacheSettings":
        families = PARAMETER_GROUP_FAMILIES[self.engine]
        if self.version not in families:
            raise ValueError(
                f"engineVersion is {self.engine_version!r}, must be {', '.join(families)} "
                f"with engine {self.engine}"
            )
        return self

    @model_validator(mode="after")
    def _validate_windows(self) -> "CacheSettings":
        if self.snapshot_days and has_overlap(self.snapshot_window, self.maintenance_window):
            raise ValueError(
                f"snapshotWindow is {self.snapshot_window!r}, must not overlap maintenanceWindow "
                f"({self.maintenance_window})"
            )
        return self

    @property
    def version(self) -> str:
        """The engine's version."""
        return self.engine_version or DEFAULT_ENGINE_VERSIONS[self.engine]

    @property
    def parameter_group_family(self) -> str:
        """Parameter group family of the version."""
        return PARAMETER_GROUP_FAMILIES[self.engine][self.version]

    @property
    def has_failover(self) -> bool:
        """True if a replica in another zone takes over: there must be one."""
        return self.replicas > 0
