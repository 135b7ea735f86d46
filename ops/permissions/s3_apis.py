"""The IAM actions and resources that each call to S3 needs. ops/permissions/apis.py has the rest.

Sources: Service Authorization Reference and API reference of S3; AWS's error messages.
"""

from collections.abc import Mapping
from typing import Final

from ops.permissions.grants import (
    OWN_ACCOUNT_CONDITION,
    Grant,
    build_grant,
    build_unscoped_grant,
    build_via_service_condition,
)

# Prefixes in the operations bucket.
OPERATIONS_OBJECTS: Final = ("runs", "lock", "baselines", "drills", "states")
DECRYPT_DATA_KEY_GRANT: Final = build_grant(
    "kms:Decrypt", "data key", conditions=build_via_service_condition("s3")
)

S3_API_GRANTS: Final[Mapping[str, tuple[Grant, ...]]] = {
    "s3.delete_object": (build_grant("s3:DeleteObject", "lock", "baselines"),),
    "s3.get_object": (
        build_grant("s3:GetObject", *OPERATIONS_OBJECTS, "waivers"),
        DECRYPT_DATA_KEY_GRANT,
    ),
    # Of the stack's buckets, by their names.
    "s3.get_bucket_acl": (build_grant("s3:GetBucketAcl", "stack buckets"),),
    "s3.get_bucket_policy": (build_grant("s3:GetBucketPolicy", "stack buckets"),),
    "s3.get_bucket_tagging": (build_grant("s3:GetBucketTagging", "stack buckets"),),
    # Of the bucket of a trail as well, whose name says nothing.
    **{
        f"s3.{api}": (
            build_grant(f"s3:{action}", "account buckets", conditions=(OWN_ACCOUNT_CONDITION,)),
        )
        for api, action in (
            ("get_bucket_policy_status", "GetBucketPolicyStatus"),
            ("get_bucket_versioning", "GetBucketVersioning"),
            ("get_object_lock_configuration", "GetBucketObjectLockConfiguration"),
            ("get_public_access_block", "GetBucketPublicAccessBlock"),
        )
    },
    # It has no resource (Service Authorization Reference, Amazon S3).
    "s3control.get_public_access_block": (build_unscoped_grant("s3:GetAccountPublicAccessBlock"),),
    "s3.get_bucket_replication": (
        build_grant("s3:GetReplicationConfiguration", "operations bucket"),
    ),
    "s3.head_object": (build_grant("s3:GetObject", *OPERATIONS_OBJECTS), DECRYPT_DATA_KEY_GRANT),
    # On the whole bucket: without it, S3 answers AccessDenied for a missing object.
    "s3.list_objects_v2": (build_grant("s3:ListBucket", "operations bucket", "recovery bucket"),),
    "s3.put_object": (
        build_grant("s3:PutObject", *OPERATIONS_OBJECTS),
        build_grant(
            "kms:GenerateDataKey", "data key", conditions=build_via_service_condition("s3")
        ),
        DECRYPT_DATA_KEY_GRANT,
    ),
}
# What single commands need of a call, instead of what others do: a look that keeps its result
# writes nothing else.
NARROW_GRANTS: Final[Mapping[tuple[str, str], tuple[Grant, ...]]] = {
    (f"check {checklist} --record", "s3.put_object"): (
        build_grant("s3:PutObject", "checks"),
        build_grant(
            "kms:GenerateDataKey", "data key", conditions=build_via_service_condition("s3")
        ),
        DECRYPT_DATA_KEY_GRANT,
    )
    for checklist in ("daily", "weekly", "monthly")
}
