"""Alarms of the load balancer and its target groups: what users see."""

from typing import TYPE_CHECKING, Final

from components.alarm_registry.kinds import BALANCER, CERTIFICATE, TARGET
from components.alarm_registry.model import Alarm, Limit, Math, Metric, fixed

if TYPE_CHECKING:
    from components.settings.stack import Settings

NAMESPACE: Final = "AWS/ApplicationELB"
REQUESTS: Final = Metric(NAMESPACE, "RequestCount", "Sum")
TARGET_5XX: Final = Metric(NAMESPACE, "HTTPCode_Target_5XX_Count", "Sum")
BALANCER_5XX: Final = Metric(NAMESPACE, "HTTPCode_ELB_5XX_Count", "Sum")
P95: Final = Metric(NAMESPACE, "TargetResponseTime", "p95")


def _share_of_errors(settings: "Settings", _: str) -> str:
    least = settings.alarms.minimum_requests
    return f"IF(FILL(all, 0) >= {least}, 100 * FILL(bad, 0) / all, 0)"


LOAD_BALANCER: Final = (
    Alarm(
        key="target-none-healthy",
        severity="P0",
        kind=TARGET,
        watch=Metric(NAMESPACE, "HealthyHostCount", "Minimum"),
        compare="<",
        limit=fixed(1),
        unit="Count",
        periods=2,
        missing="breaching",
        says="No target answers its health check: users get errors.",
        run="ops service events --service {name}",
        run_fleet="ops fleet instances",
        graph="target-health",
    ),
    Alarm(
        key="target-unhealthy",
        severity="P2",
        kind=TARGET,
        watch=Metric(NAMESPACE, "UnHealthyHostCount", "Maximum"),
        compare=">",
        limit=fixed(0),
        unit="Count",
        periods=10,
        missing="notBreaching",
        says="A target has failed its health check for ten minutes.",
        run="ops service tasks --service {name}",
        run_fleet="ops fleet instances",
        graph="target-health",
    ),
    Alarm(
        key="target-5xx-count",
        severity="P1",
        kind=TARGET,
        watch=TARGET_5XX,
        compare=">",
        limit=fixed(50),
        unit="Count",
        period=300,
        periods=1,
        missing="notBreaching",
        rolls_back=True,
        says="The application answers with many server errors.",
        run="ops service events --service {name}",
        run_fleet="ops fleet refresh status",
        graph="target-errors",
    ),
    Alarm(
        key="target-5xx-rate",
        severity="P2",
        kind=TARGET,
        watch=Math(
            says="share of requests answered with a 5xx",
            metrics={"bad": TARGET_5XX, "all": REQUESTS},
            expression=_share_of_errors,
        ),
        compare=">",
        limit=fixed(5, "Percent"),
        unit="Percent",
        period=300,
        periods=2,
        missing="notBreaching",
        says="One request in twenty, or more, ends in a server error.",
        run="ops service events --service {name}",
        run_fleet="ops fleet instances",
        graph="target-error-rate",
    ),
    Alarm(
        key="target-latency-high",
        severity="P1",
        kind=TARGET,
        watch=P95,
        compare=">",
        limit=Limit(
            lambda settings, _: settings.alarms.latency_objective_ms * 2 / 1000,
            "twice the latency objective (1 s)",
        ),
        unit="Seconds",
        periods=10,
        missing="notBreaching",
        rolls_back=True,
        says="One answer in twenty takes far longer than promised.",
        run="ops db activity",
        graph="target-latency",
    ),
    Alarm(
        key="target-latency-raised",
        severity="P2",
        kind=TARGET,
        watch=P95,
        compare=">",
        limit=Limit(
            lambda settings, _: settings.alarms.latency_objective_ms / 1000,
            "the latency objective (500 ms)",
        ),
        unit="Seconds",
        periods=15,
        missing="notBreaching",
        says="One answer in twenty takes longer than promised.",
        run="ops db slow",
        graph="target-latency",
    ),
    Alarm(
        key="target-connection-errors",
        severity="P2",
        kind=TARGET,
        watch=Metric(NAMESPACE, "TargetConnectionErrorCount", "Sum"),
        compare=">=",
        limit=fixed(10),
        unit="Count",
        period=300,
        periods=2,
        missing="notBreaching",
        says="The load balancer cannot connect to targets: they start, crash, or are full.",
        run="ops service tasks --service {name}",
        run_fleet="ops fleet instances",
        graph="target-errors",
    ),
    Alarm(
        key="balancer-5xx",
        severity="P1",
        kind=BALANCER,
        watch=BALANCER_5XX,
        compare=">=",
        limit=fixed(10),
        unit="Count",
        period=300,
        periods=1,
        missing="notBreaching",
        says="The load balancer itself answers with errors: no target, or none in time.",
        run="ops health",
        graph="balancer-errors",
    ),
    Alarm(
        key="balancer-rejected",
        severity="P1",
        kind=BALANCER,
        watch=Metric(NAMESPACE, "RejectedConnectionCount", "Sum"),
        compare=">",
        limit=fixed(0),
        unit="Count",
        missing="notBreaching",
        says="The load balancer is at its most connections and refuses users.",
        run="ops health",
        graph="balancer-errors",
    ),
    # ACM renews 60 days before the end: below 45 a renewal has failed for two weeks.
    Alarm(
        key="certificate-expiring",
        severity="P2",
        kind=CERTIFICATE,
        watch=Metric("AWS/CertificateManager", "DaysToExpiry", "Minimum"),
        compare="<=",
        limit=fixed(44, "Days"),
        unit="Days",
        period=86400,
        periods=1,
        missing="notBreaching",
        says="The certificate has not been renewed: look at its validation records.",
        run="ops health",
        graph="certificate",
    ),
)
