"""Where the data of a DB instance come from."""

import shutil
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from sandbox.postgres.instance import Standing


class Base:
    """A base backup, or an empty cluster. Its folder is gone when nobody has it any more."""

    def __init__(self, data: Path, *, taken: float = 0, lasting: bool = False) -> None:
        """`taken` is when it was whole, seconds since the epoch. A `lasting` one is not ours."""
        self.data, self.taken = data, taken
        if not lasting:
            weakref.finalize(self, shutil.rmtree, data, ignore_errors=True)


@dataclass(frozen=True)
class Empty:
    """A new database. `word` is the master password, as of every origin that knows it."""

    word: str | None = None


@dataclass(frozen=True)
class Saved:
    """A base backup. Without a `word` the password is the one in it."""

    base: Base
    word: str | None = None


@dataclass(frozen=True)
class Replayed:
    """A base backup and the WAL behind it, up to a time of the wall's clock."""

    base: Base
    archive: Path
    until: float
    word: str | None = None


@dataclass(frozen=True)
class Followed:
    """Another's data, as they change."""

    primary: "Standing"
    word: str | None = None


Origin: TypeAlias = Empty | Saved | Replayed | Followed
