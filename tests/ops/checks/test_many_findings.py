"""An item with hundreds of findings: the worst few, how many there are, and what lists all."""

from collections.abc import Sequence

import pytest

from ops.checks.model import (
    KEYED_REPORTS,
    MAX_OPEN_FINDINGS,
    REPORT_COMMANDS,
    ChecklistFacts,
    ChecklistItem,
    ChecklistResult,
    run_checklist_items,
)
from ops.cli.command_tree import build_command_tree
from ops.core.checks import CheckFacts, CheckFinding, CheckRoutine, HealthCheck, HealthState
from ops.findings.model import FINDING_SEVERITIES, FindingSeverity, ResourceFinding
from tests.ops.single_check import NOW
from tests.ops.stage import build_stack_outputs


def build_finding(
    number: int, severity: FindingSeverity = "low", state: HealthState = "failing"
) -> ResourceFinding:
    return ResourceFinding(
        state,
        "audit",
        f"sg-{number:03}",
        "lets the world in",
        f"ops fix {number}",
        id=f"open-groups/sg-{number:03}",
        severity=severity,
    )


def run_item(
    findings: Sequence[CheckFinding], *reports: str, keys: Sequence[str] = ("open-groups",)
) -> ChecklistResult:
    """The result of an item with the same findings from each of its checks."""

    def find(_: CheckFacts) -> CheckRoutine:
        yield []
        return list(findings)

    checks = tuple(HealthCheck("audit", key, find, (), key=key, reports=reports) for key in keys)
    item = ChecklistItem("open groups", "Nobody is let in.", ("weekly", "monthly"), checks)
    facts = ChecklistFacts(build_stack_outputs(), NOW, checklist="weekly")
    (result,) = run_checklist_items([item], facts, lambda _: [])
    return result


def test_the_worst_are_shown_and_the_rest_is_counted_with_the_command_that_lists_it() -> None:
    findings = [build_finding(n, FINDING_SEVERITIES[3 - n % 4]) for n in range(300)]
    findings[7] = build_finding(7, "critical", "unknown")
    result = run_item(findings, "audit", "baseline")
    assert result.evidence.startswith("299 failing, 1 unknown; the worst: sg-003: lets the world")
    assert result.evidence.endswith("; and 295 more: ops audit --only open-groups")
    assert result.evidence.count("lets the world in") == MAX_OPEN_FINDINGS
    assert (result.state, result.command) == ("failing", "ops fix 3")
    assert len(result.findings) == 300
    assert [f.state for f in result.findings[-2:]] == ["failing", "unknown"]


@pytest.mark.parametrize(
    ("reports", "keys", "command"),
    [
        (("health",), ("a", "b"), "ops health --only a,b"),
        (("unused",), ("a",), "ops cost unused --only a"),
        (("audit",), ("a", "b"), "ops audit"),
        ((), ("a",), "ops check weekly --only open-groups --output json"),
        (("baseline",), ("a",), "ops check weekly --only open-groups --output json"),
    ],
)
def test_all_are_listed_by_the_report_that_has_them_or_by_the_item(
    reports: tuple[str, ...], keys: tuple[str, ...], command: str
) -> None:
    result = run_item([build_finding(n) for n in range(6)], *reports, keys=keys)
    assert result.evidence.endswith(f" more: {command}")


def test_few_are_all_shown() -> None:
    result = run_item([build_finding(n) for n in range(MAX_OPEN_FINDINGS)], "audit")
    assert "more" not in result.evidence
    assert result.evidence.count("lets the world in") == MAX_OPEN_FINDINGS


@pytest.mark.parametrize(
    ("state", "command", "todo"),
    [
        ("ok", "", ""),
        ("failing", "ops recover drill", "by a person: run the command"),
        ("failing", "aws ec2 delete-volume --volume-id v", "by a person: run the command"),
        ("failing", "database.multiAz: true", "by a person: change what is named"),
        ("failing", "", "by a person: no command mends it"),
        ("unknown", "ops permissions", "by a person: find out, as nothing here could"),
    ],
)
def test_an_item_says_what_is_left_to_a_person(state: HealthState, command: str, todo: str) -> None:
    assert run_item([CheckFinding(state, "audit", "it", "is so", command)]).todo == todo


def test_the_command_that_lists_the_findings_of_a_report_exists_and_takes_keys() -> None:
    tree = build_command_tree()
    for report, line in REPORT_COMMANDS.items():
        node = tree[tuple(line.split()[1:])]
        assert node.runs_alone or not node.members, line
        assert ("--only" in node.options) is (report in KEYED_REPORTS), line
