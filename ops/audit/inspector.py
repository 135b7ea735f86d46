"""Inspector: whether it scans in the stack's regions, and the vulnerabilities that are open."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from ops.audit.detectors import (
    MAX_DETECTOR_PAGES,
    SEVERITIES_BY_LABEL,
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

INSPECTOR_STATUS_API: Final = "inspector2.batch_get_account_status"
INSPECTOR_FINDINGS_API: Final = "inspector2.list_findings"
INSPECTOR_KEY: Final = "inspector-findings"
_ON: Final = ("ENABLED", "ENABLING")
_COST: Final = (
    "about 1.26 $ a month for an instance and 0.09 $ for an image (Amazon Inspector pricing, "
    "us-east-1)"
)
# What shows more, and what to do, of each kind of resource.
_COMMANDS: Final = {
    "AWS_ECR_CONTAINER_IMAGE": "ops image findings",
    "AWS_EC2_INSTANCE": "ops patch status",
}
_REACHABILITY: Final = "NETWORK_REACHABILITY"
_REACHABILITY_COMMAND: Final = "ops audit --only open-security-groups"


def check_inspector(facts: CheckFacts) -> CheckRoutine:
    """Judges each region of the stack; what is suppressed or closed is not open."""
    report = AuditReport(facts, INSPECTOR_KEY, "Inspector")
    account, regions = facts.outputs.stack.account, list_stack_regions(facts.outputs.stack)
    answers = yield [
        build_read(INSPECTOR_STATUS_API, "accounts", region=region, accountIds=[account])
        for region in regions
    ]
    on_regions = []
    for region, answer in zip(regions, answers, strict=True):
        accounts = report.get_items(answer, f"Inspector in {region}")
        if any(item["state"]["status"] in _ON for item in accounts):
            on_regions.append(region)
        elif not isinstance(answer, UnknownAnswerError):
            add_detector_off(
                report,
                region,
                f"is off: nobody scans instances and functions; it costs {_COST}",
                f"aws inspector2 enable --region {region} --resource-types EC2 ECR LAMBDA",
                severity="low",
                reason="FSBP Inspector.1 to Inspector.4",
            )
    criteria = {
        "awsAccountId": [{"comparison": "EQUALS", "value": account}],
        "findingStatus": [{"comparison": "EQUALS", "value": "ACTIVE"}],
    }
    finding_answers = yield [
        build_read(
            INSPECTOR_FINDINGS_API,
            "findings",
            region=region,
            max_pages=MAX_DETECTOR_PAGES,
            filterCriteria=criteria,
            sortCriteria={"field": "SEVERITY", "sortOrder": "DESC"},
        )
        for region in on_regions
    ]
    for region, answer in zip(on_regions, finding_answers, strict=True):
        add_detector_findings(
            report,
            region,
            [
                _parse_finding(item)
                for item in get_read_findings(report, answer, region)
                if str(item["severity"]) in SEVERITIES_BY_LABEL
            ],
            f"{build_region_console_address(facts.outputs, region)}/inspector/v2/home"
            f"?region={region}#/findings/all",
            _describe_command,
            "FSBP Inspector; Well-Architected SEC06-BP01",
        )
    looked_at = f"on in {format_count(len(regions), 'region')}, without open findings"
    return (yield from close_report(report, looked_at))


def _describe_command(group: Sequence[DetectorFinding]) -> str:
    kind, _, resource_type = group[0].kind.partition(" of ")
    if kind == _REACHABILITY:
        return _REACHABILITY_COMMAND
    return _COMMANDS.get(resource_type, "deploy the function with newer packages")


def _parse_finding(item: Mapping[str, Any]) -> DetectorFinding:
    resource = (item.get("resources") or [{}])[0]
    kind = f"{item['type']} of {resource.get('type', 'OTHER')}"
    return DetectorFinding(
        str(item["findingArn"]).rpartition("/")[2],
        SEVERITIES_BY_LABEL[str(item["severity"])],
        kind,
        f"{kind}, such as {item.get('title', '')}",
        str(resource.get("id") or "account"),
        str(item.get("firstObservedAt") or ""),
    )
