"""The checks of `ops health` that say that users may notice something."""

from typing import Final

from ops.core.parts import list_service_parts
from ops.diagnose.facts import Facts
from ops.diagnose.health_checks import DIAGNOSED_CHECKS
from ops.diagnose.reader import DiagnosisRequest, FactCollector
from ops.health.report import check_health

_PARTS: Final = {
    "balancer": "load-balancer",
    "certificate": "load-balancer",
    "fleet": "fleet",
    "database": "database",
    "cache": "cache",
    "network": "network",
}


def read_health(request: DiagnosisRequest) -> Facts:
    """What fails now, as `ops health` finds it."""
    collector = FactCollector("health")
    services = list_service_parts(request.outputs)
    for finding in check_health(request.outputs, request.aws, request.now, DIAGNOSED_CHECKS):
        words = finding.subject.replace(",", " ").split()
        part = next((part for part, name in services.items() if name in words), None)
        part = part or _PARTS.get(finding.area, "stack")
        if finding.state == "failing":
            collector.add(
                f"health.failing.{finding.area}",
                part,
                f"{finding.subject}: {finding.evidence}",
                command=finding.command,
            )
        elif finding.state == "unknown":
            collector.note_reason(f"{finding.area}, {finding.subject}: {finding.evidence}", part)
    return collector.build_facts()
