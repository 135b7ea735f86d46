"""`ops maintenance status`: open windows, pending maintenance and mutes."""

from dataclasses import asdict

import typer

from ops.alarms.mute import list_stack_alarms
from ops.alarms.mute_state import list_mutes
from ops.cli.context import load_stack
from ops.cli.watch import looking_command
from ops.core import clock
from ops.core.run_context import StackContext
from ops.maintenance.pending import (
    MAINTENANCE_STATUS_COLUMNS,
    list_muted_alarms,
    list_pending_maintenance,
    list_unfinished_windows,
)

app = typer.Typer(add_completion=False)


@app.command("status")
@looking_command
def show_maintenance_status(context: typer.Context) -> None:
    """Shows open windows, pending maintenance and when it starts, and mutes with their ends."""
    outputs, aws, output = load_stack(context)
    stack_context, now = StackContext(outputs, aws), clock.now()
    disabled_alarms = [
        alarm.name for alarm in list_stack_alarms(aws, outputs) if not alarm.has_enabled_actions
    ]
    lines = [
        *list_unfinished_windows(stack_context, stack_context.lock().find_record()),
        *list_pending_maintenance(aws, outputs, now),
        *list_muted_alarms(list_mutes(stack_context, disabled_alarms=disabled_alarms), now),
    ]
    output.print_rows(
        "maintenance-status", MAINTENANCE_STATUS_COLUMNS, [asdict(line) for line in lines]
    )
