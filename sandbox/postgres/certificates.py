"""TLS of the sandbox's databases: an authority of its own, and a certificate for each endpoint.

RDS's endpoints have certificates of RDS's own authorities: RDS User Guide, "Using SSL/TLS to
encrypt a connection to a DB instance or cluster". PostgreSQL has no TLS on the Unix sockets at
which the sandbox's servers listen, so the endpoint speaks it.
"""

import datetime
import ipaddress
import ssl
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

# Longer than any time that `ops` warns ahead. AWS's own are valid for decades: RDS User Guide,
# "Using SSL/TLS to encrypt a connection to a DB instance or cluster".
VALIDITY: Final = datetime.timedelta(days=3650)


class CertificateAuthority:
    """An authority that signs the certificates of endpoints. Its key is never written."""

    def __init__(self, folder: Path, name: str = "bulwark sandbox RDS Root CA") -> None:
        """Writes its certificate to `root_file` in the folder."""
        self._folder, self._key = folder, ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        certificate = self._build(self._name, self._key, is_authority=True).sign(
            self._key, hashes.SHA256()
        )
        self.root_file = folder / "root.pem"
        self.root_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        self.root_file.chmod(0o644)

    def build_context(self, host: str) -> ssl.SSLContext:
        """The context of a server with a certificate for a name or an IP address."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
        try:
            name: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(host))
        except ValueError:
            name = x509.DNSName(host)
        certificate = (
            self._build(subject, key, is_authority=False)
            .add_extension(x509.SubjectAlternativeName([name]), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        file = self._folder / f"endpoint-{host}.pem"
        file.touch(mode=0o600)
        file.write_bytes(
            certificate.public_bytes(serialization.Encoding.PEM)
            + key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context

    def _build(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, *, is_authority: bool
    ) -> x509.CertificateBuilder:
        now = datetime.datetime.now(datetime.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - VALIDITY)
            .not_valid_after(now + VALIDITY)
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        )
