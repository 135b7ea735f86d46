"""The health checks of the backups: replication, the vault, its copies."""

import pytest

from tests.ops.health_answers import (
    AwsAnswers,
    answer_replicated_backup,
    answer_vault,
)
from tests.ops.health_cases import (
    REFRESH_COMMAND,
    HealthCase,
    list_failing_cases,
    list_ok_cases,
    list_unanswered_cases,
    require_failing,
    require_ok,
    require_unknown,
    run_health_check,
)
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


@pytest.mark.parametrize(("area", "subject", "answers"), list_ok_cases(BACKUP_CASES))
def test_a_healthy_part_is_ok_with_evidence(area: str, subject: str, answers: AwsAnswers) -> None:
    require_ok(area, subject, answers)


@pytest.mark.parametrize(
    ("area", "subject", "answers", "evidence", "command"), list_failing_cases(BACKUP_CASES)
)
def test_it_fails_for_its_reason_and_names_a_command(
    area: str, subject: str, answers: AwsAnswers, evidence: str, command: str
) -> None:
    require_failing(area, subject, answers, evidence, command)


@pytest.mark.parametrize(("area", "subject", "answers", "api"), list_unanswered_cases(BACKUP_CASES))
def test_without_an_answer_it_is_unknown_and_never_ok(
    area: str, subject: str, answers: AwsAnswers, api: str
) -> None:
    require_unknown(area, subject, answers, api)


def test_the_recovery_region_is_asked_for_its_backups() -> None:
    (finding,) = run_health_check(
        "backups", "replication", answer_replicated_backup(format_time_ago(minutes=20))
    )
    assert RECOVERY_REGION in finding.subject
