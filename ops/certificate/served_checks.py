"""What a client is shown: by handshakes with the load balancer, for each name and without one."""

import contextlib
import hashlib
import ssl
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from ops.certificate.apis import (
    CERTIFICATE_BODY_API,
    CERTIFICATES_AREA,
    LISTENER_CERTIFICATES_API,
    LISTENERS_API,
)
from ops.certificate.chain import ChainFault, ChainReport, judge_chain, list_dns_names
from ops.certificate.checks import get_load_balancer_part, get_worst_severity, list_attached_arns
from ops.certificate.model import (
    NO_CERTIFICATE_CODES,
    TLS_PORT,
    get_site_host,
    is_covered,
)
from ops.core import dns_query, tls_handshake
from ops.core.checks import (
    CheckFacts,
    CheckFinding,
    CheckRoutine,
    UnknownAnswerError,
    build_read,
)
from ops.core.dns_query import DnsError
from ops.core.tls_handshake import ServedChain, can_offer
from ops.findings.model import ResourceFinding, build_finding_id, summarize_findings
from ops.findings.waivers import apply_waivers
from ops.outputs import LoadBalancerPart

SERVED_CHECK: Final = "certificate-served"
_SHOW_COMMAND: Final = "ops certificate show"
SERVED_CONTROL: Final = "RFC 8446, section 4.4.2"
TLS_CONTROL: Final = "Security Hub ELB.17"
# Names of one look: 26 certificates of a listener can have hundreds (ELB User Guide, "Quotas").
MAX_HOSTS: Final = 100
WILDCARD_LABEL: Final = "any"  # stands for the star in the name that is asked for
# Versions without protection against known attacks: RFC 8996 forbids both.
OLD_VERSIONS: Final = {"TLS 1.0": ssl.TLSVersion.TLSv1, "TLS 1.1": ssl.TLSVersion.TLSv1_1}
# Without forward secrecy: who gets the key later reads what was recorded (ELB.17). OpenSSL's names.
STATIC_CIPHERS: Final = "AES128-GCM-SHA256:AES256-GCM-SHA384:AES128-SHA256:AES128-SHA:AES256-SHA"
# TLS 1.2 and 1.3 with forward secrecy: the default of the setting `loadBalancer.tlsPolicy`.
SAFE_TLS_POLICY: Final = "ELBSecurityPolicy-TLS13-1-2-PQ-2025-09"


@dataclass(frozen=True)
class HostLook:
    """What was seen of one host; `report` is None if it is unknown, for the reason `gap`.

    `is_answered` is False if there was no load balancer to shake hands with.
    """

    host: str
    report: ChainReport | None
    faults: tuple[ChainFault, ...] = ()
    gap: str = ""
    version: str = ""
    cipher: str = ""
    is_answered: bool = True


