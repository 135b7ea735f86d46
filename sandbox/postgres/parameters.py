"""A parameter group's settings for a server: those that PostgreSQL knows and a small one can use.

Values that RDS computes from the instance's memory (`{DBInstanceClassMemory/...}`) are left to
PostgreSQL's own defaults, as are libraries and extensions that are not installed.
"""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

from sandbox.postgres.installation import PostgresInstallation
from sandbox.postgres.server import FIXED_SETTINGS

PRELOAD_PARAMETER: Final = "shared_preload_libraries"
# Settings that would not start here, or that lead out of the sandbox: never applied.
IGNORED_PARAMETERS: Final = re.compile(
    r"ssl.*|rds\..*|.*directory|.*_file|archive_.*|restore_command|recovery_.*|port|huge_page.*"
)
# The most that a small machine's server is given.
PARAMETER_MAXIMUMS: Final[Mapping[str, int]] = {"max_connections": 500, "max_worker_processes": 16}


def list_group_parameters(instance: Any) -> dict[str, str]:
    """The parameters that are set in the instance's parameter group now."""
    parameter_group = instance.backend.db_parameter_groups.get(
        instance.db_parameter_group_name or ""
    )
    group_items = parameter_group.parameters.items() if parameter_group else ()
    values = {name: str(parameter.get("ParameterValue", "")) for name, parameter in group_items}
    return {name: value for name, value in values.items() if value}


def build_server_settings(
    programs: PostgresInstallation, parameters: Mapping[str, str]
) -> dict[str, str]:
    """A group's parameters, as a configuration file of this installation has them."""
    settings: dict[str, str] = {}
    for name, value in parameters.items():
        if name in FIXED_SETTINGS or IGNORED_PARAMETERS.fullmatch(name) or "{" in value:
            continue
        library, separator, _ = name.partition(".")
        if not (
            _has_library(programs, library)
            if separator
            else name in _list_parameter_names(programs)
        ):
            continue
        setting_value = value
        if name == PRELOAD_PARAMETER:
            setting_value = ",".join(
                library_name
                for library_name in value.split(",")
                if _has_library(programs, library_name.strip())
            )
        elif name in PARAMETER_MAXIMUMS and value.isdigit():
            setting_value = str(min(int(value), PARAMETER_MAXIMUMS[name]))
        if setting_value:
            settings[name] = "'" + setting_value.replace("'", "''") + "'"
    return settings


@cache
def _has_library(programs: PostgresInstallation, library: str) -> bool:
    """Whether the installation has a library."""
    folder = programs.run_program("pg_config", "--pkglibdir").strip()
    return any(Path(folder, f"{library}{extension}").exists() for extension in (".so", ".dylib"))


@cache
def _list_parameter_names(programs: PostgresInstallation) -> frozenset[str]:
    """The parameters that this version knows."""
    configuration_text = programs.run_program("postgres", "--describe-config")
    return frozenset(line.split("\t")[0] for line in configuration_text.splitlines())
