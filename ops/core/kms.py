"""What a KMS key that cannot be used wants."""

from typing import Final

DESCRIBE_KEY_API: Final = "kms.describe_key"
# By its state (KMS Developer Guide, "Key states").
KEY_RECOVERY_OPERATIONS: Final = {
    "Disabled": "enable-key",
    "PendingDeletion": "cancel-key-deletion",
}


def list_key_recovery_commands(key: str, state: str, region: str) -> tuple[str, ...]:
    """What to type so that a key can be used again, where anything helps."""
    operation = KEY_RECOVERY_OPERATIONS.get(state)
    return (f"aws kms {operation} --region {region} --key-id {key}",) if operation else ()
