"""What the shell's completion offers beside commands and options: names from the outputs' file.

It is asked at each press of a key, so it calls nothing: where the outputs are not in a file, it
offers nothing.
"""

import json
import os
from pathlib import Path
from typing import Any


def complete_service_names(incomplete: str) -> list[str]:
    """The services of the stack whose outputs BULWARK_OUTPUTS names."""
    services = _load_outputs_part("services").get("services") or {}
    return sorted(name for name in services if name.startswith(incomplete))


def complete_alarm_names(incomplete: str) -> list[str]:
    """The alarms of that stack, without its prefix, which mute takes as well."""
    stack = _load_outputs_part("stack")
    prefix = f"{stack.get('project')}-{stack.get('stack')}-"
    names = (
        alarm_name
        for severity_names in (_load_outputs_part("alarms").get("names") or {}).values()
        for alarm_name in severity_names
    )
    short_names = (name.removeprefix(prefix) for name in names)
    return sorted(name for name in short_names if name.startswith(incomplete))


def complete_commands(incomplete: str) -> list[str]:
    """First words of the commands that `ops permissions` knows."""
    from ops.permissions.declared import COMMAND_ROLES

    words = {command.split()[0] for command in COMMAND_ROLES}
    return sorted(word for word in words if word.startswith(incomplete))


def _load_outputs_part(name: str) -> dict[str, Any]:
    try:
        document = json.loads(
            Path(os.environ.get("BULWARK_OUTPUTS", "")).read_text(encoding="utf-8")
        )
        part = document.get(name)
    except (OSError, ValueError, AttributeError):
        return {}
    return part if isinstance(part, dict) else {}
