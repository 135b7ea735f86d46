"""`ops incident`: what is written of an incident; what is read of it is beside this."""

from typing import Annotated

import typer

from components.facts.alarm_numbers import Severity
from ops.cli.completion import complete_alarm_names
from ops.cli.execution import (
    ExecutionOptions,
    execute_plan,
    load_stack_context,
    mutating_command,
    new_run_id,
)
from ops.cli.time_span import SinceOption, parse_time_span
from ops.core import clock
from ops.core.engine import get_person
from ops.core.errors import UsageError
from ops.incident.commands.arguments import (
    IncidentOption,
    parse_commander,
    parse_line,
    parse_text,
)
from ops.incident.commands.close import app as close_app
from ops.incident.commands.looks import app as looks_app
from ops.incident.commands.status import app as status_app
from ops.incident.model import INCIDENT_PREFIX, IncidentOpening
from ops.incident.plans import build_entry, build_note_plan, build_open_plan
from ops.incident.store import list_open_incident_names, load_incident, resolve_incident

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="An incident, from its opening to its report."
)
app.add_typer(status_app)
app.add_typer(close_app)
app.add_typer(looks_app)


@app.command("open")
@mutating_command
def open_incident(
    context: typer.Context,
    title: Annotated[str, typer.Argument(metavar="TITLE", help="what is wrong, for people")],
    severity: Annotated[Severity, typer.Option(help="how bad it is: P0 pages, P3 can wait")],
    commander: Annotated[
        str | None, typer.Option(metavar="NAME", help="who leads; default: you")
    ] = None,
    known: Annotated[str, typer.Option(metavar="TEXT", help="what is known so far")] = "",
    alarm: Annotated[
        str | None,
        typer.Option(
            metavar="ALARM",
            help="the alarm that it is about, with or without the stack's prefix",
            autocompletion=complete_alarm_names,
        ),
    ] = None,
    since: SinceOption = None,
    *,
    options: ExecutionOptions,
) -> None:
    """Opens an incident, and tells the topic of its severity: page for P0 and P1, else warn.

    What runs, alarms and people do from now on is its timeline. No lock keeps it waiting.
    """
    line = parse_line("TITLE", title)
    leader = parse_commander(commander) or get_person()
    known_text = parse_text("--known", known) if known else ""
    now = clock.now()
    began = None
    if since is not None:
        began = parse_time_span(since, None, now, default="1m").since
    stack_context, output = load_stack_context(context)
    from ops.alarms.model import list_alarm_states

    outputs = stack_context.outputs
    prefix = f"{outputs.stack.project}-{outputs.stack.stack}"
    states = list_alarm_states(outputs, stack_context.aws, now) if alarm is not None else []
    state = next((state for state in states if state.name in (alarm, f"{prefix}-{alarm}")), None)
    if alarm is not None and state is None:
        raise UsageError(f"--alarm must be an alarm of the stack, not {alarm!r}", "ops alarms list")
    if state is not None and state.state != "ALARM":
        output.print_note(f"{state.name} is {state.state}: when it was raised is not known")
    opening = IncidentOpening.model_validate(
        {
            "time": now,
            "by": get_person(),
            "severity": severity,
            "title": line,
            "commander": leader,
            "known": known_text,
            "alarm": state.name if state else None,
            "alarmed": state.since if state and state.state == "ALARM" else None,
            "began": began,
        }
    )
    for name in list_open_incident_names(stack_context):
        output.print_note(f"{name} is open already: a note to it may be all that is needed")
    run = new_run_id(INCIDENT_PREFIX)
    plan = build_open_plan(outputs, opening, run)
    if execute_plan(plan, stack_context, output, options):
        result = {"incident": run, "severity": severity, "commander": leader, "run": run}
        output.print_result("incident-open", result)


@app.command("note")
@mutating_command
def add_note(
    context: typer.Context,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="what was seen or done")],
    incident: IncidentOption = None,
    severity: Annotated[Severity | None, typer.Option(help="how bad it is from now on")] = None,
    commander: Annotated[
        str | None, typer.Option(metavar="NAME", help="who leads from now on")
    ] = None,
    announce: Annotated[
        bool, typer.Option("--announce", help="tell the warn topic; a new severity is always told")
    ] = False,
    *,
    options: ExecutionOptions,
) -> None:
    """Adds a note to an incident: to the open one, or to one that is closed, by its name.

    With --severity or --commander it also says what is so from now on, and that is announced.
    """
    note_text = parse_text("TEXT", text)
    leader = parse_commander(commander)
    stack_context, output = load_stack_context(context)
    name = resolve_incident(stack_context, incident, may_be_closed=incident is not None)
    current = load_incident(stack_context, name)
    entry = build_entry("note", clock.now(), text=note_text, severity=severity, commander=leader)
    run = new_run_id(f"{INCIDENT_PREFIX}-note")
    plan = build_note_plan(stack_context.outputs, current, entry, run, is_announced=announce)
    if execute_plan(plan, stack_context, output, options):
        output.print_result("incident-note", {"incident": name, "note": note_text, "run": run})
