"""The way to the database: its address, the credentials of the secret, and what can go wrong.

The address is the instance's endpoint, or what BULWARK_DATABASE (`HOST:PORT`) or --via says: the
database is in private subnets, so that from outside one goes through a tunnel (`ops db connect`).
TLS is as PGSSLMODE says. Without it the connection is encrypted (`require`); with PGSSLROOTCERT, a
file of RDS's certificates, the server is verified too. RDS's authorities are in nobody's store,
which is why it is not the default.
"""

import json
import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from pydantic import JsonValue

from ops.core.aws import Aws
from ops.core.errors import (
    DeniedError,
    LostError,
    OpsError,
    RefusedError,
    UnreachableError,
    UsageError,
)
from ops.core.plan import Sql
from ops.outputs import Outputs

if TYPE_CHECKING:
    import psycopg

VARIABLE: Final = "BULWARK_DATABASE"
CONNECT: Final = 5  # seconds until nobody answers
REACHED: Final = 2  # the same, where it is only asked whether to ask
# Milliseconds that a statement may wait for a lock: an operation must not be one more in the queue
# that it was called to clear.
LOCK: Final = 10_000
CONNECTING: Final = "ops db connect"
WRONG_PASSWORD: Final = ("28P01", "28000")  # PostgreSQL, appendix A: invalid authorization
PRIVILEGE: Final = "42501"
MODES: Final = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
# Seconds: a server that is gone without a word (its host failed) is known to be gone after 30.
IDLE, AGAIN, TIMES = 15, 5, 3
CANCELED, NO_LOCK = "57014", "55P03"  # query_canceled, lock_not_available


@dataclass(frozen=True)
class Way:
    """Where an instance answers; `tunnel` where that is another address than its own."""

    host: str
    port: int
    tunnel: bool = False


def way(outputs: Outputs, address: str | None, via: str | None = None) -> Way:
    """The way to an instance: --via, BULWARK_DATABASE, or its own address. Raises UsageError."""
    for name, said in (("--via", via), (VARIABLE, os.environ.get(VARIABLE))):
        if said:
            return given(name, said)
    return Way(address or outputs.database.endpoint, outputs.database.port)


def given(option: str, said: str) -> Way:
    """The way that an option says. Raises UsageError."""
    host, _, port = said.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise UsageError(f"{option} is {said!r}, may be HOST:PORT, like 127.0.0.1:15432")
    return Way(host.strip("[]"), int(port), tunnel=True)


def reached(outputs: Outputs) -> bool:
    """Whether anybody answers where the primary is, from here: a tunnel's end, or its address."""
    try:
        to = way(outputs, None)
        with socket.create_connection((to.host, to.port), timeout=REACHED):
            return True
    except OSError:
        return False


@dataclass
class Database:
    """Runs statements on the stack's database; a connection an instance, made when first needed.

    With `reading` every transaction is read only. `apart` are instances beside the stack's own,
    as a restore makes them, each with the way to it where that is not its own address.
    """

    outputs: Outputs
    aws: Aws
    via: str | None = None
    reading: bool = False
    apart: dict[str, str | None] = field(default_factory=dict)
    _open: dict[str, "psycopg.Connection[tuple[Any, ...]]"] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Raises UsageError where --via or BULWARK_DATABASE leads nowhere."""
        way(self.outputs, None, self.via)

    def __call__(self, sql: Sql) -> list[dict[str, JsonValue]]:
        """Runs one statement of a plan; its rows.

        Raises RefusedError for what PostgreSQL refuses, DeniedError where the user may not,
        UnreachableError where it was not sent, LostError where it may have run.
        """
        if sql.apart and sql.identifier:
            self.apart[sql.identifier] = sql.via
        return self.rows(sql.statement, sql.params, sql.identifier, sql.timeout, LostError)

    def rows(
        self,
        statement: str,
        params: Mapping[str, Any] | None = None,
        identifier: str | None = None,
        timeout: float = 30,
        lost: type[OpsError] = UnreachableError,
    ) -> list[dict[str, JsonValue]]:
        """The rows of a statement, of several the last one's. `timeout` is in seconds, 0 for none.

        Errors as a call's; `lost` is raised where it was sent and not answered.
        """
        import psycopg

        name = identifier or self.outputs.database.identifier
        connection = self._ready(name, timeout)
        try:
            cursor = connection.execute(statement.encode(), dict(params) if params else None)
            while cursor.nextset():
                pass  # the last of several statements tells
            if cursor.description is None:
                return []
            columns = [column.name for column in cursor.description]
            return [_plain(columns, row) for row in cursor.fetchall()]
        except psycopg.Error as error:
            raise _explained(error, name, timeout, lost) from None

    def _ready(self, name: str, timeout: float) -> "psycopg.Connection[tuple[Any, ...]]":
        """A connection that answers, with a limit for what it runs next; a dead one is replaced."""
        import psycopg

        limit = f"SET statement_timeout = {int(timeout * 1000)}".encode()
        known = self._open.pop(name, None)
        if known is not None and not known.closed:
            try:
                known.execute(limit)
            except psycopg.OperationalError:  # dropped since: a failover, a restart
                known.close()
            else:
                self._open[name] = known
                return known
        made = self._connect(name)
        try:
            made.execute(limit)
        except psycopg.Error as error:
            raise _explained(error, name, timeout, UnreachableError) from None
        self._open[name] = made
        return made

    def _connect(self, name: str) -> "psycopg.Connection[tuple[Any, ...]]":
        """A connection, each statement a transaction of its own."""
        import psycopg

        # A replica has an address of its own; the primary's stands in the outputs.
        own = name == self.outputs.database.identifier
        if name in self.apart:
            own, to = True, self._beside(name)
        else:
            to = way(self.outputs, None, self.via)
            if not own and not to.tunnel:
                to = replace(to, host=_endpoint(self.aws, self.outputs, name).host)
        known = _credentials(self.aws, self.outputs)
        options = f"-c lock_timeout={LOCK}"
        if self.reading:
            options += " -c default_transaction_read_only=on"
        try:
            made = psycopg.connect(
                host=to.host,
                port=to.port,
                dbname=known["dbname"],
                user=known["username"],
                password=known["password"],
                connect_timeout=CONNECT,
                options=options,
                application_name="bulwark-ops",
                autocommit=True,
                sslmode=_tls(to),
                keepalives_idle=IDLE,
                keepalives_interval=AGAIN,
                keepalives_count=TIMES,
            )
        except psycopg.OperationalError as error:
            said = str(error)
            if "password authentication failed" in said or "no password" in said:
                raise DeniedError(
                    f"{name} refused the password of its secret", "ops db rotate-password"
                ) from None
            raise UnreachableError(
                f"{name} does not answer at {to.host}:{to.port}: {_last(said)}", CONNECTING
            ) from None
        if to.tunnel:
            _led(made, name, to, own=own)
        return made

    def _beside(self, name: str) -> Way:
        """The way to an instance that is not one of the stack's own."""
        via = self.apart[name]
        return given("--via", via) if via else _endpoint(self.aws, self.outputs, name)


