"""One PostgreSQL server: its cluster of data, started and stopped, asked and backed up.

It listens at a Unix socket only, and lets nobody in without a password: `rdsadmin` is its
superuser, as on RDS, with a password that this process alone knows.
"""

import atexit
import os
import re
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, Final

import psycopg

from sandbox.postgres.cleanup import keep
from sandbox.postgres.installation import Installation, ServerError, user

ADMIN: Final = "rdsadmin"
PORT: Final = 5432  # of the socket's name; nobody else is in its folder
SECRET: Final = secrets.token_hex(16)
START: Final = 60  # seconds that it may take to start, or to stop
SIGNALS: Final = {"fast": signal.SIGINT, "immediate": signal.SIGQUIT}
MEMORY: Final = Path("/dev/shm")
ROOM: Final = 2 << 30  # bytes
# What a server here has whatever its parameter group says: small, quick, and with WAL to replay.
OURS: Final[Mapping[str, str]] = {
    "listen_addresses": "''",
    "shared_buffers": "16MB",
    "fsync": "off",
    "full_page_writes": "on",
    "wal_level": "replica",
    "max_wal_senders": "10",
    "wal_keep_size": "64MB",
    "wal_retrieve_retry_interval": "100ms",
    "max_wal_size": "64MB",
    "min_wal_size": "4MB",
    "hot_standby": "on",
    "unix_socket_permissions": "0777",
    "log_min_messages": "warning",
    "autovacuum_naptime": "60s",
    "dynamic_shared_memory_type": "posix",
}
# How PostgreSQL names a setting that it cannot start with.
REFUSED: Final = re.compile(r'parameter "([\w.]+)"')
HBA: Final = "local all all scram-sha-256\nlocal replication all scram-sha-256\n"


