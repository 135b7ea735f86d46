"""KMS: keys are found by their ARN wherever AWS takes an ARN."""

from typing import Any, Final

from moto.cloudtrail.models import cloudtrail_backends
from moto.kms.models import KmsBackend
from moto.kms.responses import KmsResponse

from sandbox.clock import get_sandbox_clock
from sandbox.patches.patching import AwsError, ServicePatch, backend_state

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


@patch.wrap(KmsBackend, "encrypt")
def encrypt(original: Any, backend: KmsBackend, key_id: str, *args: Any, **kwargs: Any) -> Any:
    """Records the use of the key; data keys are made by this as well."""
    answer = original(backend, key_id, *args, **kwargs)
    _record_use(backend, answer[1], "Encrypt")
    return answer


@patch.wrap(KmsBackend, "decrypt")
def decrypt(original: Any, backend: KmsBackend, *args: Any, **kwargs: Any) -> Any:
    """Records the use of the key."""
    answer = original(backend, *args, **kwargs)
    _record_use(backend, answer[1], "Decrypt")
    return answer


def _record_use(backend: KmsBackend, arn: str, operation: str) -> None:
    uses: dict[str, dict[str, Any]] = backend_state(backend, "uses", dict)
    now = get_sandbox_clock().now().timestamp()
    uses[_get_key_id(arn)] = {"Operation": operation, "Timestamp": now}


@patch.add_operation(KmsResponse, "GetKeyLastUsage")
def get_key_last_usage(response: KmsResponse, params: dict[str, Any]) -> dict[str, Any]:
    """The last use; an empty object if there is none since the tracking began.

    KMS API reference, GetKeyLastUsage: the tracking began when the key was created, or when AWS
    introduced it, whichever is later; here always the former.
    """
    backend = response.kms_backend
    key = backend.keys.get(_get_key_id(str(params["KeyId"])))
    if key is None:
        raise AwsError("NotFoundException", f"Key '{params['KeyId']}' does not exist")
    uses: dict[str, dict[str, Any]] = backend_state(backend, "uses", dict)
    last_use = uses.get(key.id, {})
    if _is_key_of_trail(backend.account_id, key.arn):
        last_use = {
            "Operation": "GenerateDataKey",
            "Timestamp": get_sandbox_clock().now().timestamp(),
        }
    return {
        "KeyId": key.id,
        "KeyLastUsage": last_use,
        "TrackingStartDate": key.creation_date,
        "KeyCreationDate": key.creation_date,
    }


def _is_key_of_trail(account: str, arn: str) -> bool:
    """True if a trail logs with the key: a data key for each file (CloudTrail User Guide)."""
    return any(
        trail.kms_key_id == arn and trail.status.is_logging
        for backend in cloudtrail_backends[account].values()
        for trail in backend.trails.values()
    )
