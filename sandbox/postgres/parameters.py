"""A parameter group's settings as a server's: those that PostgreSQL knows and a small one can have.

Values that RDS computes from the instance's memory (`{DBInstanceClassMemory/...}`) are left to
PostgreSQL's own defaults, as are libraries and extensions that the installation has not.
"""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

from sandbox.postgres.installation import Installation
from sandbox.postgres.server import OURS

LIBRARIES: Final = "shared_preload_libraries"
# What would not start here, or leads out of the sandbox, whatever a group says.
LEFT: Final = re.compile(
    r"ssl.*|rds\..*|.*directory|.*_file|archive_.*|restore_command|recovery_.*|port|huge_page.*"
)
# The most that a small machine's server is given.
MOST: Final[Mapping[str, int]] = {"max_connections": 500, "max_worker_processes": 16}


def asked(instance: Any) -> dict[str, str]:
    """What the parameter group of an instance says now."""
    group = instance.backend.db_parameter_groups.get(instance.db_parameter_group_name or "")
    given = group.parameters.items() if group else ()
    found = {name: str(one.get("ParameterValue", "")) for name, one in given}
    return {name: value for name, value in found.items() if value}


def applied(programs: Installation, group: Mapping[str, str]) -> dict[str, str]:
    """What a group says, as it stands in a configuration file of these programs."""
    found: dict[str, str] = {}
    for name, value in group.items():
        if name in OURS or LEFT.fullmatch(name) or "{" in value:
            continue
        library, dot, _ = name.partition(".")
        if not (_there(programs, library) if dot else name in _names(programs)):
            continue
        shown = value
        if name == LIBRARIES:
            shown = ",".join(x for x in value.split(",") if _there(programs, x.strip()))
        elif name in MOST and value.isdigit():
            shown = str(min(int(value), MOST[name]))
        if shown:
            found[name] = "'" + shown.replace("'", "''") + "'"
    return found


@cache
def _there(programs: Installation, library: str) -> bool:
    """Whether the installation has a library."""
    folder = programs.run("pg_config", "--pkglibdir").strip()
    return any(Path(folder, f"{library}{end}").exists() for end in (".so", ".dylib"))


@cache
def _names(programs: Installation) -> frozenset[str]:
    """The parameters that this version knows."""
    said = programs.run("postgres", "--describe-config")
    return frozenset(line.split("\t")[0] for line in said.splitlines())
