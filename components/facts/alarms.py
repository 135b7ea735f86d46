"""Facts of alarms."""

from collections.abc import Iterable
from typing import Final

from components.facts.billing import (
    Charge,
    PricedResource,
    StackResources,
    build_flat_lister,
    build_monthly_charge,
)
from components.facts.model import Guard, ProtectionRule, ResourceFact


def _list_alarm_charges(resource: PricedResource, _stack: StackResources) -> Iterable[Charge]:
    """CloudWatch bills an alarm by each metric that it reads."""
    queries = resource.inputs.get("metricQueries") or ()
    metrics = sum(1 for query in queries if query.get("metric") is not None) or 1
    yield build_monthly_charge(
        f"alarm on {metrics} metric{'s' * (metrics > 1)}", price="alarm_metric", quantity=metrics
    )


FACTS: Final = (
    ResourceFact(
        type="aws:cloudwatch/compositeAlarm:CompositeAlarm",
        replacing=("alarmName",),
        harmless=("alarmDescription",),
        protections=(
            ProtectionRule(
                "alarmActions",
                "removed",
                "it no longer notifies that topic",
                "CloudWatch User Guide, Using CloudWatch alarms",
            ),
            ProtectionRule(
                "okActions",
                "removed",
                "nobody is told when it is over",
                "CloudWatch User Guide, Using CloudWatch alarms",
            ),
            ProtectionRule(
                "actionsEnabled",
                "off",
                "it notifies nobody",
                "CloudWatch User Guide, Using CloudWatch alarms",
            ),
            ProtectionRule(
                "alarmRule",
                "changed",
                "it is raised by other alarms",
                "CloudWatch User Guide, Using CloudWatch alarms",
            ),
            ProtectionRule(
                "actionsSuppressor",
                "changed",
                "other alarms suppress it",
                "CloudWatch User Guide, Using CloudWatch alarms",
            ),
        ),
        guard=Guard(
            "nobody is notified of what it watches",
            "CloudWatch User Guide, Using CloudWatch alarms",
        ),
        list_charges=build_flat_lister("alarm", "composite_alarm"),
        is_taggable=True,
    ),
    ResourceFact(
        type="aws:cloudwatch/metricAlarm:MetricAlarm",
        harmless=("alarmDescription", "dimensions", "unit"),
        protections=(
            ProtectionRule(
                "alarmActions",
                "removed",
                "it no longer notifies that topic",
                "CloudWatch User Guide, Using CloudWatch alarms",
            ),
            ProtectionRule(
                "okActions",
                "removed",
                "nobody is told when it is over",
                "CloudWatch User Guide, Using CloudWatch alarms",
            ),
            ProtectionRule(
                "insufficientDataActions",
                "removed",
                "nobody is told when it has no data",
                "CloudWatch User Guide, Using CloudWatch alarms",
            ),
            ProtectionRule(
                "actionsEnabled",
                "off",
                "it notifies nobody",
                "CloudWatch User Guide, Using CloudWatch alarms",
            ),
            ProtectionRule(
                "comparisonOperator",
                "changed",
                "it is raised at another value, or later",
                "CloudWatch User Guide, Using CloudWatch alarms",
            ),
            ProtectionRule(
                "datapointsToAlarm",
                "changed",
                "it is raised at another value, or later",
                "CloudWatch User Guide, Using CloudWatch alarms",
            ),
            ProtectionRule(
                "evaluationPeriods",
                "changed",
                "it is raised at another value, or later",
                "CloudWatch User Guide, Using CloudWatch alarms",
            ),
            ProtectionRule(
                "period",
                "changed",
                "it is raised at another value, or later",
                "CloudWatch User Guide, Using CloudWatch alarms",
            ),
            ProtectionRule(
                "statistic",
                "changed",
                "it is raised at another value, or later",
                "CloudWatch User Guide, Using CloudWatch alarms",
            ),
            ProtectionRule(
                "extendedStatistic",
                "changed",
                "it is raised at another value, or later",
                "CloudWatch User Guide, Using CloudWatch alarms",
            ),
            ProtectionRule(
                "threshold",
                "changed",
                "it is raised at another value, or later",
                "CloudWatch User Guide, Using CloudWatch alarms",
            ),
            ProtectionRule(
                "treatMissingData",
                "changed",
                "it is raised at another value, or later",
                "CloudWatch User Guide, Using CloudWatch alarms",
            ),
            ProtectionRule(
                "metricQueries",
                "changed",
                "it is raised at another value, or later",
                "CloudWatch User Guide, Using CloudWatch alarms",
            ),
            ProtectionRule(
                "metricName",
                "changed",
                "it is raised at another value, or later",
                "CloudWatch User Guide, Using CloudWatch alarms",
            ),
            ProtectionRule(
                "namespace",
                "changed",
                "it is raised at another value, or later",
                "CloudWatch User Guide, Using CloudWatch alarms",
            ),
        ),
        guard=Guard(
            "nobody is notified of what it watches",
            "CloudWatch User Guide, Using CloudWatch alarms",
        ),
        list_charges=_list_alarm_charges,
        price_properties=("metricQueries",),
        is_taggable=True,
    ),
)
