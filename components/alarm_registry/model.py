"""The data of the alarm registry. Nothing here imports Pulumi."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

from components.alarm_keys import Severity
from components.facts.alarm_commands import AlarmCommand

if TYPE_CHECKING:
    from pulumi import Input

    from components.settings.stack import Settings

MissingDataTreatment = Literal["breaching", "notBreaching", "ignore", "missing"]
Comparison = Literal[">", ">=", "<", "<="]
ThresholdUnit = Literal["Percent", "Count", "Bytes", "Seconds", "Days"]
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
    long for a graph.
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

    def get_missing_data(self, settings: "Settings", name: str) -> MissingDataTreatment:
        """Returns how missing data counts for one subject."""
        can_be_idle = self.missing_data == "breaching" and self.kind.can_be_idle(settings, name)
        return "notBreaching" if can_be_idle else self.missing_data


@dataclass(frozen=True, kw_only=True)
class CompositeEntry:
    """An alarm on alarms, raised if at least one alarm of each group is raised.

    It is not created if a group has no alarms. While the alarm `suppressed_by` is raised, it
    notifies nobody.
    """

    key: str
    severity: Severity
    alarm_groups: tuple[tuple[str, ...], ...]
    description: str
    command: str
    dashboard: str
    suppressed_by: str | None = None


def build_fixed_threshold(value: float, unit: ThresholdUnit = "Count") -> Threshold:
    """Builds a threshold that is the same for every subject."""
    texts = {"Percent": f"{value:g} %", "Seconds": f"{value * 1000:g} ms", "Days": f"{value:g} d"}
    if unit == "Seconds" and value >= 1:
        return Threshold(lambda _settings, _name: value, f"{value:g} s")
    return Threshold(lambda _settings, _name: value, texts.get(unit, f"{value:,.10g}"))


def format_alarm_description(severity: Severity, *, meaning: str, command: str) -> str:
    """Formats the description of an alarm in CloudWatch: its meaning and the command to run."""
    return f"{severity}. {meaning} Run: {command}"
