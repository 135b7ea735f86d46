"""What a look at upkeep finds of one resource, and how it is told from every other."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from ops.core.checks import CheckFinding, HealthState

FindingSeverity = Literal["critical", "high", "medium", "low"]
FINDING_SEVERITIES: Final[tuple[FindingSeverity, ...]] = ("critical", "high", "medium", "low")


@dataclass(frozen=True)
class ResourceFinding(CheckFinding):
    """What is wrong with one resource.

    `id` is stable while it is so, `CHECK/RESOURCE`, and is what a waiver names. `reason` says why
    it matters: a control, or a price. `since` is ISO 8601 in UTC, empty if AWS does not say.
    `monthly_usd` is what it costs a month, None if that is not known or is not the point.
    `command` is the command or the setting that mends it. `waiver` says who waived it, until when
    and why; such a finding is ok.
    """

    id: str = ""
    severity: FindingSeverity = "medium"
    reason: str = ""
    since: str = ""
    monthly_usd: float | None = None
    waiver: str = ""


def build_finding_id(check: str, resource: str) -> str:
    """The id of a finding: the key of its check and the resource, without spaces."""
    return f"{check}/{'-'.join(resource.split())}"


def sort_findings(findings: Iterable[CheckFinding]) -> list[CheckFinding]:
    """What is open first, the worst first, then what is unknown, then what is ok."""

    def get_rank(finding: CheckFinding) -> tuple[int, int, float]:
        states: tuple[HealthState, ...] = ("failing", "unknown", "ok")
        if not isinstance(finding, ResourceFinding):
            return states.index(finding.state), len(FINDING_SEVERITIES), 0
        return (
            states.index(finding.state),
            FINDING_SEVERITIES.index(finding.severity),
            -(finding.monthly_usd or 0),
        )

    return sorted(findings, key=get_rank)


def summarize_findings(
    area: str, subject: str, findings: Sequence[ResourceFinding], looked_at: str
) -> list[CheckFinding]:
    """The findings of a check, or the one that all is well: `looked_at` is its evidence."""
    return list(findings) or [CheckFinding("ok", area, subject, looked_at)]


def waive_finding(finding: ResourceFinding, waiver: str) -> ResourceFinding:
    """The finding as one that somebody waived."""
    return replace(
        finding, state="ok", waiver=waiver, evidence=f"{finding.evidence} ({waiver})", command=""
    )
