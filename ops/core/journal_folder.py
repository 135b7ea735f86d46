"""The local folder that journals and the lock are in if the operations bucket is lost."""

import os
from pathlib import Path
from typing import Final

JOURNAL_FOLDER_VARIABLE: Final = "BULWARK_JOURNAL"


def find_journal_folder() -> Path | None:
    """The folder that the environment names for journals and the lock; None if it names none."""
    folder = os.environ.get(JOURNAL_FOLDER_VARIABLE)
    return Path(folder) if folder else None
