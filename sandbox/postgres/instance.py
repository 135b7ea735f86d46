"""The server of one DB instance: what its data come from, and when it serves."""

import itertools
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from psycopg import sql

from sandbox.clock import get_sandbox_clock, is_in_future
from sandbox.postgres.endpoint import EndpointClosedError
from sandbox.postgres.extensions import trust_rds_extensions
from sandbox.postgres.installation import (
    PostgresError,
    PostgresInstallation,
    get_installation_of_cluster,
    select_installation,
)
from sandbox.postgres.origins import (
    BackupOrigin,
    BaseBackup,
    DataOrigin,
    EmptyOrigin,
    ReplayOrigin,
    ReplicaOrigin,
)
from sandbox.postgres.parameters import build_server_settings, list_group_parameters
from sandbox.postgres.server import (
    PostgresServer,
    copy_cluster,
    get_template_cluster,
    write_server_file,
)

# States in which a DB instance takes connections: RDS User Guide, "Viewing Amazon RDS DB instance
# status"; RDS-EVENT-0221 says of a full one that it has been shut down. An outage within one of
# them (a change of class) is set by `schedule_outage`.
RUNNING_SERVER_STATUSES: Final = frozenset(
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
        "maintenance",
        "converting-to-vpc",
        "moving-to-vpc",
    }
)
# RDS's role of the master user, and the roles of PostgreSQL that it has: RDS User
# Guide, "Understanding the rds_superuser role".
MASTER_ROLE: Final = "rds_superuser"
SYSTEM_ROLES: Final = ("pg_monitor", "pg_signal_backend", "pg_checkpoint", "pg_maintain")
RECOVERY_POLLS: Final = 600  # polls, a twentieth of a second apart


