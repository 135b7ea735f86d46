"""What a plan of a promotion notes: differences, replicas and backups of the old instance."""

from collections.abc import Mapping
from typing import Any, Final

from ops.database.copied_settings import list_setting_differences
from ops.outputs import Outputs

MAX_NOTED_DIFFERENCES: Final = 6  # differences listed in a note


def list_promotion_notes(
    outputs: Outputs, source: Mapping[str, Any] | None, restored: Mapping[str, Any]
) -> list[str]:
    """Lists what a person must know of a restored instance that takes the primary's place."""
    differences = list_setting_differences(source, restored) if source else []
    notes = []
    if differences:
        descriptions = [
            f"{difference.setting} is {_format_setting(difference.restored_value)}, was "
            f"{_format_setting(difference.source_value)}"
            for difference in differences
        ]
        omission = (
            f", and {len(descriptions) - MAX_NOTED_DIFFERENCES} more"
            if len(descriptions) > MAX_NOTED_DIFFERENCES
            else ""
        )
        notes.append(
            f"differs from the old instance: "
            f"{'; '.join(descriptions[:MAX_NOTED_DIFFERENCES])}{omission}"
        )
    replica_names = [*((source or {}).get("ReadReplicaDBInstanceIdentifiers") or ())]
    if replica_names:
        notes.append(
            f"these still replicate the old instance: {', '.join(replica_names)}; create replicas "
            "of the new one with `pulumi up` or `ops db replica add`"
        )
    if outputs.database.replicated_backup_arn:
        notes.append(
            "backups of the new instance are not replicated to the recovery region until "
            "`pulumi up`"
        )
    return notes


def _format_setting(value: object) -> str:
    """A setting's value as a person writes it."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "none"
    return "none" if value is None else str(value)
