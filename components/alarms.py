"""The stack's alarms, created from the registry: metric alarms, composites, their topics."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import pulumi_aws as aws
from pulumi import Input, Output, Resource, ResourceOptions

from components.alarm_registry import REGISTRY_ALARMS, REGISTRY_COMPOSITES
from components.alarm_registry.burn_rate import LATENCY_OBJECTIVE_PERCENT
from components.alarm_registry.model import (
    AlarmEntry,
    CompositeEntry,
    MetricMath,
    MetricStatistic,
    RegistryFacts,
    format_alarm_description,
    format_condition,
)
from components.alarm_registry.plan import (
    PlannedAlarm,
    PlannedComposite,
    PlannedPart,
    build_alarm_plan,
)
from components.component import Component
from components.contract import build_contract_part
from components.facts.alarm_numbers import PAGING_SEVERITIES, SEVERITIES, Comparison, Severity
from components.load_balancer import LoadBalancer
from components.network import Network
from components.settings import Settings
from components.spending import Spending, SpendingArgs
from components.topics import TOPIC_LEVELS, Topics
from ops.outputs import AlarmsPart, ObjectivesPart

COMPARISON_OPERATORS: Final[Mapping[Comparison, str]] = {
    ">": "GreaterThanThreshold",
    ">=": "GreaterThanOrEqualToThreshold",
    "<": "LessThanThreshold",
    "<=": "LessThanOrEqualToThreshold",
}
BASIC_STATISTICS: Final = frozenset({"Average", "Sum", "Minimum", "Maximum", "SampleCount"})
# Seconds that a slower burn waits for the faster to be raised, and stays silent after its end.
SUPPRESSION_SECONDS: Final = {"wait_period": 120, "extension_period": 300}


@dataclass(frozen=True, kw_only=True)
class AlarmsArgs:
    settings: Settings
    topics: Topics
    network: Network
    load_balancer: LoadBalancer | None


@dataclass(frozen=True, kw_only=True)
class DeployedAlarm:
    """A created metric alarm, with the values that dashboards draw."""

    entry: AlarmEntry
    subject: str
    name: str
    threshold: float
    dimensions: Mapping[str, Input[str]]
    arn: Output[str]

    @property
    def key(self) -> str:
        """The entry's key."""
        return self.entry.key

    @property
    def severity(self) -> Severity:
        """The entry's severity."""
        return self.entry.severity

    @property
    def metric(self) -> MetricStatistic | MetricMath:
        """The metric that it watches."""
        return self.entry.metric


@dataclass(frozen=True, kw_only=True)
class DeployedComposite:
    """A composite alarm that was made."""

    entry: CompositeEntry
    name: str
    rule: str
    arn: Output[str]


