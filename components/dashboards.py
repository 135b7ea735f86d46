"""The CloudWatch dashboards: the metrics of the alarm registry, its thresholds as lines."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pulumi_aws as aws
from pulumi import Input, Output, ResourceOptions

from components.alarm_registry import REGISTRY_ALARMS
from components.alarm_registry.model import (
    AlarmEntry,
    MetricStatistic,
    RegistryFacts,
    SubjectKind,
    apply_override,
)
from components.alarms import Alarms, DeployedAlarm
from components.component import Component
from components.contract import build_contract_part
from components.dashboard_graphs import (
    DASHBOARD_GRAPHS,
    DASHBOARD_NAMES,
    GRAPHS_BY_KEY,
    DashboardGraph,
    DashboardName,
)
from components.facts.log_queries import LOG_QUERIES, MAX_QUERY_GROUPS
from components.facts.units import DAY_SECONDS
from components.load_balancer import LoadBalancer
from components.network import Network
from components.settings import Settings
from components.widgets import (
    FULL_WIDTH,
    HALF_WIDTH,
    SEVERITY_COLOURS,
    ThresholdLine,
    Widget,
    build_alarm_widgets,
    build_dashboard_body,
    build_graph_widget,
    build_log_widget,
    build_number_widget,
    build_text_widget,
)
from ops.outputs import DashboardsPart

BILLING_REGION: Final = "us-east-1"  # the only region that has the metrics of the bill
BILL_PERIOD_SECONDS: Final = 21600  # seconds; the bill is published four times a day
REJECTED_FLOWS_QUERY: Final = (
    "filter action = 'REJECT' | stats count(*) as flows by srcAddr, dstAddr, dstPort "
    "| sort flows desc | limit 20"
)
BUSIEST_FLOWS_QUERY: Final = (
    "filter action = 'ACCEPT' | stats sum(bytes) as sent by srcAddr, dstAddr "
    "| sort sent desc | limit 20"
)


@dataclass(frozen=True, kw_only=True)
class DashboardsArgs:
    settings: Settings
    alarms: Alarms
    network: Network
    load_balancer: LoadBalancer | None
    program_log_groups: Sequence[Input[str]]


class Dashboards(Component):
    """`bulwark:index:Dashboards`: one dashboard for each reader, the state of its alarms on top.

    Children: `{name}-infrastructure`, `{name}-database`, `{name}-application` where something
    serves users, and `{name}-cost`. The graphs show the metrics of the whole registry, also where
    the settings leave alarms out; lines are drawn only for existing alarms.
    """

    def __init__(
        self, name: str, *, args: DashboardsArgs, opts: ResourceOptions | None = None
    ) -> None:
        super().__init__("Dashboards", name, settings=args.settings, opts=opts)
        self._args, self._facts = args, args.alarms.facts
        names: dict[str, Input[str]] = {}
        for dashboard_name in DASHBOARD_NAMES:
            if dashboard_name == "application" and args.load_balancer is None:
                continue
            widgets = [
                *self._build_status_widgets(dashboard_name),
                *self._build_graph_widgets(dashboard_name),
                *self._build_extra_widgets(dashboard_name),
            ]
            dashboard = aws.cloudwatch.Dashboard(
                self.format_logical_name(dashboard_name),
                dashboard_name=self.format_physical_name(dashboard_name),
                dashboard_body=Output.json_dumps(build_dashboard_body(widgets)),
                opts=self.child_options,
            )
            names[dashboard_name] = dashboard.dashboard_name
        self.part = build_contract_part(DashboardsPart, dashboards=names)
        self.register_outputs({"part": self.part})

    def _build_status_widgets(self, dashboard_name: DashboardName) -> list[Widget]:
        """The alarms that belong to a dashboard; those inside composites are in theirs."""
        alarms = self._args.alarms
        arns = [
            *(
                composite.arn
                for composite in alarms.composites
                if composite.entry.dashboard == dashboard_name
            ),
            *(
                alarm.arn
                for alarm in alarms.metric_alarms
                if GRAPHS_BY_KEY[alarm.entry.graph].dashboard == dashboard_name
            ),
        ]
        return build_alarm_widgets("Alarms", arns) if arns else []

    def _build_graph_widgets(self, dashboard_name: DashboardName) -> list[Widget]:
        region, metric_alarms = self.settings.region, self._args.alarms.metric_alarms
        return [
            build_graph_widget(
                graph.title,
                region=region,
                metrics=metrics,
                unit=graph.unit,
                lines=build_threshold_lines(graph, metric_alarms),
                period=graph.period,
            )
            for graph in DASHBOARD_GRAPHS
            if graph.dashboard == dashboard_name
            and (metrics := build_graph_metrics(graph, self._facts))
        ]

    def _build_extra_widgets(self, dashboard_name: DashboardName) -> list[Widget]:
        """The widgets that do not come from the registry."""
        if dashboard_name == "infrastructure":
            return [*self._build_firewall_widgets(), *self._build_flow_log_widgets()]
        if dashboard_name == "application":
            return self._build_error_widgets()
        return self._build_bill_widgets() if dashboard_name == "cost" else []

    def _build_error_widgets(self) -> list[Widget]:
        """The newest errors in the logs of services and fleet."""
        groups = self._args.program_log_groups[:MAX_QUERY_GROUPS]
        if not groups:
            return []
        sources = [part for group in groups for part in ("SOURCE '", group, "' | ")]
        query = LOG_QUERIES["error-lines"]
        return [
            build_log_widget(
                "Errors in logs",
                region=self.settings.region,
                query=Output.concat(*sources, query.text),
                width=FULL_WIDTH,
            )
        ]

    def _build_flow_log_widgets(self) -> list[Widget]:
        log_group, region = self._args.network.flow_log_group, self.settings.region
        if log_group is None:
            return []
        return [
            build_log_widget(
                title, region=region, query=Output.concat("SOURCE '", log_group, "' | ", query)
            )
            for title, query in (
                ("Flow logs: refused", REJECTED_FLOWS_QUERY),
                ("Flow logs: busiest", BUSIEST_FLOWS_QUERY),
            )
        ]

    def _build_firewall_widgets(self) -> list[Widget]:
        load_balancer, region = self._args.load_balancer, self.settings.region
        if load_balancer is None or load_balancer.web_acl_name is None:
            return []
        dimensions = ["WebACL", load_balancer.web_acl_name, "Region", region, "Rule", "ALL"]
        metrics = [
            ["AWS/WAFV2", name, *dimensions, {"stat": "Sum", "label": label}]
            for name, label in (("AllowedRequests", "allowed"), ("BlockedRequests", "blocked"))
        ]
        return [
            build_graph_widget(
                "Web firewall", region=region, metrics=metrics, unit="requests a minute"
            )
        ]

    def _build_bill_widgets(self) -> list[Widget]:
        """Needs billing alerts turned on in the account; the bill is of the whole account."""
        total_metric = ["AWS/Billing", "EstimatedCharges", "Currency", "USD", {"stat": "Maximum"}]
        search_expression = (
            "SEARCH('{AWS/Billing,Currency,ServiceName} MetricName=\"EstimatedCharges\"', "
            f"'Maximum', {BILL_PERIOD_SECONDS})"
        )
        service_metrics = [
            {"expression": search_expression, "id": "services", "region": BILLING_REGION}
        ]
        log_metric = ["AWS/Logs", "IncomingBytes", {"stat": "Sum", "label": "all log groups"}]
        region = self.settings.region
        return [
            build_graph_widget(
                "Logs written",
                region=region,
                metrics=[log_metric],
                unit="bytes a day",
                period=DAY_SECONDS,
            ),
            build_text_widget(
                "**Month to date, the whole account** (with billing alerts turned on)"
            ),
            build_number_widget(
                "Bill, $",
                region=BILLING_REGION,
                metrics=[total_metric],
                period=BILL_PERIOD_SECONDS,
                width=HALF_WIDTH,
            ),
            build_graph_widget(
                "Bill by service, $",
                region=BILLING_REGION,
                metrics=[service_metrics],
                unit="$",
                width=HALF_WIDTH,
                period=BILL_PERIOD_SECONDS,
                stacked=True,
            ),
        ]


def build_threshold_lines(
    graph: DashboardGraph, metric_alarms: Sequence[DeployedAlarm]
) -> list[ThresholdLine]:
    """The thresholds of the alarms in a graph, each value of an alarm once."""
    lines_by_threshold: dict[tuple[str, float], ThresholdLine] = {}
    for alarm in metric_alarms:
        if alarm.entry.graph == graph.key and alarm.entry.on_dashboard:
            label = f"{alarm.severity} {alarm.key}"
            line = ThresholdLine(
                label=label, threshold=alarm.threshold, colour=SEVERITY_COLOURS[alarm.severity]
            )
            lines_by_threshold.setdefault((alarm.key, alarm.threshold), line)
    return list(lines_by_threshold.values())


def build_graph_metrics(graph: DashboardGraph, facts: RegistryFacts) -> list[list[Any]]:
    """The metrics of a graph: those that its alarms watch, each once, then the extra ones."""
    metrics: list[list[Any]] = []
    metric_keys: set[tuple[SubjectKind, MetricStatistic, str]] = set()
    for registry_entry in REGISTRY_ALARMS:
        entry = apply_override(registry_entry, facts.settings)
        if (
            entry.graph != graph.key
            or not entry.on_dashboard
            or not entry.condition(facts.settings)
        ):
            continue
        for subject in entry.kind.list_names(facts):
            dimensions = entry.kind.get_dimensions(facts, subject)
            if isinstance(entry.metric, MetricStatistic):
                if (entry.kind, entry.metric, subject) not in metric_keys:
                    metric_keys.add((entry.kind, entry.metric, subject))
                    label = _format_label(
                        entry.kind, subject=subject, metric_label=_format_metric_name(entry.metric)
                    )
                    metrics.append(_build_metric(entry.metric, dimensions, label=label))
            else:
                metrics += _build_math_graph_metrics(
                    entry,
                    facts=facts,
                    subject=subject,
                    dimensions=dimensions,
                    prefix=f"m{len(metrics)}",
                )
    for extra in graph.extra_metrics:
        metrics += [
            _build_metric(
                extra.metric,
                extra.kind.get_dimensions(facts, subject),
                label=_format_label(extra.kind, subject=subject, metric_label=extra.label),
            )
            for subject in extra.kind.list_names(facts)
        ]
    return metrics


def _build_math_graph_metrics(
    entry: AlarmEntry,
    *,
    facts: RegistryFacts,
    subject: str,
    dimensions: Mapping[str, Input[str]],
    prefix: str,
) -> list[list[Any]]:
    """Builds the lines of a graph for metric math: its metrics, hidden, and its result.

    Ids are unique in a graph.
    """
    if isinstance(entry.metric, MetricStatistic):
        raise TypeError(f"{entry.key} has no metric math")
    expression = entry.metric.build_expression(facts.settings, subject)
    hidden_metrics = []
    for id_, metric in entry.metric.metrics.items():
        expression = re.sub(rf"\b{id_}\b", f"{prefix}{id_}", expression)
        options = {"id": f"{prefix}{id_}", "visible": False, "period": entry.period_seconds}
        hidden_metrics.append(_build_metric(metric, dimensions, **options))
    metric_label = (
        entry.key.removesuffix("-short") if entry.composite_only else entry.metric.description
    )
    label = _format_label(entry.kind, subject=subject, metric_label=metric_label)
    return [
        *hidden_metrics,
        [{"expression": expression, "id": f"{prefix}value", "label": label}],
    ]


def _build_metric(
    metric: MetricStatistic, dimensions: Mapping[str, Input[str]], **options: Any
) -> list[Any]:
    dimension_parts = [part for dimension in dimensions.items() for part in dimension]
    return [metric.namespace, metric.name, *dimension_parts, {"stat": metric.stat, **options}]


def _format_metric_name(metric: MetricStatistic) -> str:
    return f"{metric.name} {metric.stat.lower()}"


def _format_label(kind: SubjectKind, *, subject: str, metric_label: str) -> str:
    return " ".join(filter(None, (subject or kind.label, metric_label)))
