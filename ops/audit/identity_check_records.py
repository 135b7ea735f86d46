"""The checks of who may do what in the account. Pure data; the routines are in this folder."""

from typing import Final

from ops.core.check_record import AUDIT_REPORTS, Check
from ops.findings.waiver_calls import WAIVER_CALLS

CREDENTIAL_REPORT_CALLS: Final = ("iam.generate_credential_report", "iam.get_credential_report")
AUTHORIZATION_CALLS: Final = ("iam.get_account_authorization_details",)

IDENTITY_CHECKS: Final = (
    Check(
        key="access-keys",
        area="audit",
        title="access keys",
        failure="A long-lived access key is old, not used, one of two, or root's.",
        calls=(*CREDENTIAL_REPORT_CALLS, "iam.list_access_keys", *WAIVER_CALLS),
        routine="ops.audit.identity_credentials:check_access_keys",
        reports=AUDIT_REPORTS,
        lines=("access keys",),
    ),
    Check(
        key="sign-in",
        area="audit",
        title="users and root",
        failure="Somebody can sign in without MFA, or no longer does; or root is used.",
        calls=(*CREDENTIAL_REPORT_CALLS, "iam.get_account_password_policy", *WAIVER_CALLS),
        routine="ops.audit.identity_credentials:check_sign_in",
        reports=AUDIT_REPORTS,
        lines=("identity",),
    ),
    Check(
        key="wide-policies",
        area="audit",
        title="policies",
        failure="A policy allows everything, or hands any role to any service.",
        calls=(*AUTHORIZATION_CALLS, *WAIVER_CALLS),
        routine="ops.audit.identity_policies:check_wide_policies",
        reports=AUDIT_REPORTS,
        lines=("identity",),
    ),
    Check(
        key="role-trust",
        area="audit",
        title="trust policies",
        failure="Somebody outside can become a role, with nothing that proves who it is.",
        calls=(*AUTHORIZATION_CALLS, *WAIVER_CALLS),
        routine="ops.audit.identity_trust:check_role_trust",
        reports=AUDIT_REPORTS,
        lines=("identity",),
    ),
    Check(
        key="administrator-chains",
        area="audit",
        title="ways to administrator",
        failure="A user or somebody outside may become a role that may do everything.",
        calls=(*AUTHORIZATION_CALLS, *WAIVER_CALLS),
        routine="ops.audit.identity_chains:check_administrator_chains",
        reports=AUDIT_REPORTS,
        lines=("identity",),
    ),
    Check(
        key="unused-roles",
        area="audit",
        title="roles",
        failure="A role was not used for 90 days: what nobody uses, nobody misses or watches.",
        calls=(*AUTHORIZATION_CALLS, *WAIVER_CALLS),
        routine="ops.audit.identity_trust:check_unused_roles",
        reports=AUDIT_REPORTS,
        lines=("identity",),
    ),
)