class InstanceServer:
    """One instance's server. It is started at the first connection."""

    def __init__(self, instance: Any, folder: Path, origin: DataOrigin) -> None:
        self.instance, self.folder, self.origin = instance, folder, origin
        self.server: PostgresServer | None = None
        self.is_deleted = False
        self._password = origin.password
        self._group_name, self._group_parameters = (
            instance.db_parameter_group_name,
            list_group_parameters(instance),
        )
        self._base_backup: BaseBackup | None = None  # the start of a point-in-time restore
        self._first_start: tuple[float, DataOrigin] | None = (
            None  # the time of the first start, and the data before it
        )
        self._backup_numbers = itertools.count(1)
        self._lock, self._state_lock = threading.RLock(), threading.Lock()
        self._restart_mode = ""  # the stop mode of a restart that is due at the next connection
        self._replica_settings: dict[str, str] = {}  # settings of a replica's server
        self._generation = 0
        self._pending_outages: list[tuple[datetime, datetime]] = []
        self._outage_end: datetime | None = None

    def get_state(self) -> object:
        """A value that changes when connections must drop; None while it does not serve."""
        with self._state_lock:
            now = get_sandbox_clock().now()
            for outage in [
                pending_outage
                for pending_outage in self._pending_outages
                if pending_outage[0] <= now
            ]:
                self._pending_outages.remove(outage)
                self._outage_end = outage[1]
                self.drop_connections("immediate")
            is_down = self._outage_end is not None and is_in_future(self._outage_end)
            if self.is_deleted or is_down or self.instance.status not in RUNNING_SERVER_STATUSES:
                return None
            return self._generation

    def schedule_outage(self, start_time: datetime, end_time: datetime) -> None:
        """Schedules an outage between these times; the server is restarted after it."""
        self._pending_outages.append((start_time, end_time))

    def drop_connections(self, stop_mode: str = "") -> None:
        """Drops every connection; with a stop mode the server restarts at the next connection."""
        self._restart_mode = stop_mode or self._restart_mode
        self._generation += 1

    def reboot(self, stop_mode: str) -> None:
        """Drops its connections and restarts it with all parameters of its group."""
        self._group_name, self._group_parameters = (
            self.instance.db_parameter_group_name,
            list_group_parameters(self.instance),
        )
        self.drop_connections(stop_mode)

    def get_socket_path(self) -> str:
        """The path of its server's socket; starts the server. Raises EndpointClosedError."""
        with self._lock:
            if self.get_state() is None:
                raise EndpointClosedError(
                    f"{self.instance.db_instance_identifier} does not serve now"
                )
            return self.ensure_started().socket_path

    def ensure_started(self) -> PostgresServer:
        """Its server, started if it is not running. Raises PostgresError."""
        with self._lock:
            if self.is_deleted and self.server is None:
                raise PostgresError(f"{self.instance.db_instance_identifier} is deleted")
            if self.server is None:
                first_origin = replace(self.origin, password=self._password)
                self.server = self._create_server()
                self._first_start = (time.time(), first_origin)
            elif self._restart_mode:
                self.server.stop(self._restart_mode)
                self.server.settings = self._build_settings(self.server.programs)
                self.server.start(is_archiving=self.is_archiving)
            self._restart_mode = ""
            return self.server

    @property
    def is_archiving(self) -> bool:
        """True if RDS keeps its WAL, that is, if it has automated backups."""
        is_replica = isinstance(self.origin, ReplicaOrigin)
        return bool(self.instance.backup_retention_period) and not is_replica

    def build_backup_origin(self) -> DataOrigin:
        """Its data as they are now, to make another instance from."""
        with self._lock:
            return (
                BackupOrigin(self._create_base_backup())
                if self.server
                else self._get_initial_origin()
            )

    def build_replay_origin(self, restore_time: datetime) -> DataOrigin:
        """Its data at a time of the sandbox's clock. Raises PostgresError."""
        with self._lock:
            wall_seconds = get_sandbox_clock().to_wall_seconds(restore_time)
            if self.server is None or self._first_start is None:
                return self._get_initial_origin()
            if wall_seconds < self._first_start[0] and not isinstance(
                self._first_start[1], ReplicaOrigin
            ):
                return self._first_start[1]
            if self._base_backup is None:
                raise PostgresError(f"{self.instance.db_instance_identifier} keeps no backups")
            if not self.is_deleted:
                self.ensure_started().archive_wal()
            return ReplayOrigin(
                self._base_backup,
                self.server.archive,
                max(wall_seconds, self._base_backup.completed_at),
            )

    def promote(self) -> None:
        """Ends its replication: its data are its own from here on."""
        with self._lock:
            if not isinstance(self.origin, ReplicaOrigin):
                return
            if self.server is None:
                self.origin = self._get_initial_origin()
                self._password = self.origin.password
                return
            server = self.ensure_started()
            server.run_statements("SELECT pg_promote(true, 60)")
            self.origin, self._replica_settings = (
                EmptyOrigin(),
                {},
            )  # its data are its own now
            self._create_master_user(server)
            self._restart_with_archiving(server)

    def update_archiving(self) -> None:
        """Starts or ends its automated backups, for which RDS restarts it."""
        with self._lock:
            if self.server is not None:
                self._restart_with_archiving(self.ensure_started())

    def change_password(self, password: str) -> None:
        """Changes the master password."""
        with self._lock:
            self._password = password
            if self.server is not None and not isinstance(self.origin, ReplicaOrigin):
                self._create_master_user(self.ensure_started())

    def apply_group_parameters(self, names: set[str]) -> None:
        """Applies its group's parameters of these names, which need no restart."""
        with self._lock:
            if self._group_name != self.instance.db_parameter_group_name:
                return  # the other group takes effect at the next reboot
            current_parameters = list_group_parameters(self.instance)
            unchanged_parameters = {
                name: value for name, value in self._group_parameters.items() if name not in names
            }
            self._group_parameters = unchanged_parameters | {
                name: value for name, value in current_parameters.items() if name in names
            }
            if self.server is not None:
                self.ensure_started().reload(self._build_settings(self.server.programs))

    def delete_server(self, *, archive_wal: bool = False) -> None:
        """Deletes the server; its backups stay, with all its WAL if `archive_wal` is set."""
        with self._lock:
            self.is_deleted = True
            if self.server is not None:
                if archive_wal and self.is_archiving:
                    self.ensure_started().archive_wal()
                self.server.remove()

    def _get_initial_origin(self) -> DataOrigin:
        """Its data before the first connection."""
        if isinstance(self.origin, ReplicaOrigin) and self.server is None:
            return self.origin.primary.build_backup_origin()
        return replace(self.origin, password=self._password)

    def _create_server(self) -> PostgresServer:
        """Creates its server from its origin and starts it."""
        origin, recovery_settings = self.origin, {}
        match origin:
            case EmptyOrigin():
                major = int(str(self.instance.engine_version).split(".")[0])
                programs = trust_rds_extensions(select_installation(major))
                base = BaseBackup(get_template_cluster(programs), is_permanent=True)
                self._base_backup = base if self.is_archiving else None
            case BackupOrigin(base=base) | ReplayOrigin(base=base):
                programs = trust_rds_extensions(get_installation_of_cluster(base.data))
            case ReplicaOrigin(primary=primary):
                programs = primary.ensure_started().programs
        server = PostgresServer(programs, self.folder)
        match origin:
            case ReplicaOrigin(primary=primary):
                primary_server = primary.ensure_started()
                primary_server.create_base_backup(server.data, "-R")
                self._replica_settings = {"restore_command": f"'cp {primary_server.archive}/%f %p'"}
            case ReplayOrigin(archive=archive, until=until):
                copy_cluster(base.data, server.data)
                write_server_file(server.data / "recovery.signal", "")
                recovery_time = datetime.fromtimestamp(until, UTC).isoformat(" ")
                recovery_settings = {
                    "restore_command": f"'cp {archive}/%f %p'",
                    "recovery_target_time": f"'{recovery_time}'",
                    "recovery_target_action": "promote",
                }
            case _:
                copy_cluster(base.data, server.data)
        server.settings = self._build_settings(programs) | recovery_settings
        try:
            server.start(is_archiving=self.is_archiving)
            if isinstance(origin, ReplayOrigin):
                _wait_for_recovery(server)
            if self.is_archiving and self._base_backup is None:
                self._base_backup = self._create_base_backup(server)
            self._create_master_user(server)
        except BaseException:  # an interrupt too: nobody else knows of this server
            server.remove()
            raise
        return server

    def _build_settings(self, programs: PostgresInstallation) -> dict[str, str]:
        return build_server_settings(programs, self._group_parameters) | self._replica_settings

    def _restart_with_archiving(self, server: PostgresServer) -> None:
        """Restarts it, with its WAL archived from here on or no longer."""
        self.drop_connections()
        server.stop()
        server.settings = self._build_settings(server.programs)
        server.start(is_archiving=self.is_archiving)
        self._base_backup = self._create_base_backup(server) if self.is_archiving else None

    def _create_base_backup(self, server: PostgresServer | None = None) -> BaseBackup:
        folder = self.folder / f"base-{next(self._backup_numbers)}"
        (server or self.ensure_started()).create_base_backup(folder)
        return BaseBackup(folder, completed_at=time.time())

    def _create_master_user(self, server: PostgresServer) -> None:
        """Creates the master user and its database if needed, and sets its password."""
        if isinstance(self.origin, ReplicaOrigin):
            return
        instance = self.instance
        master_name, password = instance.master_username, self._password
        with server.connect() as connection:
            role_names = {
                row[0] for row in connection.execute("SELECT rolname FROM pg_roles").fetchall()
            }
            user_identifier, master_role = sql.Identifier(master_name), sql.Identifier(MASTER_ROLE)
            if MASTER_ROLE not in role_names:
                connection.execute(sql.SQL("CREATE ROLE {}").format(master_role))
                for role in role_names.intersection(SYSTEM_ROLES):
                    grant = sql.SQL("GRANT {} TO {} WITH ADMIN OPTION")
                    connection.execute(grant.format(sql.Identifier(role), master_role))
            if master_name not in role_names:
                connection.execute(
                    sql.SQL("CREATE ROLE {} LOGIN CREATEDB CREATEROLE").format(user_identifier)
                )
                connection.execute(
                    sql.SQL("GRANT {} TO {} WITH ADMIN OPTION").format(master_role, user_identifier)
                )
            if password is not None:
                connection.execute(
                    sql.SQL("ALTER ROLE {} PASSWORD {}").format(
                        user_identifier, sql.Literal(password)
                    )
                )
            databases = {
                row[0] for row in connection.execute("SELECT datname FROM pg_database").fetchall()
            }
            if instance.db_name and instance.db_name not in databases:
                connection.execute(
                    sql.SQL("CREATE DATABASE {} OWNER {}").format(
                        sql.Identifier(instance.db_name), sql.Identifier(master_name)
                    )
                )


def _wait_for_recovery(server: PostgresServer) -> None:
    """Waits until the WAL is replayed and the server takes writes."""
    for _ in range(RECOVERY_POLLS):
        if server.run_statements("SELECT pg_is_in_recovery()") == [(False,)]:
            return
        time.sleep(0.05)
    raise PostgresError("the WAL was not replayed in time")
