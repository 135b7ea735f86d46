"""What each read of a KMS key needs: looks at what is unused read every key of the account."""

from collections.abc import Mapping
from typing import Final

from ops.permissions.grants import Grant, build_grant, build_unscoped_grant

KEY_API_GRANTS: Final[Mapping[str, tuple[Grant, ...]]] = {
    "kms.list_keys": (build_unscoped_grant("kms:ListKeys"),),
    "kms.describe_key": (build_grant("kms:DescribeKey", "all keys"),),
    "kms.get_key_last_usage": (build_grant("kms:GetKeyLastUsage", "all keys"),),
    "kms.list_grants": (build_grant("kms:ListGrants", "all keys"),),
    "kms.list_resource_tags": (build_grant("kms:ListResourceTags", "all keys"),),
    "kms.get_key_policy": (build_grant("kms:GetKeyPolicy", "keys", "logs key"),),
    "kms.get_key_rotation_status": (build_grant("kms:GetKeyRotationStatus", "keys", "logs key"),),
    "kms.list_key_rotations": (build_grant("kms:ListKeyRotations", "keys", "logs key"),),
}
