"""Which server gets the password: one that RDS's authorities vouch for, by the instance's name."""

import socket
import ssl
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509

from ops.core.errors import OpsError, UnreachableError, UsageError
from ops.database.health import MIN_AUTHORITY_TIME
from ops.database.sql.connection import DATABASE_ADDRESS_VARIABLE, DatabaseClient
from ops.database.sql.tls import (
    RDS_ROOTS_FILE,
    build_server_parameters,
    get_root_certificates,
    get_ssl_mode,
    is_rds_host,
    list_trusted_authorities,
)
from sandbox.postgres.certificates import CertificateAuthority
from tests.ops.command_line import OpsConsole
from tests.ops.sql_stage import DATABASE_PASSWORD, open_postgres_console
from tests.ops.stage import shared_aws

ENDPOINT = "bulwark-test-database.c1.eu-north-1.rds.amazonaws.com"
CLEARTEXT_REQUEST = b"R" + struct.pack("!ii", 8, 3)  # AuthenticationCleartextPassword
TLS_REQUEST_LENGTH = 8


class AskingServer:
    """A server that asks for a cleartext password, and keeps what it is sent."""

    def __init__(self, context: ssl.SSLContext | None) -> None:
        self.context, self.received = context, b""
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.socket.getsockname()[1]}"
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self.socket.accept()
                with suppress(OSError):
                    self.answer(client)
                client.close()

    def answer(self, client: socket.socket) -> None:
        client.settimeout(5)
        client.recv(TLS_REQUEST_LENGTH)
        client.sendall(b"S" if self.context else b"N")
        stream = self.context.wrap_socket(client, server_side=True) if self.context else client
        self.received += stream.recv(4096)  # the startup message: user and database
        stream.sendall(CLEARTEXT_REQUEST)
        self.received += stream.recv(4096)


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpsConsole]:
    with open_postgres_console(tmp_path_factory.mktemp("tls")) as ops:
        yield ops


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CertificateAuthority:
    """An authority that is trusted."""
    made = CertificateAuthority(tmp_path)
    monkeypatch.setenv("PGSSLROOTCERT", str(made.root_file))
    return made


@contextmanager
def serve_on_tunnel(
    console: OpsConsole, monkeypatch: pytest.MonkeyPatch, context: ssl.SSLContext | None
) -> Iterator[tuple[AskingServer, DatabaseClient]]:
    """A server on the tunnel's port, and a client of a stack whose endpoint is RDS's."""
    server = AskingServer(context)
    monkeypatch.setenv(DATABASE_ADDRESS_VARIABLE, server.address)
    part = console.stage.outputs.database.model_copy(update={"endpoint": ENDPOINT})
    outputs = console.stage.outputs.model_copy(update={"database": part})
    try:
        yield server, DatabaseClient(outputs, shared_aws())
    finally:
        server.socket.close()


