"""Whether ACM has what it needs to renew the certificates of the load balancer."""

import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from ops.certificate.apis import CERTIFICATES_AREA, LISTENER_CERTIFICATES_API
from ops.certificate.dns_records import find_caa_refusal, format_record, list_missing_records
from ops.certificate.model import (
    MIN_DAYS_LEFT,
    NO_CERTIFICATE_CODES,
    RENEWAL_DAYS,
    Certificate,
    parse_certificate,
)
from ops.core.checks import (
    CheckFacts,
    CheckFinding,
    CheckRoutine,
    ReadAnswer,
    UnknownAnswerError,
    build_read,
    get_answer_items,
)
from ops.core.dns_query import DnsError
from ops.findings.model import (
    FINDING_SEVERITIES,
    FindingSeverity,
    ResourceFinding,
    build_finding_id,
    summarize_findings,
)
from ops.findings.waivers import apply_waivers
from ops.health.load_balancer import CERTIFICATE_API
from ops.outputs import LoadBalancerPart

RENEWAL_CHECK: Final = "certificate-renewal"
RENEWAL_CONTROL: Final = "Security Hub ACM.1"
URGENT_DAYS_LEFT: Final = 7  # an assumption: within a week somebody must act now
# The states of a certificate that has no more use: ACM API reference, CertificateDetail.
DEAD_STATUSES: Final = ("EXPIRED", "REVOKED", "FAILED", "VALIDATION_TIMED_OUT", "INACTIVE")


@dataclass(frozen=True)
class RenewalFault:
    """Why a certificate ends, or will; `command` mends it."""

    severity: FindingSeverity
    text: str
    command: str


def get_load_balancer_part(facts: CheckFacts) -> LoadBalancerPart:
    """The load balancer, which the stack must have."""
    assert facts.outputs.load_balancer is not None
    return facts.outputs.load_balancer


def list_attached_arns(answer: ReadAnswer) -> dict[str, str]:
    """The ARNs of a listener's certificates, each with how it is attached.

    One that is both is the default, and in the list for SNI. Raises UnknownAnswerError.
    """
    roles: dict[str, list[str]] = {}
    for item in get_answer_items(answer):
        roles.setdefault(str(item["CertificateArn"]), []).append(
            "default" if item.get("IsDefault") else "SNI"
        )
    return {arn: ", ".join(sorted(set(words))) for arn, words in roles.items()}


def check_renewal(facts: CheckFacts) -> CheckRoutine:
    """Each certificate of the listener is issued, lasts, and will be renewed by ACM."""
    part = get_load_balancer_part(facts)
    (list_answer,) = yield [
        build_read(LISTENER_CERTIFICATES_API, "Certificates", ListenerArn=part.listener_arn)
    ]
    arns = list_attached_arns(list_answer)
    acm_arns = [arn for arn in arns if ":acm:" in arn]
    answers = yield [
        build_read(CERTIFICATE_API, "", CertificateArn=arn, absent_codes=NO_CERTIFICATE_CODES)
        for arn in acm_arns
    ]
    findings: list[ResourceFinding] = []
    gaps = [
        _build_unknown_finding(
            arn,
            "is a server certificate of IAM: only what is served of it is checked",
            "aws iam list-server-certificates",
        )
        for arn in arns
        if arn not in acm_arns
    ]
    end_texts: list[str] = []
    for arn, answer in zip(acm_arns, answers, strict=True):
        if isinstance(answer, UnknownAnswerError):
            gaps.append(_build_unknown_finding(arn, str(answer), answer.advice))
            continue
        if not answer:
            gone = RenewalFault("critical", "is gone from ACM", "ops certificate show")
            findings.append(_build_finding(arn, arn, [gone], None))
            continue
        certificate = parse_certificate(answer[0]["Certificate"])
        end_texts.append(f"{certificate.subject} until {format_day(certificate.end)}")
        try:
            faults = list_renewal_faults(certificate, facts.now)
        except DnsError as error:
            gaps.append(_build_unknown_finding(certificate.subject, str(error), ""))
            faults = list_state_faults(certificate, facts.now)
        if faults:
            findings.append(_build_finding(arn, certificate.subject, faults, certificate.end))
    summary = summarize_findings(
        CERTIFICATES_AREA,
        "certificates of the load balancer",
        findings,
        f"all {len(arns)} are issued and can be renewed: {'; '.join(end_texts)}",
    )
    return (yield from apply_waivers(facts, [*(findings if gaps else summary), *gaps]))


def list_renewal_faults(certificate: Certificate, now: datetime) -> list[RenewalFault]:
    """What is wrong with a certificate, by ACM and by DNS. Raises DnsError."""
    faults = list_state_faults(certificate, now)
    if certificate.kind != "AMAZON_ISSUED" or certificate.status not in (
        "ISSUED",
        "PENDING_VALIDATION",
    ):
        return faults
    days_left = certificate.count_days_left(now)
    is_near = days_left is not None and days_left <= RENEWAL_DAYS
    severity: FindingSeverity = "high" if is_near else "medium"
    if certificate.validation_method == "EMAIL":
        faults.append(
            RenewalFault(
                severity,
                "is validated by e-mail: it ends unless somebody answers ACM's messages each time",
                f"ops certificate request {shlex.join(certificate.names)}",
            )
        )
    # Of one that was never issued the state already says that it is not validated.
    what = "cannot be renewed" if certificate.status == "ISSUED" else "cannot be issued"
    for record, value in list_missing_records(certificate.records):
        there = f"DNS has {value} there" if value else "DNS has nothing there"
        faults.append(
            RenewalFault(
                severity,
                f"{what}: {format_record(record)} is missing, {there}",
                f"ops certificate validate {certificate.arn}",
            )
        )
    faults += list_caa_faults(certificate.names, severity)
    return faults


