"""Settings of the ECS cluster and of each Fargate service."""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Annotated, Final, Literal
from zoneinfo import available_timezones

from pydantic import Field, StringConstraints, field_validator, model_validator
from pydantic.alias_generators import to_camel

from components.facts.fargate import FARGATE_MEMORY_BY_CPU
from components.settings.container import (
    Architecture,
    ContainerSettings,
    HealthCheckSettings,
)
from components.settings.cron import validate_cron
from components.settings.queue_scaling import QueueScalingSettings
from components.settings.section import Section
from components.settings.service_kinds import (
    DEFAULT_KIND,
    SERVICE_KINDS,
    ServiceKind,
    ServiceKindName,
    find_refused_key,
)

TIME_ZONE_PATTERN: Final = re.compile(r"^(UTC|[A-Za-z]+(/[A-Za-z0-9_+-]+){1,2})$")
POLICY_ARN_PATTERN: Final = re.compile(r"^arn:aws[a-z-]*:iam::(\d{12}|aws):policy/[\w+=,.@/-]+$")
MAX_COMMAND_TIMEOUT_SECONDS: Final = 60  # ECS API reference, HealthCheck
ScheduleName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,19}$")]


class ScheduledCapacity(Section):
    """A change of a service's limits at fixed times."""

    cron: str = Field(description="AWS cron expression without cron(), like 0 6 ? * MON-FRI *")
    timezone: str = Field(
        default="UTC", description="time zone of the expression, like Europe/Stockholm"
    )
    min: int = Field(ge=0, description="minimum number of tasks from then on")
    max: int = Field(ge=0, description="maximum number of tasks from then on")

    @field_validator("cron")
    @classmethod
    def _validate_cron(cls, cron: str) -> str:
        return validate_cron(cron)

    @field_validator("timezone")
    @classmethod
    def _validate_timezone(cls, timezone: str) -> str:
        zone_names = available_timezones()  # empty on a machine without the database
        if not TIME_ZONE_PATTERN.match(timezone) or (zone_names and timezone not in zone_names):
            raise ValueError("must be a name of the IANA time zone database, like Europe/Stockholm")
        return timezone

    @model_validator(mode="after")
    def _validate_limits(self) -> "ScheduledCapacity":
        if self.min > self.max:
            raise ValueError(f"min is {self.min}, must be at most max ({self.max})")
        return self


class ServiceHealthCheckSettings(HealthCheckSettings):
    """How a service's health is checked: of web by the load balancer, of a worker by `command`.

    The limits of a command are those of the ECS API reference, HealthCheck.
    """

    command: tuple[str, ...] = Field(
        default=(),
        description="of a worker: what runs in the container, [CMD, program, ...] or [CMD-SHELL, "
        "line]; it is healthy if that ends with 0. Empty: a worker is healthy as long as it runs",
    )
    retries: int = Field(
        default=3, ge=1, le=10, description="of a worker: failed checks in a row that count"
    )
    start_period_seconds: int = Field(
        default=0,
        ge=0,
        le=300,
        description="of a worker: seconds after its start in which failed checks do not count",
    )

    @field_validator("command")
    @classmethod
    def _validate_command(cls, command: tuple[str, ...]) -> tuple[str, ...]:
        is_valid = (
            (command[0] == "CMD-SHELL" and len(command) == 2)
            or (command[0] == "CMD" and len(command) > 1)
            if command
            else True
        )
        if not is_valid or not all(word.strip() for word in command):
            raise ValueError(
                "must be [CMD, program, ...] or [CMD-SHELL, line], as ECS takes it, like "
                "[CMD-SHELL, test -f /tmp/ready]"
            )
        return command

    @model_validator(mode="after")
    def _validate_timeout(self) -> "ServiceHealthCheckSettings":
        if not self.command:
            self.require_target_limits()
        elif self.timeout_seconds > MAX_COMMAND_TIMEOUT_SECONDS:
            raise ValueError(
                f"timeoutSeconds is {self.timeout_seconds}, must be 2 to "
                f"{MAX_COMMAND_TIMEOUT_SECONDS} with command: ECS takes no more"
            )
        return self


