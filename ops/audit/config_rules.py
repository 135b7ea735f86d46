"""AWS Config: whether it records the stack's regions, and the rules that are not complied with.

Rules that Security Hub makes are its own findings, and not counted twice.
"""

from collections.abc import Sequence
from typing import Any, Final

from ops.audit.detectors import (
    DescribeCommand,
    DetectorFinding,
    add_detector_findings,
    add_detector_off,
)
from ops.audit.model import AuditReport, close_report
from ops.core.checks import CheckFacts, CheckRoutine, UnknownAnswerError, build_read
from ops.core.console_links import build_region_console_address
from ops.core.counts import format_count
from ops.core.stack_scope import list_stack_regions

_RECORDERS_API: Final = "config.describe_configuration_recorder_status"
_COMPLIANCE_API: Final = "config.describe_compliance_by_config_rule"
CONFIG_RULES_KEY: Final = "config-rules"
# Security Hub User Guide, "Generating and updating control findings": service-linked rules.
_SECURITY_HUB_PREFIX: Final = "securityhub-"
_COST: Final = "about 0.003 $ for a change that is recorded (AWS Config pricing, us-east-1)"
_REASON: Final = "FSBP Config.1; CIS AWS Foundations 3.0 3.3"
_MAX_EVALUATED_RULES: Final = 25  # API reference, StartConfigRulesEvaluation


def check_config_rules(facts: CheckFacts) -> CheckRoutine:
    """Judges each region of the stack: its recorder, and what the rules say."""
    report = AuditReport(facts, CONFIG_RULES_KEY, "AWS Config")
    regions = list_stack_regions(facts.outputs.stack)
    answers = yield [
        *(build_read(_RECORDERS_API, "ConfigurationRecordersStatus", region=r) for r in regions),
        *(
            build_read(
                _COMPLIANCE_API,
                "ComplianceByConfigRules",
                region=region,
                ComplianceTypes=["NON_COMPLIANT"],
            )
            for region in regions
        ),
    ]
    for region, answer, rules in zip(
        regions, answers[: len(regions)], answers[len(regions) :], strict=True
    ):
        recorders = report.get_items(answer, f"recorder of AWS Config in {region}")
        if not isinstance(answer, UnknownAnswerError):
            _judge_recorders(report, region, recorders)
        add_detector_findings(
            report,
            region,
            [
                _build_finding(item)
                for item in report.get_items(rules, f"rules of AWS Config in {region}")
                if not str(item["ConfigRuleName"]).startswith(_SECURITY_HUB_PREFIX)
            ],
            f"{build_region_console_address(facts.outputs, region)}/config/home"
            f"?region={region}#/rules",
            _build_evaluate_command(region),
            "by the account's own rules",
        )
    looked_at = f"records in {format_count(len(regions), 'region')}; its rules are complied with"
    return (yield from close_report(report, looked_at))


def _judge_recorders(report: AuditReport, region: str, recorders: Sequence[dict[str, Any]]) -> None:
    account = report.facts.outputs.stack.account
    partition = report.facts.outputs.database.arn.split(":")[1]
    if not recorders:
        role = (
            f"arn:{partition}:iam::{account}:role/aws-service-role/config.amazonaws.com/"
            "AWSServiceRoleForConfig"
        )
        place = f"aws configservice {{}} --region {region}"
        add_detector_off(
            report,
            region,
            f"is off: nobody can say how a resource was set last month; it costs {_COST}",
            " && ".join(
                (
                    f"{place.format('put-configuration-recorder')} "
                    f"--configuration-recorder name=default,roleARN={role}",
                    f"{place.format('put-delivery-channel')} "
                    "--delivery-channel name=default,s3BucketName=BUCKET",
                    f"{place.format('start-configuration-recorder')} "
                    "--configuration-recorder-name default",
                )
            ),
            severity="medium",
            reason=_REASON,
        )
    elif not any(recorder.get("recording") for recorder in recorders):
        recorder = recorders[0]
        report.add(
            f"{region}/stopped",
            f"its recorder {recorder['name']} is stopped: its rules judge what was",
            f"aws configservice start-configuration-recorder --region {region} "
            f"--configuration-recorder-name {recorder['name']}",
            severity="medium",
            reason=_REASON,
            subject=f"AWS Config in {region}",
            since=str(recorder.get("lastStopTime") or ""),
        )
    for recorder in recorders:
        # AWS Config API reference, ConfigurationRecorderStatus: Pending, Success, Failure.
        if str(recorder.get("lastStatus")).upper() == "FAILURE":
            report.add(
                f"{region}/delivery",
                f"its recorder {recorder['name']} cannot record: "
                f"{recorder.get('lastErrorCode')}: {recorder.get('lastErrorMessage')}",
                f"aws configservice describe-delivery-channels --region {region}",
                severity="medium",
                reason=_REASON,
                subject=f"AWS Config in {region}",
                since=str(recorder.get("lastStatusChangeTime") or ""),
            )


def _build_finding(item: dict[str, Any]) -> DetectorFinding:
    name = str(item["ConfigRuleName"])
    count: Any = item["Compliance"].get("ComplianceContributorCount") or {}
    number = int(count.get("CappedCount") or 0)
    amount = f"{'more than ' if count.get('CapExceeded') else ''}{format_count(number, 'resource')}"
    # One resource more is another finding, so that no waiver covers it.
    return DetectorFinding(f"{name}:{number}", "medium", name, f"rule {name}", amount, "")


def _build_evaluate_command(region: str) -> DescribeCommand:
    def build(group: Sequence[DetectorFinding]) -> str:
        names = " ".join(finding.kind for finding in group[:_MAX_EVALUATED_RULES])
        return (
            f"aws configservice start-config-rules-evaluation --region {region} "
            f"--config-rule-names {names}"
        )

    return build
