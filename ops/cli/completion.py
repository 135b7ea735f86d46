"""What the shell's completion offers beside commands and options: names from the outputs' file.

It is asked at each press of a key, so it calls nothing: where the outputs are not in a file, it
offers nothing.
"""

import json
import os
from pathlib import Path
from typing import Any


def service_names(incomplete: str) -> list[str]:
    """The services of the stack whose outputs BULWARK_OUTPUTS names."""
    services = _part("services").get("services") or {}
    return sorted(name for name in services if name.startswith(incomplete))


def alarm_names(incomplete: str) -> list[str]:
    """The alarms of that stack, without its prefix, which mute takes as well."""
    stack = _part("stack")
    prefix = f"{stack.get('project')}-{stack.get('stack')}-"
    names = (n for listed in (_part("alarms").get("names") or {}).values() for n in listed)
    short = (name.removeprefix(prefix) for name in names)
    return sorted(name for name in short if name.startswith(incomplete))


def commands(incomplete: str) -> list[str]:
    """First words of the commands that `ops permissions` knows."""
    from ops.permissions.declared import COMMAND_ROLES

    words = {command.split()[0] for command in COMMAND_ROLES}
    return sorted(word for word in words if word.startswith(incomplete))


def _part(name: str) -> dict[str, Any]:
    try:
        found = json.loads(Path(os.environ.get("BULWARK_OUTPUTS", "")).read_text(encoding="utf-8"))
        part = found.get(name)
    except (OSError, ValueError, AttributeError):
        return {}
    return part if isinstance(part, dict) else {}
