"""The health check of the logs: errors counted, lines shown without secrets."""

from typing import Any

import pytest

from ops.core.check_runner import run_checks
from ops.core.checks import TRUNCATED, CheckFacts, ReadAnswer
from ops.health.logs import (
    MAX_LOG_GROUPS,
    POSTGRES_ERROR_PATTERN,
    PROGRAM_ERROR_PATTERN,
    list_log_groups,
    redact_line,
)
from ops.health.registry import HEALTH_CHECKS
from tests.ops.health.test_case import HealthCaseTests
from tests.ops.health_answers import (
    answer_log_events,
)
from tests.ops.health_cases import HealthCase, run_health_check
from tests.ops.single_check import NOW, build_changed_outputs
from tests.ops.stage import build_stack_outputs

LOG_CASES: list[HealthCase] = [
    (
        "logs",
        "errors",
        answer_log_events(3),
        [
            (
                answer_log_events(11),
                "11 in the last hour, the newest at 2026-11-21T12:00:00Z: ERROR no such",
                "ops logs errors fleet --since 1h",
            ),
            (
                answer_log_events(11, "ERROR x", TRUNCATED),
                "at least 11 in the last hour",
                "ops logs errors",
            ),
        ],
    ),
]


class TestLogCases(HealthCaseTests):
    cases = LOG_CASES


def test_a_group_that_was_not_looked_through_is_unknown() -> None:
    findings = run_health_check("logs", "errors", answer_log_events(2, "ERROR x", TRUNCATED))
    assert {f.state for f in findings} == {"unknown"}
    assert all("at least 2" in f.evidence for f in findings)


def test_the_pattern_of_the_settings_is_used_for_programs_and_not_for_postgresql() -> None:
    outputs = build_changed_outputs("stack", log_error_pattern="?WHOOPS")
    patterns = {group.owner: group.pattern for group in list_log_groups(outputs)}
    assert {patterns["backend"], patterns["fleet"]} == {"?WHOOPS"}
    default_groups = list(list_log_groups(build_stack_outputs()))
    assert {g.pattern for g in default_groups if g.owner in ("backend", "fleet")} == {
        PROGRAM_ERROR_PATTERN
    }
    databases = {p for owner, p in patterns.items() if owner.startswith("database")}
    assert databases <= {POSTGRES_ERROR_PATTERN}


def test_very_many_log_groups_are_read_where_they_are_asked_for() -> None:
    outputs = build_stack_outputs()
    assert outputs.services is not None
    like = outputs.services.services["backend"]
    many = {
        f"s{n:03}": like.model_copy(update={"name": f"s{n:03}", "log_group": f"/s/{n:03}"})
        for n in range(80)
    }
    outputs = build_changed_outputs("services", services=many)
    (check,) = (c for c in HEALTH_CHECKS if c.area == "logs")
    for asked, count in (((), MAX_LOG_GROUPS), (("logs",), 81)):
        sent: list[Any] = []

        def sending(call: Any, sent: list[Any] = sent) -> ReadAnswer:
            sent.append(call)
            return []

        (finding,) = run_checks([check], CheckFacts(outputs, NOW, asked), sending)
        assert (finding.state, len(sent)) == ("ok", count)
        assert ("31 others are read by" in finding.evidence) is (not asked)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("ERROR login with password=hunter2 failed", "ERROR login with password=*** failed"),
        ('{"level":"error","api_key":"abc"}', '{"level":"error","api_key":***"}'),
        ("ERROR Authorization: Bearer abc.def", "ERROR Authorization: ***"),
        ("ERROR postgres://app:pw@db/app is down", "ERROR postgres://app:***@db/app is down"),
        ("ERROR key AKIAIOSFODNN7EXAMPLE refused", "ERROR key *** refused"),
        ("ERROR first line\nDETAIL: secret rows", "ERROR first line"),
        ("ERROR " + "word " * 50, "ERROR " + "word " * 18 + "word..."),
    ],
)
def test_a_log_line_is_shortened_and_redacted(line: str, expected: str) -> None:
    assert redact_line(line) == expected
