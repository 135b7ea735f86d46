"""Alarms of what works unseen: telling people, rotating secrets, making backups."""

from typing import Final

from components.alarm_registry.kinds import CACHE_ROTATION, ROTATION, TOPIC, VAULT
from components.alarm_registry.model import Alarm, Metric, fixed

ERRORS: Final = Metric("AWS/Lambda", "Errors", "Sum")

ACCOUNT: Final = (
    Alarm(
        key="topic-failing",
        severity="P1",
        kind=TOPIC,
        watch=Metric("AWS/SNS", "NumberOfNotificationsFailed", "Sum"),
        compare=">",
        limit=fixed(0),
        unit="Count",
        period=300,
        periods=1,
        missing="notBreaching",
        tells_all=True,
        says="A subscriber was not reached: alarms may not have been heard.",
        run="ops alarms list",
        graph="messages",
    ),
    Alarm(
        key="database-rotation-failing",
        severity="P2",
        kind=ROTATION,
        watch=ERRORS,
        compare=">",
        limit=fixed(0),
        unit="Count",
        period=300,
        periods=1,
        missing="notBreaching",
        says="The database's password was not rotated; the old one still works.",
        run="ops db rotate-password",
        graph="rotation",
    ),
    Alarm(
        key="cache-rotation-failing",
        severity="P2",
        kind=CACHE_ROTATION,
        watch=ERRORS,
        compare=">",
        limit=fixed(0),
        unit="Count",
        period=300,
        periods=1,
        missing="notBreaching",
        says="The cache's token was not rotated; the old one still works.",
        run="ops health",
        graph="rotation",
    ),
    Alarm(
        key="backup-failed",
        severity="P1",
        kind=VAULT,
        watch=Metric("AWS/Backup", "NumberOfBackupJobsFailed", "Sum"),
        compare=">",
        limit=fixed(0),
        unit="Count",
        period=3600,
        periods=1,
        missing="notBreaching",
        says="A backup job of AWS Backup failed.",
        run="ops db snapshot list",
        graph="backups",
    ),
)
