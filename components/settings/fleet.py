"""Settings of the EC2 fleet."""

import re
from itertools import pairwise
from typing import Final, Literal, TypeAlias

from pydantic import Field, field_validator, model_validator

from components.settings.container import Architecture, ContainerSettings

# Severities of Amazon Linux (Systems Manager API reference, DescribeAvailablePatches).
PatchSeverity: TypeAlias = Literal["Critical", "Important", "Medium", "Low"]
INSTANCE_TYPE_PATTERN: Final = re.compile(r"^[a-z][a-z0-9-]*\.[a-z0-9-]+$")
AMI_ID_PATTERN: Final = re.compile(r"^ami-([0-9a-f]{8}|[0-9a-f]{17})$")
# AWS marks its own processors by a g after the generation: t4g, m7gd, im4gn; a1 came before.
GRAVITON_PATTERN: Final = re.compile(r"^(a1|[a-z]+[0-9]+[a-z]*g[a-z]*)\.")


def get_architecture(instance_type: str) -> Architecture:
    """Processor architecture of an EC2 instance type, by its name."""
    return "arm64" if GRAVITON_PATTERN.match(instance_type) else "x86_64"


class FleetSettings(ContainerSettings):
    """An Auto Scaling group of EC2 instances that run one container.

    The container has no AWS credentials: those of the instances are only for the instances.
    """

    instance_types: tuple[str, ...] = Field(
        default=("t4g.small", "t4g.medium"),
        min_length=1,
        max_length=40,
        description="instance types in order of preference, all of the same architecture; with "
        "one alone nothing is launched while AWS is short of it, which prod needs an exception for",
    )
    architecture: Architecture = Field(
        default="arm64", description="processor architecture of the instances"
    )
    ami: str | None = Field(
        default=None,
        description="AMI with dnf and Docker, to which a deployment moves the instances; not set: "
        "the one that they have, at first the newest ECS-optimized Amazon Linux 2023",
    )
    paths: tuple[str, ...] | None = Field(
        default=None,
        description="path patterns that are routed to it; not set: /fleet/* if there are "
        "services, otherwise /*",
    )
    hosts: tuple[str, ...] = Field(
        default=(), description="host names that are routed to it; empty: any"
    )
    min: int = Field(default=2, ge=0, description="minimum number of instances")
    max: int = Field(default=10, ge=0, description="maximum number of instances")
    cpu_target: int = Field(
        default=70, ge=1, le=100, description="average CPU utilization to scale for, percent"
    )
    requests_target: int | None = Field(
        default=None, ge=1, description="requests per instance and minute to scale for; null: none"
    )
    spot_share: int = Field(
        default=0,
        ge=0,
        le=100,
        description="percent of the instances above the minimum that run on Spot",
    )
    disk_gb: int = Field(default=30, ge=30, le=16384, description="size of the root volume, GiB")
    grace_seconds: int = Field(
        default=300,
        ge=0,
        le=7200,
        description="seconds until health checks count; booting takes two minutes",
    )
    warmup_seconds: int = Field(
        default=180, ge=0, le=3600, description="seconds until a new instance counts in metrics"
    )
    max_lifetime_days: int | None = Field(
        default=None, ge=1, le=365, description="replace instances of this age, days; null: never"
    )
    min_healthy_percent: int = Field(
        default=100,
        ge=0,
        le=100,
        description="minimum healthy capacity during an instance refresh, percent",
    )
    max_healthy_percent: int = Field(
        default=110,
        ge=100,
        le=200,
        description="maximum capacity during an instance refresh, percent",
    )
    cooldown_seconds: int = Field(
        default=300,
        ge=0,
        le=86_400,
        description="seconds after a scaling activity in which the group is left as it is, by what "
        "honors the cooldown",
    )
    honor_cooldown: bool = Field(
        default=False,
        description="`ops fleet scale` honors the cooldown: during it AWS refuses the change",
    )
    checkpoints: tuple[int, ...] = Field(
        default=(), description="percentages of the fleet at which an instance refresh pauses"
    )
    checkpoint_minutes: int = Field(
        default=10, ge=1, le=2880, description="length of the pause at a checkpoint, minutes"
    )

    patch_approval_days: int = Field(
        default=7,
        ge=0,
        le=360,
        description="days from the release of a security patch until instances must have it; what "
        "AWS's own baseline waits",
    )
    patch_severities: tuple[PatchSeverity, ...] = Field(
        default=("Critical", "Important"),
        min_length=1,
        description="severities of the security patches that instances must have",
    )
    patch_scan: bool = Field(
        default=True,
        description="scan the instances for missing patches every day, and warn of those that "
        "lack some",
    )

    @field_validator("patch_severities")
    @classmethod
    def _validate_patch_severities(
        cls, severities: tuple[PatchSeverity, ...]
    ) -> tuple[PatchSeverity, ...]:
        if len(set(severities)) < len(severities):
            raise ValueError("must hold each severity once")
        return severities

    @field_validator("instance_types")
    @classmethod
    def _validate_instance_types(cls, types: tuple[str, ...]) -> tuple[str, ...]:
        if not all(INSTANCE_TYPE_PATTERN.match(name) for name in types) or len(set(types)) < len(
            types
        ):
            raise ValueError("must hold EC2 instance types like t4g.small, each once")
        return types

    @field_validator("ami")
    @classmethod
    def _validate_ami(cls, ami: str | None) -> str | None:
        if ami is not None and not AMI_ID_PATTERN.match(ami):
            raise ValueError("must be an AMI like ami-0123456789abcdef0")
        return ami

    @field_validator("checkpoints")
    @classmethod
    def _validate_checkpoints(cls, percent: tuple[int, ...]) -> tuple[int, ...]:
        is_rising = all(a < b for a, b in pairwise(percent))
        if percent and not (is_rising and percent[0] >= 1 and percent[-1] == 100):
            raise ValueError("must rise from 1 and must end with 100, or the rest stays as it is")
        return percent

    @model_validator(mode="after")
    def _validate_architecture(self) -> "FleetSettings":
        for name in self.instance_types:
            if (architecture := get_architecture(name)) != self.architecture:
                raise ValueError(
                    f"instanceTypes holds {name!r}, which is {architecture}, must hold "
                    f"{self.architecture} "
                    "types (fleet.architecture): one AMI and one image must run on all"
                )
        return self

    @model_validator(mode="after")
    def _validate_limits(self) -> "FleetSettings":
        if self.min > self.max:
            raise ValueError(f"min is {self.min}, must be at most max ({self.max})")
        if self.max_healthy_percent - self.min_healthy_percent > 100:
            raise ValueError(
                f"maxHealthyPercent is {self.max_healthy_percent}, must be at most 100 above "
                f"minHealthyPercent ({self.min_healthy_percent}): AWS refuses more"
            )
        return self
