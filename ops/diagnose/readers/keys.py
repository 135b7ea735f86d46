"""The states of the stack's KMS keys. Source: KMS Developer Guide, "Key states of AWS KMS keys"."""

from collections.abc import Mapping
from typing import Any, Final

from ops.changes.model import ChangeEvent
from ops.core.kms import DESCRIBE_KEY_API, list_key_recovery_commands
from ops.core.parts import STACK_PART
from ops.diagnose.facts import Facts
from ops.diagnose.reader import DiagnosisRequest, FactCollector
from ops.outputs import Outputs

_SOURCE: Final = "keys"
_USABLE_STATES: Final = ("Enabled", "Creating", "Updating")
_KEY_CHANGES: Final = (
    "DisableKey",
    "ScheduleKeyDeletion",
    "PutKeyPolicy",
    "DeleteImportedKeyMaterial",
)


def read_keys(request: DiagnosisRequest) -> Facts:
    """The keys that cannot be used now."""
    collector = FactCollector(_SOURCE)
    for name, (arn, region) in list_keys(request.outputs).items():
        with collector.note_gap(f"the {name} key"):
            answer: Any = request.aws.call(DESCRIBE_KEY_API, {"KeyId": arn}, region)
            events = request.read_changes().events
            add_key(collector, name, region, answer["KeyMetadata"], events)
    return collector.build_facts()


def list_keys(outputs: Outputs) -> dict[str, tuple[str, str]]:
    """The keys that the contract names, and the region of each."""
    stack = outputs.stack
    keys = {
        "data": (stack.data_key_arn, stack.region),
        "logs": (stack.logs_key_arn, stack.region),
        "recovery": (stack.recovery_key_arn, stack.recovery_region or stack.region),
    }
    return {name: (arn, region) for name, (arn, region) in keys.items() if arn is not None}


def add_key(
    collector: FactCollector,
    name: str,
    region: str,
    metadata: Mapping[str, Any],
    events: tuple[ChangeEvent, ...],
) -> None:
    """Adds a key that cannot be used: what it encrypts cannot be read until it can."""
    state, key = str(metadata.get("KeyState")), str(metadata.get("KeyId"))
    if state in _USABLE_STATES:
        return
    changes = [
        event
        for event in events
        if any(f"kms:{operation}" in event.what for operation in _KEY_CHANGES) and key in event.what
    ]
    change = max(changes, key=lambda event: event.time, default=None)
    deletion = metadata.get("DeletionDate")
    commands = list_key_recovery_commands(key, state, region)
    collector.add(
        f"kms.state.{'pending-deletion' if state == 'PendingDeletion' else state.lower()}",
        STACK_PART,
        f"the {name} key {key} is {state}" + (f", to be deleted on {deletion}" if deletion else ""),
        subject=key,
        change=change,
        command=commands[0] if commands else f"aws kms describe-key --key-id {key}",
    )
