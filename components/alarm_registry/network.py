"""Alarms of the NAT devices."""

from typing import Final

from components.alarm_registry.kinds import NAT_GATEWAY_KIND, NAT_INSTANCE_KIND
from components.alarm_registry.model import (
    AlarmEntry,
    MetricMath,
    MetricStatistic,
    build_fixed_threshold,
)
from components.facts.metrics import NAT_GATEWAY_NAMESPACE as NAT_GATEWAY_NAMESPACE

FORWARDED_PACKETS: Final = "(FILL(out, 0) + FILL(back, 0))"

NETWORK_ALARMS: Final = (
    AlarmEntry(
        key="nat-ports-exhausted",
        severity="P1",
        kind=NAT_GATEWAY_KIND,
        metric=MetricStatistic(NAT_GATEWAY_NAMESPACE, "ErrorPortAllocation", "Sum"),
        comparison=">",
        threshold=build_fixed_threshold(0),
        unit="Count",
        evaluation_periods=15,
        missing_data="notBreaching",
        description="Too many connections to one destination: new connections from this zone fail.",
        command="ops metrics nat",
        graph="nat-ports",
    ),
    AlarmEntry(
        key="nat-packets-dropped",
        severity="P2",
        kind=NAT_GATEWAY_KIND,
        metric=MetricMath(
            description="share of packets dropped",
            metrics={
                "dropped": MetricStatistic(NAT_GATEWAY_NAMESPACE, "PacketsDropCount", "Sum"),
                "out": MetricStatistic(NAT_GATEWAY_NAMESPACE, "PacketsInFromSource", "Sum"),
                "back": MetricStatistic(NAT_GATEWAY_NAMESPACE, "PacketsInFromDestination", "Sum"),
            },
            build_expression=lambda _settings, _name: (
                f"IF({FORWARDED_PACKETS} > 0, 100 * FILL(dropped, 0) / {FORWARDED_PACKETS}, 0)"
            ),
        ),
        comparison=">",
        threshold=build_fixed_threshold(0.01, "Percent"),
        unit="Percent",
        missing_data="notBreaching",
        description="A NAT gateway drops packets: see the AWS Health Dashboard.",
        command="ops metrics nat",
        graph="nat-drops",
    ),
    # An instance, unlike a gateway, is one host: if it stops, nothing behind it gets out.
    AlarmEntry(
        key="nat-instance-failing",
        severity="P0",
        kind=NAT_INSTANCE_KIND,
        metric=MetricStatistic("AWS/EC2", "StatusCheckFailed", "Maximum"),
        comparison=">=",
        threshold=build_fixed_threshold(1),
        unit="Count",
        missing_data="breaching",
        description="The NAT instance is down: tasks can neither reach AWS nor pull images.",
        command="ops health",
        graph="nat-instance",
    ),
)
