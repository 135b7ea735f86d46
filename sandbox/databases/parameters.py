"""A parameter group's settings as a server's: those that PostgreSQL knows and a small one can have.

Values that RDS computes from the instance's memory (`{DBInstanceClassMemory/...}`) are left to
PostgreSQL's own defaults, as are libraries and extensions that the installation has not.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from sandbox.databases.server import OURS, Server

LIBRARIES: Final = "shared_preload_libraries"
# What would not start here, or leads out of the sandbox, whatever a group says.
LEFT: Final = re.compile(r"ssl.*|rds\..*|.*directory|.*_file|archive_.*|restore_command|port")
# The most that a small machine's server is given.
MOST: Final[Mapping[str, int]] = {"max_connections": 500, "max_worker_processes": 16}
STATIC: Final = "pending-reboot"
_known: dict[str, frozenset[str]] = {}  # by the version's programs


def applied(server: Server, instance: Any, *, static: bool = True) -> dict[str, str]:
    """The settings of an instance's parameter group, as they stand in a configuration file.

    Without `static` only those that need no restart.
    """
    groups = instance.backend.db_parameter_groups
    group = groups.get(instance.db_parameter_group_name or "")
    found: dict[str, str] = {}
    for name, given in (group.parameters if group else {}).items():
        value = str(given.get("ParameterValue", ""))
        if name in OURS or LEFT.fullmatch(name) or not value or "{" in value:
            continue
        if not static and given.get("ApplyMethod") == STATIC:
            continue
        if name == LIBRARIES:
            value = ",".join(x for x in value.split(",") if _there(server, x.strip()))
            if not value:
                continue
        if name not in _names(server) and "." not in name:
            continue
        if "." in name and not _there(server, name.split(".")[0]):
            continue
        if name in MOST and value.isdigit():
            value = str(min(int(value), MOST[name]))
        found[name] = "'" + value.replace("'", "''") + "'"
    return found


def _there(server: Server, library: str) -> bool:
    """Whether the installation has a library."""
    folder = server.programs.run("pg_config", "--pkglibdir").strip()
    return any(Path(folder, f"{library}{end}").exists() for end in (".so", ".dylib"))


def _names(server: Server) -> frozenset[str]:
    """The parameters that this version knows."""
    key = str(server.programs.folder)
    if key not in _known:
        said = server.programs.run("postgres", "--describe-config")
        _known[key] = frozenset(line.split("\t")[0] for line in said.splitlines())
    return _known[key]
