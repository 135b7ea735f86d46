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


_ALARMS_GUIDE: Final = "CloudWatch User Guide, Using CloudWatch alarms"
_NOTIFIES_LESS: Final = ProtectionRule(
    "alarmActions", "removed", "it no longer notifies that topic", _ALARMS_GUIDE
)
_NOTIFIES_NO_END: Final = ProtectionRule(
    "okActions", "removed", "nobody is notified when it ends", _ALARMS_GUIDE
)
_IS_SWITCHED_OFF: Final = ProtectionRule(
    "actionsEnabled", "off", "it notifies nobody", _ALARMS_GUIDE
)
FACTS: Final = (
    ResourceFact(
        type="aws:cloudwatch/compositeAlarm:CompositeAlarm",
        replacing=("alarmName",),
        harmless=("alarmDescription",),
        protections=(
            _NOTIFIES_LESS,
            _NOTIFIES_NO_END,
            _IS_SWITCHED_OFF,
            ProtectionRule(
                "alarmRule",
                "changed",
                "it is raised by other alarms",
                _ALARMS_GUIDE,
            ),
            ProtectionRule(
                "actionsSuppressor",
                "changed",
                "other alarms suppress it",
                _ALARMS_GUIDE,
            ),
        ),
        guard=Guard(
            "nobody is notified of what it watches",
            _ALARMS_GUIDE,
        ),
        list_charges=build_flat_lister("alarm", "composite_alarm"),
        is_taggable=True,
    ),
    ResourceFact(
        type="aws:cloudwatch/metricAlarm:MetricAlarm",
        harmless=("alarmDescription", "dimensions", "unit"),
        protections=(
            _NOTIFIES_LESS,
            _NOTIFIES_NO_END,
            ProtectionRule(
                "insufficientDataActions",
                "removed",
                "nobody is notified when it has no data",
                _ALARMS_GUIDE,
            ),
            _IS_SWITCHED_OFF,
            ProtectionRule(
                "comparisonOperator",
                "changed",
                "it is raised at another value, or later",
                _ALARMS_GUIDE,
            ),
            ProtectionRule(
                "datapointsToAlarm",
                "changed",
                "it is raised at another value, or later",
                _ALARMS_GUIDE,
            ),
            ProtectionRule(
                "evaluationPeriods",
                "changed",
                "it is raised at another value, or later",
                _ALARMS_GUIDE,
            ),
            ProtectionRule(
                "period",
                "changed",
                "it is raised at another value, or later",
                _ALARMS_GUIDE,
            ),
            ProtectionRule(
                "statistic",
                "changed",
                "it is raised at another value, or later",
                _ALARMS_GUIDE,
            ),
            ProtectionRule(
                "extendedStatistic",
                "changed",
                "it is raised at another value, or later",
                _ALARMS_GUIDE,
            ),
            ProtectionRule(
                "threshold",
                "changed",
                "it is raised at another value, or later",
                _ALARMS_GUIDE,
            ),
            ProtectionRule(
                "treatMissingData",
                "changed",
                "it is raised at another value, or later",
                _ALARMS_GUIDE,
            ),
            ProtectionRule(
                "metricQueries",
                "changed",
                "it watches another metric",
                _ALARMS_GUIDE,
            ),
            ProtectionRule(
                "metricName",
                "changed",
                "it watches another metric",
                _ALARMS_GUIDE,
            ),
            ProtectionRule(
                "namespace",
                "changed",
                "it watches another metric",
                _ALARMS_GUIDE,
            ),
        ),
        guard=Guard(
            "nobody is notified of what it watches",
            _ALARMS_GUIDE,
        ),
        list_charges=_list_alarm_charges,
        price_properties=("metricQueries",),
        is_taggable=True,
    ),
)