def check_served(facts: CheckFacts) -> CheckRoutine:
    """Each name is shown a certificate of the listener that it trusts, by TLS of today."""
    part = get_load_balancer_part(facts)
    list_answer, listener_answer = yield [
        build_read(LISTENER_CERTIFICATES_API, "Certificates", ListenerArn=part.listener_arn),
        build_read(LISTENERS_API, "Listeners", ListenerArns=[part.listener_arn]),
    ]
    arns = list_attached_arns(list_answer)
    acm_arns = [arn for arn in arns if ":acm:" in arn]
    answers = yield [
        build_read(CERTIFICATE_BODY_API, "", CertificateArn=arn, absent_codes=NO_CERTIFICATE_CODES)
        for arn in acm_arns
    ]
    gaps: list[CheckFinding] = []
    policy = "unknown"
    if isinstance(listener_answer, UnknownAnswerError):
        text, advice = str(listener_answer), listener_answer.advice
        gaps.append(CheckFinding("unknown", CERTIFICATES_AREA, "TLS policy", text, advice))
    elif listener_answer:
        policy = str(listener_answer[0].get("SslPolicy", policy))
    attached: dict[str, str] = {}
    names: list[str] = []
    for arn, answer in zip(acm_arns, answers, strict=True):
        if isinstance(answer, UnknownAnswerError):
            gaps.append(CheckFinding("unknown", CERTIFICATES_AREA, arn, str(answer), answer.advice))
        elif answer:
            certificate = x509.load_pem_x509_certificate(str(answer[0]["Certificate"]).encode())
            attached[compute_fingerprint(certificate)] = arn
            names += list_dns_names(certificate)
    hosts = list(dict.fromkeys([get_site_host(part), *names]))
    # With one that is not of ACM, or could not be read, nothing served can be told to be foreign.
    is_list_known = len(attached) == len(arns)
    findings, looks = [], []
    for host in hosts[:MAX_HOSTS]:
        look = look_at_host(part, host, attached if is_list_known else None, facts.now)
        looks.append(look)
        if look.faults:
            findings.append(_build_finding(part, look, attached))
        elif look.report is None:
            gaps.append(_build_gap(part, look))
        if not look.is_answered:  # nor would it for the others
            break
    else:
        if len(hosts) > MAX_HOSTS:
            text = f"{len(hosts) - MAX_HOSTS} more were not asked for: one look takes {MAX_HOSTS}"
            gaps.append(
                CheckFinding("unknown", CERTIFICATES_AREA, "other names", text, _SHOW_COMMAND)
            )
    if any(look.report for look in looks):
        findings += _list_protocol_findings(part, policy)
    evidence = "; ".join(f"{look.host}: {describe_look(look)}" for look in looks if look.report)
    summary = summarize_findings(CERTIFICATES_AREA, "served certificates", findings, evidence)
    return (yield from apply_waivers(facts, [*(findings if gaps else summary), *gaps]))


def compute_fingerprint(certificate: x509.Certificate) -> str:
    """The SHA-256 digest of a certificate, as a handshake has it."""
    return hashlib.sha256(certificate.public_bytes(serialization.Encoding.DER)).hexdigest()


def describe_look(look: HostLook) -> str:
    """What is served, in a line."""
    report = look.report
    if report is None:
        return look.gap
    return (
        f"{', '.join(report.names[:3])}, by {report.issuer}, until {report.end:%Y-%m-%d}, "
        f"{report.key}, {report.length} certificates, {look.version} {look.cipher}"
    )


def look_at_host(
    part: LoadBalancerPart, host: str, attached: dict[str, str] | None, now: datetime
) -> HostLook:
    """Asks the load balancer for a host, and DNS where the host leads.

    `attached` are the listener's certificates by fingerprint, None if they are not all known.
    """
    asked_host = host.replace("*", WILDCARD_LABEL, 1)
    try:
        chain = tls_handshake.shake_hands(part.dns_name, TLS_PORT, asked_host)
    except ssl.SSLError as error:
        return HostLook(host, None, (ChainFault("critical", f"refuses a handshake: {error}"),))
    except OSError as error:
        return HostLook(host, None, gap=str(error), is_answered=False)
    report = judge_chain(chain, asked_host, now)
    faults = list(report.faults)
    if attached is not None and chain.fingerprint not in attached:
        faults.append(ChainFault("critical", "it is not among the listener's certificates"))
    gap = ""
    if "*" not in host:
        try:
            faults += _list_address_faults(part, host, chain)
        except DnsError as error:
            gap = str(error)
    known_report = None if gap and not faults else report
    return HostLook(host, known_report, tuple(faults), gap, chain.version, chain.cipher)


