"""GuardDuty: whether it watches the stack's regions, and what it found."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from ops.audit.detectors import (
    MAX_DETECTOR_PAGES,
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
    split_into_chunks,
)
from ops.core.console_links import build_region_console_address
from ops.core.counts import format_count
from ops.core.stack_scope import list_stack_regions
from ops.findings.model import FindingSeverity

DETECTORS_API: Final = "guardduty.list_detectors"
DETECTOR_API: Final = "guardduty.get_detector"
FINDING_IDS_API: Final = "guardduty.list_findings"
FINDINGS_API: Final = "guardduty.get_findings"
GUARDDUTY_KEY: Final = "guardduty-findings"
MAX_FINDINGS_A_CALL: Final = 50  # API reference, GetFindings
_COST: Final = (
    "about 4 $ for a million CloudTrail events and 1 $ for a GB of flow and DNS logs, the first 30 "
    "days for nothing (Amazon GuardDuty pricing, us-east-1)"
)
# From which number on (GuardDuty User Guide, "Severity levels of GuardDuty findings").
_SEVERITIES: Final[tuple[tuple[float, FindingSeverity], ...]] = (
    (9.0, "critical"),
    (7.0, "high"),
    (4.0, "medium"),
)
_OPEN_CRITERIA: Final = {"Criterion": {"service.archived": {"Eq": ["false"]}}}
_WORST_FIRST: Final = {"AttributeName": "severity", "OrderBy": "DESC"}


def check_guardduty(facts: CheckFacts) -> CheckRoutine:
    """Judges each region of the stack; findings that are archived are not open."""
    report = AuditReport(facts, GUARDDUTY_KEY, "GuardDuty")
    regions = list_stack_regions(facts.outputs.stack)
    answers = yield [build_read(DETECTORS_API, "DetectorIds", region=region) for region in regions]
    detectors: dict[str, str] = {}
    for region, answer in zip(regions, answers, strict=True):
        ids = report.get_items(answer, f"GuardDuty in {region}")
        if ids:
            detectors[region] = str(ids[0])
        elif not isinstance(answer, UnknownAnswerError):
            _add_off(report, region, f"aws guardduty create-detector --region {region} --enable")
    states = yield [
        build_read(DETECTOR_API, "", region=region, DetectorId=detector)
        for region, detector in detectors.items()
    ]
    for (region, detector), answer in zip(list(detectors.items()), states, strict=True):
        states_of_region = report.get_items(answer, f"GuardDuty in {region}")
        if states_of_region and states_of_region[0]["Status"] != "ENABLED":
            update = f"aws guardduty update-detector --region {region} --detector-id {detector}"
            _add_off(report, region, f"{update} --enable")
        if not states_of_region or states_of_region[0]["Status"] != "ENABLED":
            del detectors[region]
    id_answers = yield [
        build_read(
            FINDING_IDS_API,
            "FindingIds",
            region=region,
            max_pages=MAX_DETECTOR_PAGES,
            DetectorId=detector,
            FindingCriteria=_OPEN_CRITERIA,
            SortCriteria=_WORST_FIRST,
        )
        for region, detector in detectors.items()
    ]
    for (region, detector), answer in zip(detectors.items(), id_answers, strict=True):
        finding_ids = [str(item) for item in get_read_findings(report, answer, region)]
        finding_answers = yield [
            build_read(
                FINDINGS_API, "Findings", region=region, DetectorId=detector, FindingIds=chunk
            )
            for chunk in split_into_chunks(finding_ids, MAX_FINDINGS_A_CALL)
        ]
        add_detector_findings(
            report,
            region,
            [
                _parse_finding(item)
                for finding_answer in finding_answers
                for item in report.get_items(finding_answer, f"findings of GuardDuty in {region}")
            ],
            f"{build_region_console_address(facts.outputs, region)}/guardduty/home"
            f"?region={region}#/findings",
            _build_archive_command(region, detector),
            "FSBP GuardDuty.1; Well-Architected SEC04-BP01",
        )
    looked_at = f"on in {format_count(len(regions), 'region')}, without open findings"
    return (yield from close_report(report, looked_at))


def _add_off(report: AuditReport, region: str, command: str) -> None:
    add_detector_off(
        report,
        region,
        f"is off: nothing looks for stolen credentials and attacks; it costs {_COST}",
        command,
        severity="medium",
        reason="FSBP GuardDuty.1",
    )


def _build_archive_command(region: str, detector: str) -> DescribeCommand:
    def build(group: Sequence[DetectorFinding]) -> str:
        ids = " ".join(finding.id for finding in group[:MAX_FINDINGS_A_CALL])
        return (
            f"aws guardduty archive-findings --region {region} --detector-id {detector} "
            f"--finding-ids {ids}"
        )

    return build


def _parse_finding(item: Mapping[str, Any]) -> DetectorFinding:
    number, resource = float(item["Severity"]), item.get("Resource") or {}
    severity: FindingSeverity = next((s for least, s in _SEVERITIES if number >= least), "low")
    return DetectorFinding(
        str(item["Id"]),
        severity,
        str(item["Type"]),
        f"{item['Type']}: {item.get('Title', '')}".rstrip(": "),
        _name_resource(resource),
        str((item.get("Service") or {}).get("EventFirstSeen") or item.get("CreatedAt") or ""),
    )


def _name_resource(resource: Mapping[str, Any]) -> str:
    instance = (resource.get("InstanceDetails") or {}).get("InstanceId")
    user = (resource.get("AccessKeyDetails") or {}).get("UserName")
    bucket = next((str(item.get("Name")) for item in resource.get("S3BucketDetails") or ()), None)
    database = (resource.get("RdsDbInstanceDetails") or {}).get("DbInstanceIdentifier")
    return str(instance or database or bucket or user or resource.get("ResourceType") or "account")
