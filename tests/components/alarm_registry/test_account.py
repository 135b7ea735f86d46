"""Alarms of what works unseen."""

import pytest

from tests.components.monitored_stack import ALL, entry, facts_of, planned


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
    one = planned(control, ALL)[0]
    assert (one.entry.compare, one.threshold) == (">", 0)
    assert getattr(one.entry.watch, "name", None) == metric
    assert one.entry.kind.dimensions(facts_of(), one.subject) == dimensions


def test_a_topic_that_fails_is_told_of_by_both_topics() -> None:
    assert [one.subject for one in planned("topic-failing")] == ["page", "warn"]
    assert entry("topic-failing").tells_all


def test_backups_are_watched_where_aws_backup_makes_them() -> None:
    assert planned("backup-failed", {"backups": {"enabled": False}}) == []
