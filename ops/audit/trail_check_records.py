"""The checks of CloudTrail, and of what it says of 30 days. Pure data; routines are beside it."""

from typing import Final

from ops.core.check_record import AUDIT_REPORTS, Check
from ops.findings.waiver_calls import WAIVER_CALLS

TRAIL_CHECKS: Final = (
    Check(
        key="account-trail",
        area="audit",
        title="CloudTrail",
        failure="What is done in the account is not recorded, or its record can be changed.",
        calls=(
            "cloudtrail.describe_trails",
            "cloudtrail.get_event_selectors",
            "cloudtrail.get_trail_status",
            "s3.get_bucket_policy_status",
            "s3.get_bucket_versioning",
            "s3.get_object_lock_configuration",
            "s3.get_public_access_block",
            "s3.list_buckets",
            *WAIVER_CALLS,
        ),
        routine="ops.audit.trail:check_trail",
        reports=AUDIT_REPORTS,
        lines=("trail",),
    ),
    Check(
        key="account-events",
        area="audit",
        title="events of 30 days",
        failure="Somebody deleted or opened something, or used root, and nobody said why.",
        calls=(
            "cloudtrail.lookup_events",
            "ec2.describe_security_groups",
            *WAIVER_CALLS,  # the list of objects also has the runs
        ),
        routine="ops.audit.account_events:check_account_events",
        reports=AUDIT_REPORTS,
        lines=("account events",),
    ),
)
