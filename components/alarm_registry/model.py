"""What an entry of the alarm registry says. Plain data: nothing here imports Pulumi."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

if TYPE_CHECKING:
    from pulumi import Input

    from components.settings.stack import Settings

Severity = Literal["P0", "P1", "P2"]
Missing = Literal["breaching", "notBreaching", "ignore", "missing"]
Compare = Literal[">", ">=", "<", "<="]
Unit = Literal["Percent", "Count", "Bytes", "Seconds", "Days"]
Rule: TypeAlias = "Callable[[Settings], bool]"
GIB: Final = 1024**3


@dataclass(frozen=True, kw_only=True)
class Facts:
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
class Kind:
    """A kind of thing that is watched. An only one has no name; `label` tells it in a graph."""

    says: str
    names: Callable[[Facts], tuple[str, ...]]
    dimensions: "Callable[[Facts, str], Mapping[str, Input[str]]]"
    # Whether one may rightly be empty, so that its missing data are no alarm.
    may_be_idle: "Callable[[Settings, str], bool]" = lambda _settings, _name: False
    label: str = ""


@dataclass(frozen=True)
class Metric:
    """A metric of CloudWatch and a statistic of it: Average, Sum, ... or a percentile like p95."""

    namespace: str
    name: str
    stat: str = "Average"


@dataclass(frozen=True, kw_only=True)
class Math:
    """Metric math: `metrics` by the ids that the expression uses. Each metric is billed."""

    says: str
    metrics: Mapping[str, Metric]
    expression: "Callable[[Settings, str], str]"


@dataclass(frozen=True)
class Limit:
    """A threshold, by the settings and the name of what is watched; `says` is for people."""

    value: "Callable[[Settings, str], float]"
    says: str


@dataclass(frozen=True, kw_only=True)
class Alarm:
    """One entry: of it one metric alarm is made for each thing of its kind.

    `run` is the command of the runbook (`{name}` is the service), `run_fleet` the one where the
    thing is the fleet. `graph` is where the dashboards draw it. `rolls_back` ends a deployment.
    `child` means that only a composite acts on it; `tells_all` that it goes to both topics; what
    is not `drawn` has windows too long for a graph.
    """

    key: str
    severity: Severity
    kind: Kind
    watch: Metric | Math
    compare: Compare
    limit: Limit
    unit: Unit
    says: str
    run: str
    graph: str
    run_fleet: str | None = None
    period: int = 60
    periods: int = 5
    missing: Missing = "missing"
    when: Rule = lambda _: True
    rolls_back: bool = False
    child: bool = False
    tells_all: bool = False
    drawn: bool = True

    @property
    def seconds(self) -> int:
        """How long the threshold must be passed until the alarm is raised."""
        return self.period * self.periods

    def command(self, name: str) -> str:
        """The command of the runbook for one thing."""
        run = self.run_fleet if name == "fleet" and self.run_fleet else self.run
        return run.format(name=name)

    def missing_for(self, settings: "Settings", name: str) -> Missing:
        """How missing data count for one thing."""
        idle = self.missing == "breaching" and self.kind.may_be_idle(settings, name)
        return "notBreaching" if idle else self.missing


@dataclass(frozen=True, kw_only=True)
class Composite:
    """An alarm on alarms: of each group in `all_of` at least one is raised.

    It is left out where a group has no alarms. While the alarm `suppressed_by` is raised, it acts
    on nobody.
    """

    key: str
    severity: Severity
    all_of: tuple[tuple[str, ...], ...]
    says: str
    run: str
    dashboard: str
    suppressed_by: str | None = None


def fixed(value: float, unit: Unit = "Count") -> Limit:
    """The same threshold for everything."""
    shown = {"Percent": f"{value:g} %", "Seconds": f"{value * 1000:g} ms", "Days": f"{value:g} d"}
    if unit == "Seconds" and value >= 1:
        return Limit(lambda _settings, _name: value, f"{value:g} s")
    return Limit(lambda _settings, _name: value, shown.get(unit, f"{value:,.10g}"))


def description(severity: Severity, says: str, command: str) -> str:
    """The description of an alarm as CloudWatch shows it: what it means and what to run."""
    return f"{severity}. {says} Run: {command}"
