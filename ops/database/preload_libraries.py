"""shared_preload_libraries of the stack's parameter group: what an extension's library lacks."""

from dataclasses import dataclass
from typing import Final

from ops.core.aws import Aws
from ops.core.errors import DeniedError
from ops.database.instance import get_primary
from ops.database.parameters import list_database_parameters
from ops.outputs import Outputs

PRELOAD_LIBRARIES_PARAMETER: Final = "shared_preload_libraries"
PRELOAD_SETTING: Final = f"database.parameters.{PRELOAD_LIBRARIES_PARAMETER}"


@dataclass(frozen=True)
class PreloadGroup:
    """The parameter in the group of the primary: its value, and the libraries that RDS allows.

    `denied` says why it is not known, None if it is.
    """

    group: str | None
    libraries: tuple[str, ...] = ()
    allowed: tuple[str, ...] = ()
    denied: str | None = None

    def describe_missing(self, library: str) -> str:
        """What must be done so that the server loads a library that it has not loaded."""
        if self.denied is not None:
            return f"unknown: {self.denied}"
        if library in self.libraries:
            return f"{self.group} has it since the server's last start: ops db reboot"
        if self.allowed and library not in self.allowed:
            return f"RDS does not let {self.group} load it"
        value = ",".join((*self.libraries, library))
        return (
            f'{PRELOAD_SETTING}: "{value}" in the settings; now by '
            f"`ops db parameters --set {PRELOAD_LIBRARIES_PARAMETER}={value}`, then `ops db reboot`"
        )


def fetch_preload_group(aws: Aws, outputs: Outputs) -> PreloadGroup:
    """Fetches the parameter from the group of the primary; a denied call is its `denied`."""
    try:
        group = str(get_primary(aws, outputs).parameter_group)
        parameters = list_database_parameters(aws, outputs, group)
    except DeniedError as error:
        return PreloadGroup(None, denied=str(error))
    for parameter in parameters:
        if parameter.name == PRELOAD_LIBRARIES_PARAMETER:
            return PreloadGroup(group, _split(parameter.value), _split(parameter.allowed_values))
    return PreloadGroup(None, denied=f"{group} has no parameter {PRELOAD_LIBRARIES_PARAMETER}")


def _split(text: str | None) -> tuple[str, ...]:
    return tuple(part.strip() for part in (text or "").split(",") if part.strip())
