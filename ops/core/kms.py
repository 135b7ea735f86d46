"""What a KMS key that cannot be used wants."""

from typing import Final

# By its state (KMS Developer Guide, "Key states").
HELPS: Final = {"Disabled": "enable-key", "PendingDeletion": "cancel-key-deletion"}


def usable_again(key: str, state: str, region: str) -> tuple[str, ...]:
    """What to type so that a key can be used again, where anything helps."""
    help_ = HELPS.get(state)
    return (f"aws kms {help_} --region {region} --key-id {key}",) if help_ else ()
