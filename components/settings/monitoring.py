"""Settings of alarms, dashboards and logs."""

import re
from collections import Counter
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, ValidationInfo, field_validator, model_validator

from components.alarm_keys import FASTEST_BURN_RATE, compute_min_objective
from components.facts.alarm_numbers import SEVERITIES, Severity
from components.facts.filter_pattern import FilterPattern
from components.settings.alarm_override import AlarmKey, AlarmOverride, list_override_faults
from components.settings.policy import Reason
from components.settings.section import Section
from ops.outputs import RECORDED_CHECKLISTS, RecordedChecklist

__all__ = [
    "AlarmSettings",
    "DashboardSettings",
    "LogSettings",
    "Severity",
    "Subscription",
]


class Subscription(Section):
    """A subscriber of alarms."""

    name: str = Field(
        pattern=r"^[a-z][a-z0-9-]{0,39}$",
        description="name of the subscriber in the stack; unique within a level",
    )
    level: Literal["page", "warn"] = Field(description="page for P0 and P1, warn for P2")
    protocol: Literal["email", "https"] = Field(description="how to reach the subscriber")
    endpoint: str = Field(description="email address or URL", repr=False)

    @field_validator("endpoint")
    @classmethod
    def _validate_endpoint(cls, endpoint: str, info: ValidationInfo) -> str:
        """The value is not repeated: it may carry a token."""
        protocol = info.data.get("protocol")
        if protocol == "email" and not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", endpoint):
            raise ValueError("must be an e-mail address if the protocol is email")
        if protocol == "https" and not re.fullmatch(r"https://[^/\s]+\S*", endpoint):
            raise ValueError("must be a URL that begins with https:// if the protocol is https")
        return endpoint


ContactText = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]{1,120}$")]


class Contact(Section):
    """Somebody to call in an incident."""

    name: ContactText = Field(description="who, like `database on call`")
    reach: ContactText = Field(description="how: a number, an address or a link", repr=False)
    after_minutes: int = Field(
        default=0, ge=0, le=1440, description="call them if nobody has answered for so long, min"
    )


class AlarmSettings(Section):
    """Alarms, their topics and the service level objectives."""

    severities: tuple[Severity, ...] = Field(
        default=SEVERITIES,
        description="severities to create alarms for; P3 only has what overrides put there",
    )
    subscriptions: tuple[Subscription, ...] = Field(
        default=(),
        description="who is notified of alarms; prod must have somebody of level page",
    )
    no_subscriptions_reason: Reason | None = Field(
        default=None,
        description="why nobody is subscribed here to be paged, as a sentence, such as that the "
        "account's incident tool subscribes to the topics itself",
    )
    contacts: tuple[Contact, ...] = Field(
        default=(),
        max_length=10,
        description="whom to call in an incident, and after how long whom else; announcements of "
        "`ops incident` show them",
    )
    checklists: tuple[RecordedChecklist, ...] = Field(
        default=RECORDED_CHECKLISTS,
        description="checklists that `ops health` expects the scheduled workflow to have run and "
        "recorded in time; none for a stack that is not in OPERATE_STACKS",
    )
    overrides: dict[AlarmKey, AlarmOverride] = Field(
        default={}, description="changes to single alarms, by key; docs/alarms.md lists the keys"
    )
    slo: bool = Field(default=True, description="create burn-rate alarms for the objectives")
    availability_objective: float = Field(
        default=99.9, description="percent of requests without a 5xx; above 93.06, up to 99.99"
    )
    latency_objective_ms: int = Field(
        default=500,
        ge=1,
        description="response time that 95 percent of requests must not exceed, ms",
    )
    database_availability_objective: float = Field(
        default=99.95,
        ge=90,
        le=99.999,
        description="percent of the time that the database is available",
    )
    statement_latency_objective_ms: int = Field(
        default=200,
        ge=1,
        description="time that 95 percent of the database's statements must not exceed, ms; "
        "`ops slo report` shows it as not measured",
    )
    deployment_success_objective: float = Field(
        default=99, ge=50, le=100, description="percent of deployments that succeed"
    )
    backup_success_objective: float = Field(
        default=100, ge=50, le=100, description="percent of days that have a backup"
    )
    minimum_requests: int = Field(
        default=50, ge=1, description="requests in a window below which rates are ignored"
    )

    @field_validator("availability_objective")
    @classmethod
    def _validate_availability_objective(cls, objective: float) -> float:
        if not compute_min_objective() < objective <= 99.99:
            raise ValueError(
                f"must be above {compute_min_objective():.2f}, to 99.99: below, "
                f"{FASTEST_BURN_RATE} times the error "
                "budget is more than all requests, and the fastest burn could never be seen"
            )
        return objective

    @model_validator(mode="after")
    def _validate_subscription_names(self) -> "AlarmSettings":
        names = Counter(
            (subscription.level, subscription.name) for subscription in self.subscriptions
        )
        for (level, name), count in names.items():
            if count > 1:
                raise ValueError(
                    f"subscriptions name {name!r} twice for {level}, must name each of a level once"
                )
        return self

    @property
    def pages_somebody(self) -> bool:
        """True if somebody is subscribed to what pages."""
        return any(subscription.level == "page" for subscription in self.subscriptions)

    @model_validator(mode="after")
    def _validate_no_subscriptions_reason(self) -> "AlarmSettings":
        if self.no_subscriptions_reason is not None and self.pages_somebody:
            raise ValueError(
                f"noSubscriptionsReason is {self.no_subscriptions_reason!r}, must not be set: "
                "subscriptions has somebody of level page"
            )
        return self

    @model_validator(mode="after")
    def _validate_overrides(self) -> "AlarmSettings":
        for key, override in self.overrides.items():
            for fault in list_override_faults(key, override, severities=self.severities):
                raise ValueError(f"overrides.{key}.{fault}")
        return self


class DashboardSettings(Section):
    """CloudWatch dashboards."""

    enabled: bool = Field(default=True, description="create the dashboards")


class LogSettings(Section):
    """Log groups."""

    retention_days: Literal[
        1,
        3,
        5,
        7,
        14,
        30,
        60,
        90,
        120,
        150,
        180,
        365,
        400,
        545,
        731,
        1096,
        1827,
        2192,
        2557,
        2922,
        3288,
        3653,
    ] = Field(default=90, description="days to keep logs in CloudWatch")
    saved_queries: bool = Field(
        default=True,
        description="save the queries of `ops logs query` in CloudWatch, of the stack's log groups",
    )
    error_pattern: FilterPattern | None = Field(
        default=None,
        min_length=1,
        max_length=1024,  # API reference, FilterLogEvents
        description="filter pattern of CloudWatch Logs for error lines of services and fleet; "
        "not set: the error lines of common programs",
    )
