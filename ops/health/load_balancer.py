"""The load balancer, its targets and its certificate."""

from typing import Final

from components.facts.units import DAY_SECONDS
from ops.core.checks import (
    CheckFacts,
    CheckFinding,
    CheckRoutine,
    HealthState,
    ReadAnswer,
    ReadRequest,
    UnknownAnswerError,
    build_read,
    compute_age_seconds,
    get_answer_items,
)
from ops.core.metrics import (
    MetricQuery,
    build_dimensioned_metric_query,
    build_metric_reads,
    get_latest_values,
)
from ops.core.times import parse_aws_time
from ops.health.check_records import MAX_DESCRIBED_GROUPS
from ops.outputs import LoadBalancerPart, TargetPart

LOAD_BALANCERS_API = "elbv2.describe_load_balancers"
TARGET_HEALTH_API = "elbv2.describe_target_health"
CERTIFICATE_API = "acm.describe_certificate"
LOAD_BALANCER_AREA = "balancer"
MIN_CERTIFICATE_SECONDS: Final = (
    45 * DAY_SECONDS
)  # ACM renews 60 days before the end: by then it has failed for two weeks
TRANSIENT_TARGET_STATES: Final = ("draining", "initial", "unused")


def _get_load_balancer_part(facts: CheckFacts) -> LoadBalancerPart:
    assert facts.outputs.load_balancer is not None
    return facts.outputs.load_balancer


def check_load_balancer(facts: CheckFacts) -> CheckRoutine:
    """The load balancer is active."""
    part = _get_load_balancer_part(facts)
    (answer,) = yield [
        build_read(
            LOAD_BALANCERS_API,
            "LoadBalancers",
            LoadBalancerArns=[part.arn],
            absent_codes=("LoadBalancerNotFound",),
        )
    ]
    item = next(iter(get_answer_items(answer)), {"State": {"Code": "gone"}})
    state, reason = item["State"]["Code"], item["State"].get("Reason", "")
    if state == "active":
        return [CheckFinding("ok", LOAD_BALANCER_AREA, part.name, f"active at {part.url}")]
    evidence = f"is {state}" + (f": {reason}" if reason else "")
    return [CheckFinding("failing", LOAD_BALANCER_AREA, part.name, evidence, "pulumi up --refresh")]


def check_targets(facts: CheckFacts) -> CheckRoutine:
    """Each target group has targets, and all are healthy. One call describes one group."""
    groups = _get_load_balancer_part(facts).targets
    answers = yield [_build_target_health_read(target) for target in groups.values()]
    return [
        _build_targets_finding(name, answer) for name, answer in zip(groups, answers, strict=True)
    ]


def check_many_targets(facts: CheckFacts) -> CheckRoutine:
    """Each of very many groups has targets, and all are healthy, by metrics: 500 to a call.

    Metrics lag by a minute or two. The first MAX_DESCRIBED_GROUPS unhealthy ones are described.
    """
    part = _get_load_balancer_part(facts)
    counts = {
        name: _build_host_count_queries(part, target) for name, target in part.targets.items()
    }
    answers = yield build_metric_reads(
        [host_metric for metric_pair in counts.values() for host_metric in metric_pair], facts
    )
    latest_values = get_latest_values(
        item for answer in answers for item in get_answer_items(answer)
    )
    findings: dict[str, CheckFinding] = {}
    doubtful_names: list[str] = []
    for name, (healthy_metric, unhealthy_metric) in counts.items():
        healthy_count, unhealthy_count = (
            latest_values.get(healthy_metric.id),
            latest_values.get(unhealthy_metric.id),
        )
        evidence = "no data of its targets in the last 15 minutes"
        if healthy_count is not None:
            evidence = (
                f"{healthy_count:.0f} are healthy, {unhealthy_count or 0:.0f} are "
                "not, by their metric"
            )
        state: HealthState = (
            "unknown"
            if healthy_count is None
            else "ok"
            if healthy_count and not unhealthy_count
            else "failing"
        )
        command = "" if state == "ok" else _get_targets_command(name)
        findings[name] = CheckFinding(
            state, LOAD_BALANCER_AREA, f"targets of {name}", evidence, command
        )
        if state != "ok":
            doubtful_names.append(name)
    if described_names := doubtful_names[:MAX_DESCRIBED_GROUPS]:
        answers = yield [_build_target_health_read(part.targets[name]) for name in described_names]
        findings |= {
            described_name: _build_targets_finding(described_name, target_answer)
            for described_name, target_answer in zip(described_names, answers, strict=True)
        }
    ok_findings = [finding for finding in findings.values() if finding.state == "ok"]
    if len(ok_findings) == len(findings):
        return [
            CheckFinding(
                "ok",
                LOAD_BALANCER_AREA,
                "targets",
                f"all of {len(findings)} groups have healthy ones",
            )
        ]
    return [finding for finding in findings.values() if finding.state != "ok"]


