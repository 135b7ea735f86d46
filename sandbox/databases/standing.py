"""What stands behind one DB instance: where its data come from, its server, when it serves."""

import threading
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeAlias

from psycopg import sql

from sandbox.clock import clock, pending
from sandbox.databases.door import ClosedError
from sandbox.databases.installation import ServerError, installation
from sandbox.databases.parameters import applied
from sandbox.databases.server import Server, copy, put, template

# States in which a DB instance takes connections: RDS User Guide, "Viewing Amazon RDS DB instance
# status". An outage within one of them (a class that changes) is told by `interrupted`.
SERVING: Final = frozenset(
    {
        "available", "backing-up", "modifying", "renaming", "storage-optimization",
        "storage-initialization", "resetting-master-credentials", "configuring-log-exports",
        "configuring-enhanced-monitoring", "configuring-iam-database-auth", "storage-full",
        "maintenance", "converting-to-vpc", "moving-to-vpc",
    }
)  # fmt: skip
# What RDS's master user may, as far as PostgreSQL has such roles: RDS User Guide, "Understanding
# the rds_superuser role".
ROLES: Final = ("pg_monitor", "pg_signal_backend", "pg_checkpoint", "pg_maintain")
RECOVERED: Final = 600  # looks, a twentieth of a second apart


@dataclass(frozen=True)
class Empty:
    """A new database. `word` is the master password, as of every origin that knows it."""

    word: str | None = None


@dataclass(frozen=True)
class Saved:
    """A base backup. Without a `word` the password is the one in it."""

    base: Path
    word: str | None = None


@dataclass(frozen=True)
class Replayed:
    """A base backup and the WAL behind it, up to a time of the wall's clock."""

    base: Path
    archive: Path
    until: float
    word: str | None = None


@dataclass(frozen=True)
class Followed:
    """Another's data, as they change."""

    primary: "Standing"
    word: str | None = None


Origin: TypeAlias = Empty | Saved | Replayed | Followed