def _list_address_faults(
    part: LoadBalancerPart, host: str, chain: ServedChain
) -> Iterator[ChainFault]:
    """A name must lead to the load balancer. The certificate that is served there is told."""
    if host == part.dns_name:
        return
    addresses = dns_query.query_dns(host, "A")
    balancer_addresses = dns_query.query_dns(part.dns_name, "A")
    is_site = host == get_site_host(part)
    if not addresses:
        if is_site:
            yield ChainFault("high", "DNS has no address of it")
        return
    if not balancer_addresses or set(addresses) & set(balancer_addresses):
        return
    served = "nobody answers there"
    with contextlib.suppress(OSError):
        other_chain = tls_handshake.shake_hands(host, TLS_PORT, host)
        is_same = other_chain.fingerprint == chain.fingerprint
        served = "the same certificate is served" if is_same else "another certificate is served"
    yield ChainFault(
        "high" if is_site else "medium",
        f"DNS leads to {', '.join(addresses)}, not to the load balancer "
        f"({', '.join(balancer_addresses)}): {served}",
    )


def _list_protocol_findings(part: LoadBalancerPart, policy: str) -> Iterator[ResourceFinding]:
    """Old versions, and ciphers without forward secrecy, that the listener accepts."""
    accepted = [
        name
        for name, version in OLD_VERSIONS.items()
        if can_offer(version) and _is_accepted(part, version, None)
    ]
    if _is_accepted(part, ssl.TLSVersion.TLSv1_2, STATIC_CIPHERS):
        accepted.append("ciphers without forward secrecy")
    if accepted:
        yield ResourceFinding(
            "failing",
            CERTIFICATES_AREA,
            "TLS of the listener",
            f"accepts {', '.join(accepted)}: its policy is {policy}",
            f"aws elbv2 modify-listener --listener-arn {part.listener_arn} "
            f"--ssl-policy {SAFE_TLS_POLICY}",
            id=build_finding_id(SERVED_CHECK, "tls-policy"),
            severity="high" if any(name in OLD_VERSIONS for name in accepted) else "medium",
            reason=TLS_CONTROL,
        )


def _is_accepted(part: LoadBalancerPart, version: ssl.TLSVersion, ciphers: str | None) -> bool:
    try:
        tls_handshake.shake_hands(part.dns_name, TLS_PORT, None, version=version, ciphers=ciphers)
    except OSError:  # refused, or cut off, as old servers do
        return False
    return True


def _build_finding(
    part: LoadBalancerPart, look: HostLook, attached: dict[str, str]
) -> ResourceFinding:
    end = f" (until {look.report.end:%Y-%m-%d}, by {look.report.issuer})" if look.report else ""
    return ResourceFinding(
        "failing",
        CERTIFICATES_AREA,
        look.host,
        "; ".join(fault.text for fault in look.faults) + end,
        _choose_command(part, look, list(attached.values())),
        id=build_finding_id(SERVED_CHECK, look.host),
        severity=get_worst_severity(fault.severity for fault in look.faults),
        reason=SERVED_CONTROL,
    )


def _choose_command(part: LoadBalancerPart, look: HostLook, arns: Sequence[str]) -> str:
    """Where the certificate is at fault a new one is requested; where DNS is, the record is set."""
    if all(fault.text.startswith("DNS ") for fault in look.faults):
        if part.zone_id is not None:
            return "pulumi up --refresh"
        return f"set {look.host} to {part.dns_name} in DNS (an alias, or a CNAME)"
    names = look.report.names if look.report is not None else (look.host,)
    if look.report is not None and not is_covered(look.host, names):
        names = (look.host,)
    if not arns:
        return _SHOW_COMMAND
    quoted = " ".join(f"'{name}'" if "*" in name else name for name in names)
    return f"ops certificate request {quoted}"


def _build_gap(part: LoadBalancerPart, look: HostLook) -> CheckFinding:
    if look.is_answered:
        return CheckFinding("unknown", CERTIFICATES_AREA, look.host, look.gap, "")
    evidence = f"nobody answers from here: {look.gap}"
    if part.internal:
        evidence += "; the load balancer is internal: ask from its VPC or a network connected to it"
    return CheckFinding(
        "unknown", CERTIFICATES_AREA, look.host, evidence, "ops network flows rejected"
    )