def _build_target_health_read(target: TargetPart) -> ReadRequest:
    return build_read(
        TARGET_HEALTH_API,
        "TargetHealthDescriptions",
        TargetGroupArn=target.target_group_arn,
        absent_codes=("TargetGroupNotFound",),
    )


def _build_host_count_queries(
    part: LoadBalancerPart, target: TargetPart
) -> tuple[MetricQuery, MetricQuery]:
    """How many are healthy and how many are not, of one group."""
    names = {
        "TargetGroup": target.target_group_arn.rpartition(":")[2],
        "LoadBalancer": part.arn.partition(":loadbalancer/")[2],
    }
    healthy_metric = build_dimensioned_metric_query(
        "AWS/ApplicationELB", "HealthyHostCount", "Minimum", names
    )
    return healthy_metric, build_dimensioned_metric_query(
        "AWS/ApplicationELB", "UnHealthyHostCount", "Maximum", names
    )


def _get_targets_command(name: str) -> str:
    return "ops fleet instances" if name == "fleet" else f"ops service tasks --service {name}"


def _build_targets_finding(name: str, answer: ReadAnswer) -> CheckFinding:
    subject = f"targets of {name}"
    if isinstance(answer, UnknownAnswerError):
        return CheckFinding("unknown", LOAD_BALANCER_AREA, subject, str(answer), answer.advice)
    healths = [item["TargetHealth"] for item in answer]
    healthy_count = sum(health["State"] == "healthy" for health in healths)
    unhealthy_targets = [
        health for health in healths if health["State"] not in ("healthy", *TRANSIENT_TARGET_STATES)
    ]
    evidence = f"{healthy_count} of {len(healths)} are healthy"
    if unhealthy_targets:
        reasons = sorted(
            {
                f"{health['State']} ({health.get('Description', 'no reason')})"
                for health in unhealthy_targets
            }
        )
        evidence += f": {', '.join(reasons)}"
    if healthy_count and not unhealthy_targets:
        return CheckFinding("ok", LOAD_BALANCER_AREA, subject, evidence)
    return CheckFinding(
        "failing", LOAD_BALANCER_AREA, subject, evidence, _get_targets_command(name)
    )


def check_listener_certificate(facts: CheckFacts) -> CheckRoutine:
    """The certificate is issued, and not about to end because its renewal failed."""
    arn = _get_load_balancer_part(facts).certificate_arn
    (answer,) = yield [
        build_read(
            CERTIFICATE_API, "", CertificateArn=arn, absent_codes=("ResourceNotFoundException",)
        )
    ]
    descriptions = get_answer_items(answer)
    if not descriptions:
        return [CheckFinding("failing", "certificate", str(arn), "is gone", "pulumi up --refresh")]
    item = descriptions[0]["Certificate"]
    expiry, renewal = item.get("NotAfter"), item.get("RenewalSummary", {}).get("RenewalStatus")
    end = f"{parse_aws_time(str(expiry)):%Y-%m-%d %H:%M} UTC" if expiry else "nobody knows when"
    evidence = f"{item['Status'].lower()}, until {end}"
    if renewal:
        evidence += f", renewal {renewal.lower()}"
    is_issued = item["Status"] == "ISSUED" and renewal not in ("FAILED", "PENDING_VALIDATION")
    is_expiring = expiry is None or -compute_age_seconds(facts, expiry) <= MIN_CERTIFICATE_SECONDS
    advice = "ops certificate check"
    state = "ok" if is_issued and not is_expiring else "failing"
    return [
        CheckFinding("ok", "certificate", item["DomainName"], evidence)
        if state == "ok"
        else CheckFinding("failing", "certificate", item["DomainName"], evidence, advice)
    ]