class Standing:
    """One instance's server. Nothing is started before somebody connects."""

    def __init__(self, instance: Any, folder: Path, origin: Origin) -> None:
        self.instance, self.folder, self.origin = instance, folder, origin
        self.server: Server | None = None
        self.base: Path | None = None  # what a restore to a point in time begins with
        self.word = origin.word
        self.gone = False
        self._turn = threading.RLock()
        self._restart = False
        self._generation = 0
        self._due: list[tuple[datetime, datetime]] = []
        self._until: datetime | None = None

    def state(self) -> object:
        """Changes when connections are to drop; None while it does not serve."""
        now = clock().now()
        for outage in [each for each in self._due if each[0] <= now]:
            self._due.remove(outage)
            self._generation += 1
            self._until = outage[1]
        down = self._until is not None and pending(self._until)
        if self.gone or down or self.instance.status not in SERVING:
            return None
        return self._generation

    def interrupted(self, begins: datetime, ends: datetime) -> None:
        """It will not serve between these times."""
        self._due.append((begins, ends))

    def dropped(self, *, restart: bool = False) -> None:
        """Every connection ends now; with `restart` its server is started anew."""
        self._restart = self._restart or restart
        self._generation += 1

    def socket(self) -> str:
        """The path of its server's socket, started where it is not. Raises ClosedError."""
        with self._turn:
            if self.state() is None:
                raise ClosedError(f"{self.instance.db_instance_identifier} does not serve now")
            return self.up().socket

    def up(self) -> Server:
        """Its server, started where it is not. Raises ServerError."""
        with self._turn:
            if self.server is None:
                self.server = self._begun()
                self._owned(self.server)
            elif self._restart:
                self.server.stop()
                self.server.conf |= applied(self.server, self.instance)
                self.server.start(archiving=self.archiving)
            self._restart = False
            return self.server

    @property
    def archiving(self) -> bool:
        """Whether RDS keeps its WAL: where it keeps automated backups."""
        follows = isinstance(self.origin, Followed)
        return bool(self.instance.backup_retention_period) and not follows

    def saved(self) -> Origin:
        """Its data as they are now, to make another instance from."""
        with self._turn:
            if self.server is None:
                return replace(self.origin, word=self.word)
            base = self.folder / f"saved-{len(list(self.folder.glob('saved-*')))}"
            self.up().back_up(base)
            return Saved(base)

    def replayed(self, until: datetime | None) -> Origin:
        """Its data as they were at a time of the sandbox's clock, or as they are now."""
        with self._turn:
            if self.server is None:
                return replace(self.origin, word=self.word)
            server = self.up()
            if self.base is None:
                raise ServerError(f"{self.instance.db_instance_identifier} keeps no backups")
            wall = clock().wall(until) if until else datetime.now(UTC).timestamp()
            server.archived()
            return Replayed(self.base, server.archive, wall)

    def promoted(self) -> None:
        """It follows nobody any more."""
        with self._turn:
            if not isinstance(self.origin, Followed):
                return
            server = self.up()
            server.ask("SELECT pg_promote(true, 60)")
            self.origin = Empty()  # its data are its own from here on
            self._owned(server)
            if self.archiving:
                server.stop()
                server.start(archiving=True)
                self._based(server)

    def password(self, word: str) -> None:
        """The master password is another."""
        with self._turn:
            self.word = word
            if self.server is not None and not isinstance(self.origin, Followed):
                self._owned(self.up())

    def reloaded(self, names: set[str]) -> None:
        """Takes parameters of these names from its group, those that need no restart."""
        with self._turn:
            if self.server is not None:
                found = applied(self.server, self.instance, static=False)
                self.server.reload({k: v for k, v in found.items() if k in names})

    def end(self) -> None:
        """The server is gone, its backups stay."""
        with self._turn:
            self.gone = True
            if self.server is not None:
                self.server.remove()

    def _begun(self) -> Server:
        major = int(str(self.instance.engine_version).split(".")[0])
        programs = installation(major)
        server = Server(programs, self.folder)
        extra: dict[str, str] = {}
        match self.origin:
            case Empty():
                empty = template(programs)
                copy(empty, server.data)
                self.base = empty if self.archiving else None
            case Saved(base=base):
                copy(base, server.data)
            case Replayed(base=base, archive=archive, until=until):
                copy(base, server.data)
                put(server.data / "recovery.signal", "")
                at = datetime.fromtimestamp(until, UTC).isoformat(" ")
                extra = {
                    "restore_command": f"'cp {archive}/%f %p'",
                    "recovery_target_time": f"'{at}'",
                    "recovery_target_action": "promote",
                }
            case Followed(primary=primary):
                primary.up().back_up(server.data, "-R")
        server.conf = {**applied(server, self.instance), **extra}
        server.start(archiving=self.archiving)
        if isinstance(self.origin, Replayed):
            _recovered(server)
            for name in extra:
                server.conf.pop(name)
        if self.archiving and self.base is None:
            self._based(server)
        return server

    def _based(self, server: Server) -> None:
        self.base = self.folder / "base"
        server.back_up(self.base)

    def _owned(self, server: Server) -> None:
        """The master user and its database are there, with the password that the instance has."""
        if isinstance(self.origin, Followed):
            return
        instance = self.instance
        name, word = instance.master_username, self.word
        with server.connect() as admin:
            known = {r[0] for r in admin.execute("SELECT rolname FROM pg_roles").fetchall()}
            user = sql.Identifier(name)
            if name not in known:
                admin.execute(sql.SQL("CREATE ROLE {} LOGIN CREATEDB CREATEROLE").format(user))
            if word is not None:
                admin.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(user, sql.Literal(word)))
            for role in ROLES:
                if role in known:
                    grant = sql.SQL("GRANT {} TO {} WITH ADMIN OPTION")
                    admin.execute(grant.format(sql.Identifier(role), sql.Identifier(name)))
            databases = {r[0] for r in admin.execute("SELECT datname FROM pg_database").fetchall()}
            if instance.db_name and instance.db_name not in databases:
                admin.execute(
                    sql.SQL("CREATE DATABASE {} OWNER {}").format(
                        sql.Identifier(instance.db_name), sql.Identifier(name)
                    )
                )


def _recovered(server: Server) -> None:
    """Waits until the WAL is replayed and the server takes writes."""
    for _ in range(RECOVERED):
        if server.ask("SELECT pg_is_in_recovery()") == [(False,)]:
            return
        time.sleep(0.05)
    raise ServerError("the WAL was not replayed in time")
