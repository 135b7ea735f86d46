"""Judges the chain that a server sent: names, dates, order, whether it leads to a trusted root."""

import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from components.facts.units import DAY_SECONDS
from ops.certificate.model import MIN_DAYS_LEFT, is_covered
from ops.core.tls_handshake import ServedChain
from ops.findings.model import FindingSeverity

# NIST SP 800-57 part 1, table 2: 112 bits of strength; Security Hub, ACM.2.
MIN_RSA_BITS: Final = 2048
MIN_EC_BITS: Final = 256
URGENT_DAYS: Final = 7  # an assumption: within a week somebody must act now


@dataclass(frozen=True)
class ChainFault:
    """One thing that is wrong with a chain."""

    severity: FindingSeverity
    text: str


@dataclass(frozen=True)
class ChainReport:
    """What was served, as a person reads it, and what is wrong with it."""

    names: tuple[str, ...]
    issuer: str
    begin: datetime
    end: datetime
    key: str
    length: int
    faults: tuple[ChainFault, ...]


def judge_chain(chain: ServedChain, host: str | None, now: datetime) -> ChainReport:
    """Judges a chain for a host, at a time; no host for a client without SNI.

    Whether it is trusted is asked at a time when its first certificate is valid, so that an expired
    one is not said to be untrusted as well.
    """
    certificates = [x509.load_der_x509_certificate(data) for data in chain.certificates]
    leaf = certificates[0]
    names = list_dns_names(leaf)
    begin, end = leaf.not_valid_before_utc, leaf.not_valid_after_utc
    faults = [*_list_date_faults(certificates, now)]
    if host is not None and not is_covered(host, names):
        faults.append(ChainFault("critical", f"is for {', '.join(names)}, not for {host}"))
    order_fault = _find_order_fault(certificates)
    if order_fault:
        faults.append(ChainFault("high", order_fault))
    elif names:
        time = now if begin <= now <= end else begin + (end - begin) / 2
        if trust_fault := _find_trust_fault(certificates, names[0], time, chain.roots):
            faults.append(ChainFault("critical", trust_fault))
    key: Any = leaf.public_key()
    is_rsa = isinstance(key, rsa.RSAPublicKey)
    bits = key.key_size if isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey) else 0
    description = f"{'RSA' if is_rsa else 'EC'} {bits}" if bits else type(key).__name__
    if bits and bits < (MIN_RSA_BITS if is_rsa else MIN_EC_BITS):
        faults.append(ChainFault("high", f"its key is {description}"))
    return ChainReport(
        names=names,
        issuer=get_common_name(leaf.issuer),
        begin=begin,
        end=end,
        key=description,
        length=len(certificates),
        faults=tuple(faults),
    )


def list_dns_names(certificate: x509.Certificate) -> tuple[str, ...]:
    """The DNS names of a certificate; its common name counts for no client (RFC 6125)."""
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return ()
    return tuple(extension.value.get_values_for_type(x509.DNSName))


def get_common_name(name: x509.Name) -> str:
    """The common name of an authority, or all that it is called by."""
    values = name.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return str(values[0].value) if values else name.rfc4514_string()


def _list_date_faults(certificates: Sequence[x509.Certificate], now: datetime) -> list[ChainFault]:
    faults: list[ChainFault] = []
    for number, certificate in enumerate(certificates):
        what = "" if not number else f"its authority {get_common_name(certificate.subject)} "
        end = certificate.not_valid_after_utc
        days_left = (end - now).total_seconds() / DAY_SECONDS
        if days_left <= 0:
            faults.append(ChainFault("critical", f"{what}expired at {end:%Y-%m-%d %H:%M} UTC"))
        elif certificate.not_valid_before_utc > now:
            begin = certificate.not_valid_before_utc
            faults.append(
                ChainFault("critical", f"{what}is not valid before {begin:%Y-%m-%d %H:%M} UTC")
            )
        elif days_left < MIN_DAYS_LEFT:
            severity: FindingSeverity = "critical" if days_left < URGENT_DAYS else "high"
            faults.append(
                ChainFault(severity, f"{what}ends in {days_left:.0f} days, at {end:%Y-%m-%d}")
            )
    return faults


def _find_order_fault(certificates: Sequence[x509.Certificate]) -> str:
    """Each must be signed by the next one: RFC 8446, section 4.4.2. Empty if it is so."""
    for certificate, issuer in pairwise(certificates):
        try:
            certificate.verify_directly_issued_by(issuer)
        except Exception:  # a type, a value or a signature that does not fit: each has its own
            return (
                f"its chain is not in order: {get_common_name(certificate.subject)} is not signed "
                f"by {get_common_name(issuer.subject)}, which follows"
            )
    return ""


def _find_trust_fault(
    certificates: Sequence[x509.Certificate], name: str, time: datetime, roots: str
) -> str:
    leaf, *authorities = certificates
    host = name.replace("*.", "any.", 1)
    verifier = (
        PolicyBuilder()
        .store(Store(list(load_roots(roots))))
        .time(time)
        .build_server_verifier(x509.DNSName(host))
    )
    try:
        verifier.verify(leaf, authorities)
    except VerificationError as error:
        last = certificates[-1]
        if last.issuer == last.subject:
            return f"its chain ends at {get_common_name(last.subject)}, which nobody trusts"
        issuers = {root.subject for root in load_roots(roots)}
        if last.issuer not in issuers:
            return (
                f"its chain is not complete: {get_common_name(last.issuer)}, which signed "
                f"{get_common_name(last.subject)}, is not sent, and is no root that is trusted"
            )
        return f"is not trusted: {str(error).removeprefix('validation failed: ')}"
    return ""


@lru_cache(maxsize=4)
def load_roots(roots: str) -> tuple[x509.Certificate, ...]:
    """The roots of a PEM text; those of this machine for an empty one, else those of botocore."""
    if roots:
        return tuple(x509.load_pem_x509_certificates(roots.encode()))
    loaded: list[x509.Certificate] = []
    for data in ssl.create_default_context().get_ca_certs(binary_form=True):
        try:
            loaded.append(x509.load_der_x509_certificate(data))
        except ValueError:  # a root with an encoding that is refused is one that is not trusted
            continue
    if loaded:
        return tuple(loaded)
    from botocore.httpsession import get_cert_path

    return tuple(x509.load_pem_x509_certificates(Path(str(get_cert_path(True))).read_bytes()))
