"""The database: a pool of connections for requests, and a connection of its own for /health.

The check of health does not wait for the pool: a service whose connections are all at work is busy,
not broken, and must not be replaced for it.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import psycopg
from psycopg_pool import AsyncConnectionPool

from app.connection import Connection, Connector
from app.settings import DatabaseSettings

# Below the least timeout of a load balancer's check, which is 2 seconds
# (components/settings/container.py).
HEALTH_SECONDS: Final = 1.5
POOL_WAIT_SECONDS: Final = 5  # then a request is answered with 503
# The pool doubles the time between its attempts, and gives up after this; the next request starts
# over. So it is back within seconds after an outage of any length.
RECONNECT_SECONDS: Final = 4
MAX_LIFETIME_SECONDS: Final = 1800
logger = logging.getLogger(__name__)


class Database:
    """The connections of one process."""

    def __init__(self, settings: DatabaseSettings) -> None:
        self._connector = connector = Connector(settings)

        class PooledConnection(psycopg.AsyncConnection[tuple[Any, ...]]):
            """What the pool connects with: as everywhere, by the connector."""

            @classmethod
            async def connect(cls, conninfo: str = "", **_: Any) -> Connection:  # type: ignore[override]
                return await connector.connect()

        self._pool = AsyncConnectionPool(
            connection_class=PooledConnection,
            min_size=1,
            max_size=settings.pool_size,
            open=False,
            check=AsyncConnectionPool.check_connection,
            timeout=POOL_WAIT_SECONDS,
            reconnect_timeout=RECONNECT_SECONDS,
            max_lifetime=MAX_LIFETIME_SECONDS,
            name="database",
        )
        self._health_lock = asyncio.Lock()
        self._health_connection: Connection | None = None

    async def open(self) -> None:
        """Opens the pool. Does not wait for the database, which may come later."""
        await self._pool.open(wait=False)

    async def close(self) -> None:
        """Closes every connection."""
        await self._pool.close()
        await self._close_health_connection()
        logger.info("The pool is closed.")

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[Connection]:
        """A connection of the pool, which was tried. Raises psycopg.OperationalError."""
        async with self._pool.connection() as connection:
            yield connection

    async def is_answering(self) -> bool:
        """True if the database answers a query within `HEALTH_SECONDS`."""
        try:
            async with asyncio.timeout(HEALTH_SECONDS), self._health_lock:
                await self._ask()
        except (TimeoutError, psycopg.Error) as error:
            logger.warning("The database does not answer: %s", str(error) or type(error).__name__)
            return False
        return True

    async def _ask(self) -> None:
        """One query. A connection that was lost is replaced, and asked again."""
        try:
            if self._health_connection is not None:
                try:
                    await self._health_connection.execute("SELECT 1")
                except psycopg.OperationalError:
                    await self._close_health_connection()
                else:
                    return
            self._health_connection = await self._connector.connect()
            await self._health_connection.execute("SELECT 1")
        except BaseException:  # cancelled by the time limit, too: its state is unknown
            await self._close_health_connection()
            raise

    async def _close_health_connection(self) -> None:
        connection, self._health_connection = self._health_connection, None
        if connection is not None:
            await connection.close()
