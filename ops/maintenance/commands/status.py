"""`ops maintenance status`: whether a window is open, what waits for one, and what is muted."""

from dataclasses import asdict

import typer

from ops.alarms import mute as muting
from ops.alarms.mute_state import mutes
from ops.cli.context import opened
from ops.core import clock
from ops.core.run import Target
from ops.maintenance import pending as waiting

app = typer.Typer(add_completion=False)


@app.command()
def status(context: typer.Context) -> None:
    """Whether a window is open, what waits at AWS and when it comes, what is muted until when."""
    outputs, aws, output = opened(context)
    of, now = Target(outputs, aws), clock.now()
    off = [alarm.name for alarm in muting.observed(aws, outputs) if not alarm.enabled]
    lines = [
        *waiting.windows_of(of, of.lock().held()),
        *waiting.pending(aws, outputs, now),
        *waiting.muted(mutes(of, disabled=off), now),
    ]
    output.rows("maintenance-status", waiting.COLUMNS, [asdict(line) for line in lines])
