"""The connection to the database: address, credentials, TLS and errors.

The address is the instance's endpoint, unless --via or BULWARK_DATABASE (`HOST:PORT`) is set: the
database is in private subnets, so from outside it needs a tunnel (`ops db connect`). The server is
verified before a password is sent (tls.py).
"""

import json
import os
import socket
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from pydantic import JsonValue

from ops.cli.streams import build_console
from ops.core.aws import Aws
from ops.core.errors import (
    OpsError,
    OutcomeUnknownError,
    RefusedError,
    UnreachableError,
    UsageError,
)
from ops.core.plan import Sql
from ops.database.instance_in_use import is_host_of_primary
from ops.database.sql.connection_errors import (
    CONNECT_COMMAND,
    LOCK_TIMEOUT_SECONDS,
    convert_connect_error,
    convert_error,
    is_full,
)
from ops.database.sql.connection_errors import (
    LockTimeoutError as LockTimeoutError,
)
from ops.database.sql.statement_progress import show_statement_progress
from ops.database.sql.tls import (
    build_server_parameters,
    explain_untrusted_server,
    needs_server_name,
)
from ops.database.sql.values import convert_row, read_text_leniently
from ops.outputs import Outputs

if TYPE_CHECKING:
    import psycopg

DATABASE_ADDRESS_VARIABLE: Final = "BULWARK_DATABASE"
CONNECT_TIMEOUT_SECONDS: Final = 5  # seconds until a server counts as unreachable
REACHABILITY_TIMEOUT_SECONDS: Final = 2  # seconds; only decides whether SQL is used
# Seconds: a server whose host failed is detected after 30.
KEEPALIVE_IDLE_SECONDS, KEEPALIVE_INTERVAL_SECONDS, KEEPALIVE_COUNT = 15, 5, 3
# A full server is asked again for this long (seconds): sessions come and go. Assumed.
FULL_RETRY_SECONDS: Final = 5.0
FULL_RETRY_INTERVAL_SECONDS: Final = 0.5
# Of ops's own sessions, whatever the role or the database sets: what is shown by one command is
# read by the next, on whichever server.
SESSION_SETTINGS: Final = {
    "datestyle": "ISO",
    "timezone": "UTC",
    "intervalstyle": "postgres",
}


@dataclass(frozen=True)
class DatabaseAddress:
    """The address of an instance; `is_tunnel` if it is not the instance's own endpoint."""

    host: str
    port: int
    is_tunnel: bool = False


def resolve_database_address(
    outputs: Outputs, endpoint: str | None, via: str | None = None
) -> DatabaseAddress:
    """Returns --via, BULWARK_DATABASE or the endpoint, in this order. Raises UsageError."""
    for name, text in (
        ("--via", via),
        (DATABASE_ADDRESS_VARIABLE, os.environ.get(DATABASE_ADDRESS_VARIABLE)),
    ):
        if text:
            return parse_database_address(name, text)
    return DatabaseAddress(endpoint or outputs.database.endpoint, outputs.database.port)


def parse_database_address(option: str, text: str) -> DatabaseAddress:
    """Parses HOST:PORT. Raises UsageError, naming the option."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise UsageError(f"{option} must be HOST:PORT, like 127.0.0.1:15432, not {text!r}")
    return DatabaseAddress(host.strip("[]"), int(port), is_tunnel=True)


def is_database_reachable(outputs: Outputs) -> bool:
    """True if the primary's address, or its tunnel, accepts connections from here."""
    try:
        address = resolve_database_address(outputs, None)
        with socket.create_connection(
            (address.host, address.port), timeout=REACHABILITY_TIMEOUT_SECONDS
        ):
            return True
    except OSError:
        return False


