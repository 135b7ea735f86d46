"""Stops the servers and removes the folders of a process, even if it was killed.

A separate shell waits until the process has ended, then stops the servers that still run in the
process's folders and removes the folders. After an orderly end nothing is left to do.
"""

import os
import subprocess
from functools import cache
from pathlib import Path
from typing import Final

# Folders come line by line; the input ends when the process ends. A server is recognized by its
# folder in its command line, as its process id may have been reused.
_CLEANUP_SCRIPT: Final = r"""
exec 3<&0 </dev/null >/dev/null 2>&1
(
    trap '' HUP INT TERM
    while IFS= read -r folder <&3; do set -- "$@" "$folder"; done
    for folder in "$@"; do
        for file in "$folder"/*/data/postmaster.pid; do
            [ -f "$file" ] || continue
            number=$(head -n 1 "$file")
            words=$(ps -ww -p "$number" -o args= || tr '\0' ' ' < "/proc/$number/cmdline")
            case $words in *"${file%/postmaster.pid}"*) kill -QUIT "$number" ;; esac
        done
    done
    [ $# = 0 ] || { rm -rf -- "$@"; sleep 1; rm -rf -- "$@"; }
) &
"""


@cache
def _get_cleanup_pipe(_process: int) -> int:
    """The write end of the pipe that this process's cleanup shell reads."""
    read_end, write_end = os.pipe()
    try:
        subprocess.run(
            ("sh", "-c", _CLEANUP_SCRIPT), stdin=read_end, start_new_session=True, check=True
        )
    finally:
        os.close(read_end)
    return write_end


def remove_at_exit(folder: Path) -> Path:
    """Registers a folder, which is removed at the latest when this process ends."""
    os.write(_get_cleanup_pipe(os.getpid()), f"{folder}\n".encode())
    return folder
