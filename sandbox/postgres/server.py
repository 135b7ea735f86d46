"""One PostgreSQL server: its data cluster, started, stopped, queried and backed up.

It listens at a Unix socket only and requires a password: `rdsadmin` is its superuser, as on RDS,
with a password that only this process knows.
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

from sandbox.postgres.cleanup import remove_at_exit
from sandbox.postgres.installation import PostgresError, PostgresInstallation, find_server_user

SUPERUSER_NAME: Final = "rdsadmin"
SOCKET_PORT: Final = 5432  # part of the socket's name; the folder has no other socket
SUPERUSER_PASSWORD: Final = secrets.token_hex(16)
START_TIMEOUT_SECONDS: Final = 60  # seconds for the start, or the stop
STOP_SIGNALS: Final = {"fast": signal.SIGINT, "immediate": signal.SIGQUIT}
MEMORY_FOLDER: Final = Path("/dev/shm")
MEMORY_REQUIRED_BYTES: Final = 2 << 30  # bytes
# Settings of every server here, over its parameter group: small, quick, with WAL to replay.
FIXED_SETTINGS: Final[Mapping[str, str]] = {
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
    # RDS's own prefix (RDS User Guide, "RDS for PostgreSQL database log files"), but for the
    # milliseconds, with which sandbox/patches/rds/exported_logs.py finds the simulated time.
    "log_line_prefix": "'%m:%r:%u@%d:[%p]:'",
    "log_timezone": "'UTC'",
    "autovacuum_naptime": "60s",
    "dynamic_shared_memory_type": "posix",
}
# How PostgreSQL names a setting that it cannot start with.
REFUSED_PARAMETER_PATTERN: Final = re.compile(r'parameter "([\w.]+)"')
HBA_RULES: Final = "local all all scram-sha-256\nlocal replication all scram-sha-256\n"


class PostgresServer:
    """A cluster in a folder. `settings` are added to its fixed settings, as in the file."""

    def __init__(self, programs: PostgresInstallation, folder: Path) -> None:
        self.programs, self.folder = programs, folder
        self.data, self.archive = folder / "data", folder / "archive"
        self.settings: dict[str, str] = {}
        self.is_running = self.is_archiving = False
        # A socket's path has at most some 100 characters: not below a long temporary folder.
        self.socket_folder = remove_at_exit(Path(tempfile.mkdtemp(prefix="bw", dir="/tmp")))
        give_to_server_user(self.socket_folder, folder)
        self.archive.mkdir(exist_ok=True)
        give_to_server_user(self.archive)

    @property
    def socket_path(self) -> str:
        """The path of its Unix socket."""
        return str(self.socket_folder / f".s.PGSQL.{SOCKET_PORT}")

    @property
    def log_file(self) -> Path:
        """What it writes of connections, statements and errors."""
        return self.folder / "log"

    def start(self, *, is_archiving: bool = False) -> None:
        """Starts it and waits until it takes connections. Raises PostgresError with its log.

        Settings that PostgreSQL refuses are left out.
        """
        self.is_archiving = is_archiving
        while True:
            self._write_configuration()
            log_file = self.log_file
            log_start = log_file.stat().st_size if log_file.exists() else 0
            try:
                self.programs.run_program(
                    "pg_ctl",
                    "start",
                    "-D",
                    self.data,
                    "-l",
                    log_file,
                    "-w",
                    "-t",
                    str(START_TIMEOUT_SECONDS),
                    "-o",
                    f"-p {SOCKET_PORT}",
                    timeout_seconds=START_TIMEOUT_SECONDS + 5,
                )
            except PostgresError as error:
                log_text = (
                    log_file.read_text(errors="replace")[log_start:] if log_file.exists() else ""
                )
                refused_parameters = set(REFUSED_PARAMETER_PATTERN.findall(log_text)) & set(
                    self.settings
                )
                if not refused_parameters:
                    raise PostgresError(f"{error}\n{log_text[-3000:]}") from error
                self.settings = {
                    name: value
                    for name, value in self.settings.items()
                    if name not in refused_parameters
                }
            else:
                self.is_running = True
                return

    def _write_configuration(self) -> None:
        # Whole or not there: a server that is stopped ends the copy in the middle, and no restore
        # goes past a part of a file (PostgreSQL, "Setting Up WAL Archiving").
        archived_file = f"{self.archive}/%f"
        archive_command = (
            f"test -f {archived_file} || "
            f"(cp %p {archived_file}.part && mv {archived_file}.part {archived_file})"
        )
        all_settings = {
            **self.settings,
            **FIXED_SETTINGS,
            "unix_socket_directories": f"'{self.socket_folder}'",
            "archive_mode": "on" if self.is_archiving else "off",
            "archive_command": f"'{archive_command}'",
        }
        configuration_text = "".join(f"{name} = {value}\n" for name, value in all_settings.items())
        write_server_file(self.data / "bulwark.conf", configuration_text)

    def stop(self, mode: str = "fast") -> None:
        """Stops it: `fast` in order, `immediate` like a lost host. Raises PostgresError.

        Also one whose start was given up, which may be running all the same.
        """
        self.is_running = False
        pid_file = self.data / "postmaster.pid"
        try:
            process = int(pid_file.read_text(encoding="utf-8").split()[0])
            if not self._is_own_process(process):
                return  # ended by itself
            os.kill(process, STOP_SIGNALS[mode])
        except (FileNotFoundError, ProcessLookupError):
            return  # ended by itself
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        # The server removes the file last, unless it is killed.
        while pid_file.exists() and self._is_own_process(process):
            if time.monotonic() > deadline:
                raise PostgresError(f"the server in {self.data} does not stop")
            time.sleep(0.005)

    def _is_own_process(self, process: int) -> bool:
        """False if this process id is not that of its server now, as far as the system tells."""
        command_line = Path(f"/proc/{process}/cmdline")
        if not command_line.parent.parent.joinpath("self").exists():
            return True  # a system without /proc
        try:
            return str(self.data).encode() in command_line.read_bytes()
        except OSError:
            return False

    def reload(self, settings: Mapping[str, str]) -> None:
        """Applies settings that need no restart."""
        self.settings = dict(settings)
        self._write_configuration()
        self.run_statements("SELECT pg_reload_conf()")

    def connect(self, database: str = "postgres") -> "psycopg.Connection[tuple[Any, ...]]":
        """A connection of the superuser, each statement a transaction of its own."""
        return psycopg.connect(
            host=str(self.socket_folder),
            port=SOCKET_PORT,
            user=SUPERUSER_NAME,
            password=SUPERUSER_PASSWORD,
            dbname=database,
            autocommit=True,
            connect_timeout=10,
        )

    def run_statements(self, *statements: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Runs statements as the superuser; returns the rows of the last."""
        with self.connect(database) as connection:
            rows: list[tuple[Any, ...]] = []
            for statement in statements:
                cursor = connection.execute(statement.encode())
                rows = cursor.fetchall() if cursor.description else []
            return rows

    def create_base_backup(self, destination: Path, *arguments: str) -> None:
        """Writes a base backup that a server can start from."""
        destination.parent.mkdir(parents=True, exist_ok=True)
        give_to_server_user(destination.parent)
        connection_string = (
            f"host={self.socket_folder} port={SOCKET_PORT} "
            f"user={SUPERUSER_NAME} password={SUPERUSER_PASSWORD}"
        )
        self.programs.run_program(
            "pg_basebackup",
            "-d",
            connection_string,
            "-D",
            destination,
            "-X",
            "stream",
            "-c",
            "fast",
            "--no-sync",
            *arguments,
        )

    def archive_wal(self) -> None:
        """Writes a commit and archives all WAL up to it."""
        (wal_file_name,) = self.run_statements(
            "SELECT pg_current_xact_id()", "SELECT pg_walfile_name(pg_switch_wal())"
        )[0]
        tries_left = START_TIMEOUT_SECONDS * 20
        while not (self.archive / str(wal_file_name)).exists():
            tries_left -= 1
            if tries_left < 0:
                raise PostgresError(f"{wal_file_name} was not archived")
            time.sleep(0.05)

    def remove(self) -> None:
        """Stops it and removes its data; the archive stays."""
        with suppress(PostgresError):  # it may have ended already
            self.stop("immediate")
        shutil.rmtree(self.data, ignore_errors=True)
        shutil.rmtree(self.socket_folder, ignore_errors=True)


