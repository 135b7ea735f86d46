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
def test_a_single_failure_raises_an_account_alarm(
    control: str, metric: str, dimensions: dict[str, str]
) -> None:
    alarm = list_planned_alarms(control, ALL_WATCHED_CONFIG)[0]
    assert (alarm.entry.comparison, alarm.threshold) == (">", 0)
    assert getattr(alarm.entry.metric, "name", None) == metric
    assert alarm.entry.kind.get_dimensions(build_stack_facts(), alarm.subject) == dimensions


def test_failed_deliveries_of_a_topic_notify_both_topics() -> None:
    assert [alarm.subject for alarm in list_planned_alarms("topic-failing")] == ["page", "warn"]
    assert get_alarm_entry("topic-failing").notifies_all_topics


def test_backup_alarms_exist_only_with_aws_backup() -> None:
    assert list_planned_alarms("backup-failed", {"backups": {"enabled": False}}) == []
