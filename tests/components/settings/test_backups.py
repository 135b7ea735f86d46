"""Settings of the backups: what AWS Backup would refuse, and what makes no sense."""

import pytest
from pydantic import JsonValue

from tests.components.settings.test_loader import get_settings_error
from tests.world import build_settings


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ({"weeklyDays": 30}, "weeklyDays is 30, must be dailyDays (35) or more"),
        ({"monthlyDays": 60}, "monthlyDays is 60, must be weeklyDays (90) or more"),
        ({"time": "5:00"}, "time is '5:00', must match "),
        ({"time": "24:00"}, "time is '24:00', must match "),
        ({"dailyDays": 0}, "dailyDays is 0, must be 1 to 36500"),
        ({"lock": "legal"}, "lock is 'legal', must be 'none', 'governance' or 'compliance'"),
        ({"lockGraceDays": 2}, "lockGraceDays is 2, must be 3 to 36500"),
        ({"restoreTestHours": 169}, "restoreTestHours is 169, must be 1 to 168"),
        ({"journalDays": 7}, "journalDays is 7, must be 30 or more"),
    ],
)
def test_a_refused_value_is_named_with_its_key_and_what_it_must_be(
    values: dict[str, JsonValue], line: str
) -> None:
    assert get_settings_error({"backups": values}).startswith(f"bulwark:backups.{line}")


def test_a_lock_promises_the_shortest_retention() -> None:
    backups = build_settings({"backups": {"dailyDays": 7, "weeklyDays": 30}}).backups
    assert backups.shortest_retention_days == 7


def test_backups_begin_within_an_hour_of_their_time() -> None:
    assert build_settings({"backups": {"time": "23:30"}}).backups.start_minutes == range(1410, 1470)
