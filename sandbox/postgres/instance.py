"""What stands behind one DB instance: its server, what it is made from, when it serves."""

import itertools
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from psycopg import sql

from sandbox.clock import clock, pending
from sandbox.postgres.endpoint import ClosedError
from sandbox.postgres.installation import Installation, ServerError, installation, made_by
from sandbox.postgres.origins import Base, Empty, Followed, Origin, Replayed, Saved
from sandbox.postgres.parameters import applied, asked
from sandbox.postgres.server import Server, copy, put, template

# States in which a DB instance takes connections: RDS User Guide, "Viewing Amazon RDS DB instance
# status". An outage within one of them (a class that changes) is told by `interrupted`.
SERVING: Final = frozenset(
    {
        "available",
        "backing-up",
        "modifying",
        "storage-optimization",
        "storage-initialization",
        "resetting-master-credentials",
        "configuring-log-exports",
        "configuring-enhanced-monitoring",
        "configuring-iam-database-auth",
        "storage-full",
        "maintenance",
        "converting-to-vpc",
        "moving-to-vpc",
    }
)
# RDS's role of the master user, and what it may as far as PostgreSQL has such roles: RDS User
# Guide, "Understanding the rds_superuser role".
MASTER: Final = "rds_superuser"
ROLES: Final = ("pg_monitor", "pg_signal_backend", "pg_checkpoint", "pg_maintain")
RECOVERED: Final = 600  # looks, a twentieth of a second apart