def list_caa_faults(names: Iterable[str], severity: FindingSeverity) -> list[RenewalFault]:
    """Names for which CAA lets others issue and not Amazon. Raises DnsError."""
    refusals = {name: find_caa_refusal(name) for name in names}
    return [
        RenewalFault(
            severity,
            f"{refusal} forbids Amazon to issue for {name}",
            f'{refusal.partition(" ")[0]} needs one more record: CAA 0 issue "amazon.com"',
        )
        for name, refusal in refusals.items()
        if refusal
    ]


def list_state_faults(certificate: Certificate, now: datetime) -> list[RenewalFault]:
    """What is wrong with a certificate by what ACM says."""
    names = shlex.join(certificate.names)
    request = f"ops certificate request {names}"
    if certificate.kind == "IMPORTED":
        request = (
            f"aws acm import-certificate --certificate-arn {certificate.arn} --certificate "
            "fileb://certificate.pem --private-key fileb://key.pem --certificate-chain "
            "fileb://chain.pem"
        )
    renewal = describe_renewal(certificate)
    days_left = certificate.count_days_left(now)
    faults: list[RenewalFault] = []
    if certificate.status in DEAD_STATUSES or (days_left is not None and days_left <= 0):
        text = f"is {certificate.status.lower().replace('_', ' ')}"
        text += f", ended at {format_day(certificate.end)}" if certificate.end else ""
        text += f" ({certificate.failure_reason})" if certificate.failure_reason else ""
        return [RenewalFault("critical", f"{text}; {renewal}", request)]
    if certificate.status == "PENDING_VALIDATION":
        faults.append(
            RenewalFault(
                "high",
                "is not issued yet: its names are not validated",
                f"ops certificate validate {certificate.arn}",
            )
        )
    elif days_left is not None and days_left < MIN_DAYS_LEFT:
        severity: FindingSeverity = "critical" if days_left < URGENT_DAYS_LEFT else "high"
        is_imported = certificate.kind == "IMPORTED"
        command = request if is_imported else f"ops certificate validate {certificate.arn}"
        faults.append(
            RenewalFault(
                severity,
                f"ends in {days_left:.0f} days, at {format_day(certificate.end)}; {renewal}",
                command,
            )
        )
    elif certificate.renewal_status in ("PENDING_VALIDATION", "FAILED"):
        command = f"ops certificate validate {certificate.arn}"
        faults.append(
            RenewalFault("high", f"until {format_day(certificate.end)}; {renewal}", command)
        )
    if certificate.algorithm == "RSA_1024":
        faults.append(RenewalFault("medium", "its key is RSA 1024 (ACM.2)", request))
    return faults


def describe_renewal(certificate: Certificate) -> str:
    """What ACM says of its renewal."""
    if certificate.kind == "IMPORTED":
        return "it was imported, and ACM renews none that was"
    if certificate.renewal_status == "SUCCESS":
        return f"ACM renewed it, and will again {RENEWAL_DAYS} days before its end"
    if certificate.renewal_status:
        reason = f" ({certificate.renewal_reason})" if certificate.renewal_reason else ""
        return f"its renewal is {certificate.renewal_status.lower().replace('_', ' ')}{reason}"
    if certificate.eligibility == "INELIGIBLE" and not certificate.in_use_by:
        return "ACM renews none that nothing uses"
    if certificate.eligibility == "INELIGIBLE":
        return "ACM says that it cannot be renewed"
    return f"ACM renews it from {RENEWAL_DAYS} days before its end"


def format_day(time: datetime | None) -> str:
    """A day for a sentence."""
    return "no known day" if time is None else f"{time:%Y-%m-%d}"


def get_worst_severity(severities: Iterable[FindingSeverity]) -> FindingSeverity:
    """The most severe one."""
    return min(severities, key=FINDING_SEVERITIES.index)


def _build_finding(
    arn: str, subject: str, faults: list[RenewalFault], end: datetime | None
) -> ResourceFinding:
    severity = get_worst_severity(fault.severity for fault in faults)
    command = next(fault.command for fault in faults if fault.severity == severity)
    return ResourceFinding(
        "failing",
        CERTIFICATES_AREA,
        subject,
        "; ".join(fault.text for fault in faults),
        command,
        id=build_finding_id(RENEWAL_CHECK, arn.rpartition("/")[2]),
        severity=severity,
        reason=RENEWAL_CONTROL,
    )


def _build_unknown_finding(subject: str, evidence: str, advice: str) -> CheckFinding:
    return CheckFinding("unknown", CERTIFICATES_AREA, subject, evidence, advice)
