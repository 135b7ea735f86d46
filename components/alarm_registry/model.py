"""The data of the alarm registry. Nothing here imports Pulumi."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeAlias

from components.facts.alarm_commands import AlarmCommand
from components.facts.alarm_numbers import (
    Comparison,
    MetricNumbers,
    MissingDataTreatment,
    Severity,
    ThresholdUnit,
)
from components.facts.units import DAY_SECONDS, GIB_BYTES, HOUR_SECONDS

if TYPE_CHECKING:
    from pulumi import Input

    from components.settings.stack import Settings

SettingsCondition: TypeAlias = "Callable[[Settings], bool]"


@dataclass(frozen=True, kw_only=True)
class RegistryFacts:
    """The input of the registry: the settings, and ids of the created network and load balancer.

    NAT devices are by zone, `targets` by service; `balancer` and each target are ARN suffixes, the
    values of CloudWatch's dimensions.
    """

    settings: "Settings"
    nat_gateways: "Mapping[str, Input[str]]" = field(default_factory=dict)
    nat_instances: "Mapping[str, Input[str]]" = field(default_factory=dict)
    targets: "Mapping[str, Input[str]]" = field(default_factory=dict)
    balancer: "Input[str] | None" = None
    certificate: "Input[str] | None" = None
    topics: "Mapping[str, Input[str]]" = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class SubjectKind:
    """A kind of subject that alarms watch. A single one has no name; graphs show its `label`."""

    description: str
    list_names: Callable[[RegistryFacts], tuple[str, ...]]
    get_dimensions: "Callable[[RegistryFacts, str], Mapping[str, Input[str]]]"
    # True if it may be idle, so that missing data is no alarm.
    can_be_idle: "Callable[[Settings, str], bool]" = lambda _settings, _name: False
    label: str = ""


@dataclass(frozen=True)
class MetricStatistic:
    """A CloudWatch metric and its statistic: Average, Sum, ... or a percentile like p95."""

    namespace: str
    name: str
    stat: str = "Average"


@dataclass(frozen=True, kw_only=True)
class MetricMath:
    """Metric math: `metrics` by the ids that the expression uses. Each metric is billed."""

    description: str
    metrics: Mapping[str, MetricStatistic]
    build_expression: "Callable[[Settings, str], str]"


@dataclass(frozen=True)
class Threshold:
    """A threshold, computed from the settings and a subject's name; `description` is its text."""

    compute_value: "Callable[[Settings, str], float]"
    description: str


@dataclass(frozen=True, kw_only=True)
class AlarmEntry:
    """One entry of the registry, which becomes a metric alarm for each subject of its kind.

    `command` is the runbook's (`{name}` is the service), `fleet_command` the one for the fleet.
    `graph` names the dashboard graph that shows it. `rolls_back_deployment`: ECS rolls back a
    deployment while it is raised. `composite_only`: only a composite acts on it.
    `notifies_all_topics`: it goes to both topics. `on_dashboard` is False if its window is too
    long for a graph. `max_value`: the largest value of the metric, if it is not 100 %.
    `min_period_seconds`: AWS publishes the metric no more often. `datapoints`: how many periods
    of `evaluation_periods` must pass the threshold; None: all.
    """

    key: str
    severity: Severity
    kind: SubjectKind
    metric: MetricStatistic | MetricMath
    comparison: Comparison
    threshold: Threshold
    unit: ThresholdUnit
    description: str
    command: str
    graph: str
    fleet_command: str | None = None
    period_seconds: int = 60
    evaluation_periods: int = 5
    datapoints: int | None = None
    max_value: float | None = None
    min_period_seconds: int = 60
    missing_data: MissingDataTreatment = "missing"
    condition: SettingsCondition = lambda _: True
    rolls_back_deployment: bool = False
    composite_only: bool = False
    notifies_all_topics: bool = False
    on_dashboard: bool = True

    @property
    def duration_seconds(self) -> int:
        """Seconds that the threshold must be passed before the alarm is raised."""
        return self.period_seconds * self.evaluation_periods

    def format_command(self, name: str) -> str:
        """Formats the runbook's command for one subject."""
        return AlarmCommand(command=self.command, fleet_command=self.fleet_command).format_command(
            name
        )

    @property
    def datapoints_to_alarm(self) -> int:
        """Periods that must pass the threshold, of those that are evaluated."""
        return self.datapoints or self.evaluation_periods

    @property
    def numbers(self) -> MetricNumbers:
        """The numbers that settings may change, and their range."""
        return MetricNumbers(
            comparison=self.comparison,
            unit=self.unit,
            max_value=100 if self.unit == "Percent" else self.max_value,
            period_seconds=self.period_seconds,
            min_period_seconds=self.min_period_seconds,
            periods=self.evaluation_periods,
        )

    def get_missing_data(self, settings: "Settings", name: str) -> MissingDataTreatment:
        """Returns how missing data counts for one subject: as the settings say, if they do."""
        override = settings.alarms.overrides.get(self.key)
        if override is not None and override.missing_data is not None:
            return override.missing_data
        can_be_idle = self.missing_data == "breaching" and self.kind.can_be_idle(settings, name)
        return "notBreaching" if can_be_idle else self.missing_data


