"""Files that only their owner can read: exported states, journals."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from ops.core.errors import UsageError


@contextmanager
def open_private_file(file: Path, option: str | None = None) -> Iterator[BinaryIO]:
    """Opens a file for writing, mode 0600 before the first byte; a symbolic link is not followed.

    Raises UsageError, which names `option`, if it cannot be written.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
    try:
        descriptor = os.open(file, flags, 0o600)
    except OSError as error:
        name = option or "a private file"
        raise UsageError(
            f"{name} is {str(file)!r}, must be a file that can be written, and no link: "
            f"{error.strerror}"
        ) from None
    with os.fdopen(descriptor, "wb") as stream:
        os.fchmod(stream.fileno(), 0o600)
        yield stream
