"""The health checks of the backups: replication, the vault, its copies."""

from tests.ops.health.test_case import HealthCaseTests
from tests.ops.health_answers import (
    answer_replicated_backup,
    answer_vault,
)
from tests.ops.health_cases import REFRESH_COMMAND, HealthCase, run_health_check
from tests.ops.single_check import format_time_ago
from tests.ops.stage import RECOVERY_REGION

BACKUP_CASES: list[HealthCase] = [
    (
        "backups",
        "replication",
        answer_replicated_backup(format_time_ago(minutes=20)),
        [
            (
                answer_replicated_backup(format_time_ago(hours=3)),
                "3 h 0 min ago",
                "ops db snapshot copy",
            ),
            (
                answer_replicated_backup(format_time_ago(minutes=1), "stopped"),
                "is stopped",
                "ops db snapshot copy",
            ),
            ({"rds.describe_db_instance_automated_backups": []}, "there is none", REFRESH_COMMAND),
        ],
    ),
    (
        "backups",
        "vault",
        answer_vault(format_time_ago(days=90), format_time_ago(hours=20)),
        [
            (
                answer_vault(format_time_ago(days=90)),
                "no recovery point since",
                "ops db snapshot create",
            ),
            (
                {**answer_vault(format_time_ago(days=90)), "backup.describe_backup_vault": []},
                "is gone",
                REFRESH_COMMAND,
            ),
        ],
    ),
    (
        "backups",
        "copies",
        answer_vault(format_time_ago(days=90), format_time_ago(hours=20)),
        [
            (
                answer_vault(format_time_ago(days=90)),
                "the vault copies has none since",
                "aws backup list-copy-jobs",
            ),
            (
                {**answer_vault(format_time_ago(days=90)), "backup.describe_backup_vault": []},
                "copies is gone",
                REFRESH_COMMAND,
            ),
        ],
    ),
]


class TestBackupCases(HealthCaseTests):
    cases = BACKUP_CASES


def test_the_recovery_region_is_asked_for_its_backups() -> None:
    (finding,) = run_health_check(
        "backups", "replication", answer_replicated_backup(format_time_ago(minutes=20))
    )
    assert RECOVERY_REGION in finding.subject
