"""Where the data of a DB instance come from."""

import shutil
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from sandbox.postgres.instance import InstanceServer


class BaseBackup:
    """A base backup, or an empty cluster. Its folder is gone when nobody has it any more."""

    def __init__(self, data: Path, *, completed_at: float = 0, is_permanent: bool = False) -> None:
        """`taken` is when it was whole, seconds since the epoch. A `lasting` one is not ours."""
        self.data, self.completed_at = data, completed_at
        if not is_permanent:
            weakref.finalize(self, shutil.rmtree, data, ignore_errors=True)


@dataclass(frozen=True)
class EmptyOrigin:
    """A new database. `word` is the master password, as of every origin that knows it."""

    password: str | None = None


@dataclass(frozen=True)
class BackupOrigin:
    """A base backup. Without a `word` the password is the one in it."""

    base: BaseBackup
    password: str | None = None


@dataclass(frozen=True)
class ReplayOrigin:
    """A base backup and the WAL behind it, up to a time of the wall's clock."""

    base: BaseBackup
    archive: Path
    until: float
    password: str | None = None


@dataclass(frozen=True)
class ReplicaOrigin:
    """Another's data, as they change."""

    primary: "InstanceServer"
    password: str | None = None


DataOrigin: TypeAlias = EmptyOrigin | BackupOrigin | ReplayOrigin | ReplicaOrigin
