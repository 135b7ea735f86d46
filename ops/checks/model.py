"""An item of a checklist: its checks, and its result."""

from collections.abc import Callable, Iterable, Mapping, Sequence
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
from ops.findings.model import ResourceFinding, sort_findings

MAX_OK_FINDINGS: Final = 3  # findings of an item that are shown if all are ok
MAX_OPEN_FINDINGS: Final = 5  # findings of an item that are shown if some are not
# Words that a line begins with that can be typed as it is.
TYPED_PROGRAMS: Final = ("aws", "ops", "pulumi")
# The commands that list the findings of a report of upkeep.
REPORT_COMMANDS: Final[Mapping[str, str]] = {
    "audit": "ops audit",
    "certificates": "ops certificate check",
    "health": "ops health",
    "images": "ops image findings",
    "patches": "ops patch status",
    "quotas": "ops quotas",
    "rotations": "ops rotate",
    "unused": "ops cost unused",
}
# Those whose command takes --only KEY.
KEYED_REPORTS: Final = ("audit", "certificates", "health", "patches", "rotations", "unused")


@dataclass(frozen=True)
class ChecklistFacts(CheckFacts):
    """What checks know, how many seconds ago the deployment was, and which list is run.

    `is_recorded` is set if the result of this run is kept.
    """

    lookback_seconds: float = 15 * 60
    checklist: str = ""
    is_recorded: bool = False


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

    @property
    def key(self) -> str:
        """Its name as --only and records have it."""
        return get_item_key(self.name)


@dataclass(frozen=True)
class ChecklistResult:
    """The result of an item: the worst state of its findings, with their evidence.

    `todo` says what is left to a person, as a checklist changes nothing; empty if all is ok.
    `findings` are all of them, the worst first; `evidence` has those that come first.
    """

    item: str
    key: str
    means: str
    state: HealthState
    evidence: str
    command: str
    todo: str
    findings: tuple[CheckFinding, ...]


def get_item_key(name: str) -> str:
    """The key of an item: its name without spaces."""
    return "-".join(name.split())


def get_finding_key(finding: CheckFinding) -> str:
    """What tells a finding from all others of its checklist, also in the results of later days."""
    if isinstance(finding, ResourceFinding):
        return finding.id
    return f"{finding.area}/{'-'.join(finding.subject.split())}"


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
    pairs_by_item: dict[ChecklistItem, list[tuple[HealthCheck, CheckFinding]]] = {}
    for item, check, check_findings in item_checks:
        pairs = pairs_by_item.setdefault(item, [])
        pairs.extend((check, next(marked_findings)) for _ in check_findings)
    checklist = facts.checklist if isinstance(facts, ChecklistFacts) else ""
    return [_build_result(item, pairs, checklist) for item, pairs in pairs_by_item.items() if pairs]


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


def _build_result(
    item: ChecklistItem, pairs: Sequence[tuple[HealthCheck, CheckFinding]], checklist: str
) -> ChecklistResult:
    findings = sort_findings(finding for _, finding in pairs)
    state = next(s for s in HEALTH_STATES if any(f.state == s for f in findings))
    shown_findings = [f for f in findings if f.state != "ok"][:MAX_OPEN_FINDINGS]
    shown_findings = shown_findings or findings[:MAX_OK_FINDINGS]
    evidence = "; ".join(
        f.evidence if f.subject == item.name else f"{f.subject}: {f.evidence}"
        for f in shown_findings
    )
    open_checks = [check for check, finding in pairs if finding.state != "ok"]
    if len(open_checks) > MAX_OPEN_FINDINGS:
        counts = ", ".join(
            f"{count} {word}"
            for word, count in (
                ("failing", sum(f.state == "failing" for f in findings)),
                ("unknown", sum(f.state == "unknown" for f in findings)),
            )
            if count
        )
        list_command = build_list_command(item, open_checks, checklist)
        evidence = (
            f"{counts}; the worst: {evidence}; and {len(open_checks) - len(shown_findings)} more: "
            f"{list_command}"
        )
    elif state == "ok" and len(findings) > len(shown_findings):
        evidence += f"; and {len(findings) - len(shown_findings)} more"
    worst_findings = [f for f in shown_findings if f.state == state]
    command = next((f.command for f in (*worst_findings, *shown_findings) if f.command), "")
    todo = describe_todo(state, command)
    return ChecklistResult(
        item.name, item.key, item.meaning, state, evidence, command, todo, tuple(findings)
    )


def build_list_command(item: ChecklistItem, checks: Iterable[HealthCheck], checklist: str) -> str:
    """The command that lists all findings of checks: a report that holds them, or the item."""
    open_checks = list(dict.fromkeys(checks))
    for report, command in REPORT_COMMANDS.items():
        if all(report in check.reports for check in open_checks):
            keys = [check.key for check in open_checks]
            # Only `ops health` takes several keys.
            if report == "health" or (len(keys) == 1 and report in KEYED_REPORTS):
                return f"{command} --only {','.join(keys)}"
            return command
    return f"ops check {checklist or item.checklists[-1]} --only {item.key} --output json"


def describe_todo(state: HealthState, command: str) -> str:
    """What is left to a person after an item was looked at, which changed nothing."""
    if state == "ok":
        return ""
    if state == "unknown":
        return "by a person: find out, as nothing here could"
    if command.partition(" ")[0] in TYPED_PROGRAMS:
        return "by a person: run the command"
    return "by a person: change what is named" if command else "by a person: no command mends it"


def build_read_sender(aws: Aws, region: str) -> Callable[[ReadRequest], ReadAnswer]:
    """Builds a sender of reads."""
    return lambda read: send_read(aws, read, region)
