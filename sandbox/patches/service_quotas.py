"""Service Quotas: limits that apply to the account, AWS's defaults, and requests for more.

The limits are those of AWS's defaults (ops/quotas/table.py has the sources), except where AWS
raises them as an account is used, as it does those of vCPUs: an account of some age is assumed.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from moto.servicequotas.models import ServiceQuotasBackend
from moto.servicequotas.responses import ServiceQuotasResponse

from sandbox.clock import get_sandbox_clock
from sandbox.patches.patching import AwsError, ServicePatch, backend_state

patch = ServicePatch()
ApiRecord = dict[str, Any]
# Seconds until AWS answers a request. An assumption: small ones are approved by a machine.
APPROVAL_SECONDS: Final = 30 * 60
WAITING: Final = ("PENDING", "CASE_OPENED")


@dataclass(frozen=True)
class QuotaFacts:
    """One quota: AWS's default, the applied value, None if Service Quotas only has a default."""

    name: str
    default: float
    applied: float | None = None
    adjustable: bool = True


# By service and code. Several have no applied value until a request was granted: GetServiceQuota
# then says NoSuchResource (API reference: "If the applied value is not available ...").
QUOTA_FACTS: Final[dict[tuple[str, str], QuotaFacts]] = {
    ("fargate", "L-3032A538"): QuotaFacts("Fargate On-Demand vCPU resource count", 6, 500),
    ("ec2", "L-1216C47A"): QuotaFacts(
        "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances", 5, 256
    ),
    ("ec2", "L-0263D0A3"): QuotaFacts("EC2-VPC Elastic IPs", 5, 5),
    ("rds", "L-7B6409FD"): QuotaFacts("DB instances", 40, 40),
    ("rds", "L-7ADDB58A"): QuotaFacts("Total storage for all DB instances", 100000, 100000),
    ("rds", "L-272F1212"): QuotaFacts("Manual DB instance snapshots", 100, 100),
    ("rds", "L-DE55804A"): QuotaFacts("Parameter groups", 50, 50),
    ("rds", "L-48C6BF61"): QuotaFacts("DB subnet groups", 50, 50),
    ("vpc", "L-F678F1CE"): QuotaFacts("VPCs per Region", 5, 5),
    ("vpc", "L-FE5A380F"): QuotaFacts("NAT gateways per Availability Zone", 5, 5),
    ("vpc", "L-0EA8095F"): QuotaFacts("Inbound or outbound rules per security group", 60, 60),
    ("vpc", "L-2AFB9258"): QuotaFacts("Security groups per network interface", 5, 5),
    ("vpc", "L-93826ACB"): QuotaFacts("Routes per route table", 500, 500),
    ("vpc", "L-DF5E4CA3"): QuotaFacts("Network interfaces per Region", 5000, 5000),
    ("vpc", "L-E79EC296"): QuotaFacts("VPC security groups per Region", 2500, 2500),
    ("elasticloadbalancing", "L-53DA6B97"): QuotaFacts("Application Load Balancers per Region", 50),
    ("elasticloadbalancing", "L-B22855CB"): QuotaFacts("Target Groups per Region", 3000),
    ("elasticloadbalancing", "L-7EED9B64"): QuotaFacts("Rules per Application Load Balancer", 100),
    ("elasticloadbalancing", "L-A0D0B863"): QuotaFacts("Targets per Target Group per Region", 1000),
    ("ecs", "L-9EF96962"): QuotaFacts("Services per cluster", 5000),
    ("ecs", "L-92E49DE3"): QuotaFacts("Tasks per service", 5000),
    ("autoscaling", "L-CDE20ADC"): QuotaFacts("Auto Scaling groups per region", 500, 500),
    ("logs", "L-7E1FAE88"): QuotaFacts(
        "PutLogEvents throttle limit in transactions per second", 5000, 5000
    ),
    ("logs", "L-76507CEF"): QuotaFacts(
        "CreateLogStream throttle limit in transactions per second", 50, 50
    ),
    ("elasticache", "L-DFE45DF3"): QuotaFacts("Nodes per Region", 300, 300),
    ("backup", "L-7705D2CB"): QuotaFacts("Backup vaults per Region per account", 300),
    ("kms", "L-C2F1777E"): QuotaFacts("Customer Master Keys (CMKs)", 100000, 100000),
    ("kms", "L-6E3AF000"): QuotaFacts(
        "Cryptographic operations (symmetric) request rate", 20000, 20000
    ),
    ("monitoring", "L-5E141212"): QuotaFacts("Rate of GetMetricData requests", 500, 500),
    ("monitoring", "L-21CB40A4"): QuotaFacts("Rate of DescribeAlarms requests", 9, 9),
    ("secretsmanager", "L-2F66C23C"): QuotaFacts("Secrets per Region", 500000, adjustable=False),
    ("events", "L-244521F2"): QuotaFacts("Number of rules", 300),
    ("iam", "L-FE177D64"): QuotaFacts("Roles per account", 1000, 1000),
    ("iam", "L-E95E4862"): QuotaFacts("Customer managed policies per account", 1500, 1500),
    ("s3", "L-DC2B2D3D"): QuotaFacts("General purpose buckets", 10000, 10000),
}
# The quotas that are kept in one region (assumed: that of IAM).
ACCOUNT_WIDE: Final = ("iam", "s3")
GLOBAL_REGION: Final = "us-east-1"


