"""docs/alarms.md is what the registry says."""

from components.alarm_keys import ALARM_KEYS
from components.alarm_registry.docs import ALARMS_PAGE_PATH, format_period, render_alarms_page


def test_the_page_is_up_to_date() -> None:
    assert ALARMS_PAGE_PATH.read_text(encoding="utf-8") == render_alarms_page(), (
        "run python -m components.alarm_registry"
    )


def test_every_alarm_has_its_row() -> None:
    rows = [line for line in render_alarms_page().splitlines() if line.startswith("| P")]
    for key in ALARM_KEYS:
        assert [row for row in rows if row.split(" | ")[1] == f"`{key}`"], key
    assert len(rows) == len(ALARM_KEYS)


def test_durations_are_said_in_the_largest_unit_that_fits() -> None:
    durations = [format_period(s) for s in (60, 900, 3600, 21600, 86400, 30)]
    assert durations == ["1 min", "15 min", "1 h", "6 h", "1 d", "30 s"]