@dataclass
class DatabaseClient:
    """Runs SQL on the stack's database; opens one connection per instance when first needed.

    With `read_only` every transaction is read only. `other_instances` are instances outside the
    stack, like restored ones, each with its tunnel or None for its own endpoint. `database` is one
    of the instance's databases instead of the stack's own.
    """

    outputs: Outputs
    aws: Aws
    via: str | None = None
    read_only: bool = False
    database: str | None = None
    other_instances: dict[str, str | None] = field(default_factory=dict)
    _connections: dict[str, "psycopg.Connection[tuple[Any, ...]]"] = field(default_factory=dict)
    _warnings: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Raises UsageError if --via or BULWARK_DATABASE is malformed."""
        resolve_database_address(self.outputs, None, self.via)

    def __call__(self, sql: Sql) -> list[dict[str, JsonValue]]:
        """Runs one statement of a plan and returns its rows.

        Raises RefusedError if PostgreSQL refuses it, DeniedError if the user lacks a privilege,
        UnreachableError if it was not sent, OutcomeUnknownError if it may have run.
        """
        if sql.other_instance and sql.identifier:
            self.other_instances[sql.identifier] = sql.via
        with self._show_progress(sql.progress):
            rows = self._run(sql, sql.statement, sql.params)
            for row in rows if sql.executes_rows else ():
                for statement in row.values():
                    self._run(sql, str(statement))
        return rows

    def _run(
        self, sql: Sql, statement: str, params: Mapping[str, Any] | None = None
    ) -> list[dict[str, JsonValue]]:
        return self.fetch_rows(
            statement,
            params,
            sql.identifier,
            sql.timeout,
            OutcomeUnknownError,
            sql.lock_timeout,
        )

    def _show_progress(self, statement: str | None) -> AbstractContextManager[None]:
        """Says on stderr how far a statement is, on a connection of its own."""
        if statement is None:
            return nullcontext()
        watcher = DatabaseClient(self.outputs, self.aws, self.via, read_only=True)
        return show_statement_progress(lambda: watcher.fetch_rows(statement), watcher.close)

    def fetch_rows(
        self,
        statement: str,
        params: Mapping[str, Any] | None = None,
        identifier: str | None = None,
        timeout: float = 30,
        unknown_outcome_error: type[OpsError] = UnreachableError,
        lock_timeout: float | None = None,
    ) -> list[dict[str, JsonValue]]:
        """Returns the rows of a statement, or of the last of several.

        `timeout` and `lock_timeout` (default: ops's own) are in seconds; 0 is no limit. Raises as a
        call does, and `unknown_outcome_error` if the statement was sent but not answered.
        """
        import psycopg

        lock_timeout = LOCK_TIMEOUT_SECONDS if lock_timeout is None else lock_timeout

        name = identifier or self.outputs.database.identifier
        connection = self._get_connection(name, timeout, lock_timeout)
        self._warnings.clear()
        try:
            cursor = connection.execute(statement.encode(), dict(params) if params else None)
            while cursor.nextset():
                pass  # the last statement has the rows
            _require_nothing_skipped(name, self._warnings)
            if cursor.description is None:
                return []
            columns = [column.name for column in cursor.description]
            return [convert_row(columns, row) for row in cursor.fetchall()]
        except psycopg.Error as error:
            raise convert_error(error, name, timeout, unknown_outcome_error, lock_timeout) from None

    def close(self) -> None:
        """Closes its connections; the next statement opens a new one."""
        while self._connections:
            self._connections.popitem()[1].close()

    def _get_connection(
        self, name: str, timeout: float, lock_timeout: float
    ) -> "psycopg.Connection[tuple[Any, ...]]":
        """Returns a live connection with both timeouts set, in seconds."""
        import psycopg

        timeout_statement = (
            f"SET statement_timeout = {int(timeout * 1000)}; "
            f"SET lock_timeout = {int(lock_timeout * 1000)}"
        ).encode()
        cached_connection = self._connections.pop(name, None)
        if cached_connection is not None and not cached_connection.closed:
            try:
                cached_connection.execute(timeout_statement)
            except psycopg.OperationalError:  # dropped since: a failover, a restart
                cached_connection.close()
            else:
                self._connections[name] = cached_connection
                return cached_connection
        connection = self._open_connection(name)
        try:
            connection.execute(timeout_statement)
        except psycopg.Error as error:
            raise convert_error(error, name, timeout, UnreachableError) from None
        self._connections[name] = connection
        return connection

    def _open_connection(self, name: str) -> "psycopg.Connection[tuple[Any, ...]]":
        """Opens a connection with autocommit."""
        # The outputs contain the primary's endpoint; a replica's is read from RDS.
        expects_primary = name == self.outputs.database.identifier
        if name in self.other_instances:
            expects_primary, address = True, self._get_other_instance_address(name)
        else:
            address = resolve_database_address(self.outputs, None, self.via)
            if not expects_primary and not address.is_tunnel:
                address = replace(
                    address, host=_fetch_instance_address(self.aws, self.outputs, name).host
                )
        credentials = _fetch_credentials(self.aws, self.outputs)
        if expects_primary and name not in self.other_instances:
            _warn_of_other_host(self.outputs, credentials.get("host"))
        connection = self._connect(name, address, credentials)
        read_text_leniently(connection)
        connection.add_notice_handler(self._record_warning)
        if address.is_tunnel:
            _require_expected_role(connection, name, address, expects_primary=expects_primary)
        return connection

    def _record_warning(self, notice: "psycopg.errors.Diagnostic") -> None:
        if notice.severity_nonlocalized == "WARNING":
            self._warnings.append(notice.message_primary or "")

    def _connect(
        self, name: str, address: DatabaseAddress, credentials: Mapping[str, str]
    ) -> "psycopg.Connection[tuple[Any, ...]]":
        """Connects; asks a full server again for FULL_RETRY_SECONDS."""
        import psycopg

        settings = dict(SESSION_SETTINGS)
        if self.read_only:
            settings["default_transaction_read_only"] = "on"
        server_name = self._get_server_name(name, address)
        deadline = time.monotonic() + FULL_RETRY_SECONDS
        while True:
            try:
                return psycopg.connect(
                    **build_server_parameters(address.host, server_name),
                    port=address.port,
                    dbname=self.database or credentials["dbname"],
                    user=credentials["username"],
                    password=credentials["password"],
                    connect_timeout=CONNECT_TIMEOUT_SECONDS,
                    options=" ".join(f"-c {name}={value}" for name, value in settings.items()),
                    client_encoding="UTF8",
                    application_name="bulwark-ops",
                    autocommit=True,
                    keepalives_idle=KEEPALIVE_IDLE_SECONDS,
                    keepalives_interval=KEEPALIVE_INTERVAL_SECONDS,
                    keepalives_count=KEEPALIVE_COUNT,
                )
            except psycopg.OperationalError as error:
                place = f"{address.host}:{address.port}"
                untrusted = explain_untrusted_server(str(error), name, place)
                if untrusted is not None:
                    raise untrusted from None
                if not is_full(error) or time.monotonic() > deadline:
                    raise convert_connect_error(error, name, place) from None
            time.sleep(FULL_RETRY_INTERVAL_SECONDS)

    def _get_server_name(self, name: str, address: DatabaseAddress) -> str:
        """Returns the name that the server's certificate must have, also through a tunnel."""
        if not address.is_tunnel or not needs_server_name(self.outputs.database.endpoint):
            return address.host
        if name == self.outputs.database.identifier:
            return self.outputs.database.endpoint
        return _fetch_instance_address(self.aws, self.outputs, name).host

    def _get_other_instance_address(self, name: str) -> DatabaseAddress:
        """Returns the address of an instance outside the stack."""
        via = self.other_instances[name]
        return (
            parse_database_address("--via", via)
            if via
            else _fetch_instance_address(self.aws, self.outputs, name)
        )


def _require_nothing_skipped(name: str, warnings: Sequence[str]) -> None:
    """Raises RefusedError if PostgreSQL passed by what it was to do and only warned of it.

    VACUUM does so for lack of permission (vacuum_is_permitted_for_relation in vacuum.c).
    """
    for warning in warnings:
        if "skipping" in warning:
            raise RefusedError(f"{name}: {warning}")


def _require_expected_role(
    connection: "psycopg.Connection[tuple[Any, ...]]",
    name: str,
    address: DatabaseAddress,
    *,
    expects_primary: bool,
) -> None:
    """Raises UsageError if a tunnel leads to a replica instead of the primary, or vice versa."""
    row = connection.execute("SELECT pg_is_in_recovery()").fetchone()
    if row is not None and bool(row[0]) == expects_primary:
        connection.close()
        actual_role, expected_role = (
            ("a replica", "the primary") if expects_primary else ("a primary", "a replica")
        )
        raise UsageError(
            f"--via (or {DATABASE_ADDRESS_VARIABLE}) must lead to {expected_role} ({name}), but "
            f"{address.host}:{address.port} leads to {actual_role}",
            CONNECT_COMMAND,
        )


def _fetch_credentials(aws: Aws, outputs: Outputs) -> dict[str, str]:
    """Fetches login and host from the stack's secret. Raises OpsError if it is malformed."""
    arn = outputs.database.secret_arn
    response = _call_stack_region(
        aws, outputs, "secretsmanager.get_secret_value", {"SecretId": arn}
    )
    try:
        secret = json.loads(response["SecretString"])
        host = {"host": str(secret["host"])} if secret.get("host") else {}
        return {key: str(secret[key]) for key in ("dbname", "username", "password")} | host
    except (ValueError, KeyError, TypeError):
        raise OpsError(f"the secret {arn} must contain dbname, username and password") from None


def _warn_of_other_host(outputs: Outputs, host: str | None) -> None:
    """Says on stderr that services use another instance than the primary, if they do."""
    if host is not None and not is_host_of_primary(outputs, host):
        build_console(stderr=True).print(
            f"services are sent to {host} by the stack's secret, but this command uses "
            f"{outputs.database.identifier}: see `ops recover list`",
            markup=False,
        )


def _fetch_instance_address(aws: Aws, outputs: Outputs, name: str) -> DatabaseAddress:
    params: dict[str, JsonValue] = {"DBInstanceIdentifier": name}
    response = _call_stack_region(aws, outputs, "rds.describe_db_instances", params)
    endpoint = response["DBInstances"][0].get("Endpoint")
    if not endpoint:
        raise UnreachableError(f"{name} has no address yet", "ops db status")
    return DatabaseAddress(str(endpoint["Address"]), int(endpoint["Port"]))


def _call_stack_region(aws: Aws, outputs: Outputs, api: str, params: dict[str, JsonValue]) -> Any:
    """Reads in the stack's own region. Raises RefusedError if AWS refuses the call."""
    from botocore.exceptions import ClientError

    try:
        return aws.call(api, params, outputs.stack.region)
    except ClientError as error:
        details = error.response["Error"]
        raise RefusedError(f"{api}: {details['Code']}: {details.get('Message')}") from None
