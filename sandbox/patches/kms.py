"""KMS: keys that are named by their ARNs wherever AWS takes an ARN."""

from typing import Any

from moto.kms.models import KmsBackend

from sandbox.patches.patching import Mend

mend = Mend()


def _plain(key: str) -> str:
    """The id of a key, whose ARN may be given as well."""
    return key.rsplit("/", 1)[-1] if ":key/" in key else key


@mend.around(KmsBackend, "schedule_key_deletion")
def ended(original: Any, backend: KmsBackend, key_id: str, *args: Any) -> Any:
    """moto takes the id alone."""
    return original(backend, _plain(key_id), *args)


@mend.around(KmsBackend, "replicate_key")
def replicated(original: Any, backend: KmsBackend, key_id: str, *args: Any) -> Any:
    """Its aliases are its own: those of the primary are of the primary's region."""
    made = original(backend, _plain(key_id), *args)
    made.aliases = {}
    return made
