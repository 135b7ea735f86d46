"""Alarms of the load balancer and its target groups: what users notice."""

from typing import TYPE_CHECKING, Final

from components.alarm_registry.kinds import CERTIFICATE_KIND, LOAD_BALANCER_KIND, TARGET_GROUP_KIND
from components.alarm_registry.model import (
    AlarmEntry,
    MetricMath,
    MetricStatistic,
    Threshold,
    build_fixed_threshold,
)
from components.facts.metrics import ALB_NAMESPACE as ALB_NAMESPACE
from components.facts.units import DAY_SECONDS

if TYPE_CHECKING:
    from components.settings.stack import Settings

REQUEST_COUNT: Final = MetricStatistic(ALB_NAMESPACE, "RequestCount", "Sum")
TARGET_5XX_COUNT: Final = MetricStatistic(ALB_NAMESPACE, "HTTPCode_Target_5XX_Count", "Sum")
BALANCER_5XX_COUNT: Final = MetricStatistic(ALB_NAMESPACE, "HTTPCode_ELB_5XX_Count", "Sum")
RESPONSE_TIME_P95: Final = MetricStatistic(ALB_NAMESPACE, "TargetResponseTime", "p95")


def _build_error_share_expression(settings: "Settings", _: str) -> str:
    min_requests = settings.alarms.minimum_requests
    return f"IF(FILL(all, 0) >= {min_requests}, 100 * FILL(bad, 0) / all, 0)"


LOAD_BALANCER_ALARMS: Final = (
    AlarmEntry(
        key="target-none-healthy",
        severity="P0",
        kind=TARGET_GROUP_KIND,
        metric=MetricStatistic(ALB_NAMESPACE, "HealthyHostCount", "Minimum"),
        comparison="<",
        threshold=build_fixed_threshold(1),
        unit="Count",
        evaluation_periods=2,
        missing_data="breaching",
        description="No target passes its health check: users get errors.",
        command="ops service events --service {name}",
        fleet_command="ops fleet instances",
        graph="target-health",
    ),
    AlarmEntry(
        key="target-unhealthy",
        severity="P2",
        kind=TARGET_GROUP_KIND,
        metric=MetricStatistic(ALB_NAMESPACE, "UnHealthyHostCount", "Maximum"),
        comparison=">",
        threshold=build_fixed_threshold(0),
        unit="Count",
        evaluation_periods=10,
        missing_data="notBreaching",
        description="A target fails its health check, and has for long.",
        command="ops service tasks --service {name}",
        fleet_command="ops fleet instances",
        graph="target-health",
    ),
    AlarmEntry(
        key="target-5xx-count",
        severity="P1",
        kind=TARGET_GROUP_KIND,
        metric=TARGET_5XX_COUNT,
        comparison=">",
        threshold=build_fixed_threshold(50),
        unit="Count",
        period_seconds=300,
        evaluation_periods=1,
        missing_data="notBreaching",
        rolls_back_deployment=True,
        description="The application returns many server errors.",
        command="ops service events --service {name}",
        fleet_command="ops fleet refresh status",
        graph="target-errors",
    ),
    AlarmEntry(
        key="target-5xx-rate",
        severity="P2",
        kind=TARGET_GROUP_KIND,
        metric=MetricMath(
            description="share of requests answered with a 5xx",
            metrics={"bad": TARGET_5XX_COUNT, "all": REQUEST_COUNT},
            build_expression=_build_error_share_expression,
        ),
        comparison=">",
        threshold=build_fixed_threshold(5, "Percent"),
        unit="Percent",
        period_seconds=300,
        evaluation_periods=2,
        missing_data="notBreaching",
        description="A large share of the requests ends in a server error.",
        command="ops service events --service {name}",
        fleet_command="ops fleet instances",
        graph="target-error-rate",
    ),
    AlarmEntry(
        key="target-latency-high",
        severity="P1",
        kind=TARGET_GROUP_KIND,
        metric=RESPONSE_TIME_P95,
        comparison=">",
        threshold=Threshold(
            lambda settings, _: settings.alarms.latency_objective_ms * 2 / 1000,
            "twice the latency objective (1 s)",
        ),
        unit="Seconds",
        evaluation_periods=10,
        missing_data="notBreaching",
        rolls_back_deployment=True,
        description="One response in twenty is much slower than it should be.",
        command="ops db activity",
        graph="target-latency",
    ),
    AlarmEntry(
        key="target-latency-raised",
        severity="P2",
        kind=TARGET_GROUP_KIND,
        metric=RESPONSE_TIME_P95,
        comparison=">",
        threshold=Threshold(
            lambda settings, _: settings.alarms.latency_objective_ms / 1000,
            "the latency objective (500 ms)",
        ),
        unit="Seconds",
        evaluation_periods=15,
        missing_data="notBreaching",
        description="One response in twenty is slower than it should be.",
        command="ops db slow",
        graph="target-latency",
    ),
    AlarmEntry(
        key="target-connection-errors",
        severity="P2",
        kind=TARGET_GROUP_KIND,
        metric=MetricStatistic(ALB_NAMESPACE, "TargetConnectionErrorCount", "Sum"),
        comparison=">=",
        threshold=build_fixed_threshold(10),
        unit="Count",
        period_seconds=300,
        evaluation_periods=2,
        missing_data="notBreaching",
        description="The load balancer cannot connect to targets: they start, crash or are full.",
        command="ops service tasks --service {name}",
        fleet_command="ops fleet instances",
        graph="target-errors",
    ),
    AlarmEntry(
        key="balancer-5xx",
        severity="P1",
        kind=LOAD_BALANCER_KIND,
        metric=BALANCER_5XX_COUNT,
        comparison=">=",
        threshold=build_fixed_threshold(10),
        unit="Count",
        period_seconds=300,
        evaluation_periods=1,
        missing_data="notBreaching",
        description="The load balancer itself returns errors: no target answers, or not in time.",
        command="ops health",
        graph="balancer-errors",
    ),
    AlarmEntry(
        key="balancer-rejected",
        severity="P1",
        kind=LOAD_BALANCER_KIND,
        metric=MetricStatistic(ALB_NAMESPACE, "RejectedConnectionCount", "Sum"),
        comparison=">",
        threshold=build_fixed_threshold(0),
        unit="Count",
        missing_data="notBreaching",
        description="The load balancer is at its maximum of connections and rejects users.",
        command="ops metrics load-balancer",
        graph="balancer-errors",
    ),
    # ACM renews 60 days before the end: below 45 a renewal has failed for two weeks.
    AlarmEntry(
        key="certificate-expiring",
        severity="P2",
        kind=CERTIFICATE_KIND,
        metric=MetricStatistic("AWS/CertificateManager", "DaysToExpiry", "Minimum"),
        comparison="<=",
        threshold=build_fixed_threshold(44, "Days"),
        unit="Days",
        period_seconds=DAY_SECONDS,
        min_period_seconds=DAY_SECONDS,  # CDK reference, ICertificate.metricDaysToExpiry
        evaluation_periods=1,
        missing_data="notBreaching",
        description="The certificate has not been renewed: check its validation records.",
        command="ops certificate check",
        graph="certificate",
    ),
)
