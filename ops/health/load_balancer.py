"""The load balancer, its targets and its certificate."""

from typing import Final

from ops.core.checks import (
    DAY,
    Answer,
    Check,
    Facts,
    Finding,
    Looking,
    Read,
    State,
    UnknownError,
    age,
    known,
    read,
)
from ops.core.metrics import METRICS, Metric, batched, latest, measured
from ops.outputs import LoadBalancerPart, Outputs, TargetPart

BALANCERS = "elbv2.describe_load_balancers"
HEALTH = "elbv2.describe_target_health"
CERTIFICATE = "acm.describe_certificate"
AREA = "balancer"
EXPIRES: Final = 45 * DAY  # ACM renews 60 days before the end: by then it has failed for two weeks
FEW: Final = 20  # groups to describe one by one
LEAVING: Final = ("draining", "initial", "unused")


def _part(facts: Facts) -> LoadBalancerPart:
    assert facts.outputs.load_balancer is not None
    return facts.outputs.load_balancer


def balancer(facts: Facts) -> Looking:
    """The load balancer is active."""
    part = _part(facts)
    (answer,) = yield [
        read(
            BALANCERS,
            "LoadBalancers",
            LoadBalancerArns=[part.arn],
            absent=("LoadBalancerNotFound",),
        )
    ]
    item = next(iter(known(answer)), {"State": {"Code": "gone"}})
    state, why = item["State"]["Code"], item["State"].get("Reason", "")
    if state == "active":
        return [Finding("ok", AREA, part.name, f"active at {part.url}")]
    evidence = f"is {state}" + (f": {why}" if why else "")
    return [Finding("failing", AREA, part.name, evidence, "pulumi up --refresh")]


def targets(facts: Facts) -> Looking:
    """Behind each rule there are targets, all of them healthy. AWS tells one group a call."""
    groups = _part(facts).targets
    answers = yield [_described(target) for target in groups.values()]
    return [_targets(name, answer) for name, answer in zip(groups, answers, strict=True)]


def many_targets(facts: Facts) -> Looking:
    """The same of very many groups: by their metrics, 500 to a call, which lag by a minute or two.

    Those that are not healthy by them are described, as many as are few.
    """
    part = _part(facts)
    counts = {name: _counts(part, target) for name, target in part.targets.items()}
    answers = yield batched([one for both in counts.values() for one in both], facts)
    seen = latest(item for answer in answers for item in known(answer))
    found: dict[str, Finding] = {}
    doubtful: list[str] = []
    for name, (healthy, unhealthy) in counts.items():
        good, bad = seen.get(healthy.id), seen.get(unhealthy.id)
        said = "no data of its targets in the last 15 minutes"
        if good is not None:
            said = f"{good:.0f} are healthy, {bad or 0:.0f} are not, by their metric"
        state: State = "unknown" if good is None else "ok" if good and not bad else "failing"
        command = "" if state == "ok" else _help(name)
        found[name] = Finding(state, AREA, f"targets of {name}", said, command)
        if state != "ok":
            doubtful.append(name)
    if looked := doubtful[:FEW]:
        answers = yield [_described(part.targets[name]) for name in looked]
        found |= {n: _targets(n, a) for n, a in zip(looked, answers, strict=True)}
    well = [finding for finding in found.values() if finding.state == "ok"]
    if len(well) == len(found):
        return [Finding("ok", AREA, "targets", f"all of {len(found)} groups have healthy ones")]
    return [finding for finding in found.values() if finding.state != "ok"]


def _described(target: TargetPart) -> Read:
    return read(
        HEALTH,
        "TargetHealthDescriptions",
        TargetGroupArn=target.target_group_arn,
        absent=("TargetGroupNotFound",),
    )


def _counts(part: LoadBalancerPart, target: TargetPart) -> tuple[Metric, Metric]:
    """How many are healthy and how many are not, of one group."""
    names = {
        "TargetGroup": target.target_group_arn.rpartition(":")[2],
        "LoadBalancer": part.arn.partition(":loadbalancer/")[2],
    }
    healthy = measured("AWS/ApplicationELB", "HealthyHostCount", "Minimum", names)
    return healthy, measured("AWS/ApplicationELB", "UnHealthyHostCount", "Maximum", names)


def _help(name: str) -> str:
    return "ops fleet instances" if name == "fleet" else f"ops service tasks --service {name}"


def _targets(name: str, answer: Answer) -> Finding:
    subject = f"targets of {name}"
    if isinstance(answer, UnknownError):
        return Finding("unknown", AREA, subject, str(answer), answer.advice)
    healths = [item["TargetHealth"] for item in answer]
    good = sum(h["State"] == "healthy" for h in healths)
    bad = [h for h in healths if h["State"] not in ("healthy", *LEAVING)]
    evidence = f"{good} of {len(healths)} are healthy"
    if bad:
        why = sorted({f"{h['State']} ({h.get('Description', 'no reason')})" for h in bad})
        evidence += f": {', '.join(why)}"
    if good and not bad:
        return Finding("ok", AREA, subject, evidence)
    return Finding("failing", AREA, subject, evidence, _help(name))


def _groups(outputs: Outputs) -> int:
    return len(outputs.load_balancer.targets) if outputs.load_balancer is not None else 0


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
    Check(AREA, "targets", targets, (HEALTH,), lambda o: 0 < _groups(o) <= FEW),
    Check(AREA, "many targets", many_targets, (METRICS, HEALTH), lambda o: _groups(o) > FEW),
    Check(
        "certificate",
        "certificate",
        certificate,
        (CERTIFICATE,),
        lambda o: o.load_balancer is not None and o.load_balancer.certificate_arn is not None,
    ),
)