def test_a_server_of_an_unknown_authority_gets_no_password(
    console: OpsConsole,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("PGSSLROOTCERT")  # RDS's own authorities
    context = CertificateAuthority(tmp_path, "Amazon RDS eu-north-1 Root CA RSA2048 G1")
    with (
        serve_on_tunnel(console, monkeypatch, context.build_context(ENDPOINT)) as (server, client),
        pytest.raises(UnreachableError, match="could not be verified to be") as caught,
    ):
        client.fetch_rows("SELECT 1")
    assert server.received == b""
    assert "no password was sent" in str(caught.value)
    assert DATABASE_PASSWORD not in str(caught.value)
    assert caught.value.advice[1] == "export PGSSLROOTCERT=$PWD/rds.pem"


def test_a_trusted_server_of_another_name_gets_no_password(
    console: OpsConsole, authority: CertificateAuthority, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = authority.build_context("other.c1.eu-north-1.rds.amazonaws.com")
    with (
        serve_on_tunnel(console, monkeypatch, context) as (server, client),
        pytest.raises(UnreachableError, match="does not match host name") as caught,
    ):
        client.fetch_rows("SELECT 1")
    assert server.received == b""
    assert caught.value.advice == ("ops db connect",)


def test_a_trusted_server_that_asks_for_a_cleartext_password_gets_none(
    console: OpsConsole, authority: CertificateAuthority, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = authority.build_context(ENDPOINT)
    with (
        serve_on_tunnel(console, monkeypatch, context) as (server, client),
        pytest.raises(UnreachableError, match="asks for another proof than scram-sha-256"),
    ):
        client.fetch_rows("SELECT 1")
    assert b"bulwark-ops" in server.received  # it was trusted through the tunnel, by its name
    assert DATABASE_PASSWORD.encode() not in server.received


@pytest.mark.usefixtures("authority")
def test_a_server_without_tls_gets_nothing(
    console: OpsConsole, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        serve_on_tunnel(console, monkeypatch, None) as (server, client),
        pytest.raises(UnreachableError, match="server does not support SSL"),
    ):
        client.fetch_rows("SELECT 1")
    assert server.received == b""


@pytest.mark.parametrize("mode", ["disable", "allow", "prefer", "require"])
def test_a_weak_mode_in_the_environment_is_refused_for_rds(
    mode: str, console: OpsConsole, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGSSLMODE", mode)
    with (
        serve_on_tunnel(console, monkeypatch, None) as (server, client),
        pytest.raises(UsageError, match=f"PGSSLMODE must be verify-full for RDS, not '{mode}'"),
    ):
        client.fetch_rows("SELECT 1")
    assert server.received == b""
    assert get_ssl_mode("127.0.0.1") == mode  # a server of the sandbox


def test_the_database_of_the_sandbox_is_verified_by_its_own_authority(
    console: OpsConsole, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = DatabaseClient(console.stage.outputs, shared_aws()).fetch_rows("SELECT 1 AS one")
    assert row == [{"one": 1}]
    authorities = list_trusted_authorities()
    assert authorities
    a_year_on = datetime.now(UTC) + MIN_AUTHORITY_TIME
    assert all(authority.expiry > a_year_on for authority in authorities)
    monkeypatch.setenv("PGSSLROOTCERT", str(RDS_ROOTS_FILE))
    with pytest.raises(UnreachableError, match="certificate verify failed"):
        DatabaseClient(console.stage.outputs, shared_aws()).fetch_rows("SELECT 1")


def test_a_large_answer_comes_whole_through_tls(console: OpsConsole) -> None:
    client = DatabaseClient(console.stage.outputs, shared_aws())
    rows = client.fetch_rows("SELECT repeat('x', 1000) AS text FROM generate_series(1, 5000)")
    assert len(rows) == 5000
    assert all(row["text"] == "x" * 1000 for row in rows)


@pytest.mark.parametrize("content", [None, "not a certificate"])
def test_a_bad_file_of_authorities_is_one_line_with_the_way_to_get_it(
    content: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "rds.pem"
    if content is not None:
        file.write_text(content)
    monkeypatch.setenv("PGSSLROOTCERT", str(file))
    with pytest.raises(UsageError, match=r"^PGSSLROOTCERT must be a file of certificates") as found:
        get_root_certificates()
    assert found.value.advice[0].startswith("curl -o rds.pem https://truststore.pki.rds.")


def test_a_tunnel_is_reached_by_its_address_and_verified_by_the_endpoint(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("PGSSLMODE", raising=False)
    monkeypatch.delenv("PGSSLROOTCERT", raising=False)
    parameters = build_server_parameters("localhost", ENDPOINT)
    assert parameters["host"] == ENDPOINT
    assert parameters["hostaddr"] in ("127.0.0.1", "::1")
    assert parameters["sslmode"] == "verify-full"
    assert parameters["require_auth"] == "scram-sha-256"
    assert "hostaddr" not in build_server_parameters(ENDPOINT, ENDPOINT)
    with pytest.raises(OpsError, match=r"no-such-host\.invalid has no address"):
        build_server_parameters("no-such-host.invalid", ENDPOINT)


@pytest.mark.parametrize(
    ("name", "is_rds"),
    [
        (ENDPOINT, True),
        (ENDPOINT.upper() + ".", True),
        ("db.c1.rds.cn-north-1.amazonaws.com.cn", True),
        ("127.93.1.1", False),
        ("rds.amazonaws.com.example.org", False),
    ],
)
def test_the_endpoints_of_rds_are_known(name: str, is_rds: bool) -> None:
    assert is_rds_host(name) is is_rds


def test_the_authorities_are_rds_s_own_and_valid() -> None:
    roots = x509.load_pem_x509_certificates(RDS_ROOTS_FILE.read_bytes())
    names = {root.subject.rfc4514_string() for root in roots}
    assert len(roots) == len(names) == 81
    for root in roots:
        assert "OU=Amazon RDS" in root.subject.rfc4514_string()
        root.verify_directly_issued_by(root)
        assert root.not_valid_after_utc.year >= 2061
