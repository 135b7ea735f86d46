"""Security Hub: whether it is on in the stack's regions, and what it found.

What GuardDuty, Inspector, Access Analyzer and Config hand to it is theirs, and not counted twice.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from ops.audit.detectors import (
    MAX_DETECTOR_PAGES,
    SEVERITIES_BY_LABEL,
    DescribeCommand,
    DetectorFinding,
    add_detector_findings,
    add_detector_off,
    get_read_findings,
)
from ops.audit.model import AuditReport, close_report
from ops.core.checks import (
    CheckFacts,
    CheckRoutine,
    UnknownAnswerError,
    build_read,
)
from ops.core.console_links import build_region_console_address
from ops.core.counts import format_count
from ops.core.stack_scope import list_stack_regions

HUB_API: Final = "securityhub.describe_hub"
HUB_FINDINGS_API: Final = "securityhub.get_findings"
SECURITY_HUB_KEY: Final = "security-hub-findings"
# API reference, DescribeHub: the account is not enabled for Security Hub.
_OFF_CODES: Final = ("InvalidAccessException", "ResourceNotFoundException")
_COST: Final = "about 0.001 $ a check after 30 days for nothing (AWS Security Hub CSPM pricing)"
_OTHER_PRODUCTS: Final = ("GuardDuty", "Inspector", "IAM Access Analyzer", "Config")
_MAX_UPDATED: Final = 100  # API reference, BatchUpdateFindings


def check_security_hub(facts: CheckFacts) -> CheckRoutine:
    """Judges each region of the stack; what is suppressed, resolved or passed is not open."""
    report = AuditReport(facts, SECURITY_HUB_KEY, "Security Hub")
    regions = list_stack_regions(facts.outputs.stack)
    answers = yield [
        build_read(HUB_API, "", region=region, absent_codes=_OFF_CODES) for region in regions
    ]
    on_regions = []
    for region, answer in zip(regions, answers, strict=True):
        if report.get_items(answer, f"Security Hub in {region}"):
            on_regions.append(region)
        elif not isinstance(answer, UnknownAnswerError):
            add_detector_off(
                report,
                region,
                f"is off: nobody checks the account's settings again and again; it costs {_COST}",
                f"aws securityhub enable-security-hub --region {region} --enable-default-standards",
                severity="low",
                reason="FSBP SecurityHub.1; CIS AWS Foundations 3.0 4.16",
            )
    filters = _build_filters(facts.outputs.stack.account)
    finding_answers = yield [
        build_read(
            HUB_FINDINGS_API,
            "Findings",
            region=region,
            max_pages=MAX_DETECTOR_PAGES,
            Filters=filters,
            SortCriteria=[{"Field": "SeverityNormalized", "SortOrder": "desc"}],
        )
        for region in on_regions
    ]
    for region, answer in zip(on_regions, finding_answers, strict=True):
        items = get_read_findings(report, answer, region)
        products = {str(item["Id"]): str(item["ProductArn"]) for item in items}
        add_detector_findings(
            report,
            region,
            [finding for item in items if (finding := _parse_finding(item)) is not None],
            f"{build_region_console_address(facts.outputs, region)}/securityhub/home"
            f"?region={region}#/findings",
            _build_suppress_command(region, products),
            "FSBP, by Security Hub; Well-Architected SEC04-BP01",
        )
    looked_at = f"on in {format_count(len(regions), 'region')}, without open findings"
    return (yield from close_report(report, looked_at))


def _build_filters(account: str) -> dict[str, list[dict[str, str]]]:
    """Active ones of this account that nobody resolved or suppressed, of Security Hub's own."""

    def equal(*values: str) -> list[dict[str, str]]:
        return [{"Value": value, "Comparison": "EQUALS"} for value in values]

    return {
        "AwsAccountId": equal(account),
        "RecordState": equal("ACTIVE"),
        "WorkflowStatus": equal("NEW", "NOTIFIED"),
        "SeverityLabel": equal(*SEVERITIES_BY_LABEL),
        "ProductName": [{"Value": name, "Comparison": "NOT_EQUALS"} for name in _OTHER_PRODUCTS],
    }


def _build_suppress_command(region: str, products: Mapping[str, str]) -> DescribeCommand:
    def build(group: Sequence[DetectorFinding]) -> str:
        identifiers = " ".join(
            f"Id={finding.id},ProductArn={products[finding.id]}" for finding in group[:_MAX_UPDATED]
        )
        return (
            f"aws securityhub batch-update-findings --region {region} "
            f"--finding-identifiers {identifiers} --workflow Status=SUPPRESSED"
        )

    return build


def _parse_finding(item: Mapping[str, Any]) -> DetectorFinding | None:
    """None if it passed: Security Hub resolves it, some minutes later."""
    compliance = item.get("Compliance") or {}
    if compliance.get("Status") in ("PASSED", "NOT_AVAILABLE"):
        return None
    control = str(compliance.get("SecurityControlId") or item.get("GeneratorId") or item["Id"])
    resources = item.get("Resources") or [{}]
    return DetectorFinding(
        str(item["Id"]),
        SEVERITIES_BY_LABEL.get(str((item.get("Severity") or {}).get("Label")), "low"),
        control,
        f"{control}: {item.get('Title', '')}".rstrip(": "),
        str(resources[0].get("Id") or "account"),
        str(item.get("FirstObservedAt") or item.get("CreatedAt") or ""),
    )
