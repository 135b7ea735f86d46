"""Connections to the database: TLS, time limits, and the secret read again after a rotation."""

import asyncio
import logging
from typing import Any, Final, TypeAlias

import psycopg

from app.secret import SecretError, read_secret
from app.settings import Credentials, DatabaseSettings

Row: TypeAlias = tuple[Any, ...]
Connection: TypeAlias = "psycopg.AsyncConnection[Row]"
CONNECT_SECONDS: Final = 5
# Less than what a request has left after SIGTERM (app/__main__.py).
STATEMENT_MILLISECONDS: Final = 15_000
# A host that is gone without a word, as after a failover, is noticed within about 20 seconds:
# libpq, "Database Connection Control Functions".
KEEPALIVE_OPTIONS: Final = {
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 2,
    "tcp_user_timeout": 20_000,
}
logger = logging.getLogger(__name__)


def build_parameters(settings: DatabaseSettings, credentials: Credentials) -> dict[str, Any]:
    """The parameters of libpq for a connection."""
    return {
        "host": credentials.host,
        "port": credentials.port,
        "dbname": credentials.name,
        "user": credentials.user,
        "password": credentials.password,
        "sslmode": settings.tls_mode,
        **({"sslrootcert": settings.tls_root_file} if settings.tls_root_file else {}),
        "connect_timeout": CONNECT_SECONDS,
        "application_name": "app",
        **KEEPALIVE_OPTIONS,
    }


def is_authentication_failure(error: psycopg.Error) -> bool:
    """True if the server asked for a password and then refused the connection.

    libpq has no code for it, and the server's message is in the server's language. A database that
    is not there, or a server that is full, is among them: then the secret is read once in vain.
    """
    return error.pgconn is not None and bool(error.pgconn.used_password)


class Connector:
    """Opens connections with the credentials that are valid now."""

    def __init__(self, settings: DatabaseSettings) -> None:
        self._settings = settings
        self._credentials = settings.credentials
        self._lock = asyncio.Lock()

    async def connect(self) -> Connection:
        """Opens a connection. If its password is refused, reads the secret and tries once more.

        Raises psycopg.OperationalError.
        """
        credentials = self._credentials
        try:
            return await self._connect(credentials)
        except psycopg.OperationalError as error:
            if not is_authentication_failure(error):
                raise
            renewed = await self._renew(credentials)
            if renewed == credentials:
                raise
        return await self._connect(renewed)

    async def _connect(self, credentials: Credentials) -> Connection:
        return await psycopg.AsyncConnection.connect(
            **build_parameters(self._settings, credentials),
            autocommit=True,
            options=f"-c statement_timeout={STATEMENT_MILLISECONDS}",
        )

    async def _renew(self, refused: Credentials) -> Credentials:
        """The credentials of the secret; the refused ones if there are no others."""
        async with self._lock:
            if self._credentials != refused:  # another connection has read them meanwhile
                return self._credentials
            arn = self._settings.secret_arn
            if arn is None:
                logger.error(
                    "The database refused the connection, and DB_SECRET_ARN is not set: a new task "
                    "gets the password that is valid now."
                )
                return refused
            try:
                renewed = await asyncio.to_thread(read_secret, arn)
            except SecretError as error:
                logger.error("The database refused the connection, and %s", error)
                return refused
            logger.warning(
                "The database refused the connection; the secret was read again and %s.",
                "is the same" if renewed == refused else "is another one",
            )
            self._credentials = renewed
            return renewed
