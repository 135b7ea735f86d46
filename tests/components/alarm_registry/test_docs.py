"""docs/alarms.md is what the registry says."""

from components.alarm_registry import KEYS
from components.alarm_registry.docs import PAGE, duration, page


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run python -m components.alarm_registry"


def test_every_alarm_has_its_row() -> None:
    rows = [line for line in page().splitlines() if line.startswith("| P")]
    for key in KEYS:
        assert [row for row in rows if row.split(" | ")[1] == f"`{key}`"], key
    assert len(rows) == len(KEYS)


def test_durations_are_said_in_the_largest_unit_that_fits() -> None:
    durations = [duration(s) for s in (60, 900, 3600, 21600, 86400, 30)]
    assert durations == ["1 min", "15 min", "1 h", "6 h", "1 d", "30 s"]
