"""KMS: keys are found by their ARN wherever AWS takes an ARN."""

from typing import Any, Final

from moto.kms.models import KmsBackend
from moto.kms.responses import KmsResponse

from sandbox.patches.patching import ServicePatch

patch = ServicePatch()
ROTATION_DAYS: Final = 365  # the default (KMS API reference, EnableKeyRotation)


def _get_key_id(key: str) -> str:
    """The id of a key, from its id or its ARN."""
    return key.rsplit("/", 1)[-1] if ":key/" in key else key


@patch.wrap(KmsBackend, "schedule_key_deletion")
def schedule_key_deletion(original: Any, backend: KmsBackend, key_id: str, *args: Any) -> Any:
    """Takes an ARN too; moto takes the id only."""
    return original(backend, _get_key_id(key_id), *args)


@patch.wrap(KmsBackend, "cancel_key_deletion")
def cancel_key_deletion(original: Any, backend: KmsBackend, key_id: str) -> Any:
    """Takes an ARN too; moto takes the id only."""
    return original(backend, _get_key_id(key_id))


@patch.wrap(KmsBackend, "disable_key")
def disable_key(original: Any, backend: KmsBackend, key_id: str) -> Any:
    """Takes an ARN too; moto takes the id only."""
    return original(backend, _get_key_id(key_id))


@patch.wrap(KmsBackend, "enable_key")
def enable_key(original: Any, backend: KmsBackend, key_id: str) -> Any:
    """Takes an ARN too; moto takes the id only."""
    return original(backend, _get_key_id(key_id))


@patch.wrap(KmsBackend, "replicate_key")
def replicate_key(original: Any, backend: KmsBackend, key_id: str, *args: Any) -> Any:
    """The replica has its own aliases; the primary's stay in the primary's region."""
    replica = original(backend, _get_key_id(key_id), *args)
    replica.aliases = {}
    return replica


@patch.replace_operation(KmsResponse, "GetKeyRotationStatus")
def get_key_rotation_status(response: KmsResponse, params: dict[str, Any]) -> dict[str, Any]:
    """With the period and the next date, if it is on (KMS API reference, GetKeyRotationStatus)."""
    key = response.kms_backend.keys[_get_key_id(str(params["KeyId"]))]
    if not key.key_rotation_status:
        return {"KeyId": key.arn, "KeyRotationEnabled": False}
    last = max((each["RotationDate"] for each in key.rotations), default=key.creation_date)
    return {
        "KeyId": key.arn,
        "KeyRotationEnabled": True,
        "RotationPeriodInDays": ROTATION_DAYS,
        "NextRotationDate": last + ROTATION_DAYS * 86_400,
    }
