"""What calls of Secrets Manager need, on the stack's secrets and on those of access keys."""

from collections.abc import Mapping
from typing import Final

from ops.permissions.grants import (
    Grant,
    build_grant,
    build_unscoped_grant,
    build_via_service_condition,
)

SECRET_API_GRANTS: Final[Mapping[str, tuple[Grant, ...]]] = {
    # The tags of a new secret (API reference, CreateSecret).
    "secretsmanager.create_secret": (
        build_grant("secretsmanager:CreateSecret", "access key secrets"),
        build_grant("secretsmanager:TagResource", "access key secrets"),
    ),
    "secretsmanager.cancel_rotate_secret": (
        build_grant("secretsmanager:CancelRotateSecret", "secret"),
    ),
    "secretsmanager.describe_secret": (
        build_grant("secretsmanager:DescribeSecret", "secret", "cache secret"),
    ),
    "secretsmanager.get_resource_policy": (
        build_grant(
            "secretsmanager:GetResourcePolicy", "secret", "cache secret", "access key secrets"
        ),
    ),
    "secretsmanager.get_secret_value": (
        build_grant("secretsmanager:GetSecretValue", "secret"),
        build_grant(
            "kms:Decrypt", "data key", conditions=build_via_service_condition("secretsmanager")
        ),
    ),
    "secretsmanager.list_secrets": (build_unscoped_grant("secretsmanager:ListSecrets"),),
    "secretsmanager.put_secret_value": (
        build_grant("secretsmanager:PutSecretValue", "secret"),
        build_grant(
            "kms:GenerateDataKey",
            "data key",
            conditions=build_via_service_condition("secretsmanager"),
        ),
        build_grant(
            "kms:Decrypt", "data key", conditions=build_via_service_condition("secretsmanager")
        ),
    ),
    # Rotation also invokes the function (API reference).
    "secretsmanager.rotate_secret": (
        build_grant("secretsmanager:RotateSecret", "secret"),
        build_grant("lambda:InvokeFunction", "rotation function"),
    ),
    "secretsmanager.update_secret_version_stage": (
        build_grant("secretsmanager:UpdateSecretVersionStage", "secret"),
    ),
}
# Of the commands of `ops keys` alone.
KEYS_GROUP_GRANTS: Final[Mapping[tuple[str, str], tuple[Grant, ...]]] = {
    ("keys", "secretsmanager.describe_secret"): (
        build_grant("secretsmanager:DescribeSecret", "access key secrets"),
    ),
    ("keys", "secretsmanager.put_secret_value"): (
        build_grant("secretsmanager:PutSecretValue", "access key secrets"),
        build_grant(
            "kms:GenerateDataKey",
            "data key",
            conditions=build_via_service_condition("secretsmanager"),
        ),
        build_grant(
            "kms:Decrypt", "data key", conditions=build_via_service_condition("secretsmanager")
        ),
    ),
    ("keys", "secretsmanager.update_secret_version_stage"): (
        build_grant("secretsmanager:UpdateSecretVersionStage", "access key secrets"),
    ),
}
