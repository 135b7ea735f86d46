"""The checks of `ops audit`. Pure data; the routines are in this folder."""

from typing import Final

from ops.core.check_record import AUDIT_REPORTS, Check
from ops.findings.waiver_calls import WAIVER_CALLS

EXPOSURE_CHECKS: Final = (
    Check(
        key="open-security-groups",
        area="audit",
        title="security groups",
        failure="A security group lets the internet in, to more than the load balancer's ports.",
        calls=(
            "ec2.describe_security_groups",
            "ec2.describe_network_interfaces",
            "ec2.get_managed_prefix_list_entries",
            *WAIVER_CALLS,
        ),
        routine="ops.audit.security_groups:check_open_security_groups",
        reports=AUDIT_REPORTS,
        lines=("open ports",),
    ),
)
CHECKS: Final = (*EXPOSURE_CHECKS,)
