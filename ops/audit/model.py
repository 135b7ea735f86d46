"""What the checks of `ops audit` share: whose a resource is, and how findings are built."""

from collections.abc import Mapping
from typing import Final

from ops.core.checks import (
    CheckFacts,
    CheckFinding,
    CheckRoutine,
    ReadAnswer,
    ResponseItem,
    UnknownAnswerError,
)
from ops.findings.model import FindingSeverity, ResourceFinding, build_finding_id
from ops.findings.waivers import apply_waivers
from ops.outputs import Outputs

AUDIT_AREA: Final = "audit"
WHOLE_ACCOUNT: Final = "account-wide"
# Of every resource of a stack (components/naming.py).
_PROJECT_TAG: Final = "Project"
_STACK_TAG: Final = "Environment"


class AuditReport:
    """What a check of `ops audit` finds, and what it could not read."""

    def __init__(self, facts: CheckFacts, key: str, subject: str) -> None:
        self.facts, self.key, self.subject = facts, key, subject
        self._findings: list[CheckFinding] = []
        self._gaps: dict[str, CheckFinding] = {}

    def get_items(self, answer: ReadAnswer, subject: str = "") -> list[ResponseItem]:
        """The items of an answer; none if there is no answer, which is reported as unknown."""
        if not isinstance(answer, UnknownAnswerError):
            return answer
        evidence = str(answer)
        # One call that is denied for many resources is one gap.
        gap = CheckFinding("unknown", AUDIT_AREA, subject or self.subject, evidence, answer.advice)
        self._gaps.setdefault(evidence, gap)
        return []

    def add(
        self,
        resource: str,
        evidence: str,
        command: str,
        *,
        severity: FindingSeverity,
        reason: str,
        subject: str = "",
        since: str = "",
    ) -> None:
        """Adds what is wrong with a resource. `resource` is its part of the finding's id."""
        self._findings.append(
            ResourceFinding(
                "failing",
                AUDIT_AREA,
                subject or resource,
                evidence,
                command,
                id=build_finding_id(self.key, resource),
                severity=severity,
                reason=reason,
                since=since,
            )
        )

    @property
    def findings(self) -> list[CheckFinding]:
        """What was found, then what could not be read."""
        return [*self._findings, *self._gaps.values()]


def close_report(report: AuditReport, looked_at: str) -> CheckRoutine:
    """The findings with their waivers; if there is none, that all is well: `looked_at`."""
    findings = report.findings or [CheckFinding("ok", AUDIT_AREA, report.subject, looked_at)]
    return (yield from apply_waivers(report.facts, findings))


def is_of_stack(outputs: Outputs, tags: Mapping[str, str]) -> bool:
    """True if the tags are those of the stack's resources."""
    return (tags.get(_PROJECT_TAG), tags.get(_STACK_TAG)) == (
        outputs.stack.project,
        outputs.stack.stack,
    )


def is_of_other_stack(outputs: Outputs, tags: Mapping[str, str]) -> bool:
    """True if the tags say another stack, or another project."""
    return bool({_PROJECT_TAG, _STACK_TAG} & set(tags)) and not is_of_stack(outputs, tags)


def get_stack_prefix(outputs: Outputs) -> str:
    """What the names of the stack's resources begin with."""
    return f"{outputs.stack.project}-{outputs.stack.stack}-"
