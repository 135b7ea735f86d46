"""`ops maintenance status`: whether a window is open, what waits for one, and what is muted."""

from dataclasses import asdict

import typer

from ops.alarms import mute as muting
from ops.alarms.mute_state import list_mutes
from ops.cli.context import load_stack
from ops.core import clock
from ops.core.run import StackContext
from ops.maintenance import pending as waiting

app = typer.Typer(add_completion=False)


@app.command("status")
def status(context: typer.Context) -> None:
    """Whether a window is open, what waits at AWS and when it comes, what is muted until when."""
    outputs, aws, output = load_stack(context)
    of, now = StackContext(outputs, aws), clock.now()
    off = [
        alarm.name
        for alarm in muting.list_stack_alarms(aws, outputs)
        if not alarm.has_enabled_actions
    ]
    lines = [
        *waiting.windows_of(of, of.lock().find_record()),
        *waiting.pending(aws, outputs, now),
        *waiting.muted(list_mutes(of, disabled_alarms=off), now),
    ]
    output.print_rows("maintenance-status", waiting.COLUMNS, [asdict(line) for line in lines])
