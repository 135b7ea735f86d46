"""Alarms of notifications, rotations and backups."""

from typing import Final

from components.alarm_registry.kinds import (
    BACKUP_VAULT_KIND,
    CACHE_ROTATION_KIND,
    DATABASE_ROTATION_KIND,
    TOPIC_KIND,
)
from components.alarm_registry.model import AlarmEntry, MetricStatistic, build_fixed_threshold

LAMBDA_ERRORS: Final = MetricStatistic("AWS/Lambda", "Errors", "Sum")

ACCOUNT_ALARMS: Final = (
    AlarmEntry(
        key="topic-failing",
        severity="P1",
        kind=TOPIC_KIND,
        metric=MetricStatistic("AWS/SNS", "NumberOfNotificationsFailed", "Sum"),
        comparison=">",
        threshold=build_fixed_threshold(0),
        unit="Count",
        period_seconds=300,
        evaluation_periods=1,
        missing_data="notBreaching",
        notifies_all_topics=True,
        description="A subscriber was not reached: people may have missed alarms.",
        command="ops alarms list",
        graph="messages",
    ),
    AlarmEntry(
        key="database-rotation-failing",
        severity="P2",
        kind=DATABASE_ROTATION_KIND,
        metric=LAMBDA_ERRORS,
        comparison=">",
        threshold=build_fixed_threshold(0),
        unit="Count",
        period_seconds=300,
        evaluation_periods=1,
        missing_data="notBreaching",
        description="The database's password was not rotated; the old one still works.",
        command="ops db rotate-password",
        graph="rotation",
    ),
    AlarmEntry(
        key="cache-rotation-failing",
        severity="P2",
        kind=CACHE_ROTATION_KIND,
        metric=LAMBDA_ERRORS,
        comparison=">",
        threshold=build_fixed_threshold(0),
        unit="Count",
        period_seconds=300,
        evaluation_periods=1,
        missing_data="notBreaching",
        description="The cache's token was not rotated; the old one still works.",
        command="ops health",
        graph="rotation",
    ),
    AlarmEntry(
        key="backup-failed",
        severity="P1",
        kind=BACKUP_VAULT_KIND,
        metric=MetricStatistic("AWS/Backup", "NumberOfBackupJobsFailed", "Sum"),
        comparison=">",
        threshold=build_fixed_threshold(0),
        unit="Count",
        period_seconds=3600,
        evaluation_periods=1,
        missing_data="notBreaching",
        description="A backup job of AWS Backup failed.",
        command="ops db snapshot list",
        graph="backups",
    ),
)
