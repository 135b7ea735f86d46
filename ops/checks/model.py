"""An item of a checklist: its checks, and its result."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from ops.core.aws import Aws
from ops.core.check_runner import mark_unknown_in_wrong_account, run_checks, send_read
from ops.core.checks import (
    HEALTH_STATES,
    CheckFacts,
    CheckFinding,
    CheckRoutine,
    HealthCheck,
    ReadAnswer,
    ReadRequest,
    UnknownAnswerError,
)
from ops.core.checks import HealthState as HealthState

MAX_OK_FINDINGS: Final = 3  # findings of an item that are shown if all are ok


@dataclass(frozen=True)
class ChecklistFacts(CheckFacts):
    """What checks know, and how many seconds ago the deployment was."""

    lookback_seconds: float = 15 * 60


def get_lookback_seconds(facts: CheckFacts) -> float:
    """Returns how many seconds ago the deployment was."""
    assert isinstance(facts, ChecklistFacts)
    return facts.lookback_seconds


@dataclass(frozen=True)
class ChecklistItem:
    """One line of the checklists that hold it, with its checks."""

    name: str
    meaning: str
    checklists: tuple[str, ...]
    checks: tuple[HealthCheck, ...]


@dataclass(frozen=True)
class ChecklistResult:
    """The result of an item: the worst state of its findings, with their evidence."""

    item: str
    means: str
    state: HealthState
    evidence: str
    command: str
    findings: tuple[CheckFinding, ...]


def run_checklist_items(
    items: Iterable[ChecklistItem], facts: CheckFacts, sender: Callable[[ReadRequest], ReadAnswer]
) -> list[ChecklistResult]:
    """Returns the results of the items that apply to the stack, in their order."""
    item_checks = [
        (item, check, check_findings)
        for item in items
        for check in item.checks
        if check.is_applicable(facts.outputs)
        for check_findings in [list[CheckFinding]()]
    ]
    run_checks(
        [
            replace(check, routine=_record_findings(check, check_findings))
            for _, check, check_findings in item_checks
        ],
        facts,
        sender,
    )
    marked_findings = iter(
        mark_unknown_in_wrong_account(
            [finding for *_, check_findings in item_checks for finding in check_findings]
        )
    )
    findings_by_item: dict[ChecklistItem, list[CheckFinding]] = {}
    for item, _, check_findings in item_checks:
        findings_by_item.setdefault(item, []).extend(next(marked_findings) for _ in check_findings)
    return [
        _build_result(item, findings) for item, findings in findings_by_item.items() if findings
    ]


def _record_findings(
    check: HealthCheck, collected: list[CheckFinding]
) -> Callable[[CheckFacts], CheckRoutine]:
    """Wraps the routine of a check, so that its findings are collected."""

    def run_routine(facts: CheckFacts) -> CheckRoutine:
        try:
            findings = yield from check.routine(facts)
        except UnknownAnswerError as error:
            unknown_finding = CheckFinding(
                "unknown", check.area, check.subject, str(error), error.advice
            )
            findings = [unknown_finding]
        collected.extend(findings)
        return findings

    return run_routine


def _build_result(item: ChecklistItem, findings: Sequence[CheckFinding]) -> ChecklistResult:
    state = next(s for s in HEALTH_STATES if any(f.state == s for f in findings))
    shown_findings = [f for f in findings if f.state != "ok"] or list(findings[:MAX_OK_FINDINGS])
    evidence = "; ".join(
        f.evidence if f.subject == item.name else f"{f.subject}: {f.evidence}"
        for f in shown_findings
    )
    if state == "ok" and len(findings) > len(shown_findings):
        evidence += f"; and {len(findings) - len(shown_findings)} more"
    worst_findings = [f for f in shown_findings if f.state == state]
    command = next((f.command for f in (*worst_findings, *shown_findings) if f.command), "")
    return ChecklistResult(item.name, item.meaning, state, evidence, command, tuple(findings))


def build_read_sender(aws: Aws, region: str) -> Callable[[ReadRequest], ReadAnswer]:
    """Builds a sender of reads."""
    return lambda read: send_read(aws, read, region)
