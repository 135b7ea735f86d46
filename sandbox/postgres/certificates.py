"""TLS of the sandbox's databases: an authority of its own, and a certificate for each endpoint.

RDS's endpoints have certificates of RDS's own authorities: RDS User Guide, "Using SSL/TLS to
encrypt a connection to a DB instance or cluster". PostgreSQL has no TLS on the Unix sockets at
which the sandbox's servers listen, so the endpoint speaks it.
"""

import datetime
import ssl
from pathlib import Path
from typing import Final

from sandbox.certificates import issue_authority, issue_certificate

# Longer than any time that `ops` warns ahead. AWS's own are valid for decades: RDS User Guide,
# "Using SSL/TLS to encrypt a connection to a DB instance or cluster".
VALIDITY: Final = datetime.timedelta(days=3650)


class CertificateAuthority:
    """An authority that signs the certificates of endpoints. Its key is never written."""

    def __init__(self, folder: Path, name: str = "bulwark sandbox RDS Root CA") -> None:
        """Writes its certificate to `root_file` in the folder."""
        self._folder = folder
        now = datetime.datetime.now(datetime.UTC)
        self._validity = now - VALIDITY, now + VALIDITY
        self._root = issue_authority(name, validity=self._validity)
        self.root_file = folder / "root.pem"
        self.root_file.write_bytes(self._root.pem)
        self.root_file.chmod(0o644)

    def build_context(self, host: str) -> ssl.SSLContext:
        """The context of a server with a certificate for a name or an IP address."""
        server = issue_certificate([host], self._root, self._validity)
        file = self._folder / f"endpoint-{host}.pem"
        file.touch(mode=0o600)
        file.write_bytes(server.pem + server.key_pem)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context
