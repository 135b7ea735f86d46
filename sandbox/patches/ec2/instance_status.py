"""EC2: status checks of instances that fail. Source: API reference, DescribeInstanceStatus."""

from datetime import datetime
from typing import Any, Final

from moto.ec2.models import EC2Backend
from moto.ec2.responses import EC2Response

from sandbox.patches.patching import ServicePatch, backend_state

patch = ServicePatch()
FAILED_CHECKS: Final = {"system": "SystemStatus", "instance": "InstanceStatus"}


def set_failed_checks(backend: EC2Backend, instance_id: str, check: str, since: datetime) -> None:
    """Lets a check of an instance fail: `system` or `instance`."""
    _get_failed_checks(backend)[instance_id] = (FAILED_CHECKS[check], since)


def _get_failed_checks(backend: EC2Backend) -> dict[str, tuple[str, datetime]]:
    return backend_state(backend, "failed_checks", dict)


@patch.wrap(EC2Response, "describe_instance_status")
def describe_failed_checks(original: Any, response: EC2Response) -> Any:
    """As moto has it, but for the checks that fail."""
    answer = original(response)
    failed = _get_failed_checks(response.ec2_backend)
    if not failed:
        return answer
    statuses = [
        _build_status(instance, *failed[instance.id]) if instance.id in failed else instance
        for instance in answer.result["InstanceStatuses"]
    ]
    answer.result["InstanceStatuses"] = statuses
    return answer


def _build_status(instance: Any, check: str, since: datetime) -> dict[str, Any]:
    passed = {"Status": "ok", "Details": [{"Name": "reachability", "Status": "passed"}]}
    details = {"Name": "reachability", "Status": "failed", "ImpairedSince": since}
    record = {"InstanceStatus": passed, "SystemStatus": passed}
    return {
        "InstanceId": instance.id,
        "AvailabilityZone": instance.placement,
        "InstanceState": {"Code": 16, "Name": "running"},
        **record,
        check: {"Status": "impaired", "Details": [details]},
    }
