"""The calls of Service Quotas, in boto3's spelling. Pure data."""

from typing import Final

from ops.core.quota_apis import DEFAULT_QUOTA_API, QUOTA_API
from ops.core.scaling_apis import AUTO_SCALING_GROUPS_API, SCALABLE_TARGETS_API

REQUESTS_API: Final = "service-quotas.list_requested_service_quota_change_history"
QUOTA_REQUESTS_API: Final = "service-quotas.list_requested_service_quota_change_history_by_quota"
REQUEST_API: Final = "service-quotas.request_service_quota_increase"
QUOTA_CALLS: Final = (QUOTA_API, DEFAULT_QUOTA_API, REQUESTS_API)
# The calls that the stack's own most is computed from (demand.py).
DEMAND_CALLS: Final = (
    "ecs.describe_services",
    "ecs.describe_task_definition",
    SCALABLE_TARGETS_API,
    AUTO_SCALING_GROUPS_API,
    "ec2.describe_instance_types",
    "rds.describe_db_instances",
)