class ServiceSettings(ContainerSettings):
    """One Fargate service."""

    kind: ServiceKindName = Field(
        default=DEFAULT_KIND,
        description="web (behind the load balancer) or worker (no port: it fetches its work); "
        "cannot change later",
    )
    health_check: ServiceHealthCheckSettings = ServiceHealthCheckSettings()
    cpu: int = Field(default=256, description="CPU units; 1024 are one vCPU")
    memory: int = Field(
        default=512, description="MiB; must be a pair with cpu that Fargate supports"
    )
    paths: tuple[str, ...] = Field(
        default=("/*",), description="path patterns that are routed to it"
    )
    hosts: tuple[str, ...] = Field(
        default=(), description="host names that are routed to it; empty: any"
    )
    grace_seconds: int = Field(
        default=60, ge=0, le=2_147_483_647, description="seconds until health checks count"
    )
    policy_arns: tuple[str, ...] = Field(
        default=(), description="ARNs of IAM policies for the application"
    )
    min: int = Field(
        default=2,
        ge=0,
        description="minimum number of tasks; with a schedule, until its first time",
    )
    max: int = Field(
        default=10,
        ge=0,
        description="maximum number of tasks; with a schedule, until its first time",
    )
    cpu_target: int | None = Field(
        default=70,
        ge=1,
        le=100,
        description="average CPU utilization to scale for, percent; null: none",
    )
    memory_target: int | None = Field(
        default=80,
        ge=1,
        le=100,
        description="average memory utilization to scale for, percent; null: none",
    )
    requests_target: int | None = Field(
        default=None, ge=1, description="requests per target and minute to scale for; null: none"
    )
    scale_out_cooldown_seconds: int = Field(
        default=60,
        ge=0,
        le=86_400,
        description="seconds after scaling out before it scales out further",
    )
    scale_in_cooldown_seconds: int = Field(
        default=300,
        ge=0,
        le=86_400,
        description="seconds after scaling before it scales in: a task too many costs less than "
        "one too few",
    )
    scaling: QueueScalingSettings = QueueScalingSettings()
    schedule: dict[ScheduleName, ScheduledCapacity] = Field(
        default={}, description="scheduled limits, by name, such as morning and night"
    )

    @property
    def kind_facts(self) -> ServiceKind:
        """What a service of this kind has."""
        return SERVICE_KINDS[self.kind]

    @property
    def has_autoscaling(self) -> bool:
        """True if anything changes the number of tasks."""
        targets = (
            self.cpu_target,
            self.memory_target,
            self.requests_target,
            self.scaling.backlog_per_task,
        )
        return any(target is not None for target in targets) or bool(self.schedule)

    @field_validator("cpu")
    @classmethod
    def _validate_cpu(cls, cpu: int) -> int:
        if cpu not in FARGATE_MEMORY_BY_CPU:
            raise ValueError(
                f"must be {_format_alternatives(tuple(FARGATE_MEMORY_BY_CPU))}: Fargate has "
                "no other sizes"
            )
        return cpu

    @field_validator("policy_arns")
    @classmethod
    def _validate_policy_arns(cls, arns: tuple[str, ...]) -> tuple[str, ...]:
        if not all(POLICY_ARN_PATTERN.match(arn) for arn in arns):
            raise ValueError("must hold ARNs of IAM policies")
        names = [arn.rsplit("/", 1)[-1] for arn in arns]
        if duplicates := [name for name, count in Counter(names).items() if count > 1]:
            raise ValueError(
                f"must hold one policy of the name {duplicates[0]!r}: its attachment is called so"
            )
        return arns

    @model_validator(mode="after")
    def _validate_memory(self) -> "ServiceSettings":
        sizes = FARGATE_MEMORY_BY_CPU[self.cpu]
        if self.memory not in sizes:
            raise ValueError(
                f"memory is {self.memory}, must be {_format_sizes(sizes)} with cpu "
                f"{self.cpu}: Fargate "
                "has no other sizes"
            )
        if self.tmp_mb > self.memory // 2:
            raise ValueError(
                f"tmpMb is {self.tmp_mb}, must be at most half of memory ({self.memory // 2}): "
                "/tmp is kept in it"
            )
        return self

    @model_validator(mode="after")
    def _validate_limits(self) -> "ServiceSettings":
        if self.min > self.max:
            raise ValueError(f"min is {self.min}, must be at most max ({self.max})")
        return self

    @model_validator(mode="after")
    def _validate_kind(self) -> "ServiceSettings":
        if fault := find_refused_key(self.kind, _list_set_keys(self)):
            raise ValueError(fault)
        if not self.kind_facts.has_targets and not self.health_check.command:
            for key in _list_set_keys(self.health_check):
                raise ValueError(
                    f"healthCheck.{key} is set, must be so only with healthCheck.command: nothing "
                    "else checks a worker"
                )
        return self


class ServiceDefaults(ServiceSettings):
    """What a service has unless it sets another value; keys that do not fit its kind are unused."""

    @model_validator(mode="after")
    def _validate_kind(self) -> "ServiceDefaults":
        return self


class ClusterSettings(Section):
    """Settings that all Fargate services share."""

    architecture: Architecture = Field(
        default="arm64", description="processor architecture of the tasks"
    )
    container_insights: Literal["enhanced", "enabled", "disabled"] = Field(
        default="enabled", description="mode of CloudWatch Container Insights"
    )
    exec: bool = Field(default=True, description="allow ECS Exec and log its sessions")
    spot_share: int = Field(
        default=0,
        ge=0,
        le=100,
        description="percent of the tasks above the first that run on Fargate Spot",
    )


def _list_set_keys(section: Section, path: str = "") -> Iterator[str]:
    """The keys that are set, as they are written: those of sections after their section's."""
    for field in sorted(section.model_fields_set):
        key, value = f"{path}{to_camel(field)}", getattr(section, field)
        yield key
        if isinstance(value, Section):
            yield from _list_set_keys(value, f"{key}.")


def _format_alternatives(values: tuple[int, ...]) -> str:
    return ", ".join(map(str, values[:-1])) + f" or {values[-1]}"


def _format_sizes(values: tuple[int, ...]) -> str:
    if len(values) <= 4:
        return _format_alternatives(values)
    return f"{values[0]} to {values[-1]} in steps of {values[1] - values[0]}"
