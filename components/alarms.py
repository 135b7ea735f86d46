"""The stack's alarms, made from the registry: metric alarms, composites, and who is told."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import pulumi_aws as aws
from pulumi import Input, Output, Resource, ResourceOptions

from components.alarm_registry import ALARMS, COMPOSITES
from components.alarm_registry.model import (
    Alarm,
    Compare,
    Composite,
    Facts,
    Math,
    Metric,
    Severity,
    description,
)
from components.alarm_registry.plan import Planned, PlannedComposite, plan
from components.component import Component
from components.contract import contract
from components.load_balancer import LoadBalancer
from components.network import Network
from components.settings import Settings
from components.topics import LEVELS, Topics
from ops.outputs import AlarmsPart

OPERATORS: Final[Mapping[Compare, str]] = {
    ">": "GreaterThanThreshold",
    ">=": "GreaterThanOrEqualToThreshold",
    "<": "LessThanThreshold",
    "<=": "LessThanOrEqualToThreshold",
}
BASIC: Final = frozenset({"Average", "Sum", "Minimum", "Maximum", "SampleCount"})
# Seconds that a slower burn waits for the faster to be raised, and stays silent after its end.
SUPPRESSION: Final = {"wait_period": 120, "extension_period": 300}
SEVERITIES: Final[tuple[Severity, ...]] = ("P0", "P1", "P2")


@dataclass(frozen=True)
class AlarmsArgs:
    settings: Settings
    topics: Topics
    network: Network
    load_balancer: LoadBalancer | None


@dataclass(frozen=True)
class Made:
    """A metric alarm that was made, with what the dashboards draw of it."""

    entry: Alarm
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
    def metric(self) -> Metric | Math:
        """What it watches."""
        return self.entry.watch


@dataclass(frozen=True)
class MadeComposite:
    """A composite alarm that was made."""

    entry: Composite
    name: str
    rule: str
    arn: Output[str]


class Alarms(Component):
    """`bulwark:index:Alarms`: what the registry says for this stack.

    Children: of each entry `{name}-{key}-{subject}` for each thing that it watches (`{name}-{key}`
    where there is only one), and `{name}-{key}` of each composite. P0 and P1 go to the page topic,
    P2 to warn, when raised and when over. An alarm that only a composite acts on tells nobody.

    `deployment_alarms` are, by service, the names of those that roll back a deployment: none
    where the settings leave their severity out, since ECS then has its circuit breaker.
    `made` and `composites` are what was made; `facts` what it was made from.
    """

    def __init__(self, name: str, args: AlarmsArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("Alarms", name, args.settings, opts)
        self._topics = args.topics
        self.facts = facts(args.settings, args.network, args.load_balancer)
        planned = plan(self.facts, ALARMS, COMPOSITES)
        self._resources: dict[str, Resource] = {}
        self.made = tuple(self._alarm(one) for one in planned.alarms)
        self.composites = tuple(self._composite(one) for one in planned.composites)
        self.deployment_alarms = {
            service: tuple(m.name for m in self.made if m.entry.rolls_back and m.subject == service)
            for service in (args.settings.services if args.settings.has_services else ())
        }
        self.part = contract(
            AlarmsPart,
            page_topic_arn=args.topics.page,
            warn_topic_arn=args.topics.warn,
            names={severity: self._names(severity) for severity in SEVERITIES},
        )
        self.register_outputs({"part": self.part})

    def _names(self, severity: Severity) -> list[str]:
        """Those that tell somebody: an alarm inside a composite is no incident of its own."""
        alone = [m.name for m in self.made if m.severity == severity and not m.entry.child]
        return alone + [c.name for c in self.composites if c.entry.severity == severity]

    def _actions(self, severity: Severity) -> list[Input[str]]:
        return [self._topics.warn if severity == "P2" else self._topics.page]

    def _alarm(self, one: Planned) -> Made:
        entry, settings = one.entry, self.settings
        dimensions = entry.kind.dimensions(self.facts, one.subject)
        told: list[Input[str]] | None = self._actions(entry.severity)
        if entry.tells_all:
            told = [self._topics.page, self._topics.warn]
        if entry.child:
            told = None
        watch = entry.watch
        alarm = aws.cloudwatch.MetricAlarm(
            self.key(*filter(None, (entry.key, one.subject))),
            name=one.name,
            alarm_description=description(entry.severity, entry.says, entry.command(one.subject)),
            comparison_operator=OPERATORS[entry.compare],
            threshold=one.threshold,
            evaluation_periods=entry.periods,
            datapoints_to_alarm=entry.periods,
            treat_missing_data=entry.missing_for(settings, one.subject),
            alarm_actions=told,
            ok_actions=told,
            **(
                _of_metric(watch, dimensions, entry.period)
                if isinstance(watch, Metric)
                else {"metric_queries": _queries(watch, dimensions, entry, settings, one.subject)}
            ),
            opts=self.child,
        )
        self._resources[one.name] = alarm
        return Made(entry, one.subject, one.name, one.threshold, dimensions, alarm.arn)

    def _composite(self, one: PlannedComposite) -> MadeComposite:
        """Names in the rule are plain, so that what they name is waited for here."""
        entry = one.entry
        told = self._actions(entry.severity)
        before = [*one.parts, *([one.suppressor] if one.suppressor else [])]
        alarm = aws.cloudwatch.CompositeAlarm(
            self.key(entry.key),
            alarm_name=one.name,
            alarm_description=description(entry.severity, entry.says, entry.run),
            alarm_rule=one.rule,
            alarm_actions=told,
            ok_actions=told,
            actions_suppressor=(
                aws.cloudwatch.CompositeAlarmActionsSuppressorArgs(
                    alarm=one.suppressor, **SUPPRESSION
                )
                if one.suppressor
                else None
            ),
            opts=self.options(depends_on=[self._resources[name] for name in before]),
        )
        self._resources[one.name] = alarm
        return MadeComposite(entry, one.name, one.rule, alarm.arn)


def facts(settings: Settings, network: Network, balancer: LoadBalancer | None) -> Facts:
    """What the registry needs to know of the made network and load balancer."""
    return Facts(
        settings=settings,
        nat_gateways=network.nat_gateways,
        nat_instances=network.nat_instances,
        topics={level: f"{settings.prefix}-{level}" for level in LEVELS},
        targets=(
            {name: target.group_arn_suffix for name, target in balancer.targets.items()}
            if balancer
            else {}
        ),
        balancer=balancer.arn_suffix if balancer else None,
        certificate=balancer.certificate_arn if balancer else None,
    )


def _of_metric(
    metric: Metric, dimensions: Mapping[str, Input[str]], period: int
) -> dict[str, Input[object]]:
    stat = "statistic" if metric.stat in BASIC else "extended_statistic"
    return {
        "namespace": metric.namespace,
        "metric_name": metric.name,
        "dimensions": dimensions,
        "period": period,
        stat: metric.stat,
    }


def _queries(
    math: Math,
    dimensions: Mapping[str, Input[str]],
    entry: Alarm,
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
                "period": entry.period,
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
            "expression": math.expression(settings, subject),
            "label": math.says,
            "return_data": True,
        },
    ]