def set_applied_quota(backend: ServiceQuotasBackend, service: str, code: str, value: float) -> None:
    """Sets the value that applies to the account."""
    _get_applied(backend)[service, code] = value
    if (service, code) == ("rds", "L-7B6409FD"):
        from sandbox.patches.rds.restores import set_instance_quota

        set_instance_quota(backend.account_id, backend.region_name, int(value))


def _get_applied(backend: ServiceQuotasBackend) -> dict[tuple[str, str], float]:
    return backend_state(backend, "applied quotas", dict)


def _get_requests(backend: ServiceQuotasBackend) -> list[ApiRecord]:
    requests: list[ApiRecord] = backend_state(backend, "quota requests", list)
    now = get_sandbox_clock().now().timestamp()
    for request in requests:
        if request["Status"] in WAITING and now >= request["Created"] + APPROVAL_SECONDS:
            request |= {"Status": "APPROVED", "LastUpdated": request["Created"] + APPROVAL_SECONDS}
            key = (request["ServiceCode"], request["QuotaCode"])
            set_applied_quota(backend, *key, request["DesiredValue"])
    return requests


def _get_facts(backend: ServiceQuotasBackend, params: ApiRecord) -> QuotaFacts:
    service, code = str(params.get("ServiceCode")), str(params.get("QuotaCode"))
    facts = QUOTA_FACTS.get((service, code))
    if facts is None or (service in ACCOUNT_WIDE) != (backend.region_name == GLOBAL_REGION):
        raise AwsError(
            "NoSuchResourceException", f"The request failed because the quota {code} is not there."
        )
    return facts


def _find_applied(backend: ServiceQuotasBackend, params: ApiRecord) -> float | None:
    facts = _get_facts(backend, params)
    _get_requests(backend)  # those that are due take effect
    key = (str(params["ServiceCode"]), str(params["QuotaCode"]))
    return _get_applied(backend).get(key, facts.applied)


def _describe_quota(backend: ServiceQuotasBackend, params: ApiRecord, value: float) -> ApiRecord:
    facts, service, code = _get_facts(backend, params), params["ServiceCode"], params["QuotaCode"]
    return {
        "Quota": {
            "ServiceCode": service,
            "ServiceName": service,
            "QuotaArn": f"arn:aws:servicequotas:{backend.region_name}::{service}/{code}",
            "QuotaCode": code,
            "QuotaName": facts.name,
            "Value": value,
            "Unit": "None",
            "Adjustable": facts.adjustable,
            "GlobalQuota": service in ACCOUNT_WIDE,
        }
    }


@patch.replace_operation(ServiceQuotasResponse, "GetServiceQuota")
def get_service_quota(response: ServiceQuotasResponse, params: ApiRecord) -> ApiRecord:
    value = _find_applied(response.backend, params)
    if value is None:
        raise AwsError("NoSuchResourceException", "The request failed because there is no value.")
    return _describe_quota(response.backend, params, value)


@patch.add_operation(ServiceQuotasResponse, "GetAWSDefaultServiceQuota")
def get_default_quota(response: ServiceQuotasResponse, params: ApiRecord) -> ApiRecord:
    return _describe_quota(response.backend, params, _get_facts(response.backend, params).default)


@patch.add_operation(ServiceQuotasResponse, "RequestServiceQuotaIncrease")
def request_increase(response: ServiceQuotasResponse, params: ApiRecord) -> ApiRecord:
    """API reference, RequestServiceQuotaIncrease; that the value must be larger is documented by
    the name alone, and that it is refused with this code is an assumption."""
    backend, value = response.backend, float(params["DesiredValue"])
    facts = _get_facts(backend, params)
    current = _find_applied(backend, params)
    if not facts.adjustable:
        raise AwsError("IllegalArgumentException", "The quota is not adjustable.")
    if value <= (facts.default if current is None else current):
        raise AwsError(
            "IllegalArgumentException",
            "You must provide a quota value greater than the current quota value.",
        )
    if any(request["Status"] in WAITING for request in _select_requests(backend, params)):
        raise AwsError(
            "ResourceAlreadyExistsException",
            "Only one open service quota increase request is allowed per quota.",
        )
    requests = _get_requests(backend)
    now = get_sandbox_clock().now().timestamp()
    request = {
        "Id": f"{len(requests) + 1:032x}",
        "ServiceCode": params["ServiceCode"],
        "ServiceName": params["ServiceCode"],
        "QuotaCode": params["QuotaCode"],
        "QuotaName": facts.name,
        "DesiredValue": value,
        "Status": "PENDING",
        "Created": now,
        "LastUpdated": now,
        "Unit": "None",
    }
    requests.append(request)
    return {"RequestedQuota": dict(request)}


def _select_requests(backend: ServiceQuotasBackend, params: ApiRecord) -> Iterator[ApiRecord]:
    for request in reversed(_get_requests(backend)):
        if all(
            request[name] == params[name]
            for name in ("ServiceCode", "QuotaCode", "Status")
            if params.get(name)
        ):
            yield request


@patch.add_operation(ServiceQuotasResponse, "ListRequestedServiceQuotaChangeHistory")
def list_requests(response: ServiceQuotasResponse, params: ApiRecord) -> ApiRecord:
    return {"RequestedQuotas": [dict(r) for r in _select_requests(response.backend, params)]}


@patch.add_operation(ServiceQuotasResponse, "ListRequestedServiceQuotaChangeHistoryByQuota")
def list_requests_of_quota(response: ServiceQuotasResponse, params: ApiRecord) -> ApiRecord:
    return list_requests(response, params)
