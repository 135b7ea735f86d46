"""All servers of one in-memory AWS: which stands behind which name, and where the names answer."""

import atexit
import random
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from datetime import datetime, timedelta
from typing import Any, Final

import psycopg
from moto.rds.models import rds_backends

from sandbox.clock import clock
from sandbox.postgres.endpoint import ClosedError, Door, Leads, State
from sandbox.postgres.instance import Standing
from sandbox.postgres.origins import Empty, Followed, Origin
from sandbox.postgres.server import folder, give

LOCAL: Final = "127.0.0.1"
# Where what is being made has its data from: of one call, as several are answered at a time.
_origin: ContextVar[Origin | None] = ContextVar("origin", default=None)
# Simulated seconds without service at the end of a change of class, Multi-AZ: the failover.
# RDS User Guide, Multi-AZ DB instance deployments: 60-120 s.
FAILOVER: Final = 90
TRIES: Final = 5  # addresses that may be somebody else's


class Databases:
    """Servers, doors and backups; everything is below one temporary folder."""

    def __init__(self) -> None:
        self.folder = folder("bulwark-databases-")
        self._standing: dict[str, Standing] = {}
        self._doors: dict[tuple[str, str], Door] = {}
        self._addresses: dict[tuple[str, str], tuple[str, int]] = {}
        self._block = f"127.{random.randint(16, 239)}"

    def made(self, instance: Any, word: str | None) -> None:
        """An instance was made, with this master password where its data are new."""
        place = self.folder / instance.dbi_resource_id
        place.mkdir()
        give(place)
        made = Standing(instance, place, _origin.get() or Empty(word))
        self._standing[instance.dbi_resource_id] = made
        self._answer(instance)

    def of(self, instance: Any) -> Standing | None:
        """What stands behind an instance; None for one of another engine, or from before."""
        return self._standing.get(instance.dbi_resource_id)

    def address(self, instance: Any) -> tuple[str, int] | None:
        """Where an instance's name answers."""
        return self._addresses.get((instance.region, instance.db_instance_identifier))

    def renamed(self, old: str, instance: Any) -> None:
        """A name leads to another instance, or to none; or the instance has another port."""
        self._shut(instance.region, old)
        self._answer(instance)

    def changed(self, instance: Any, *, restarts: bool) -> None:
        """Its class (or its version, with `restarts`) changes, as its states say until when."""
        standing = self.of(instance)
        until = [
            end for status, end in getattr(instance, "mended_phases", ()) if status == "modifying"
        ]
        if standing is None:
            return
        now = clock().now()
        end = until[-1] if until else now
        brief = instance.multi_az and not restarts
        began = max(now, end - timedelta(seconds=FAILOVER)) if brief and end > now else now
        standing.interrupted(began, end)

    def rebooted(self, instance: Any, *, failover: bool = False) -> None:
        """Its connections drop, and static parameters take effect."""
        if standing := self.of(instance):
            standing.rebooted("immediate" if failover else "fast")
            if door := self._doors.get((instance.region, instance.db_instance_identifier)):
                door.look()

    def deleted(self, instance: Any) -> None:
        """Nobody answers there any more; who followed it stands alone."""
        gone = self.of(instance)
        if gone is None:
            return
        for other in self._standing.values():
            if isinstance(other.origin, Followed) and other.origin.primary is gone:
                other.promoted()
        self._shut(instance.region, instance.db_instance_identifier)
        gone.end(archived=True)

    def regrouped(self, backend: Any, group: str, names: set[str]) -> None:
        """Parameters of a group were set, which take effect at once."""
        for instance in backend.databases.values():
            standing = self.of(instance)
            if standing and instance.db_parameter_group_name == group:
                standing.regrouped(names)

    @contextmanager
    def comes_from(self, origin: Origin) -> Iterator[None]:
        """What is made in the block has its data from there."""
        before = _origin.set(origin)
        try:
            yield
        finally:
            _origin.reset(before)

    def replayed(self, resource: str, until: datetime) -> Origin:
        """The data of an instance, by resource id, at a time of the sandbox's clock."""
        standing = self._standing.get(resource)
        return standing.replayed(until) if standing else Empty()

    def close(self) -> None:
        """Ends every server and removes everything."""
        for door in self._doors.values():
            door.close()
        for standing in self._standing.values():
            standing.end()
        self._doors, self._standing = {}, {}
        shutil.rmtree(self.folder, ignore_errors=True)

    def _answer(self, instance: Any) -> None:
        key = (instance.region, instance.db_instance_identifier)
        if key in self._doors:
            return

        def standing() -> Standing | None:
            found = rds_backends[instance.account_id][key[0]].databases.get(key[1])
            return self.of(found) if found else None

        def leads() -> str:
            found = standing()
            if found is None:
                raise ClosedError(f"there is no {key[1]}")
            return found.socket()

        def state() -> object:
            found = standing()
            now = found.state() if found else None
            return None if now is None else (id(found), now)

        door = self._door(self._addresses.get(key), int(instance.port), leads, state)
        self._doors[key], self._addresses[key] = door, door.address

    def _door(self, before: tuple[str, int] | None, port: int, leads: Leads, state: State) -> Door:
        """The host is the name's for good, the port is the instance's."""
        hosts = [before[0]] if before else [self._host() for _ in range(TRIES)]
        elsewhere = before or (LOCAL, 0)  # of a system with one local address only
        for address in (*((host, port) for host in hosts), elsewhere):
            with suppress(OSError):
                return Door(address, leads, state)
        return Door((LOCAL, 0), leads, state)

    def _host(self) -> str:
        return f"{self._block}.{random.randint(1, 254)}.{len(self._addresses) % 254 + 1}"

    def _shut(self, region: str, name: str) -> None:
        if door := self._doors.pop((region, name), None):
            door.close()


_current: Databases | None = None


def current() -> Databases | None:
    """Those of this process, where they are switched on."""
    return _current


@contextmanager
def real() -> Iterator[Databases]:
    """Every instance that is made in the block is a PostgreSQL server; afterwards all are gone."""
    global _current
    if _current is not None:
        raise RuntimeError("the databases of this process are real already")
    _current = made = Databases()
    atexit.register(made.close)
    try:
        yield made
    finally:
        _current = None
        atexit.unregister(made.close)
        made.close()


def superuser(instance: Any) -> "psycopg.Connection[tuple[Any, ...]]":
    """A connection of the superuser to an instance's own database. Raises LookupError."""
    standing = _current.of(instance) if _current else None
    if standing is None:
        raise LookupError(f"{instance.db_instance_identifier} is no real server")
    return standing.up().connect(instance.db_name or "postgres")
