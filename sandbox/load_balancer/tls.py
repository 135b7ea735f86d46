"""TLS of an HTTPS listener: the certificate that SNI chooses, the versions of its policy.

Sources: ELB User Guide for Application Load Balancers, "SSL certificates" (the default is for those
without SNI or a name that no certificate of the list has; of several the best is chosen: ECDSA
before RSA, the longer key, the longer validity) and "Security policies".
"""

import ssl
import tempfile
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from moto.acm.models import CertBundle, acm_backends
from moto.elbv2.models import FakeListener
from moto.elbv2.ssl_policies import SSL_POLICIES

from sandbox.patches.acm import get_issued_certificate
from sandbox.patches.elbv2.listener_certificates import list_additional_certificates

TLS_RECORD: Final = 0x16  # first byte of a client's hello: RFC 8446, section 5.1
DEFAULT_POLICY: Final = "ELBSecurityPolicy-2016-08"
_VERSIONS: Final = {
    "TLSv1": ssl.TLSVersion.TLSv1,
    "TLSv1.1": ssl.TLSVersion.TLSv1_1,
    "TLSv1.2": ssl.TLSVersion.TLSv1_2,
    "TLSv1.3": ssl.TLSVersion.TLSv1_3,
}


@dataclass(frozen=True)
class ServedCertificate:
    """A certificate with its key and chain as PEM, as a server sends it."""

    names: tuple[str, ...]
    pem: bytes
    key_pem: bytes
    chain: tuple[bytes, ...]
    rank: tuple[bool, int, float]  # the greater, the better


@dataclass(frozen=True)
class TlsState:
    """What a listener serves at one moment: its policy, its default, its list."""

    policy: str
    default: ServedCertificate
    additional: tuple[ServedCertificate, ...]

    def choose(self, server_name: str | None) -> ServedCertificate:
        """The certificate for a name of SNI."""
        matching = [
            certificate
            for certificate in self.additional
            if any(is_name_covered(server_name or "", name) for name in certificate.names)
        ]
        return max(matching, key=lambda certificate: certificate.rank, default=self.default)


def is_name_covered(host: str, pattern: str) -> bool:
    """True if a name of a certificate stands for a host; a wildcard is for one label."""
    if not pattern.startswith("*."):
        return host.lower() == pattern.lower()
    return host.lower().partition(".")[2] == pattern[2:].lower()


def read_tls_state(listener: FakeListener, account: str, region: str) -> TlsState | None:
    """Reads what a listener serves; None if it has no certificate."""
    bundles = acm_backends[account][region]._certificates
    if listener.certificate not in bundles:
        return None
    additional = [bundles[arn] for arn in list_additional_certificates(listener) if arn in bundles]
    return TlsState(
        listener.ssl_policy or DEFAULT_POLICY,
        _read_certificate(bundles[listener.certificate]),
        tuple(map(_read_certificate, additional)),
    )


def serve_other_chain(bundle: CertBundle, chain: Sequence[bytes]) -> None:
    """Makes servers send another chain with a certificate, as an imported one may have."""
    vars(bundle)["sandbox_chain"] = tuple(chain)


def _read_certificate(bundle: Any) -> ServedCertificate:
    certificate, chain = get_issued_certificate(bundle)
    public_key: Any = certificate.certificate.public_key()
    names = certificate.certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    return ServedCertificate(
        tuple(names.value.get_values_for_type(x509.DNSName)),
        certificate.pem,
        certificate.key_pem,
        vars(bundle).get("sandbox_chain", tuple(chain)),
        (
            isinstance(public_key, ec.EllipticCurvePublicKey),
            public_key.key_size,
            certificate.certificate.not_valid_after_utc.timestamp(),
        ),
    )


def build_server_context(state: TlsState) -> ssl.SSLContext:
    """The context of a new connection: its hello decides on the certificate."""
    context = _build_context(state.default, state.policy)

    def choose_certificate(tls: Any, server_name: str | None, _context: ssl.SSLContext) -> None:
        chosen = state.choose(server_name)
        if chosen is not state.default:
            tls.context = _build_context(chosen, state.policy)

    context.sni_callback = choose_certificate
    return context


def _build_context(certificate: ServedCertificate, policy: str) -> ssl.SSLContext:
    """A context with the versions and the ciphers that AWS lists for a policy."""
    versions = [_VERSIONS[name] for name in SSL_POLICIES[policy]["ssl_protocols"]]
    ciphers = [name for name in SSL_POLICIES[policy]["ciphers"] if not name.startswith("TLS_")]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if ciphers:  # those of TLS 1.3 are OpenSSL's own
        context.set_ciphers(":".join([*ciphers, "@SECLEVEL=0"]))
    with warnings.catch_warnings():  # old versions are what is simulated
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version, context.maximum_version = min(versions), max(versions)
    with tempfile.NamedTemporaryFile(prefix="bulwark-", suffix=".pem") as file:
        file.write(certificate.pem + b"".join(certificate.chain) + certificate.key_pem)
        file.flush()
        context.load_cert_chain(file.name)
    return context
