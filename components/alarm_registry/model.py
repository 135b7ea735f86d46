"""What an entry of the alarm registry says. Plain data: nothing here imports Pulumi."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from components.alarm_keys import Severity
from components.facts.alarm_commands import AlarmCommand

if TYPE_CHECKING:
    from pulumi import Input

    from components.settings.stack import Settings

MissingDataTreatment = Literal["breaching", "notBreaching", "ignore", "missing"]
Comparison = Literal[">", ">=", "<", "<="]
ThresholdUnit = Literal["Percent", "Count", "Bytes", "Seconds", "Days"]
SettingsCondition: TypeAlias = "Callable[[Settings], bool]"
GIB: Final = 1024**3


@dataclass(frozen=True, kw_only=True)
class RegistryFacts:
    """What alarms are made for: the settings, and what only the made network and ALB know.

    NAT devices are by zone, `targets` by service; `balancer` and each target are ARN suffixes, as
    CloudWatch's dimensions want them.
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
    """A kind of thing that is watched. An only one has no name; `label` tells it in a graph."""

    description: str
    list_names: Callable[[RegistryFacts], tuple[str, ...]]
    get_dimensions: "Callable[[RegistryFacts, str], Mapping[str, Input[str]]]"
    # Whether one may rightly be empty, so that its missing data are no alarm.
    can_be_idle: "Callable[[Settings, str], bool]" = lambda _settings, _name: False
    label: str = ""


@dataclass(frozen=True)
class MetricStatistic:
    """A metric of CloudWatch and a statistic of it: Average, Sum, ... or a percentile like p95."""

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
    """A threshold, by the settings and the name of what is watched; `says` is for people."""

    compute_value: "Callable[[Settings, str], float]"
    description: str


@dataclass(frozen=True, kw_only=True)
class AlarmEntry:
    """One entry: of it one metric alarm is made for each thing of its kind.

    `command` is that of the runbook (`{name}` is the service), `fleet_command` the one if the thing
    is the fleet. `graph` is where the dashboards draw it. `rolls_back_deployment` ends a
    deployment. `composite_only` means that only a composite acts on it, `notifies_all_topics` that
    it goes to both topics; what is not `on_dashboard` has windows too long for a graph.
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
        """How long the threshold must be passed until the alarm is raised."""
        return self.period_seconds * self.evaluation_periods

    def format_command(self, name: str) -> str:
        """The command of the runbook for one thing."""
        return AlarmCommand(command=self.command, fleet_command=self.fleet_command).format_command(
            name
        )

    def get_missing_data(self, settings: "Settings", name: str) -> MissingDataTreatment:
        """How missing data count for one thing."""
        can_be_idle = self.missing_data == "breaching" and self.kind.can_be_idle(settings, name)
        return "notBreaching" if can_be_idle else self.missing_data


@dataclass(frozen=True, kw_only=True)
class CompositeEntry:
    """An alarm on alarms: of each group in `all_of` at least one is raised.

    It is left out where a group has no alarms. While the alarm `suppressed_by` is raised, it acts
    on nobody.
    """

    key: str
    severity: Severity
    alarm_groups: tuple[tuple[str, ...], ...]
    description: str
    command: str
    dashboard: str
    suppressed_by: str | None = None


def build_fixed_threshold(value: float, unit: ThresholdUnit = "Count") -> Threshold:
    """The same threshold for everything."""
    texts = {"Percent": f"{value:g} %", "Seconds": f"{value * 1000:g} ms", "Days": f"{value:g} d"}
    if unit == "Seconds" and value >= 1:
        return Threshold(lambda _settings, _name: value, f"{value:g} s")
    return Threshold(lambda _settings, _name: value, texts.get(unit, f"{value:,.10g}"))


def format_alarm_description(severity: Severity, meaning: str, command: str) -> str:
    """The description of an alarm as CloudWatch shows it: what it means and what to run."""
    return f"{severity}. {meaning} Run: {command}"
