"""The runs and the lock of a local folder, where BULWARK_JOURNAL keeps them, for the health check.

They are read without AWS: a folder is used when the bucket is gone, with its region or its stack.
"""

from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from ops.core.errors import OpsError
from ops.core.journal_folder import JOURNAL_FOLDER_VARIABLE, find_journal_folder
from ops.core.journal_record import Record
from ops.core.lock import FolderLockStore, Lock, LockRecord
from ops.outputs import RUNS_PREFIX


@dataclass(frozen=True)
class LocalRun:
    """The first line of a run's journal, and the last that is no note.

    `problem` says why they cannot be read.
    """

    run: str
    lines: tuple[str, ...] = ()
    problem: str = ""


@dataclass(frozen=True)
class LocalRuns:
    """What a folder holds: its lock, and all runs; `problem` says why it cannot be read."""

    folder: Path
    lock: LockRecord | None = None
    runs: tuple[LocalRun, ...] = ()
    problem: str = ""


def read_local_runs() -> LocalRuns | None:
    """Reads the folder of BULWARK_JOURNAL; None if it is not set."""
    folder = find_journal_folder()
    if folder is None:
        return None
    try:
        lock = Lock(FolderLockStore(folder)).find_record()
        run_folders = sorted(path for path in (folder / RUNS_PREFIX).glob("*") if path.is_dir())
    except (OSError, OpsError, ValueError) as error:
        return LocalRuns(folder, problem=f"{JOURNAL_FOLDER_VARIABLE} {folder}: {error}")
    return LocalRuns(folder, lock, tuple(_read_run(path) for path in run_folders))


def _read_run(path: Path) -> LocalRun:
    files = sorted(path.glob("[0-9]*.json"))
    try:
        last_lines = (file.read_text(encoding="utf-8") for file in reversed(files))
        last_line = next((line for line in last_lines if not is_note_line(line)), None)
        first_lines = [file.read_text(encoding="utf-8") for file in files[:1]]
    except (OSError, ValueError) as error:
        return LocalRun(path.name, problem=str(error))
    return LocalRun(path.name, (*first_lines, *([] if last_line is None else [last_line])))


def is_note_line(line: str) -> bool:
    """True if a line of a journal is a note. One that is no record is none."""
    try:
        return Record.model_validate_json(line).event == "note"
    except ValidationError:
        return False
