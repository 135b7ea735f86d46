"""What calls of IAM need."""

from collections.abc import Mapping
from typing import Final

from ops.permissions.grants import (
    GLOBAL_REGIONS_CONDITION,
    STACK_USER_CONDITION,
    Grant,
    build_grant,
    build_unscoped_grant,
)

IAM_API_GRANTS: Final[Mapping[str, tuple[Grant, ...]]] = {
    "iam.create_access_key": (
        build_grant("iam:CreateAccessKey", "users", conditions=(STACK_USER_CONDITION,)),
    ),
    "iam.delete_access_key": (
        build_grant("iam:DeleteAccessKey", "users", conditions=(STACK_USER_CONDITION,)),
    ),
    "iam.generate_service_last_accessed_details": (
        build_grant("iam:GenerateServiceLastAccessedDetails", "stack roles"),
    ),
    "iam.get_access_key_last_used": (build_grant("iam:GetAccessKeyLastUsed", "users"),),
    "iam.get_role": (build_grant("iam:GetRole", "operations roles"),),
    "iam.list_access_keys": (build_grant("iam:ListAccessKeys", "users"),),
    "iam.list_user_tags": (build_grant("iam:ListUserTags", "users"),),
    "iam.simulate_principal_policy": (
        build_grant("iam:SimulatePrincipalPolicy", "users", "roles"),
    ),
    "iam.update_access_key": (
        build_grant("iam:UpdateAccessKey", "users", conditions=(STACK_USER_CONDITION,)),
    ),
    **{
        f"iam.{api}": (build_unscoped_grant(f"iam:{action}", GLOBAL_REGIONS_CONDITION),)
        for api, action in (
            ("generate_credential_report", "GenerateCredentialReport"),
            ("get_account_authorization_details", "GetAccountAuthorizationDetails"),
            ("get_account_password_policy", "GetAccountPasswordPolicy"),
            ("get_credential_report", "GetCredentialReport"),
            ("get_service_last_accessed_details", "GetServiceLastAccessedDetails"),
        )
    },
}
