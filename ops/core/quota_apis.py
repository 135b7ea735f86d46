"""The calls of Service Quotas that a plan and a look at quotas make, and the quotas of compute."""

from typing import Final

from ops.core.metrics import METRIC_DATA_API

QUOTA_API: Final = "service-quotas.get_service_quota"
DEFAULT_QUOTA_API: Final = "service-quotas.get_aws_default_service_quota"
NO_QUOTA_CODES: Final = ("NoSuchResourceException",)
# Codes: Service Quotas, ListAWSDefaultServiceQuotas.
FARGATE_CODE: Final = "L-3032A538"  # Fargate On-Demand vCPU resource count
INSTANCES_CODE: Final = "L-1216C47A"  # Running On-Demand Standard instances, in vCPUs
# The calls of a plan that adds tasks or instances, and why the second is seldom made.
ROOM_CALLS: Final = (QUOTA_API, DEFAULT_QUOTA_API, METRIC_DATA_API)
ONLY_WITHOUT_APPLIED_QUOTA: Final = "only of a quota without an applied value: its test sees it"
