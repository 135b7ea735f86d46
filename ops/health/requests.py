"""What users are answered: the load balancer's counts of requests and of answers with 5xx."""

from dataclasses import replace
from typing import Final

from ops.core.checks import CheckFacts, CheckFinding, CheckRoutine, get_answer_items
from ops.core.metrics import (
    MetricQuery,
    build_dimensioned_metric_query,
    build_metric_reads,
    collect_metric_values,
)
from ops.core.url_requests import fetch_url
from ops.health.load_balancer import LOAD_BALANCER_AREA
from ops.outputs import LoadBalancerPart

REQUEST_METRIC: Final = "RequestCount"
# Of the targets, and of the load balancer itself, whose requests are not in RequestCount if no
# target could be chosen (Elastic Load Balancing User Guide, "CloudWatch metrics").
ERROR_METRICS: Final = ("HTTPCode_Target_5XX_Count", "HTTPCode_ELB_5XX_Count")
# Share of answers with 5xx that is a fault: an assumption, far above what clients cause. The
# burn-rate alarms watch smaller ones over longer times.
MAX_ERROR_SHARE: Final = 0.05
MIN_ERRORS: Final = 3  # fewer are no share of anything
REQUEST_TIMEOUT_SECONDS: Final = 10
FIRST_CLIENT_ERROR: Final = 400
FIRST_SERVER_ERROR: Final = 500


def check_answers(facts: CheckFacts) -> CheckRoutine:
    """Few requests of the last 15 minutes were answered with 5xx.

    Without requests the load balancer reports no metric (same guide): then nobody was refused.
    """
    part = facts.outputs.load_balancer
    assert part is not None
    request_query = _build_query(part, REQUEST_METRIC)
    error_queries = [_build_query(part, name) for name in ERROR_METRICS]
    answers = yield build_metric_reads([request_query, *error_queries], facts)
    values = collect_metric_values(item for answer in answers for item in get_answer_items(answer))
    error_counts = [sum(values.get(query.id, ())) for query in error_queries]
    error_count = sum(error_counts)
    request_count = max(sum(values.get(request_query.id, ())), error_count)
    if not request_count:
        evidence = "no request in the last 15 minutes, so no answer with 5xx"
        return [CheckFinding("ok", LOAD_BALANCER_AREA, "answers", evidence)]
    evidence = (
        f"{error_count:.0f} of {request_count:.0f} requests of the last 15 minutes were answered "
        f"with 5xx: {error_counts[0]:.0f} by targets, {error_counts[1]:.0f} by the load balancer"
    )
    if error_count >= MIN_ERRORS and error_count / request_count > MAX_ERROR_SHARE:
        command = "ops health --only logs,balancer" if error_counts[0] else "ops service tasks"
        return [CheckFinding("failing", LOAD_BALANCER_AREA, "answers", evidence, command)]
    return [CheckFinding("ok", LOAD_BALANCER_AREA, "answers", evidence)]


def _build_query(part: LoadBalancerPart, name: str) -> MetricQuery:
    dimensions = {"LoadBalancer": part.arn.partition(":loadbalancer/")[2]}
    return build_dimensioned_metric_query("AWS/ApplicationELB", name, "Sum", dimensions)


def check_url(url: str) -> CheckFinding:
    """Sends one request to a URL. An answer below 400 is ok; none at all is unknown.

    The network between here and the load balancer may be what does not answer.
    """
    return _check_answer(url, FIRST_CLIENT_ERROR)


def check_stack_url(part: LoadBalancerPart) -> CheckFinding:
    """Sends one request to the stack's own URL. Only an answer of 5xx is a fault.

    One of 4xx was served: a program without a start page, or one that asks who calls. An internal
    load balancer answers only in its VPC and in networks connected to it.
    """
    finding = _check_answer(part.url, FIRST_SERVER_ERROR)
    if finding.state == "unknown" and part.internal:
        evidence = (
            f"{finding.evidence}; the load balancer is internal: ask from its VPC or a network "
            "connected to it"
        )
        return replace(finding, evidence=evidence)
    return finding


def _check_answer(url: str, first_bad_status: int) -> CheckFinding:
    answer = fetch_url(url, method="GET", timeout_seconds=REQUEST_TIMEOUT_SECONDS)
    status, reason = int(str(answer["status"])), str(answer.get("reason", ""))
    if not status:
        evidence = f"no answer from here: {reason}"
        return CheckFinding(
            "unknown", LOAD_BALANCER_AREA, url, evidence, "ops health --only balancer"
        )
    evidence = f"answers with {status}" + (f" {reason}" if reason else "")
    if status < first_bad_status:
        return CheckFinding("ok", LOAD_BALANCER_AREA, url, evidence)
    return CheckFinding(
        "failing", LOAD_BALANCER_AREA, url, evidence, "ops health --only logs,services"
    )
