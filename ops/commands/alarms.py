"""`ops alarms`: the stack's alarms."""

from dataclasses import asdict
from typing import Annotated, Literal

import typer

from ops import clock
from ops.alarms import listed
from ops.commands.alarms_mute import add
from ops.commands.reading import opened

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
    from ops.muted import mutes
    from ops.run import Target

    outputs, aws, output = opened(context)
    now = clock.now()
    alarms = listed(outputs, aws, now)
    found = mutes(Target(outputs, aws), now, disabled=[a.name for a in alarms if a.muted])
    by_name = {name: mute for mute in found for name in mute.names}  # the longest, if several
    rows = []
    for alarm in alarms:
        mute = by_name.get(alarm.name)
        said = {"until": mute.until, "why": mute.why, "run": mute.run} if mute else {}
        over = mute is not None and mute.over(now)
        row = {**asdict(alarm), "muted": alarm.muted or mute is not None, "mute": said or None}
        if output.form == "table":
            row["muted"] = _muted(row["muted"] is True, said, over=over)
        if state in (None, alarm.state) and severity in (None, alarm.severity):
            rows.append(row)
    output.rows("alarms", COLUMNS, rows)


def _muted(muted: bool, said: dict[str, str], *, over: bool) -> str:
    if not muted:
        return ""
    if not said:
        return "muted, not by ops"
    ended = ", which is over: ops alarms unmute" if over else ""
    return f"until {said['until']} ({said['why']}){ended}"
