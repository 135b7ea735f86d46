"""Writes docs/alarms.md, the commands and the numbers of alarms.

`python -m components.alarm_registry`
"""

from components.alarm_registry.docs import (
    ALARMS_PAGE_PATH,
    render_alarm_commands,
    render_alarm_numbers,
    render_alarms_page,
)
from components.facts.alarm_commands import ALARM_COMMANDS_PATH
from components.facts.alarm_numbers import ALARM_NUMBERS_PATH

ALARMS_PAGE_PATH.write_text(render_alarms_page(), encoding="utf-8")
ALARM_COMMANDS_PATH.write_text(render_alarm_commands(), encoding="utf-8")
ALARM_NUMBERS_PATH.write_text(render_alarm_numbers(), encoding="utf-8")
