"""S3: bucket policies whose statements have conditions.

moto takes any statement whose condition it cannot find fulfilled for a denial, also a denial of
what does not come by TLS. Calls of the sandbox count as TLS, whatever carries them.
"""

import json

from moto.iam.access_control import IAMPolicy, PermissionResult
from moto.s3.models import FakeBucket

from sandbox.patches.patching import ServicePatch

patch = ServicePatch()


@patch.replace(FakeBucket, "get_permission")
def get_bucket_permission(bucket: FakeBucket, action: str, resource: str) -> PermissionResult:
    """What the statements without a condition say, and of those with one nothing."""
    if bucket.policy is None:
        return PermissionResult.NEUTRAL
    policy = json.loads(bucket.policy)
    statements = policy["Statement"]
    statement_list = statements if isinstance(statements, list) else [statements]
    policy["Statement"] = [s for s in statement_list if not s.get("Condition")]
    return IAMPolicy(json.dumps(policy)).is_action_permitted(action, resource)
