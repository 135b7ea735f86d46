"""One TLS handshake, as a client of the stack begins it: what is served, trusted or not.

Nothing is verified while it goes on, so that a chain that nobody trusts is seen as well; whoever
asks judges it (ops/certificate/chain.py).
"""

import contextlib
import hashlib
import socket
import ssl
import urllib.parse
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from pydantic import JsonValue

from ops.core.sandbox_endpoint import (
    ADDRESSES_PATH,
    NoSandboxError,
    ask_sandbox,
    find_local_endpoint,
)

HANDSHAKE_SECONDS: Final = 10.0
# OpenSSL's own names for every cipher, however weak: ciphers(1).
EVERY_CIPHER: Final = "ALL:@SECLEVEL=0"


@dataclass(frozen=True)
class TlsEndpoint:
    """Where a name is reached, and the roots, as PEM, that are trusted there instead of one's own.

    `roots` is empty for those of this machine.
    """

    address: str
    port: int
    roots: str = ""


@dataclass(frozen=True)
class ServedChain:
    """What a server sent: its certificates as DER, the first its own; version and cipher."""

    certificates: tuple[bytes, ...]
    version: str
    cipher: str
    roots: str = ""

    @property
    def fingerprint(self) -> str:
        """The SHA-256 digest of the server's own certificate."""
        return hashlib.sha256(self.certificates[0]).hexdigest()


def find_endpoint(host: str, port: int) -> TlsEndpoint:
    """The name itself; in a sandbox its local address. Raises OSError if it leads nowhere there."""
    if find_local_endpoint() is not None:
        with contextlib.suppress(NoSandboxError):
            query = urllib.parse.urlencode({"host": host, "port": port})
            status, content = ask_sandbox(f"{ADDRESSES_PATH}?{query}")
            if status == 200:
                return TlsEndpoint(content["host"], int(content["port"]), content["roots"])
            if status == 404:
                raise OSError(str(content["error"]))
    return TlsEndpoint(host, port)


def shake_hands(
    host: str,
    port: int,
    server_name: str | None,
    *,
    version: ssl.TLSVersion | None = None,
    ciphers: str | None = None,
    seconds: float = HANDSHAKE_SECONDS,
) -> ServedChain:
    """Opens a connection, says hello with a name of SNI, and hangs up after the handshake.

    `version` is the only one that is offered, `ciphers` those of TLS 1.2 and before. Raises
    ssl.SSLError if the server refuses them, OSError if nobody answers.
    """
    endpoint = find_endpoint(host, port)
    context = _build_context(version, ciphers)
    with (
        socket.create_connection((endpoint.address, endpoint.port), seconds) as stream,
        context.wrap_socket(stream, server_hostname=server_name) as secured,
    ):
        cipher = secured.cipher()
        return ServedChain(
            tuple(_list_certificates(secured)),
            secured.version() or "",
            cipher[0] if cipher else "",
            endpoint.roots,
        )


def observe_served_certificate(
    host: str, port: int, server_name: str | None, seconds: float
) -> dict[str, JsonValue]:
    """The fingerprint of what is served, or an empty one and why there was none."""
    try:
        chain = shake_hands(host, port, server_name, seconds=seconds)
    except OSError as error:
        return {"fingerprint": "", "reason": str(error)}
    return {"fingerprint": chain.fingerprint, "version": chain.version}


def can_offer(version: ssl.TLSVersion) -> bool:
    """True if this machine's OpenSSL can offer a version, so that a refusal is the server's."""
    names = {
        ssl.TLSVersion.TLSv1: ssl.HAS_TLSv1,
        ssl.TLSVersion.TLSv1_1: ssl.HAS_TLSv1_1,
        ssl.TLSVersion.TLSv1_2: ssl.HAS_TLSv1_2,
        ssl.TLSVersion.TLSv1_3: ssl.HAS_TLSv1_3,
    }
    return names[version]


def _build_context(version: ssl.TLSVersion | None, ciphers: str | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers(f"{ciphers}:@SECLEVEL=0" if ciphers else EVERY_CIPHER)
    if version is not None:
        with warnings.catch_warnings():  # whether old ones are taken is the question
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = context.maximum_version = version
    return context


def _list_certificates(secured: ssl.SSLSocket) -> Iterator[bytes]:
    """What was sent, in its order. The method is public from Python 3.13 on."""
    tls: Any = secured
    if hasattr(tls, "get_unverified_chain"):
        yield from tls.get_unverified_chain()
        return
    for certificate in tls._sslobj.get_unverified_chain() or ():
        yield ssl.PEM_cert_to_DER_cert(certificate.public_bytes())
