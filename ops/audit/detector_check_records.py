"""The checks of AWS's detectors. Pure data; the routines are in this folder."""

from typing import Final

from ops.core.check_record import AUDIT_REPORTS, Check
from ops.findings.waiver_calls import WAIVER_CALLS

DETECTORS_LINE: Final = "detectors"
DETECTOR_CHECKS: Final = (
    Check(
        key="guardduty-findings",
        area="audit",
        title="GuardDuty",
        failure="GuardDuty is off, or has findings that nobody archived.",
        calls=(
            "guardduty.list_detectors",
            "guardduty.get_detector",
            "guardduty.list_findings",
            "guardduty.get_findings",
            *WAIVER_CALLS,
        ),
        routine="ops.audit.guardduty:check_guardduty",
        reports=AUDIT_REPORTS,
        lines=(DETECTORS_LINE,),
    ),
    Check(
        key="security-hub-findings",
        area="audit",
        title="Security Hub",
        failure="Security Hub is off, or has findings that nobody resolved or suppressed.",
        calls=("securityhub.describe_hub", "securityhub.get_findings", *WAIVER_CALLS),
        routine="ops.audit.security_hub:check_security_hub",
        reports=AUDIT_REPORTS,
        lines=(DETECTORS_LINE,),
    ),
    Check(
        key="config-rules",
        area="audit",
        title="AWS Config",
        failure="AWS Config is off or stopped, or a rule is not complied with.",
        calls=(
            "config.describe_configuration_recorder_status",
            "config.describe_compliance_by_config_rule",
            *WAIVER_CALLS,
        ),
        routine="ops.audit.config_rules:check_config_rules",
        reports=AUDIT_REPORTS,
        lines=(DETECTORS_LINE,),
    ),
    Check(
        key="inspector-findings",
        area="audit",
        title="Inspector",
        failure="Inspector is off, or has findings that are open.",
        calls=(
            "inspector2.batch_get_account_status",
            "inspector2.list_findings",
            *WAIVER_CALLS,
        ),
        routine="ops.audit.inspector:check_inspector",
        reports=AUDIT_REPORTS,
        lines=(DETECTORS_LINE,),
    ),
)
