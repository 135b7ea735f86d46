"""Service Quotas in the sandbox: what applies, AWS's defaults, requests and their answers."""

from sandbox.clock import ManualClock
from sandbox.patches.service_quotas import APPROVAL_SECONDS
from tests.sandbox.conftest import ClientFactory, RefusalGetter

INSTANCES = {"ServiceCode": "rds", "QuotaCode": "L-7B6409FD"}
RULES = {"ServiceCode": "events", "QuotaCode": "L-244521F2"}


def test_a_quota_has_a_value_or_only_a_default(
    aws_client: ClientFactory, get_refusal: RefusalGetter
) -> None:
    quotas = aws_client("service-quotas")
    assert quotas.get_service_quota(**INSTANCES)["Quota"]["Value"] == 40
    assert get_refusal(quotas.get_service_quota, **RULES)[0] == "NoSuchResourceException"
    assert quotas.get_aws_default_service_quota(**RULES)["Quota"]["Value"] == 300
    unknown = {**RULES, "QuotaCode": "L-00000000"}
    assert get_refusal(quotas.get_service_quota, **unknown)[0] == "NoSuchResourceException"
    code, _ = get_refusal(quotas.get_aws_default_service_quota, **unknown)
    assert code == "NoSuchResourceException"


def test_a_request_is_granted_after_a_while_and_only_one_is_open(
    aws_client: ClientFactory, held_clock: ManualClock, get_refusal: RefusalGetter
) -> None:
    quotas = aws_client("service-quotas")
    code, _ = get_refusal(quotas.request_service_quota_increase, **INSTANCES, DesiredValue=40)
    assert code == "IllegalArgumentException"
    request = quotas.request_service_quota_increase(**INSTANCES, DesiredValue=41)["RequestedQuota"]
    assert request["Status"] == "PENDING"
    code, _ = get_refusal(quotas.request_service_quota_increase, **INSTANCES, DesiredValue=50)
    assert code == "ResourceAlreadyExistsException"
    assert quotas.get_service_quota(**INSTANCES)["Quota"]["Value"] == 40
    held_clock.advance(APPROVAL_SECONDS)
    assert quotas.get_service_quota(**INSTANCES)["Quota"]["Value"] == 41
    (request,) = quotas.list_requested_service_quota_change_history_by_quota(**INSTANCES)[
        "RequestedQuotas"
    ]
    assert request["Status"] == "APPROVED"
    assert not quotas.list_requested_service_quota_change_history_by_quota(**RULES)[
        "RequestedQuotas"
    ]
