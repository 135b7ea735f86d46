"""The IAM actions and resources that each call to AWS's detectors needs.

Source: Service Authorization Reference of each service.
"""

from collections.abc import Mapping
from typing import Final

from ops.permissions.grants import Grant, build_grant, build_unscoped_grant

DETECTOR_API_GRANTS: Final[Mapping[str, tuple[Grant, ...]]] = {
    "guardduty.get_detector": (build_grant("guardduty:GetDetector", "detectors"),),
    "guardduty.get_findings": (build_unscoped_grant("guardduty:GetFindings"),),
    "guardduty.list_detectors": (build_unscoped_grant("guardduty:ListDetectors"),),
    "guardduty.list_findings": (build_unscoped_grant("guardduty:ListFindings"),),
    "securityhub.describe_hub": (build_grant("securityhub:DescribeHub", "security hubs"),),
    "securityhub.get_findings": (build_grant("securityhub:GetFindings", "security hubs"),),
}
