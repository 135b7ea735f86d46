"""Alarms of what works unseen."""

import pytest

from tests.components.monitored_stack import (
    ALL_WATCHED_CONFIG,
    build_stack_facts,
    get_alarm_entry,
    list_planned_alarms,
)


@pytest.mark.parametrize(
    ("control", "metric", "dimensions"),
    [
        ("topic-failing", "NumberOfNotificationsFailed", {"TopicName": "bulwark-test-page"}),
        ("database-rotation-failing", "Errors", {"FunctionName": "bulwark-test-rotation"}),
        ("cache-rotation-failing", "Errors", {"FunctionName": "bulwark-test-cache-rotation"}),
        (
            "backup-failed",
            "NumberOfBackupJobsFailed",
            {"BackupVaultName": "bulwark-test-backups"},
        ),
    ],
)
def test_one_failure_is_an_alarm(control: str, metric: str, dimensions: dict[str, str]) -> None:
    alarm = list_planned_alarms(control, ALL_WATCHED_CONFIG)[0]
    assert (alarm.entry.comparison, alarm.threshold) == (">", 0)
    assert getattr(alarm.entry.metric, "name", None) == metric
    assert alarm.entry.kind.get_dimensions(build_stack_facts(), alarm.subject) == dimensions


def test_a_topic_that_fails_is_told_of_by_both_topics() -> None:
    assert [alarm.subject for alarm in list_planned_alarms("topic-failing")] == ["page", "warn"]
    assert get_alarm_entry("topic-failing").notifies_all_topics


def test_backups_are_watched_where_aws_backup_makes_them() -> None:
    assert list_planned_alarms("backup-failed", {"backups": {"enabled": False}}) == []
