"""The load balancer, its targets and its certificate."""

from typing import Final

from ops.health.model import DAY, Check, Facts, Finding, Looking, UnknownError, age, known, read
from ops.outputs import LoadBalancerPart

BALANCERS = "elbv2.describe_load_balancers"
HEALTH = "elbv2.describe_target_health"
CERTIFICATE = "acm.describe_certificate"
AREA = "balancer"
EXPIRES: Final = 45 * DAY  # ACM renews 60 days before the end: by then it has failed for two weeks
LEAVING: Final = ("draining", "initial", "unused")


def _part(facts: Facts) -> LoadBalancerPart:
    assert facts.outputs.load_balancer is not None
    return facts.outputs.load_balancer


def balancer(facts: Facts) -> Looking:
    """The load balancer is active."""
    part = _part(facts)
    (answer,) = yield [
        read(BALANCERS, "LoadBalancers", LoadBalancerArns=[part.arn],
             absent=("LoadBalancerNotFound",))
    ]  # fmt: skip
    item = next(iter(known(answer)), {"State": {"Code": "gone"}})
    state, why = item["State"]["Code"], item["State"].get("Reason", "")
    if state == "active":
        return [Finding("ok", AREA, part.name, f"active at {part.url}")]
    evidence = f"is {state}" + (f": {why}" if why else "")
    return [Finding("failing", AREA, part.name, evidence, "pulumi up --refresh")]


def targets(facts: Facts) -> Looking:
    """Behind each rule there are targets, all of them healthy. AWS tells one group a call."""
    part = _part(facts)
    answers = yield [
        read(HEALTH, "TargetHealthDescriptions", TargetGroupArn=target.target_group_arn,
             absent=("TargetGroupNotFound",))
        for target in part.targets.values()
    ]  # fmt: skip
    findings = []
    for name, answer in zip(part.targets, answers, strict=True):
        subject = f"targets of {name}"
        looks = f"ops service tasks --service {name}"
        command = "ops fleet instances" if name == "fleet" else looks
        if isinstance(answer, UnknownError):
            findings.append(Finding("unknown", AREA, subject, str(answer), answer.advice))
            continue
        healths = [item["TargetHealth"] for item in answer]
        good = sum(h["State"] == "healthy" for h in healths)
        bad = [h for h in healths if h["State"] not in ("healthy", *LEAVING)]
        evidence = f"{good} of {len(healths)} are healthy"
        if bad:
            why = sorted({f"{h['State']} ({h.get('Description', 'no reason')})" for h in bad})
            evidence += f": {', '.join(why)}"
        ok = good and not bad
        findings.append(
            Finding("ok" if ok else "failing", AREA, subject, evidence, "" if ok else command)
        )
    return findings


def certificate(facts: Facts) -> Looking:
    """The certificate is issued, and not about to end because its renewal failed."""
    arn = _part(facts).certificate_arn
    (answer,) = yield [
        read(CERTIFICATE, "", CertificateArn=arn, absent=("ResourceNotFoundException",))
    ]
    found = known(answer)
    if not found:
        return [Finding("failing", "certificate", str(arn), "is gone", "pulumi up --refresh")]
    item = found[0]["Certificate"]
    until, renewal = item.get("NotAfter"), item.get("RenewalSummary", {}).get("RenewalStatus")
    evidence = f"{item['Status'].lower()}, until {until or 'nobody knows when'}"
    if renewal:
        evidence += f", renewal {renewal.lower()}"
    good = item["Status"] == "ISSUED" and renewal not in ("FAILED", "PENDING_VALIDATION")
    ends = until is None or -age(facts, until) <= EXPIRES
    help_ = f"aws acm describe-certificate --certificate-arn {arn}"
    state = "ok" if good and not ends else "failing"
    return [
        Finding("ok", "certificate", item["DomainName"], evidence)
        if state == "ok"
        else Finding("failing", "certificate", item["DomainName"], evidence, help_)
    ]


CHECKS = (
    Check(AREA, "load balancer", balancer, (BALANCERS,), lambda o: o.load_balancer is not None),
    Check(AREA, "targets", targets, (HEALTH,), lambda o: o.load_balancer is not None),
    Check(
        "certificate", "certificate", certificate, (CERTIFICATE,),
        lambda o: o.load_balancer is not None and o.load_balancer.certificate_arn is not None,
    ),
)  # fmt: skip
