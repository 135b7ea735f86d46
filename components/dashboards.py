"""The CloudWatch dashboards: the metrics of the alarm registry, its thresholds as lines."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pulumi_aws as aws
from pulumi import Input, Output, ResourceOptions

from components.alarm_registry import ALARMS
from components.alarm_registry.model import Alarm, Facts, Kind, Metric
from components.alarms import Alarms, Made
from components.component import Component
from components.contract import contract
from components.dashboard_graphs import BY_KEY, DASHBOARDS, DAY, GRAPHS, Dashboard, Graph
from components.load_balancer import LoadBalancer
from components.network import Network
from components.settings import Settings
from components.widgets import (
    COLOURS,
    HALF,
    Line,
    Widget,
    alarm_status,
    body,
    graph,
    logs,
    number,
    text,
)
from ops.outputs import DashboardsPart

BILLING: Final = "us-east-1"  # the only region that has the metrics of the bill
BILL_PERIOD: Final = 21600  # seconds; the bill is published four times a day
REJECTED: Final = (
    "filter action = 'REJECT' | stats count(*) as flows by srcAddr, dstAddr, dstPort "
    "| sort flows desc | limit 20"
)
TALKERS: Final = (
    "filter action = 'ACCEPT' | stats sum(bytes) as sent by srcAddr, dstAddr "
    "| sort sent desc | limit 20"
)


@dataclass(frozen=True)
class DashboardsArgs:
    settings: Settings
    alarms: Alarms
    network: Network
    load_balancer: LoadBalancer | None


class Dashboards(Component):
    """`bulwark:index:Dashboards`: one dashboard for each reader, the state of its alarms on top.

    Children: `{name}-infrastructure`, `{name}-database`, `{name}-application` where something
    serves users, and `{name}-cost`. The graphs show the metrics of the whole registry, also where
    the settings leave alarms out; lines stand only for alarms that there are.
    """

    def __init__(
        self, name: str, args: DashboardsArgs, opts: ResourceOptions | None = None
    ) -> None:
        super().__init__("Dashboards", name, args.settings, opts)
        self._args, self._facts = args, args.alarms.facts
        names: dict[str, Input[str]] = {}
        for what in DASHBOARDS:
            if what == "application" and args.load_balancer is None:
                continue
            widgets = [*self._status(what), *self._graphs(what), *self._more(what)]
            made = aws.cloudwatch.Dashboard(
                self.key(what),
                dashboard_name=self.physical(what),
                dashboard_body=Output.json_dumps(body(widgets)),
                opts=self.child,
            )
            names[what] = made.dashboard_name
        self.part = contract(DashboardsPart, dashboards=names)
        self.register_outputs({"part": self.part})

    def _status(self, what: Dashboard) -> list[Widget]:
        """The alarms that belong to a dashboard; those inside composites are in theirs."""
        alarms = self._args.alarms
        arns = [
            *(one.arn for one in alarms.composites if one.entry.dashboard == what),
            *(m.arn for m in alarms.made if BY_KEY[m.entry.graph].dashboard == what),
        ]
        return alarm_status("Alarms", arns) if arns else []

    def _graphs(self, what: Dashboard) -> list[Widget]:
        region, made = self.settings.region, self._args.alarms.made
        return [
            graph(
                one.title,
                region,
                drawn,
                unit=one.unit,
                lines=lines(one, made),
                period=one.period,
            )
            for one in GRAPHS
            if one.dashboard == what and (drawn := series(one, self._facts))
        ]

    def _more(self, what: Dashboard) -> list[Widget]:
        """What the registry knows nothing of."""
        if what == "infrastructure":
            return [*self._firewall(), *self._flows()]
        return self._bill() if what == "cost" else []

    def _flows(self) -> list[Widget]:
        group, region = self._args.network.flow_log_group, self.settings.region
        if group is None:
            return []
        return [
            logs(title, region, Output.concat("SOURCE '", group, "' | ", query))
            for title, query in (("Flow logs: refused", REJECTED), ("Flow logs: busiest", TALKERS))
        ]

    def _firewall(self) -> list[Widget]:
        balancer, region = self._args.load_balancer, self.settings.region
        if balancer is None or balancer.web_acl_name is None:
            return []
        of = ["WebACL", balancer.web_acl_name, "Region", region, "Rule", "ALL"]
        counted = [
            ["AWS/WAFV2", name, *of, {"stat": "Sum", "label": label}]
            for name, label in (("AllowedRequests", "allowed"), ("BlockedRequests", "blocked"))
        ]
        return [graph("Web firewall", region, counted, unit="requests a minute")]

    def _bill(self) -> list[Widget]:
        """Needs billing alerts turned on in the account; the bill is of the whole account."""
        total = ["AWS/Billing", "EstimatedCharges", "Currency", "USD", {"stat": "Maximum"}]
        search = (
            "SEARCH('{AWS/Billing,Currency,ServiceName} MetricName=\"EstimatedCharges\"', "
            f"'Maximum', {BILL_PERIOD})"
        )
        services = [{"expression": search, "id": "services", "region": BILLING}]
        logged = ["AWS/Logs", "IncomingBytes", {"stat": "Sum", "label": "all log groups"}]
        region = self.settings.region
        return [
            graph("Logs written", region, [logged], unit="bytes a day", period=DAY),
            text("**Month to date, the whole account** (with billing alerts turned on)"),
            number("Bill, $", BILLING, [total], BILL_PERIOD, width=HALF),
            graph(
                "Bill by service, $",
                BILLING,
                [services],
                unit="$",
                width=HALF,
                period=BILL_PERIOD,
                stacked=True,
            ),
        ]


def lines(one: Graph, made: Sequence[Made]) -> list[Line]:
    """The thresholds of the alarms in a graph, each value of an alarm once."""
    found: dict[tuple[str, float], Line] = {}
    for alarm in made:
        if alarm.entry.graph == one.key and alarm.entry.drawn:
            label = f"{alarm.severity} {alarm.key}"
            line = Line(label, alarm.threshold, COLOURS[alarm.severity])
            found.setdefault((alarm.key, alarm.threshold), line)
    return list(found.values())


def series(one: Graph, facts: Facts) -> list[list[Any]]:
    """What a graph shows: what its alarms watch, each metric once, then the extra metrics."""
    drawn: list[list[Any]] = []
    seen: set[tuple[Kind, Metric, str]] = set()
    for entry in ALARMS:
        if entry.graph != one.key or not entry.drawn or not entry.when(facts.settings):
            continue
        for subject in entry.kind.names(facts):
            dimensions = entry.kind.dimensions(facts, subject)
            if isinstance(entry.watch, Metric):
                if (entry.kind, entry.watch, subject) not in seen:
                    seen.add((entry.kind, entry.watch, subject))
                    label = _label(entry.kind, subject, _short(entry.watch))
                    drawn.append(_metric(entry.watch, dimensions, label=label))
            else:
                drawn += _math(entry, facts, subject, dimensions, f"m{len(drawn)}")
    for extra in one.extra:
        drawn += [
            _metric(
                extra.metric,
                extra.kind.dimensions(facts, subject),
                label=_label(extra.kind, subject, extra.label),
            )
            for subject in extra.kind.names(facts)
        ]
    return drawn


def _math(
    entry: Alarm,
    facts: Facts,
    subject: str,
    dimensions: Mapping[str, Input[str]],
    prefix: str,
) -> list[list[Any]]:
    """The metrics of a piece of metric math, hidden, and its result. Ids are unique in a graph."""
    if isinstance(entry.watch, Metric):
        raise TypeError(f"{entry.key} is no metric math")
    expression = entry.watch.expression(facts.settings, subject)
    hidden = []
    for id_, metric in entry.watch.metrics.items():
        expression = re.sub(rf"\b{id_}\b", f"{prefix}{id_}", expression)
        options = {"id": f"{prefix}{id_}", "visible": False, "period": entry.period}
        hidden.append(_metric(metric, dimensions, **options))
    what = entry.key.removesuffix("-short") if entry.child else entry.watch.says
    label = _label(entry.kind, subject, what)
    return [
        *hidden,
        [{"expression": expression, "id": f"{prefix}value", "label": label}],
    ]


def _metric(metric: Metric, dimensions: Mapping[str, Input[str]], **options: Any) -> list[Any]:
    named = [part for pair in dimensions.items() for part in pair]
    return [metric.namespace, metric.name, *named, {"stat": metric.stat, **options}]


def _short(metric: Metric) -> str:
    return f"{metric.name} {metric.stat.lower()}"


def _label(kind: Kind, subject: str, what: str) -> str:
    return " ".join(filter(None, (subject or kind.label, what)))
