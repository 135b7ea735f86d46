"""`ops alarms`: the stack's alarms."""

from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from components.facts.alarm_numbers import Severity
from ops.alarms.commands.mute import add_mute_commands
from ops.alarms.model import list_alarm_states
from ops.cli.context import load_stack
from ops.cli.watch import looking_command
from ops.core import clock
from ops.core.console_links import build_alarm_link

if TYPE_CHECKING:
    from ops.alarms.mute_state import Mute

app = typer.Typer(no_args_is_help=True, add_completion=False, help="The stack's alarms.")
ALARM_COLUMNS = ("severity", "state", "name", "since", "muted", "reason", "command")
AlarmStateName = Literal["ALARM", "OK", "INSUFFICIENT_DATA"]
add_mute_commands(app)


@app.command(name="list")
@looking_command
def list_alarms(
    context: typer.Context,
    state: Annotated[AlarmStateName | None, typer.Option(help="only alarms in this state")] = None,
    severity: Annotated[Severity | None, typer.Option(help="only alarms of this severity")] = None,
) -> None:
    """Lists the alarms: raised ones first, then by severity; with mutes and their reasons.

    Reads only. A muted alarm can be raised, but notifies nobody.
    """
    from ops.alarms.mute_state import list_mutes
    from ops.core.run_context import StackContext

    outputs, aws, output = load_stack(context)
    now = clock.now()
    alarms = list_alarm_states(outputs, aws, now)
    mutes = list_mutes(
        StackContext(outputs, aws),
        disabled_alarms=[alarm_state.name for alarm_state in alarms if alarm_state.muted],
    )
    by_name = {
        name: mute for mute in mutes for name in mute.alarm_names
    }  # the longest if there are several
    rows: list[dict[str, Any]] = []
    for alarm in alarms:
        mute = by_name.get(alarm.name)
        muted = alarm.muted or mute is not None
        if output.output_format == "json":
            mute_row = {"until": mute.until, "why": mute.reason, "run": mute.run} if mute else None
            link = build_alarm_link(outputs, alarm.name)
            row = {**asdict(alarm), "muted": muted, "mute": mute_row, "console": link}
        else:
            row = {**asdict(alarm), "muted": _format_mute(mute, now) if muted else ""}
        if state in (None, alarm.state) and severity in (None, alarm.severity):
            rows.append(row)
    output.print_rows("alarms", ALARM_COLUMNS, rows)
    for row in rows:
        if row["state"] == "ALARM":
            link = build_alarm_link(outputs, str(row["name"]))
            output.print_line(link, link=link)


def _format_mute(mute: "Mute | None", now: datetime) -> str:
    """Describes a mute: its end, reason and owner."""
    if mute is None:
        return "muted, not by ops"
    until = f"until {mute.until}" if mute.until else "without an end"
    rule_owner = "" if mute.run else f", by the rule {mute.rule}, not created by ops"
    overdue_hint = ", overdue: run ops alarms unmute" if mute.has_ended(now) else ""
    return f"{until} ({mute.reason}){rule_owner}{overdue_hint}"
