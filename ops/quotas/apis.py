"""The calls of Service Quotas, in boto3's spelling. Pure data."""

from typing import Final

from ops.core.scaling_apis import AUTO_SCALING_GROUPS_API, SCALABLE_TARGETS_API

QUOTA_API: Final = "service-quotas.get_service_quota"
DEFAULT_QUOTA_API: Final = "service-quotas.get_aws_default_service_quota"
REQUESTS_API: Final = "service-quotas.list_requested_service_quota_change_history"
QUOTA_REQUESTS_API: Final = "service-quotas.list_requested_service_quota_change_history_by_quota"
REQUEST_API: Final = "service-quotas.request_service_quota_increase"
QUOTA_CALLS: Final = (QUOTA_API, DEFAULT_QUOTA_API, REQUESTS_API)
# The calls that the stack's own most is computed from (demand.py).
SERVICES_API: Final = "ecs.describe_services"
TASK_DEFINITION_API: Final = "ecs.describe_task_definition"
INSTANCE_TYPES_API: Final = "ec2.describe_instance_types"
DATABASES_API: Final = "rds.describe_db_instances"
DEMAND_CALLS: Final = (
    SERVICES_API,
    TASK_DEFINITION_API,
    SCALABLE_TARGETS_API,
    AUTO_SCALING_GROUPS_API,
    INSTANCE_TYPES_API,
    DATABASES_API,
)
