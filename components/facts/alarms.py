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
from components.facts.model import ResourceFact


def _list_alarm_charges(resource: PricedResource, _stack: StackResources) -> Iterable[Charge]:
    """CloudWatch bills an alarm by each metric that it reads."""
    queries = resource.inputs.get("metricQueries") or ()
    metrics = sum(1 for query in queries if query.get("metric") is not None) or 1
    yield build_monthly_charge(
        f"alarm on {metrics} metric{'s' * (metrics > 1)}", "alarm_metric", metrics
    )


FACTS: Final = (
    ResourceFact(
        type="aws:cloudwatch/compositeAlarm:CompositeAlarm",
        list_charges=build_flat_lister("alarm", "composite_alarm"),
        is_taggable=True,
    ),
    ResourceFact(
        type="aws:cloudwatch/metricAlarm:MetricAlarm",
        list_charges=_list_alarm_charges,
        price_properties=("metricQueries",),
        is_taggable=True,
    ),
)
