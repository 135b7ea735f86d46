"""What the load balancer answers itself: handshakes that fail, and errors by their kind.

Source: "CloudWatch metrics for your Application Load Balancer", and "Troubleshoot your Application
Load Balancers" (what 502, 503 and 504 mean).
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from components.facts.metrics import MetricFact, build_balancer_count
from ops.diagnose.facts import Facts
from ops.diagnose.reader import DiagnosisRequest, FactCollector
from ops.diagnose.readers.metric_runs import MetricSeries, describe_since, read_series
from ops.metrics.parts import MetricRow, list_metric_parts

_SOURCE: Final = "balancer_metrics"
_PART: Final = "load-balancer"
_MIN_ERRORS: Final = 5  # in an hour
_MORE_FACTOR: Final = 2.0
_RECENT_MINUTES: Final = 60


# By the metric, the key of its fact and what it says of so many.
_ERROR_TEXTS: Final[Mapping[MetricFact, str]] = {
    build_balancer_count("tls-errors", "ClientTLSNegotiationErrorCount"): (
        "{:,.0f} clients did not agree to TLS"
    ),
    build_balancer_count("502", "HTTPCode_ELB_502_Count"): (
        "{:,.0f} answers 502: a target closed the connection or spoke no HTTP"
    ),
    build_balancer_count("503", "HTTPCode_ELB_503_Count"): (
        "{:,.0f} answers 503: there was no target to send the request to"
    ),
    build_balancer_count("504", "HTTPCode_ELB_504_Count"): (
        "{:,.0f} answers 504: a target did not answer in time"
    ),
}


def read_balancer_metrics(request: DiagnosisRequest) -> Facts:
    """The facts of what the load balancer answered itself."""
    collector = FactCollector(_SOURCE)
    whole = list_metric_parts(request.outputs)[_PART].subjects[0]
    rows = [MetricRow(whole, fact, "Sum") for fact in _ERROR_TEXTS]
    for row, series in read_series(request.aws, request, rows).items():
        add_errors(collector, row.fact, series)
    return collector.build_facts()


def add_errors(collector: FactCollector, fact: MetricFact, series: MetricSeries) -> None:
    """Adds errors of the last hour that are more than usual."""
    run = series.find_first_excess(lambda value: value > 0)
    if run is None:
        return
    total = series.sum_since(run.since)
    usual = series.get_usual(series.until - timedelta(minutes=_RECENT_MINUTES)) or 0
    if total >= _MIN_ERRORS and run.high > _MORE_FACTOR * usual:
        collector.add(
            f"elb.error.{fact.name}",
            _PART,
            f"{_ERROR_TEXTS[fact].format(total)}, {describe_since(run)}",
            since=run.since,
            value=total,
            command="ops metrics load-balancer",
        )
