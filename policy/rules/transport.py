"""TLS: what is sent is encrypted, and what is not is turned away."""

from collections.abc import Iterator
from typing import Final

from policy.rules.model import (
    PROD,
    UNKNOWN,
    Resource,
    Rule,
    at,
    given,
    judge,
    line,
    listed,
    needs,
    one_of,
    statements,
)

# ELB.17's list holds more; these are those without TLS 1.1 and without weak ciphers.
SAFE: Final = (
    "ELBSecurityPolicy-TLS13-1-2-2021-06",
    "ELBSecurityPolicy-TLS13-1-2-Res-2021-06",
    "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09",
    "ELBSecurityPolicy-TLS13-1-3-2021-06",
    "ELBSecurityPolicy-TLS13-1-2-FIPS-2023-04",
    "ELBSecurityPolicy-TLS13-1-2-Res-FIPS-2023-04",
    "ELBSecurityPolicy-TLS13-1-3-FIPS-2023-04",
)
PLAIN: Final = ("HTTP", "TCP")


def _listener(resource: Resource) -> Iterator[str]:
    if at(resource.props, "protocol") in ("HTTPS", "TLS"):
        yield from judge("sslPolicy", at(resource.props, "sslPolicy"), one_of(*SAFE))
        certificate = at(resource.props, "certificateArn")
        yield from judge("certificateArn", certificate, given("the ARN of a certificate"))


def _redirects(resource: Resource) -> Iterator[str]:
    if at(resource.props, "protocol") not in PLAIN:
        return
    for index, action in enumerate(listed(at(resource.props, "defaultActions"))):
        path = f"defaultActions.{index}"
        yield from judge(f"{path}.type", at(action, "type"), one_of("redirect"))
        to = at(action, "redirect.protocol")
        if at(action, "type") == "redirect":
            yield from judge(f"{path}.redirect.protocol", to, one_of("HTTPS"))


def _tls_only(resource: Resource) -> Iterator[str]:
    """S3.5: a statement denies everything that comes without TLS, from everybody."""
    document = at(resource.props, "policy")
    if document is UNKNOWN:
        return
    for statement in statements(document):
        denied = at(statement, "Condition.Bool") or {}
        who = at(statement, "Principal")
        if (
            at(statement, "Effect") == "Deny"
            and "s3:*" in listed(at(statement, "Action"))
            and (who == "*" or "*" in listed(at(who, "AWS")))
            and str(denied.get("aws:SecureTransport")).lower() == "false"
        ):
            return
    yield line("policy", "without it", "one that denies s3:* where aws:SecureTransport is false")


def _forced(resource: Resource) -> Iterator[str]:
    if not str(at(resource.props, "family")).startswith("postgres"):
        return
    found = {at(p, "name"): at(p, "value") for p in listed(at(resource.props, "parameters"))}
    yield from judge("parameters.rds.force_ssl", found.get("rds.force_ssl"), one_of("1"))


RULES = (
    Rule(
        "listener-tls",
        ("ELB.17", "ACM.1"),
        ("aws:lb/listener:Listener",),
        "A listener takes TLS 1.2 or newer.",
        _listener,
    ),
    Rule(
        "listener-redirects",
        ("ELB.1",),
        ("aws:lb/listener:Listener",),
        "Plain HTTP is sent on to HTTPS.",
        _redirects,
        PROD,
    ),
    Rule(
        "balancer-drops-invalid-headers",
        ("ELB.4",),
        ("aws:lb/loadBalancer:LoadBalancer",),
        "A load balancer drops headers that are none.",
        needs(dropInvalidHeaderFields=one_of(True)),
    ),
    Rule(
        "bucket-tls",
        ("S3.5",),
        ("aws:s3/bucketPolicy:BucketPolicy",),
        "A bucket refuses what comes without TLS.",
        _tls_only,
    ),
    Rule(
        "database-tls",
        ("RDS.38",),
        ("aws:rds/parameterGroup:ParameterGroup",),
        "A database refuses connections without TLS.",
        _forced,
    ),
)