class Server:
    """A cluster in a folder. `conf` are settings beside OURS, as they stand in the file."""

    def __init__(self, programs: Installation, folder: Path) -> None:
        self.programs, self.folder = programs, folder
        self.data, self.archive = folder / "data", folder / "archive"
        self.conf: dict[str, str] = {}
        self.running = self.archiving = False
        # A socket's path may have some 100 characters: not below a long temporary folder.
        self.sockets = keep(Path(tempfile.mkdtemp(prefix="bw", dir="/tmp")))
        give(self.sockets, folder)
        self.archive.mkdir(exist_ok=True)
        give(self.archive)

    @property
    def socket(self) -> str:
        """The path of its socket."""
        return str(self.sockets / f".s.PGSQL.{PORT}")

    def start(self, *, archiving: bool = False) -> None:
        """Starts it, and waits until it takes connections. Raises ServerError with its log.

        What PostgreSQL refuses of `conf` is left out of it.
        """
        self.archiving = archiving
        while True:
            self._write()
            log = self.folder / "log"
            before = log.stat().st_size if log.exists() else 0
            try:
                self.programs.run(
                    "pg_ctl",
                    "start",
                    "-D",
                    self.data,
                    "-l",
                    log,
                    "-w",
                    "-t",
                    str(START),
                    "-o",
                    f"-p {PORT}",
                    limit=START + 5,
                )
            except ServerError as error:
                said = log.read_text(errors="replace")[before:] if log.exists() else ""
                refused = set(REFUSED.findall(said)) & set(self.conf)
                if not refused:
                    raise ServerError(f"{error}\n{said[-3000:]}") from error
                self.conf = {k: v for k, v in self.conf.items() if k not in refused}
            else:
                self.running = True
                return

    def _write(self) -> None:
        archive = f"test -f {self.archive}/%f || cp %p {self.archive}/%f"
        settings = {
            **self.conf,
            **OURS,
            "unix_socket_directories": f"'{self.sockets}'",
            "archive_mode": "on" if self.archiving else "off",
            "archive_command": f"'{archive}'",
        }
        lines = "".join(f"{name} = {value}\n" for name, value in settings.items())
        put(self.data / "bulwark.conf", lines)

    def stop(self, how: str = "fast") -> None:
        """Stops it: `fast` in order, `immediate` as a lost host would. Raises ServerError."""
        if not self.running:
            return
        self.running = False
        file = self.data / "postmaster.pid"
        try:
            os.kill(int(file.read_text(encoding="utf-8").split()[0]), SIGNALS[how])
        except (FileNotFoundError, ProcessLookupError):
            return  # gone by itself
        until = time.monotonic() + START
        while file.exists():  # the last that it does is to remove it
            if time.monotonic() > until:
                raise ServerError(f"the server in {self.data} does not stop")
            time.sleep(0.005)

    def reload(self, conf: Mapping[str, str]) -> None:
        """Takes settings as far as they need no restart."""
        self.conf = dict(conf)
        self._write()
        self.ask("SELECT pg_reload_conf()")

    def connect(self, database: str = "postgres") -> "psycopg.Connection[tuple[Any, ...]]":
        """A connection of the superuser, each statement a transaction of its own."""
        return psycopg.connect(
            host=str(self.sockets),
            port=PORT,
            user=ADMIN,
            password=SECRET,
            dbname=database,
            autocommit=True,
            connect_timeout=10,
        )

    def ask(self, *statements: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Runs statements as the superuser; the rows of the last."""
        with self.connect(database) as connection:
            rows: list[tuple[Any, ...]] = []
            for statement in statements:
                cursor = connection.execute(statement.encode())
                rows = cursor.fetchall() if cursor.description else []
            return rows

    def back_up(self, to: Path, *words: str) -> None:
        """A base backup that can be started by itself."""
        to.parent.mkdir(parents=True, exist_ok=True)
        give(to.parent)
        where = f"host={self.sockets} port={PORT} user={ADMIN} password={SECRET}"
        self.programs.run(
            "pg_basebackup",
            "-d",
            where,
            "-D",
            to,
            "-X",
            "stream",
            "-c",
            "fast",
            "--no-sync",
            *words,
        )

    def archived(self) -> None:
        """Writes a commit and sends all that was written until now into the archive."""
        (name,) = self.ask(
            "SELECT pg_current_xact_id()", "SELECT pg_walfile_name(pg_switch_wal())"
        )[0]
        limit = START * 20
        while not (self.archive / str(name)).exists():
            limit -= 1
            if limit < 0:
                raise ServerError(f"{name} was not archived")
            time.sleep(0.05)

    def remove(self) -> None:
        """Ends it, and everything of it but its archive."""
        with suppress(ServerError):  # it may be gone already
            self.stop("immediate")
        shutil.rmtree(self.data, ignore_errors=True)
        shutil.rmtree(self.sockets, ignore_errors=True)


def create(programs: Installation, data: Path) -> None:
    """A new, empty cluster. Raises ServerError."""
    data.parent.mkdir(parents=True, exist_ok=True)
    give(data.parent)
    word = data.parent / "word"
    put(word, SECRET)
    programs.run(
        "initdb",
        "-D",
        data,
        "-U",
        ADMIN,
        f"--pwfile={word}",
        "-A",
        "scram-sha-256",
        "-E",
        "UTF8",
        "--locale=C",
        "--no-sync",
        "--no-instructions",
        "--wal-segsize=1",
    )
    word.unlink()
    put(data / "pg_hba.conf", HBA)
    with (data / "postgresql.conf").open("a", encoding="utf-8") as file:
        file.write("include_if_exists = 'bulwark.conf'\n")


def folder(prefix: str) -> Path:
    """A new temporary folder for data; in memory where there is room, as copying takes time."""
    roomy = MEMORY.is_dir() and os.access(MEMORY, os.W_OK)
    if roomy and shutil.disk_usage(MEMORY).free < ROOM:
        roomy = False
    made = keep(Path(tempfile.mkdtemp(prefix=prefix, dir=MEMORY if roomy else None)))
    made.chmod(0o755)
    give(made)
    return made


@cache
def template(programs: Installation) -> Path:
    """An empty cluster, made once in this process: a copy of it is quicker than a new one."""
    place = folder("bulwark-template-")
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    create(programs, place / "data")
    return place / "data"


def copy(data: Path, to: Path) -> None:
    """A copy of the folder of a cluster that does not run."""
    to.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(("cp", "-a", str(data), str(to)), check=True)
    give(to.parent)


def put(file: Path, text: str) -> None:
    """Writes a file that the server's user may read, and nobody else."""
    file.write_text(text, encoding="utf-8")
    file.chmod(0o600)
    give(file)


def give(*paths: Path) -> None:
    """Makes them the server's user's."""
    if (owner := user()) is not None:
        for path in paths:
            os.chown(path, *owner)