class Standing:
    """One instance's server. Nothing is started before somebody connects."""

    def __init__(self, instance: Any, folder: Path, origin: Origin) -> None:
        self.instance, self.folder, self.origin = instance, folder, origin
        self.server: Server | None = None
        self.gone = False
        self._word = origin.word
        self._group, self._asked = instance.db_parameter_group_name, asked(instance)
        self._base: Base | None = None  # what a restore to a point in time begins with
        self._first: tuple[float, Origin] | None = None  # until when nobody had touched what
        self._numbers = itertools.count(1)
        self._turn, self._looking = threading.RLock(), threading.Lock()
        self._restart = ""  # how it is to be stopped before anybody connects again
        self._extra: dict[str, str] = {}  # settings of a server that follows another
        self._generation = 0
        self._due: list[tuple[datetime, datetime]] = []
        self._until: datetime | None = None

    def state(self) -> object:
        """Changes when connections are to drop; None while it does not serve."""
        with self._looking:
            now = clock().now()
            for outage in [each for each in self._due if each[0] <= now]:
                self._due.remove(outage)
                self._until = outage[1]
                self.dropped("immediate")
            down = self._until is not None and pending(self._until)
            if self.gone or down or self.instance.status not in SERVING:
                return None
            return self._generation

    def interrupted(self, begins: datetime, ends: datetime) -> None:
        """It will not serve between these times, and is another process after that."""
        self._due.append((begins, ends))

    def dropped(self, restart: str = "") -> None:
        """Every connection ends now; its server starts anew after it is stopped as said."""
        self._restart = restart or self._restart
        self._generation += 1

    def rebooted(self, how: str) -> None:
        """Its connections drop, and it starts anew with all that its parameter group says."""
        self._group, self._asked = self.instance.db_parameter_group_name, asked(self.instance)
        self.dropped(how)

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
                first = replace(self.origin, word=self._word)
                self.server = self._begun()
                self._owned(self.server)
                self._first = (time.time(), first)
            elif self._restart:
                self.server.stop(self._restart)
                self.server.conf = self._settings(self.server.programs)
                self.server.start(archiving=self.archiving)
            self._restart = ""
            return self.server

    @property
    def archiving(self) -> bool:
        """Whether RDS keeps its WAL: where it keeps automated backups."""
        follows = isinstance(self.origin, Followed)
        return bool(self.instance.backup_retention_period) and not follows

    def saved(self) -> Origin:
        """Its data as they are now, to make another instance from."""
        with self._turn:
            return Saved(self._backed_up()) if self.server else self._untouched()

    def replayed(self, until: datetime) -> Origin:
        """Its data as they were at a time of the sandbox's clock. Raises ServerError."""
        with self._turn:
            wall = clock().wall(until)
            if self.server is None or self._first is None:
                return self._untouched()
            if wall < self._first[0] and not isinstance(self._first[1], Followed):
                return self._first[1]
            if self._base is None:
                raise ServerError(f"{self.instance.db_instance_identifier} keeps no backups")
            if not self.gone:
                self.up().archived()
            return Replayed(self._base, self.server.archive, max(wall, self._base.taken))

    def promoted(self) -> None:
        """It follows nobody any more."""
        with self._turn:
            if not isinstance(self.origin, Followed):
                return
            if self.server is None:
                self.origin = self._untouched()
                self._word = self.origin.word
                return
            server = self.up()
            server.ask("SELECT pg_promote(true, 60)")
            self.origin, self._extra = Empty(), {}  # its data are its own from here on
            self._owned(server)
            self._kept(server)

    def keeps(self) -> None:
        """Its automated backups begin, or end: RDS restarts it for that."""
        with self._turn:
            if self.server is not None:
                self._kept(self.up())

    def password(self, word: str) -> None:
        """The master password is another."""
        with self._turn:
            self._word = word
            if self.server is not None and not isinstance(self.origin, Followed):
                self._owned(self.up())

    def regrouped(self, names: set[str]) -> None:
        """Takes parameters of these names from its group, those that need no restart."""
        with self._turn:
            if self._group != self.instance.db_parameter_group_name:
                return  # another group is its own at the next reboot
            now = asked(self.instance)
            before = {k: v for k, v in self._asked.items() if k not in names}
            self._asked = before | {k: v for k, v in now.items() if k in names}
            if self.server is not None:
                self.up().reload(self._settings(self.server.programs))

    def end(self, *, archived: bool = False) -> None:
        """The server is gone; its backups stay, with all its WAL where they are to be used."""
        with self._turn:
            self.gone = True
            if self.server is not None:
                if archived and self.archiving:
                    self.up().archived()
                self.server.remove()

    def _untouched(self) -> Origin:
        """Its data while nobody has connected."""
        if isinstance(self.origin, Followed) and self.server is None:
            return self.origin.primary.saved()
        return replace(self.origin, word=self._word)

    def _begun(self) -> Server:
        """Its server, made from where its data come from and started."""
        origin, until_then = self.origin, {}
        match origin:
            case Empty():
                programs = installation(int(str(self.instance.engine_version).split(".")[0]))
                base = Base(template(programs), lasting=True)
                self._base = base if self.archiving else None
            case Saved(base=base) | Replayed(base=base):
                programs = made_by(base.data)
            case Followed(primary=primary):
                programs = primary.up().programs
        server = Server(programs, self.folder)
        match origin:
            case Followed(primary=primary):
                source = primary.up()
                source.back_up(server.data, "-R")
                self._extra = {"restore_command": f"'cp {source.archive}/%f %p'"}
            case Replayed(archive=archive, until=until):
                copy(base.data, server.data)
                put(server.data / "recovery.signal", "")
                at = datetime.fromtimestamp(until, UTC).isoformat(" ")
                until_then = {
                    "restore_command": f"'cp {archive}/%f %p'",
                    "recovery_target_time": f"'{at}'",
                    "recovery_target_action": "promote",
                }
            case _:
                copy(base.data, server.data)
        server.conf = self._settings(programs) | until_then
        server.start(archiving=self.archiving)
        if isinstance(origin, Replayed):
            _recovered(server)
        if self.archiving and self._base is None:
            self._base = self._backed_up(server)
        return server

    def _settings(self, programs: Installation) -> dict[str, str]:
        return applied(programs, self._asked) | self._extra

    def _kept(self, server: Server) -> None:
        """Starts it anew, with its WAL archived from here on or no longer."""
        self.dropped()
        server.stop()
        server.conf = self._settings(server.programs)
        server.start(archiving=self.archiving)
        self._base = self._backed_up(server) if self.archiving else None

    def _backed_up(self, server: Server | None = None) -> Base:
        folder = self.folder / f"base-{next(self._numbers)}"
        (server or self.up()).back_up(folder)
        return Base(folder, taken=time.time())

    def _owned(self, server: Server) -> None:
        """The master user and its database are there, with the password that the instance has."""
        if isinstance(self.origin, Followed):
            return
        instance = self.instance
        name, word = instance.master_username, self._word
        with server.connect() as admin:
            known = {r[0] for r in admin.execute("SELECT rolname FROM pg_roles").fetchall()}
            user, master = sql.Identifier(name), sql.Identifier(MASTER)
            if MASTER not in known:
                admin.execute(sql.SQL("CREATE ROLE {}").format(master))
                for role in known.intersection(ROLES):
                    grant = sql.SQL("GRANT {} TO {} WITH ADMIN OPTION")
                    admin.execute(grant.format(sql.Identifier(role), master))
            if name not in known:
                admin.execute(sql.SQL("CREATE ROLE {} LOGIN CREATEDB CREATEROLE").format(user))
                admin.execute(sql.SQL("GRANT {} TO {} WITH ADMIN OPTION").format(master, user))
            if word is not None:
                admin.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(user, sql.Literal(word)))
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
