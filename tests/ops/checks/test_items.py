"""Each check of the checklists: ok, failing for its reason, and unknown without an answer."""

import pytest

from components.alarm_registry.database import DATABASE_ALARMS
from ops.checks.check_records import CHECKS
from ops.checks.table import CHECKLIST_ITEMS
from ops.checks.trends import ALARM_THRESHOLD_RATIO, CONNECTIONS_ALARM
from ops.core.checks import HealthCheck, UnknownAnswerError
from ops.health.registry import HEALTH_CHECKS_BY_KEY
from ops.outputs import Outputs
from tests.ops.checks.deployment_cases import DEPLOYMENT_CASES, answer_lock
from tests.ops.checks.single_item import format_case_id, run_single_check
from tests.ops.checks.trend_cases import TREND_CASES, answer_daily_storage
from tests.ops.checks.upkeep_cases import UPKEEP_CASES
from tests.ops.health_answers import (
    AwsAnswers,
)
from tests.ops.single_check import NOW, format_time_ago

CHECKLIST_CASES = [*TREND_CASES, *UPKEEP_CASES, *DEPLOYMENT_CASES]
CHECKLIST_CHECKS = {HEALTH_CHECKS_BY_KEY[record.key] for record in CHECKS}


def test_every_checklist_check_is_tested_and_on_a_checklist() -> None:
    assert {check for check, *_ in CHECKLIST_CASES} == CHECKLIST_CHECKS
    assert {check for item in CHECKLIST_ITEMS for check in item.checks} >= CHECKLIST_CHECKS


@pytest.mark.parametrize(
    ("tested_check", "outputs", "well"), [case[:3] for case in CHECKLIST_CASES], ids=format_case_id
)
def test_a_healthy_item_is_ok_with_evidence(
    tested_check: HealthCheck, outputs: Outputs | None, well: AwsAnswers
) -> None:
    result = run_single_check(tested_check, well, outputs)
    assert (result.state, result.command) == ("ok", ""), result
    assert result.evidence


@pytest.mark.parametrize(
    ("tested_check", "outputs", "answers", "state", "evidence", "command"),
    [
        (tested_check, outputs, *candidate)
        for tested_check, outputs, _, cases in CHECKLIST_CASES
        for candidate in cases
    ],
)
def test_an_item_fails_or_is_unknown_with_its_reason(
    tested_check: HealthCheck,
    outputs: Outputs | None,
    answers: AwsAnswers,
    state: str,
    evidence: str,
    command: str,
) -> None:
    result = run_single_check(tested_check, answers, outputs)
    assert result.state == state, result
    assert evidence in result.evidence
    assert result.command.startswith(command)


@pytest.mark.parametrize(
    ("tested_check", "outputs", "well", "api"),
    [
        (tested_check, outputs, well, api)
        for tested_check, outputs, well, _ in CHECKLIST_CASES
        for api in tested_check.apis
    ],
    ids=format_case_id,
)
def test_an_item_without_an_answer_is_unknown(
    tested_check: HealthCheck, outputs: Outputs | None, well: AwsAnswers, api: str
) -> None:
    answers = {**well, api: UnknownAnswerError(f"{api} was denied", "ops permissions")}
    result = run_single_check(tested_check, answers, outputs)
    assert (result.state, result.command) == ("unknown", "ops permissions")


def test_a_young_database_has_no_trend_yet_and_storage_that_grows_has_room() -> None:
    assert (
        run_single_check(
            HEALTH_CHECKS_BY_KEY["database-storage-trend"],
            answer_daily_storage(50, InstanceCreateTime=format_time_ago(days=2)),
            None,
        ).state
        == "ok"
    )
    grows = run_single_check(
        HEALTH_CHECKS_BY_KEY["database-storage-trend"],
        answer_daily_storage(10, 11, 12, MaxAllocatedStorage=200),
        None,
    )
    assert grows.state == "ok"
    assert "110.0 GiB left of 200 GiB" in grows.evidence


def test_an_expired_lock_is_no_obstacle() -> None:
    result = run_single_check(
        HEALTH_CHECKS_BY_KEY["lock-free"], answer_lock(until=NOW.timestamp() - 1), None
    )
    assert result.state == "ok"
    assert "it was over at" in result.evidence


def test_the_trend_uses_the_threshold_of_the_connections_alarm() -> None:
    (alarm,) = (candidate for candidate in DATABASE_ALARMS if candidate.key == CONNECTIONS_ALARM)
    assert alarm.threshold.description == f"{ALARM_THRESHOLD_RATIO:.0%} of max_connections".replace(
        "%", " %", 1
    )
