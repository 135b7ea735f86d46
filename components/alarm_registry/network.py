"""Alarms of the NAT devices."""

from typing import Final

from components.alarm_registry.kinds import NAT_GATEWAY, NAT_INSTANCE
from components.alarm_registry.model import Alarm, Math, Metric, fixed

NAMESPACE: Final = "AWS/NATGateway"
SENT: Final = "(FILL(out, 0) + FILL(back, 0))"

NETWORK: Final = (
    Alarm(
        key="nat-ports-exhausted",
        severity="P1",
        kind=NAT_GATEWAY,
        watch=Metric(NAMESPACE, "ErrorPortAllocation", "Sum"),
        compare=">",
        limit=fixed(0),
        unit="Count",
        periods=15,
        missing="notBreaching",
        says="Too many connections to one destination: new ones out of this zone fail.",
        run="ops health",
        graph="nat-ports",
    ),
    Alarm(
        key="nat-packets-dropped",
        severity="P2",
        kind=NAT_GATEWAY,
        watch=Math(
            says="share of packets dropped",
            metrics={
                "dropped": Metric(NAMESPACE, "PacketsDropCount", "Sum"),
                "out": Metric(NAMESPACE, "PacketsInFromSource", "Sum"),
                "back": Metric(NAMESPACE, "PacketsInFromDestination", "Sum"),
            },
            expression=lambda _settings, _name: (
                f"IF({SENT} > 0, 100 * FILL(dropped, 0) / {SENT}, 0)"
            ),
        ),
        compare=">",
        limit=fixed(0.01, "Percent"),
        unit="Percent",
        missing="notBreaching",
        says="A NAT gateway loses packets: AWS's health dashboard may say why.",
        run="ops health",
        graph="nat-drops",
    ),
    # An instance, unlike a gateway, is one host: where it stops, nothing behind it gets out.
    Alarm(
        key="nat-instance-failing",
        severity="P0",
        kind=NAT_INSTANCE,
        watch=Metric("AWS/EC2", "StatusCheckFailed", "Maximum"),
        compare=">=",
        limit=fixed(1),
        unit="Count",
        missing="breaching",
        says="The NAT instance is down: tasks cannot reach AWS, nor pull images.",
        run="ops health",
        graph="nat-instance",
    ),
)
