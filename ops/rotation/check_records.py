"""The checks of what is rotated. Pure data; the routines are in this folder."""

from typing import Final

from ops.audit.identity_check_records import AUTHORIZATION_CALLS
from ops.core.check_record import ROTATION_REPORTS, Check
from ops.findings.waiver_calls import WAIVER_CALLS

CHECKS: Final = (
    Check(
        key="rotated-secrets",
        area="rotation",
        title="passwords and tokens",
        failure="A password or token is overdue, or its last rotation failed.",
        calls=("secretsmanager.list_secrets", *WAIVER_CALLS),
        routine="ops.rotation.secrets:check_rotated_secrets",
        reports=ROTATION_REPORTS,
        lines=("rotation",),
    ),
    Check(
        key="rotated-kms-keys",
        area="rotation",
        title="KMS keys",
        failure="A key of the stack is not rotated by KMS.",
        calls=("kms.get_key_rotation_status", "kms.list_key_rotations", *WAIVER_CALLS),
        routine="ops.rotation.kms_keys:check_rotated_kms_keys",
        reports=ROTATION_REPORTS,
        lines=("rotation",),
    ),
    Check(
        key="rotated-access-keys",
        area="rotation",
        title="access keys of the stack's users",
        failure="A user of the stack has an access key that is older than 90 days.",
        calls=(*AUTHORIZATION_CALLS, "iam.list_access_keys", *WAIVER_CALLS),
        routine="ops.rotation.access_keys:check_rotated_access_keys",
        reports=ROTATION_REPORTS,
        lines=("rotation",),
    ),
)
