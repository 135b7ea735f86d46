"""Which command helps when an alarm of the stack is raised, by the alarm's key.

`alarm_commands.json` is written from the alarm registry by `python -m components.alarm_registry`.
Settings may name the keys that are in it, and `ops` finds the command of an alarm in it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ALARM_COMMANDS_PATH: Final = Path(__file__).with_name("alarm_commands.json")
FLEET_SUBJECT: Final = "fleet"


@dataclass(frozen=True, kw_only=True)
class AlarmCommand:
    """The command for one alarm key. `fleet_command` replaces it if the subject is the fleet.

    `{name}` in it is the alarm's subject, such as a service.
    """

    command: str
    fleet_command: str | None = None

    def format_command(self, subject: str) -> str:
        """The command for one subject."""
        is_fleet = subject == FLEET_SUBJECT
        return ((is_fleet and self.fleet_command) or self.command).format(name=subject)


ALARM_COMMANDS: Final[Mapping[str, AlarmCommand]] = {
    key: AlarmCommand(**fields)
    for key, fields in json.loads(ALARM_COMMANDS_PATH.read_text(encoding="utf-8")).items()
}


def find_alarm_command(alarm_name: str, prefix: str) -> str | None:
    """The command for an alarm named `{prefix}-{key}` or `{prefix}-{key}-{subject}`.

    None if it is not an alarm of the registry. No key begins with another key and a hyphen, so at
    most one fits.
    """
    if not alarm_name.startswith(f"{prefix}-"):
        return None
    key_and_subject = alarm_name.removeprefix(f"{prefix}-")
    for key, alarm_command in ALARM_COMMANDS.items():
        if key_and_subject == key or key_and_subject.startswith(f"{key}-"):
            return alarm_command.format_command(key_and_subject[len(key) + 1 :])
    return None
