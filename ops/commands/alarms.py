"""`ops alarms`: the stack's alarms."""

from dataclasses import asdict
from typing import Annotated, Literal

import typer

from ops import clock
from ops.alarms import listed
from ops.commands.reading import opened

app = typer.Typer(no_args_is_help=True, add_completion=False, help="The stack's alarms.")
COLUMNS = ("severity", "state", "name", "since", "muted", "reason", "command")
State = Literal["ALARM", "OK", "INSUFFICIENT_DATA"]


@app.command(name="list")
def list_(
    context: typer.Context,
    state: Annotated[State | None, typer.Option(help="only those in this state")] = None,
    severity: Annotated[
        Literal["P0", "P1", "P2"] | None, typer.Option(help="only those of this severity")
    ] = None,
) -> None:
    """The alarms that tell somebody: the raised first, then by severity.

    Reads only. A muted alarm is raised like any other, and tells nobody.
    """
    outputs, aws, output = opened(context)
    alarms = listed(outputs, aws, clock.now())
    rows = [
        asdict(alarm)
        for alarm in alarms
        if state in (None, alarm.state) and severity in (None, alarm.severity)
    ]
    if output.form == "table":
        rows = [{**row, "muted": "muted" if row["muted"] else ""} for row in rows]
    output.rows("alarms", COLUMNS, rows)
