"""TLS to PostgreSQL: which server is trusted, under which name, before a password is sent.

The server's certificate must be of RDS's authorities (rds_roots.pem, or the file that PGSSLROOTCERT
names) and of the instance's endpoint, also through a tunnel: there libpq is given the endpoint as
`host` and the tunnel as `hostaddr` (libpq, "Parameter Key Words"). The password is proved by
SCRAM-SHA-256 and never sent. PGSSLMODE can weaken this only for servers outside RDS.
"""

import ipaddress
import os
import re
import socket
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from ops.core.errors import UnreachableError, UsageError

SSL_MODES: Final = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
RDS_SSL_MODES: Final = ("verify-ca", "verify-full")
DEFAULT_SSL_MODE: Final = "verify-full"
# Regional endpoints: "Amazon RDS endpoints" of the AWS General Reference; in China they are
# NAME.ID.rds.REGION.amazonaws.com.cn.
RDS_HOST_PATTERN: Final = re.compile(r"\.rds\.(amazonaws\.com|[a-z0-9-]+\.amazonaws\.com\.cn)$")
RDS_ROOTS_FILE: Final = Path(__file__).with_name("rds_roots.pem")
SYSTEM_ROOTS: Final = "system"  # libpq 16: the authorities of the machine
# The only one that RDS for PostgreSQL 14 and later uses unless told otherwise (RDS User Guide,
# "Using SCRAM for PostgreSQL password encryption").
AUTHENTICATION_METHOD: Final = "scram-sha-256"
BUNDLE_COMMANDS: Final = (
    "curl -o rds.pem https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem",
    "export PGSSLROOTCERT=$PWD/rds.pem",
)
# What libpq says if it does not trust the server: fe-secure-openssl.c and fe-secure-common.c.
WRONG_NAME_MESSAGE: Final = "does not match host name"
UNTRUSTED_MESSAGES: Final = (
    WRONG_NAME_MESSAGE,
    "certificate verify failed",
    "could not read root certificate file",
    "server does not support SSL",
)
# And if the server asks for anything but SCRAM: fe-auth.c, check_expected_areq.
AUTHENTICATION_MESSAGES: Final = ("authentication method requirement", "auth method")


def build_server_parameters(host: str, server_name: str) -> dict[str, Any]:
    """Returns libpq's parameters for a server that is reached at `host`.

    `server_name` is the name that its certificate must have: the instance's endpoint. Raises
    UsageError if PGSSLMODE or PGSSLROOTCERT is bad, UnreachableError if `host` has no address.
    """
    ssl_mode = get_ssl_mode(server_name)
    parameters: dict[str, Any] = {
        "host": server_name,
        "sslmode": ssl_mode,
        "require_auth": AUTHENTICATION_METHOD,
        "gssencmode": "disable",  # else a Kerberos ticket would take the place of TLS
    }
    if ssl_mode in RDS_SSL_MODES:
        parameters["sslrootcert"] = get_root_certificates()
    if host != server_name:
        parameters["hostaddr"] = resolve_host(host)
    return parameters


def is_rds_host(name: str) -> bool:
    """True if it is the endpoint of an RDS instance."""
    return RDS_HOST_PATTERN.search(name.lower().rstrip(".")) is not None


def needs_server_name(endpoint: str) -> bool:
    """True if servers like this endpoint are verified, so that their name must be known."""
    return get_ssl_mode(endpoint) in RDS_SSL_MODES


def get_ssl_mode(server_name: str) -> str:
    """Returns PGSSLMODE, or verify-full. Raises UsageError if it is unknown, or weak for RDS."""
    ssl_mode = os.environ.get("PGSSLMODE") or DEFAULT_SSL_MODE
    if ssl_mode not in SSL_MODES:
        raise UsageError(f"PGSSLMODE must be {', '.join(SSL_MODES)}, not {ssl_mode!r}")
    if is_rds_host(server_name) and ssl_mode not in RDS_SSL_MODES:
        raise UsageError(
            f"PGSSLMODE must be verify-full for RDS, not {ssl_mode!r}: the server would not be "
            "verified",
            "unset PGSSLMODE",
        )
    return ssl_mode


def get_root_certificates() -> str:
    """Returns the file of trusted authorities. Raises UsageError if it cannot be read."""
    name = os.environ.get("PGSSLROOTCERT")
    if not name or name == SYSTEM_ROOTS:
        return name or str(RDS_ROOTS_FILE)
    try:
        content = Path(name).read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise UsageError(
            f"PGSSLROOTCERT must be a file of certificates, not {name!r}: {error.strerror}",
            *BUNDLE_COMMANDS,
        ) from None
    if "-----BEGIN CERTIFICATE-----" not in content:
        raise UsageError(
            f"PGSSLROOTCERT must be a file of certificates in PEM, and {name!r} has none",
            *BUNDLE_COMMANDS,
        )
    return name


@dataclass(frozen=True)
class TrustedAuthority:
    """A certificate authority by which servers are verified, and when it expires."""

    name: str
    expiry: datetime


def list_trusted_authorities() -> list[TrustedAuthority] | None:
    """Returns the authorities of the file in use; None if they are the machine's.

    Raises UsageError if the file cannot be read, ssl.SSLError if a certificate in it is damaged.
    """
    file = get_root_certificates()
    if file == SYSTEM_ROOTS:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(file)
    certificates: list[dict[str, Any]] = context.get_ca_certs()
    return [
        TrustedAuthority(
            next(
                (
                    value
                    for part in certificate["subject"]
                    for key, value in part
                    if key == "commonName"
                ),
                "an authority without a name",
            ),
            datetime.fromtimestamp(ssl.cert_time_to_seconds(certificate["notAfter"]), UTC),
        )
        for certificate in certificates
    ]


def resolve_host(host: str) -> str:
    """Returns the IP address of a tunnel's host. Raises UnreachableError if it has none."""
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        pass
    try:
        addresses = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError as error:
        raise UnreachableError(f"{host} has no address: {error.strerror}") from None
    # The tunnels that `ops db connect` prints listen at IPv4's loopback address.
    addresses.sort(key=lambda item: item[0] != socket.AF_INET)
    return str(addresses[0][4][0])


def explain_untrusted_server(message: str, name: str, address: str) -> UnreachableError | None:
    """Returns the error of a server that was not trusted, or None if it is about something else.

    No password was sent. `name` is the instance, `message` is libpq's.
    """
    first_line = " ".join(message.split())
    if any(text in message for text in AUTHENTICATION_MESSAGES):
        return UnreachableError(
            f"{name} at {address} asks for another proof than {AUTHENTICATION_METHOD}, so no "
            f"password was sent: {first_line}",
            "ops db connect",
        )
    if any(text in message for text in UNTRUSTED_MESSAGES):
        return UnreachableError(
            f"the server at {address} could not be verified to be {name}, so no password was sent: "
            f"{first_line}",
            *(("ops db connect",) if WRONG_NAME_MESSAGE in message else BUNDLE_COMMANDS),
        )
    return None
