"""What can be wrong with a kind of resource, as data: how it is seen, why, and what mends it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ops.audit.model import AuditReport
from ops.findings.model import FindingSeverity


@dataclass(frozen=True)
class AuditRule:
    """One thing that can be wrong with a resource.

    `name` is its part of the finding's id. `is_broken` judges the resource as AWS describes it.
    `reason` is the control. `evidence` and `command` are templates of the values of `add_broken`.
    """

    name: str
    is_broken: Callable[[Mapping[str, Any]], bool]
    severity: FindingSeverity
    reason: str
    evidence: str
    command: str


def add_broken(
    report: AuditReport,
    rules: Iterable[AuditRule],
    item: Mapping[str, Any],
    subject: str,
    *,
    since: str = "",
    resource: str = "",
    **values: object,
) -> None:
    """Adds a finding for each rule that a resource breaks.

    `resource` is its part of the id, if it is not the subject.
    """
    for rule in rules:
        if rule.is_broken(item):
            report.add(
                f"{resource or subject}/{rule.name}",
                rule.evidence.format(**values),
                rule.command.format(**values),
                severity=rule.severity,
                reason=rule.reason,
                subject=subject,
                since=since,
            )


def build_absence_test(name: str) -> Callable[[Mapping[str, Any]], bool]:
    """A test that is true if a field is off, empty or missing."""
    return lambda item: not item.get(name)