def _led(
    connection: "psycopg.Connection[tuple[Any, ...]]", name: str, to: Way, *, own: bool
) -> None:
    """Raises UsageError where a tunnel leads to a replica instead of the primary, or back."""
    row = connection.execute("SELECT pg_is_in_recovery()").fetchone()
    if row is not None and bool(row[0]) == own:
        connection.close()
        found, wanted = ("a replica", "the primary") if own else ("a primary", "a replica")
        raise UsageError(
            f"--via (or {VARIABLE}) is {to.host}:{to.port}, which leads to {found}, "
            f"may be {wanted}'s: {name}",
            CONNECTING,
        )


def _tls(to: Way) -> str:
    asked = os.environ.get("PGSSLMODE")
    if asked:
        if asked not in MODES:
            raise UsageError(f"PGSSLMODE is {asked!r}, may be {', '.join(MODES)}")
        return asked
    if not os.environ.get("PGSSLROOTCERT"):
        return "require"
    return "verify-ca" if to.tunnel else "verify-full"  # a tunnel's end has another name


def _credentials(aws: Aws, outputs: Outputs) -> dict[str, str]:
    """What the stack's secret holds. Never shown."""
    arn = outputs.database.secret_arn
    answer = _asked(aws, outputs, "secretsmanager.get_secret_value", {"SecretId": arn})
    try:
        found = json.loads(answer["SecretString"])
        return {key: str(found[key]) for key in ("dbname", "username", "password")}
    except (ValueError, KeyError, TypeError):
        raise OpsError(f"the secret {arn} has not dbname, username and password") from None


def _endpoint(aws: Aws, outputs: Outputs, name: str) -> Way:
    params: dict[str, JsonValue] = {"DBInstanceIdentifier": name}
    answer = _asked(aws, outputs, "rds.describe_db_instances", params)
    endpoint = answer["DBInstances"][0].get("Endpoint")
    if not endpoint:
        raise UnreachableError(f"{name} has no address yet", "ops db status")
    return Way(str(endpoint["Address"]), int(endpoint["Port"]))


def _asked(aws: Aws, outputs: Outputs, api: str, params: dict[str, JsonValue]) -> Any:
    """A read in the stack's own region; what AWS refuses is an error for a person."""
    from botocore.exceptions import ClientError

    try:
        return aws.call(api, params, outputs.stack.region)
    except ClientError as error:
        answer = error.response["Error"]
        raise RefusedError(f"{api}: {answer['Code']}: {answer.get('Message')}") from None


def _explained(error: "psycopg.Error", name: str, timeout: float, lost: type[OpsError]) -> OpsError:
    """What PostgreSQL said, as an error of ours; never what was sent to it.

    `lost` where it is not known what became of it.
    """
    said, code = _last(str(error)), error.sqlstate
    if code == CANCELED and "timeout" in said:
        return lost(f"{name} gave no answer within {timeout:.0f} s: {said}")
    if code == NO_LOCK:
        return RefusedError(f"{name}: no lock within {LOCK / 1000:.0f} s: {said}", "ops db locks")
    if code == PRIVILEGE:
        return DeniedError(f"{name}: {said}")
    if code is None or code.startswith(("08", "57P")):  # the connection, or the server, is gone
        return lost(f"{name} gave no answer: {said}", "ops db status")
    return RefusedError(f"{name}: {code}: {said}")


def _last(said: str) -> str:
    """A message on one line."""
    lines: Sequence[str] = [line.strip() for line in said.splitlines() if line.strip()]
    return lines[0] if lines else "no reason given"


def _plain(columns: Sequence[str], row: Sequence[Any]) -> dict[str, JsonValue]:
    """A row as JSON: numbers as numbers, all else that JSON has not as text."""
    from decimal import Decimal

    def value(found: Any) -> JsonValue:
        if isinstance(found, Decimal):
            return int(found) if found == found.to_integral_value() else float(found)
        if isinstance(found, list):
            return [value(item) for item in found]
        return found if isinstance(found, str | int | float | bool | None) else str(found)

    return {name: value(found) for name, found in zip(columns, row, strict=True)}
