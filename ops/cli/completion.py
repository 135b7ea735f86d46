"""Shell completion of names, read from the outputs file in BULWARK_OUTPUTS.

Completion runs at each key press, so it never calls AWS. Without that file it offers nothing.
"""

import json
import os
from pathlib import Path
from typing import Any


def complete_service_names(incomplete: str) -> list[str]:
    """Completes names of services."""
    services = _load_outputs_part("services").get("services") or {}
    return sorted(name for name in services if name.startswith(incomplete))


def complete_alarm_names(incomplete: str) -> list[str]:
    """Completes names of alarms, without the stack's prefix; `alarms mute` accepts both."""
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
    """Completes the first words of the commands that `ops permissions` accepts."""
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
