"""Stops the servers and removes the folders of a process, even if it was killed.

A separate shell waits until the process has ended, then stops the servers that still run in the
process's folders and removes the folders. After an orderly end nothing is left to do.
"""

import os
import subprocess
from functools import cache
from pathlib import Path
from typing import Final

# Folders come line by line; the input ends when the process ends. PostgreSQL's programs with one of
# the folders in their command line are stopped, since a process id may have been reused: servers,
# and programs that were about to start one. So it looks again until a second has passed without
# any, for half a minute at most.
_CLEANUP_SCRIPT: Final = r"""
exec 3<&0 </dev/null >/dev/null 2>&1
list_processes() {
    ps -axww -o pid= -o args= || for file in /proc/[0-9]*/cmdline; do
        number=${file#/proc/}
        printf '%s %s\n' "${number%/cmdline}" "$(tr '\0' ' ' < "$file")"
    done
}
(
    trap '' HUP INT TERM
    while IFS= read -r folder <&3; do set -- "$@" "$folder"; done
    [ $# = 0 ] && exit
    quiet=0
    for attempt in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30
    do
        found=$(list_processes | while read -r number words; do
            for folder in "$@"; do
                case $words in *"$folder"/*) case $words in
                    *postgres*|*pg_*|*initdb*) echo "$number" ;; esac ;; esac
            done
        done)
        for number in $found; do kill -QUIT "$number"; done
        rm -rf -- "$@"
        if [ -z "$found" ]; then quiet=$((quiet + 1)); else quiet=0; fi
        [ "$quiet" = 2 ] && break
        sleep 1
    done
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
