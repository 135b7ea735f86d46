"""Writes docs/alarms.md: `python -m components.alarm_registry`."""

from components.alarm_registry.docs import PAGE, page

PAGE.write_text(page(), encoding="utf-8")