class Alarms(Component):
    """`bulwark:index:Alarms`: the alarms of the registry for this stack.

    Children: `{name}-{key}-{subject}` for each entry and subject (`{name}-{key}` if there is only
    one), and `{name}-{key}` for each composite, with `{name}-{key}-part-{n}` if it asks about too
    many alarms. P0 and P1 go to the page topic, P2 to warn, when raised and when over. P3, and an
    alarm that only a composite acts on, notify nobody.

    `deployment_alarms` are, by service, the names of those that roll back a deployment: none
    if the settings leave their severity out; ECS still has its circuit breaker.
    """

    def __init__(self, name: str, *, args: AlarmsArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("Alarms", name, settings=args.settings, opts=opts)
        self._topics = args.topics
        self.facts = build_registry_facts(
            args.settings, network=args.network, load_balancer=args.load_balancer
        )
        alarm_plan = build_alarm_plan(
            self.facts, alarms=REGISTRY_ALARMS, composites=REGISTRY_COMPOSITES
        )
        self._resources: dict[str, Resource] = {}
        self.metric_alarms = tuple(
            self._create_metric_alarm(planned_alarm) for planned_alarm in alarm_plan.alarms
        )
        self.composites = tuple(
            self._create_composite_alarm(planned_alarm) for planned_alarm in alarm_plan.composites
        )
        self.deployment_alarms = {
            service: tuple(
                alarm.name
                for alarm in self.metric_alarms
                if alarm.entry.rolls_back_deployment and alarm.subject == service
            )
            for service in (args.settings.services if args.settings.has_services else ())
        }
        self.part = build_contract_part(
            AlarmsPart,
            page_topic_arn=args.topics.page,
            warn_topic_arn=args.topics.warn,
            names={severity: self._list_notifying_alarms(severity) for severity in SEVERITIES},
            objectives=_build_objectives(args.settings).model_dump(),
            checklists=list(args.settings.alarms.checklists),
            contacts=[contact.model_dump() for contact in args.settings.alarms.contacts],
            spending=self._build_spending(),
        )
        self.register_outputs({"part": self.part})

    def _build_spending(self) -> Output[dict[str, Any]] | None:
        """What watches the costs, as `Outputs` has it; None if the settings leave it out."""
        cost = self.settings.cost
        if cost.monthly_budget is None and not cost.anomaly_detection:
            return None
        args = SpendingArgs(settings=self.settings, topics=self._topics)
        name = self.format_logical_name("spending")
        return Spending(name, args=args, opts=self.child_options).part

    def _list_notifying_alarms(self, severity: Severity) -> list[str]:
        """Lists the alarms that notify somebody; one inside a composite does not."""
        metric_alarm_names = [
            alarm.name
            for alarm in self.metric_alarms
            if alarm.severity == severity and not alarm.entry.composite_only
        ]
        return metric_alarm_names + [
            composite.name for composite in self.composites if composite.entry.severity == severity
        ]

    def _list_actions(
        self, severity: Severity, *, is_for_all: bool = False
    ) -> list[Input[str]] | None:
        """The topics of a severity; None if it notifies nobody."""
        if severity == "P3":
            return None
        if is_for_all:
            return [self._topics.page, self._topics.warn]
        return [self._topics.page if severity in PAGING_SEVERITIES else self._topics.warn]

    def _create_metric_alarm(self, planned_alarm: PlannedAlarm) -> DeployedAlarm:
        entry, settings = planned_alarm.entry, self.settings
        dimensions = entry.kind.get_dimensions(self.facts, planned_alarm.subject)
        actions = (
            None
            if entry.composite_only
            else self._list_actions(entry.severity, is_for_all=entry.notifies_all_topics)
        )
        metric = entry.metric
        alarm = aws.cloudwatch.MetricAlarm(
            self.format_logical_name(*filter(None, (entry.key, planned_alarm.subject))),
            name=planned_alarm.name,
            alarm_description=format_alarm_description(
                entry.severity,
                meaning=f"{entry.description} Raised at: "
                f"{format_condition(entry, planned_alarm.threshold)}.",
                command=entry.format_command(planned_alarm.subject),
            ),
            comparison_operator=COMPARISON_OPERATORS[entry.comparison],
            threshold=planned_alarm.threshold,
            evaluation_periods=entry.evaluation_periods,
            datapoints_to_alarm=entry.datapoints_to_alarm,
            treat_missing_data=entry.get_missing_data(settings, planned_alarm.subject),
            alarm_actions=actions,
            ok_actions=actions,
            **(
                _build_metric_args(metric, dimensions=dimensions, period=entry.period_seconds)
                if isinstance(metric, MetricStatistic)
                else {
                    "metric_queries": _build_metric_queries(
                        metric,
                        dimensions=dimensions,
                        entry=entry,
                        settings=settings,
                        subject=planned_alarm.subject,
                    )
                }
            ),
            opts=self.child_options,
        )
        self._resources[planned_alarm.name] = alarm
        return DeployedAlarm(
            entry=entry,
            subject=planned_alarm.subject,
            name=planned_alarm.name,
            threshold=planned_alarm.threshold,
            dimensions=dimensions,
            arn=alarm.arn,
        )

    def _create_composite_alarm(self, planned_composite: PlannedComposite) -> DeployedComposite:
        """Names in the rule are plain, so that what they name is waited for here."""
        entry = planned_composite.entry
        actions = self._list_actions(entry.severity)
        for part in planned_composite.parts:
            self._create_composite_part(planned_composite, part)
        dependency_names = [
            *planned_composite.alarm_names,
            *([planned_composite.suppressor] if planned_composite.suppressor else []),
        ]
        alarm = aws.cloudwatch.CompositeAlarm(
            self.format_logical_name(entry.key),
            alarm_name=planned_composite.name,
            alarm_description=format_alarm_description(
                entry.severity,
                meaning=entry.get_description(self.settings),
                command=entry.command,
            ),
            alarm_rule=planned_composite.rule,
            alarm_actions=actions,
            ok_actions=actions,
            actions_suppressor=(
                aws.cloudwatch.CompositeAlarmActionsSuppressorArgs(
                    alarm=planned_composite.suppressor, **SUPPRESSION_SECONDS
                )
                if planned_composite.suppressor
                else None
            ),
            opts=self.build_child_options(
                depends_on=[self._resources[name] for name in dependency_names]
            ),
        )
        self._resources[planned_composite.name] = alarm
        return DeployedComposite(
            entry=entry, name=planned_composite.name, rule=planned_composite.rule, arn=alarm.arn
        )

    def _create_composite_part(self, composite: PlannedComposite, part: PlannedPart) -> None:
        """Creates a composite that notifies nobody: CloudWatch limits the alarms in a rule."""
        self._resources[part.name] = aws.cloudwatch.CompositeAlarm(
            self.format_logical_name(part.key),
            alarm_name=part.name,
            alarm_description=format_alarm_description(
                composite.entry.severity,
                meaning=f"A part of {composite.name}, which notifies.",
                command=composite.entry.command,
            ),
            alarm_rule=part.rule,
            opts=self.build_child_options(
                depends_on=[self._resources[name] for name in part.alarm_names]
            ),
        )


def _build_objectives(settings: Settings) -> ObjectivesPart:
    alarms = settings.alarms
    return ObjectivesPart(
        availability_percent=alarms.availability_objective,
        latency_percent=LATENCY_OBJECTIVE_PERCENT,
        latency_ms=alarms.latency_objective_ms,
        database_availability_percent=alarms.database_availability_objective,
        statement_latency_ms=alarms.statement_latency_objective_ms,
        deployment_success_percent=alarms.deployment_success_objective,
        backup_success_percent=alarms.backup_success_objective,
    )


def build_registry_facts(
    settings: Settings, *, network: Network, load_balancer: LoadBalancer | None
) -> RegistryFacts:
    """The facts that the registry needs, from the created network and load balancer."""
    return RegistryFacts(
        settings=settings,
        nat_gateways=network.nat_gateways,
        nat_instances=network.nat_instances,
        topics={level: f"{settings.prefix}-{level}" for level in TOPIC_LEVELS},
        targets=(
            {name: target.group_arn_suffix for name, target in load_balancer.targets.items()}
            if load_balancer
            else {}
        ),
        balancer=load_balancer.arn_suffix if load_balancer else None,
        certificate=load_balancer.certificate_arn if load_balancer else None,
    )


def _build_metric_args(
    metric: MetricStatistic, *, dimensions: Mapping[str, Input[str]], period: int
) -> dict[str, Input[object]]:
    stat = "statistic" if metric.stat in BASIC_STATISTICS else "extended_statistic"
    return {
        "namespace": metric.namespace,
        "metric_name": metric.name,
        "dimensions": dimensions,
        "period": period,
        stat: metric.stat,
    }


def _build_metric_queries(
    math: MetricMath,
    *,
    dimensions: Mapping[str, Input[str]],
    entry: AlarmEntry,
    settings: Settings,
    subject: str,
) -> list[aws.cloudwatch.MetricAlarmMetricQueryArgsDict]:
    queries: list[aws.cloudwatch.MetricAlarmMetricQueryArgsDict] = [
        {
            "id": id_,
            "metric": {
                "namespace": metric.namespace,
                "metric_name": metric.name,
                "dimensions": dimensions,
                "period": entry.period_seconds,
                "stat": metric.stat,
            },
            "return_data": False,
        }
        for id_, metric in math.metrics.items()
    ]
    return [
        *queries,
        {
            "id": "value",
            "expression": math.build_expression(settings, subject),
            "label": math.description,
            "return_data": True,
        },
    ]