@dataclass(frozen=True, kw_only=True)
class CompositeEntry:
    """An alarm on alarms, raised if at least one alarm of each group is raised.

    It is not created if a group has no alarms. While the alarm `suppressed_by` is raised, it
    notifies nobody, unless that alarm is less severe. `describe` replaces the description if the
    settings change its numbers.
    """

    key: str
    severity: Severity
    alarm_groups: tuple[tuple[str, ...], ...]
    description: str
    command: str
    dashboard: str
    suppressed_by: str | None = None
    describe: "Callable[[Settings], str] | None" = None

    def get_description(self, settings: "Settings") -> str:
        """Returns the description, with the stack's numbers."""
        return self.description if self.describe is None else self.describe(settings)


def apply_override(entry: AlarmEntry, settings: "Settings") -> AlarmEntry:
    """The entry with the numbers that a stack's settings change; its key and command stay."""
    override = settings.alarms.overrides.get(entry.key)
    if override is None:
        return entry
    periods = override.periods or entry.evaluation_periods
    return replace(
        entry,
        severity=override.severity or entry.severity,
        threshold=(
            entry.threshold
            if override.threshold is None
            else build_fixed_threshold(override.threshold, entry.unit)
        ),
        period_seconds=(override.period_minutes or 0) * 60 or entry.period_seconds,
        evaluation_periods=periods,
        datapoints=override.datapoints or periods,
    )


def apply_composite_override(entry: CompositeEntry, settings: "Settings") -> CompositeEntry:
    """The composite with the severity that a stack's settings give it."""
    override = settings.alarms.overrides.get(entry.key)
    if override is None or override.severity is None:
        return entry
    return replace(entry, severity=override.severity)


def build_fixed_threshold(value: float, unit: ThresholdUnit = "Count") -> Threshold:
    """Builds a threshold that is the same for every subject."""
    return Threshold(lambda _settings, _name: value, format_value(value, unit))


def format_value(value: float, unit: ThresholdUnit) -> str:
    """Formats a value like 80 %, 20 ms, 60 s, 2.5 GiB, 44 d or 1,000."""
    if unit == "Seconds":
        return f"{value:g} s" if value >= 1 else f"{value * 1000:g} ms"
    if unit == "Bytes":
        return f"{value / GIB_BYTES:.3g} GiB"
    suffix = {"Percent": " %", "Days": " d"}.get(unit)
    return f"{value:,.10g}" if suffix is None else f"{value:g}{suffix}"


def format_period(seconds: int) -> str:
    """Formats seconds like 5 min, 6 h, 1 d."""
    for length, unit in ((DAY_SECONDS, "d"), (HOUR_SECONDS, "h"), (60, "min")):
        if seconds % length == 0:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"


def format_condition(entry: AlarmEntry, threshold: float) -> str:
    """Formats when an alarm is raised: its threshold, and for how long it must be passed."""
    text = f"{entry.comparison} {format_value(threshold, entry.unit)}"
    if entry.datapoints_to_alarm == entry.evaluation_periods:
        return f"{text} for {format_period(entry.duration_seconds)}"
    return (
        f"{text} in {entry.datapoints_to_alarm} of {entry.evaluation_periods} periods of "
        f"{format_period(entry.period_seconds)}"
    )


def format_alarm_description(severity: Severity, *, meaning: str, command: str) -> str:
    """Formats the description of an alarm in CloudWatch: its meaning and the command to run."""
    return f"{severity}. {meaning} Run: {command}"
