"""The check of the runs. Pure data; the routine is in ops/runs/health.py."""

from typing import Final

from ops.core.check_record import Check

CHECKS: Final = (
    Check(
        key="runs-unfinished",
        area="runs",
        title="unfinished runs",
        failure="A run stopped on its way: what it began is neither done nor undone.",
        calls=("s3.get_object", "s3.list_objects_v2"),
        routine="ops.runs.health:check_unfinished_runs",
        # Not in a baseline: to capture one is a run that has not finished.
        reports=("health",),
        lines=("unfinished runs",),
    ),
)
