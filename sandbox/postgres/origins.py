"""The origins of a DB instance's data: nothing, a base backup, replayed WAL, or a primary."""

import shutil
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeAlias

from sandbox.postgres.server import PostgresServer


class PrimaryServer(Protocol):
    """What a replica needs of the instance that it replicates."""

    def ensure_started(self) -> PostgresServer:
        """Its server, started if it is not running. Raises PostgresError."""

    def build_backup_origin(self) -> "DataOrigin":
        """Its data as they are now, to make another instance from."""


class BaseBackup:
    """A base backup, or an empty cluster. Its folder is deleted with the last reference to it."""

    def __init__(self, data: Path, *, completed_at: float = 0, is_permanent: bool = False) -> None:
        """`completed_at` is in seconds since the epoch. A permanent folder is never deleted."""
        self.data, self.completed_at = data, completed_at
        if not is_permanent:
            weakref.finalize(self, shutil.rmtree, data, ignore_errors=True)


@dataclass(frozen=True)
class EmptyOrigin:
    """A new database. `password` is the master password, here and in the other origins."""

    password: str | None = None


@dataclass(frozen=True)
class BackupOrigin:
    """A base backup. Without a `password` the one in the backup stays valid."""

    base: BaseBackup
    password: str | None = None


@dataclass(frozen=True)
class ReplayOrigin:
    """A base backup and the WAL after it, up to `until`: real time, seconds since the epoch."""

    base: BaseBackup
    archive: Path
    until: float
    password: str | None = None


@dataclass(frozen=True)
class ReplicaOrigin:
    """The data of a primary, streamed as they change."""

    primary: PrimaryServer
    password: str | None = None


DataOrigin: TypeAlias = EmptyOrigin | BackupOrigin | ReplayOrigin | ReplicaOrigin
