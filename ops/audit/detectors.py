"""What the checks of AWS's detectors share: that one is off, and its findings, grouped.

Findings of one severity and kind are one line, so that hundreds are a few. A line's id is made of
the findings in it: one more opens it again, whatever was waived.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from ops.audit.model import WHOLE_ACCOUNT, AuditReport
from ops.core.checks import TRUNCATED, ReadAnswer, UnknownAnswerError
from ops.core.counts import format_count
from ops.findings.model import FINDING_SEVERITIES, FindingSeverity

# Lines of a detector in a region; what is left is one line for each severity.
MAX_DETECTOR_LINES: Final = 10
_MAX_NAMED_RESOURCES: Final = 3
MAX_DETECTOR_PAGES: Final = 10
_DIGEST_CHARACTERS: Final = 8
# As Security Hub and Inspector name them.
SEVERITIES_BY_LABEL: Final[Mapping[str, FindingSeverity]] = {
    "CRITICAL": "critical",
    "HIGH": "high",
    "MEDIUM": "medium",
    "LOW": "low",
}


@dataclass(frozen=True)
class DetectorFinding:
    """One open finding. `kind` is what it is grouped by; `since` is ISO 8601 in UTC."""

    id: str
    severity: FindingSeverity
    kind: str
    title: str
    resource: str
    since: str


# The line that ends a group's findings once they are mended, or known.
DescribeCommand: TypeAlias = Callable[[Sequence[DetectorFinding]], str]


def get_read_findings(report: AuditReport, answer: ReadAnswer, region: str) -> list[Any]:
    """The findings of a read, the worst first; that others were not read is unknown."""
    place = f"{report.subject} in {region}"
    items = report.get_items(answer, f"findings of {place}")
    read_items = [item for item in items if item != TRUNCATED]
    if TRUNCATED in items:
        reason = f"only the worst {len(read_items)} findings of {place} were read"
        report.get_items(UnknownAnswerError(reason))
    return read_items


def add_detector_off(
    report: AuditReport,
    region: str,
    evidence: str,
    command: str,
    *,
    severity: FindingSeverity,
    reason: str,
) -> None:
    """Adds that a detector does not watch a region."""
    report.add(
        f"{region}/off",
        f"{WHOLE_ACCOUNT}: {evidence}",
        command,
        severity=severity,
        reason=reason,
        subject=f"{report.subject} in {region}",
    )


def add_detector_findings(
    report: AuditReport,
    region: str,
    findings: Iterable[DetectorFinding],
    link: str,
    describe_command: DescribeCommand,
    reason: str,
) -> None:
    """Adds the worst groups of findings, and what is left of each severity."""
    groups: dict[tuple[int, str], list[DetectorFinding]] = {}
    for finding in findings:
        rank = FINDING_SEVERITIES.index(finding.severity)
        groups.setdefault((rank, finding.kind), []).append(finding)
    worst = [groups[key] for key in sorted(groups)]
    lines = [(group, group[0].title) for group in worst[:MAX_DETECTOR_LINES]]
    rest: dict[FindingSeverity, list[DetectorFinding]] = {}
    for group in worst[MAX_DETECTOR_LINES:]:
        rest.setdefault(group[0].severity, []).extend(group)
    lines += [(group, "of other kinds") for group in rest.values()]
    for group, title in lines:
        _add_line(report, region, group, title, link, describe_command(group), reason)


def _add_line(
    report: AuditReport,
    region: str,
    group: Sequence[DetectorFinding],
    title: str,
    link: str,
    command: str,
    reason: str,
) -> None:
    resources = list(dict.fromkeys(finding.resource for finding in group))
    names = ", ".join(resources[:_MAX_NAMED_RESOURCES])
    if len(resources) > _MAX_NAMED_RESOURCES:
        names += f" and {len(resources) - _MAX_NAMED_RESOURCES} more"
    ids = "\n".join(sorted(finding.id for finding in group))
    digest = hashlib.sha256(ids.encode()).hexdigest()[:_DIGEST_CHARACTERS]
    severity = group[0].severity
    report.add(
        f"{region}/{severity}/{digest}",
        f"{format_count(len(group), 'finding')}: {title} ({names}; first {group[0].id}; {link})",
        command,
        severity=severity,
        reason=reason,
        subject=f"{report.subject} in {region}",
        since=min((finding.since for finding in group if finding.since), default=""),
    )
