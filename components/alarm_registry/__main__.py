"""Writes docs/alarms.md: `python -m components.alarm_registry`."""

from components.alarm_registry.docs import ALARMS_PAGE_PATH, render_alarms_page

ALARMS_PAGE_PATH.write_text(render_alarms_page(), encoding="utf-8")
