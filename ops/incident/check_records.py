"""The check of the incidents. Pure data; the routine is in ops/incident/health.py."""

from typing import Final

from ops.core.check_record import Check

CHECKS: Final = (
    Check(
        key="incidents-open",
        area="incidents",
        title="open incidents",
        failure="An incident is open: somebody works on it, or forgot to close it.",
        calls=("s3.list_objects_v2",),
        routine="ops.incident.health:check_open_incidents",
        # Not in a baseline: that an incident is open is no state of the stack.
        reports=("health",),
        lines=("incidents",),
    ),
)
