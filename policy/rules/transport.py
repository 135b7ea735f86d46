"""TLS: traffic is encrypted, and plain traffic is refused or redirected."""

from collections.abc import Iterator
from typing import Final

from policy.rules.model import (
    PROD_ONLY,
    UNKNOWN,
    PolicyResource,
    ResourceRule,
    any_value,
    as_list,
    build_property_check,
    check_value,
    find_property,
    format_violation,
    list_statements,
    one_of,
)

# ELB.17 allows more; these are the policies without TLS 1.1 and without weak ciphers.
SAFE_TLS_POLICIES: Final = (
    "ELBSecurityPolicy-TLS13-1-2-2021-06",
    "ELBSecurityPolicy-TLS13-1-2-PQ-2025-09",
    "ELBSecurityPolicy-TLS13-1-2-Res-2021-06",
    "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09",
    "ELBSecurityPolicy-TLS13-1-3-2021-06",
    "ELBSecurityPolicy-TLS13-1-3-PQ-2025-09",
    "ELBSecurityPolicy-TLS13-1-2-FIPS-2023-04",
    "ELBSecurityPolicy-TLS13-1-2-FIPS-PQ-2025-09",
    "ELBSecurityPolicy-TLS13-1-2-Res-FIPS-2023-04",
    "ELBSecurityPolicy-TLS13-1-2-Res-FIPS-PQ-2025-09",
    "ELBSecurityPolicy-TLS13-1-3-FIPS-2023-04",
    "ELBSecurityPolicy-TLS13-1-3-FIPS-PQ-2025-09",
)
PLAIN_PROTOCOLS: Final = ("HTTP", "TCP")


def _check_listener_tls(resource: PolicyResource) -> Iterator[str]:
    if find_property(resource.inputs, "protocol") in ("HTTPS", "TLS"):
        yield from check_value(
            "sslPolicy", find_property(resource.inputs, "sslPolicy"), one_of(*SAFE_TLS_POLICIES)
        )
        certificate = find_property(resource.inputs, "certificateArn")
        yield from check_value("certificateArn", certificate, any_value("the ARN of a certificate"))


def _check_listener_redirects(resource: PolicyResource) -> Iterator[str]:
    if find_property(resource.inputs, "protocol") not in PLAIN_PROTOCOLS:
        return
    for index, action in enumerate(as_list(find_property(resource.inputs, "defaultActions"))):
        path = f"defaultActions.{index}"
        yield from check_value(f"{path}.type", find_property(action, "type"), one_of("redirect"))
        protocol = find_property(action, "redirect.protocol")
        if find_property(action, "type") == "redirect":
            yield from check_value(f"{path}.redirect.protocol", protocol, one_of("HTTPS"))


def _check_bucket_tls(resource: PolicyResource) -> Iterator[str]:
    """S3.5: a statement denies every request without TLS, for every principal."""
    document = find_property(resource.inputs, "policy")
    if document is UNKNOWN:
        return
    for statement in list_statements(document):
        conditions = find_property(statement, "Condition.Bool") or {}
        principal = find_property(statement, "Principal")
        if (
            find_property(statement, "Effect") == "Deny"
            and "s3:*" in as_list(find_property(statement, "Action"))
            and (principal == "*" or "*" in as_list(find_property(principal, "AWS")))
            and str(conditions.get("aws:SecureTransport")).lower() == "false"
        ):
            return
    yield format_violation(
        "policy", "without it", "one that denies s3:* where aws:SecureTransport is false"
    )


def _check_database_tls(resource: PolicyResource) -> Iterator[str]:
    if not str(find_property(resource.inputs, "family")).startswith("postgres"):
        return
    parameters = {
        find_property(parameter, "name"): find_property(parameter, "value")
        for parameter in as_list(find_property(resource.inputs, "parameters"))
    }
    yield from check_value("parameters.rds.force_ssl", parameters.get("rds.force_ssl"), one_of("1"))


TRANSPORT_RULES = (
    ResourceRule(
        "listener-tls",
        ("ELB.17", "ACM.1"),
        ("aws:lb/listener:Listener",),
        "A listener accepts only TLS 1.2 or newer.",
        _check_listener_tls,
    ),
    ResourceRule(
        "listener-redirects",
        ("ELB.1",),
        ("aws:lb/listener:Listener",),
        "Plain HTTP is redirected to HTTPS.",
        _check_listener_redirects,
        PROD_ONLY,
    ),
    ResourceRule(
        "balancer-drops-invalid-headers",
        ("ELB.4",),
        ("aws:lb/loadBalancer:LoadBalancer",),
        "A load balancer drops invalid headers.",
        build_property_check(dropInvalidHeaderFields=one_of(True)),
    ),
    ResourceRule(
        "bucket-tls",
        ("S3.5",),
        ("aws:s3/bucketPolicy:BucketPolicy",),
        "A bucket refuses requests without TLS.",
        _check_bucket_tls,
    ),
    ResourceRule(
        "database-tls",
        ("RDS.38",),
        ("aws:rds/parameterGroup:ParameterGroup",),
        "A database refuses connections without TLS.",
        _check_database_tls,
    ),
)
