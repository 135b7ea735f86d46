"""X.509 certificates of the sandbox: authorities, and what they sign, with dates as they are told.

The extensions are those that clients require of a server's certificate and of its authorities:
RFC 5280, sections 4.2.1.1 to 4.2.1.12.
"""

import datetime
import functools
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

PrivateKey: TypeAlias = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
# Of the authorities in "Amazon Trust Services", whose roots are valid for decades.
AUTHORITY_BEGIN: Final = datetime.datetime(2015, 10, 22, tzinfo=datetime.UTC)
AUTHORITY_END: Final = datetime.datetime(2060, 1, 1, tzinfo=datetime.UTC)
EC_CURVES: Final = {"EC_prime256v1": ec.SECP256R1, "EC_secp384r1": ec.SECP384R1}


@dataclass(frozen=True)
class SignedCertificate:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: PrivateKey

    @property
    def pem(self) -> bytes:
        """The certificate as PEM."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        """The key as PEM, not encrypted."""
        return self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )


def generate_key(algorithm: str = "EC_prime256v1") -> PrivateKey:
    """A key of one of ACM's algorithms, like RSA_2048."""
    if algorithm in EC_CURVES:
        return ec.generate_private_key(EC_CURVES[algorithm]())
    return rsa.generate_private_key(65537, int(algorithm.removeprefix("RSA_")))


def issue_authority(
    name: str,
    issuer: SignedCertificate | None = None,
    validity: tuple[datetime.datetime, datetime.datetime] = (AUTHORITY_BEGIN, AUTHORITY_END),
) -> SignedCertificate:
    """An authority; a root unless another one issues it."""
    key = generate_key()
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = _build(subject, key, issuer, validity).add_extension(
        x509.BasicConstraints(ca=True, path_length=None), critical=True
    )
    builder = builder.add_extension(_build_key_usage(is_authority=True), critical=True)
    return _sign(builder, key, issuer)


def issue_certificate(
    names: Sequence[str],
    issuer: SignedCertificate,
    validity: tuple[datetime.datetime, datetime.datetime],
    *,
    algorithm: str = "EC_prime256v1",
    key: PrivateKey | None = None,
) -> SignedCertificate:
    """A server's certificate for names or IP addresses; the first is its common name."""
    key = generate_key(algorithm) if key is None else key
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    builder = (
        _build(subject, key, issuer, validity)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([_parse_general_name(name) for name in names]),
            critical=False,
        )
        .add_extension(_build_key_usage(is_authority=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    )
    return _sign(builder, key, issuer)


@functools.cache
def get_public_root() -> SignedCertificate:
    """The root of the sandbox's public certificates; its clients trust it and no other."""
    return issue_authority("bulwark sandbox Amazon Root CA 1")


@functools.cache
def get_public_intermediate() -> SignedCertificate:
    """The authority that signs what ACM issues. Source: ACM User Guide, "Certificate
    authorities": an intermediate one, so that a chain has at least two certificates."""
    return issue_authority("bulwark sandbox Amazon RSA 2048 M01", get_public_root())


def _build(
    subject: x509.Name,
    key: PrivateKey,
    issuer: SignedCertificate | None,
    validity: tuple[datetime.datetime, datetime.datetime],
) -> x509.CertificateBuilder:
    issuer_key = issuer.key if issuer is not None else key
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer is not None else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(validity[0])
        .not_valid_after(validity[1])
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()),
            critical=False,
        )
    )


def _sign(
    builder: x509.CertificateBuilder, key: PrivateKey, issuer: SignedCertificate | None
) -> SignedCertificate:
    signing_key = issuer.key if issuer is not None else key
    return SignedCertificate(builder.sign(signing_key, hashes.SHA256()), key)


def _build_key_usage(*, is_authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=is_authority,
        crl_sign=is_authority,
        encipher_only=False,
        decipher_only=False,
    )


def _parse_general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
