"""`ops alarms`: the stack's alarms."""

from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from ops.alarms.commands.mute import add
from ops.alarms.model import listed
from ops.cli.context import opened
from ops.core import clock

if TYPE_CHECKING:
    from ops.alarms.mute_state import Mute

app = typer.Typer(no_args_is_help=True, add_completion=False, help="The stack's alarms.")
COLUMNS = ("severity", "state", "name", "since", "muted", "reason", "command")
State = Literal["ALARM", "OK", "INSUFFICIENT_DATA"]
add(app)


@app.command(name="list")
def list_(
    context: typer.Context,
    state: Annotated[State | None, typer.Option(help="only those in this state")] = None,
    severity: Annotated[
        Literal["P0", "P1", "P2"] | None, typer.Option(help="only those of this severity")
    ] = None,
) -> None:
    """The alarms that tell somebody: the raised first, then by severity; what is muted and why.

    Reads only. A muted alarm is raised like any other, and tells nobody.
    """
    from ops.alarms.mute_state import mutes
    from ops.core.run import Target

    outputs, aws, output = opened(context)
    now = clock.now()
    alarms = listed(outputs, aws, now)
    found = mutes(Target(outputs, aws), disabled=[a.name for a in alarms if a.muted])
    by_name = {name: mute for mute in found for name in mute.names}  # the longest, if several
    rows: list[dict[str, Any]] = []
    for alarm in alarms:
        mute = by_name.get(alarm.name)
        muted = alarm.muted or mute is not None
        if output.form == "json":
            said = {"until": mute.until, "why": mute.why, "run": mute.run} if mute else None
            row = {**asdict(alarm), "muted": muted, "mute": said}
        else:
            row = {**asdict(alarm), "muted": _told(mute, now) if muted else ""}
        if state in (None, alarm.state) and severity in (None, alarm.severity):
            rows.append(row)
    output.rows("alarms", COLUMNS, rows)


def _told(mute: "Mute | None", now: datetime) -> str:
    """Until when an alarm is muted, why and by whom, for a person."""
    if mute is None:
        return "muted, not by ops"
    until = f"until {mute.until}" if mute.until else "without an end"
    whose = "" if mute.run else f", by the rule {mute.rule}, which is not of ops"
    over = ", which is over: ops alarms unmute" if mute.over(now) else ""
    return f"{until} ({mute.why}){whose}{over}"
