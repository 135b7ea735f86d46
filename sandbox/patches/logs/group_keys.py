"""Log groups get a KMS key once they are there: moto sets it only at their creation."""

from typing import Any

from moto.logs.models import LogGroup
from moto.logs.responses import LogsResponse

from sandbox.patches.patching import AwsError, ServicePatch

patch = ServicePatch()
ApiRecord = dict[str, Any]


@patch.add_operation(LogsResponse, "AssociateKmsKey")
def associate_kms_key(response: LogsResponse, params: ApiRecord) -> ApiRecord:
    """It counts from now on (API reference). That the key lets the service use it is assumed."""
    _get_group(response, params).kms_key_id = params["kmsKeyId"]
    return {}


@patch.add_operation(LogsResponse, "DisassociateKmsKey")
def disassociate_kms_key(response: LogsResponse, params: ApiRecord) -> ApiRecord:
    _get_group(response, params).kms_key_id = None
    return {}


def _get_group(response: LogsResponse, params: ApiRecord) -> LogGroup:
    group: LogGroup | None = response.logs_backend.groups.get(params["logGroupName"])
    if group is None:
        raise AwsError("ResourceNotFoundException", "The specified log group does not exist.")
    return group
