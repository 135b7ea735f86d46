"""The IAM actions and resources that each call to AWS's detectors needs.

Source: Service Authorization Reference of each service.
"""

from collections.abc import Mapping
from typing import Final

from ops.permissions.grants import Grant, build_grant, build_unscoped_grant

DETECTOR_API_GRANTS: Final[Mapping[str, tuple[Grant, ...]]] = {
    "config.describe_compliance_by_config_rule": (
        build_unscoped_grant("config:DescribeComplianceByConfigRule"),
    ),
    "config.describe_configuration_recorder_status": (
        build_grant("config:DescribeConfigurationRecorderStatus", "recorders"),
    ),
    "inspector2.batch_get_account_status": (
        build_unscoped_grant("inspector2:BatchGetAccountStatus"),
    ),
    "inspector2.list_findings": (build_unscoped_grant("inspector2:ListFindings"),),
    "guardduty.get_detector": (build_grant("guardduty:GetDetector", "detectors"),),
    "guardduty.get_findings": (build_unscoped_grant("guardduty:GetFindings"),),
    "guardduty.list_detectors": (build_unscoped_grant("guardduty:ListDetectors"),),
    "guardduty.list_findings": (build_unscoped_grant("guardduty:ListFindings"),),
    "securityhub.describe_hub": (build_grant("securityhub:DescribeHub", "security hubs"),),
    "securityhub.get_findings": (build_grant("securityhub:GetFindings", "security hubs"),),
}