def initialize_cluster(programs: PostgresInstallation, data: Path) -> None:
    """Creates an empty cluster. Raises PostgresError."""
    data.parent.mkdir(parents=True, exist_ok=True)
    give_to_server_user(data.parent)
    password_file = data.parent / "word"
    write_server_file(password_file, SUPERUSER_PASSWORD)
    programs.run_program(
        "initdb",
        "-D",
        data,
        "-U",
        SUPERUSER_NAME,
        f"--pwfile={password_file}",
        "-A",
        "scram-sha-256",
        "-E",
        "UTF8",
        "--locale=C",
        "--no-sync",
        "--no-instructions",
        "--wal-segsize=1",
    )
    password_file.unlink()
    write_server_file(data / "pg_hba.conf", HBA_RULES)
    with (data / "postgresql.conf").open("a", encoding="utf-8") as configuration_file:
        configuration_file.write("include_if_exists = 'bulwark.conf'\n")


def create_data_folder(prefix: str) -> Path:
    """Creates a temporary folder for data; in memory if there is room, as copying takes time."""
    has_memory = MEMORY_FOLDER.is_dir() and os.access(MEMORY_FOLDER, os.W_OK)
    if has_memory and shutil.disk_usage(MEMORY_FOLDER).free < MEMORY_REQUIRED_BYTES:
        has_memory = False
    data_folder = remove_at_exit(
        Path(tempfile.mkdtemp(prefix=prefix, dir=MEMORY_FOLDER if has_memory else None))
    )
    data_folder.chmod(0o755)
    give_to_server_user(data_folder)
    return data_folder


@cache
def get_template_cluster(programs: PostgresInstallation) -> Path:
    """An empty cluster, created once in this process: a copy is quicker than a new one."""
    template_folder = create_data_folder("bulwark-template-")
    atexit.register(shutil.rmtree, template_folder, ignore_errors=True)
    initialize_cluster(programs, template_folder / "data")
    return template_folder / "data"


def copy_cluster(data: Path, destination: Path) -> None:
    """Copies the folder of a cluster that does not run."""
    destination.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(("cp", "-a", str(data), str(destination)), check=True)
    give_to_server_user(destination.parent)


def write_server_file(file: Path, text: str) -> None:
    """Writes a file that only the server's user may read."""
    file.write_text(text, encoding="utf-8")
    file.chmod(0o600)
    give_to_server_user(file)


def give_to_server_user(*paths: Path) -> None:
    """Changes the owner to the server's user."""
    if (owner := find_server_user()) is not None:
        for path in paths:
            os.chown(path, *owner)
