"""Drift: what changed in AWS without the program."""

from pydantic import JsonValue

from ops.core.errors import OpsError


def list_drift(preview: JsonValue) -> list[dict[str, object]]:
    """What a preview with a refresh would change, though nobody changed the program.

    Raises OpsError if it is not a preview.
    """
    steps = preview.get("steps") if isinstance(preview, dict) else None
    if not isinstance(steps, list):
        raise OpsError("pulumi preview --json did not print a preview")
    drift_rows: list[dict[str, object]] = []
    for step in steps:
        if isinstance(step, dict) and step.get("op") not in ("same", "read", "refresh"):
            detailed_diff = step.get("detailedDiff")
            names = sorted(detailed_diff) if isinstance(detailed_diff, dict) else []
            drift_rows.append(
                {
                    "op": step.get("op"),
                    "resource": str(step.get("urn")).split("::", 2)[-1],
                    "properties": names or None,
                }
            )
    return drift_rows
