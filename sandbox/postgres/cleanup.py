"""What a process leaves behind that was killed is ended and removed all the same.

A shell of its own waits until the process is gone, however it went, and then stops the servers
that still run in the process's folders and removes those. After an orderly end it finds nothing.
"""

import os
import subprocess
from functools import cache
from pathlib import Path
from typing import Final

# Folders come line by line; the end of the input is the end of the process. A server is known
# by its folder among its words, as its number alone may be somebody else's by now.
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
    """The end of a pipe that a keeper of this process reads."""
    read_end, write_end = os.pipe()
    try:
        subprocess.run(
            ("sh", "-c", _CLEANUP_SCRIPT), stdin=read_end, start_new_session=True, check=True
        )
    finally:
        os.close(read_end)
    return write_end


def remove_at_exit(folder: Path) -> Path:
    """Remembers a folder, to be removed with this process at the latest."""
    os.write(_get_cleanup_pipe(os.getpid()), f"{folder}\n".encode())
    return folder
